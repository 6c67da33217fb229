"""Tests wait on conditions (`tests.kit.wait`): whoever sleeps for a time says on the same line what the time stands for.

A slow client, a pace, a look again. Not: "by then it will have happened", or "until then nothing happened".
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# Chaos and simulation make time itself; the helper is what the others wait with.
_FREE = ("chaos", "simulation", "kit/wait.py")
_SLEEPS = frozenset({"sleep", "wait_for_timeout"})


def _is_sleep(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    match node.func:
        case ast.Name(name) | ast.Attribute(attr=name) if name in _SLEEPS:
            # A sleep of 0 lets the loop make one turn.
            return not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)
        case ast.Attribute(value=ast.Call(func=ast.Name("Event") | ast.Attribute(attr="Event")), attr="wait"):
            return bool(node.args or node.keywords)  # an event that nobody knows can only time out
        case _:
            return False


def unexplained(source: str) -> Iterator[int]:
    """Find the lines that sleep and do not say what for; what is there for a linter says nothing."""
    told = {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and (not token.string.startswith("# noqa") or " -- " in token.string)
    }
    for node in ast.walk(ast.parse(source)):
        if _is_sleep(node) and node.lineno not in told:  # type: ignore[attr-defined]
            yield node.lineno  # type: ignore[attr-defined]


def test_whoever_sleeps_says_what_for() -> None:
    found = [
        f"{file.relative_to(TESTS.parent)}:{line}"
        for file in sorted(TESTS.rglob("*.py"))
        if not str(file.relative_to(TESTS)).startswith(_FREE)
        for line in unexplained(file.read_text())
    ]
    assert found == [], "wait on a condition with tests.kit.wait, or say on that line what the time stands for"


@pytest.mark.parametrize(
    ("line", "is_bare"),
    [
        ("await asyncio.sleep(5)", True), ("time.sleep(seconds)", True), ("sleep(0.1)", True), ("page.wait_for_timeout(200)", True),
        ("threading.Event().wait(0.5)", True), ("time.sleep(1)  # noqa: ASYNC251", True), ("time.sleep(1)  # noqa: ASYNC251 -- the very thing", False),
        ("await asyncio.sleep(0)", False), ("time.sleep(0.3)  # a slow receiver", False), ("await event.wait()", False),
        ("await asyncio.Event().wait()", False), ("'SELECT pg_sleep(30)'", False), ("lane.wait(now)", False),
    ],
)  # fmt: skip
def test_a_bare_sleep_is_found(line: str, is_bare: bool) -> None:  # noqa: FBT001 -- a row of the table
    assert list(unexplained(f"async def test():\n    {line}\n")) == ([2] if is_bare else [])
