"""Every test of a promise stands on the page of reliability, under a mistake that it was seen to catch."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text()


def _tests(folder: str) -> set[str]:
    """Name the tests below a folder."""
    return {
        node.name
        for path in (ROOT / folder).rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def _table(heading: str) -> list[list[str]]:
    """Read the rows of the first table below a heading."""
    lines = PAGE.partition(f"## {heading}\n")[2].lstrip("\n").splitlines()
    rows = []
    for line in lines:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            break
    return rows[2:]


def test_every_test_of_a_promise_was_seen_to_catch_a_mistake() -> None:
    caught = {
        name for row in _table("What each test was seen to catch") for name in re.findall(r"`(test_\w+)`", row[1])
    }
    assert _tests("tests/promises") - caught == set()


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_[a-z]\w+)`", PAGE))
    assert named - _tests("tests") == set()


def test_every_file_of_tests_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:tests/)?[\w/]+\.py)`", PAGE))
    missing = {name for name in named if not (ROOT / name).exists() and not (ROOT / "tests/promises" / name).exists()}
    assert missing == set()


def test_every_sabotage_of_the_history_check_is_listed() -> None:
    from tests.chaos.sabotages import SABOTAGES

    assert set(SABOTAGES) == set(re.findall(r"^\| `([^`]+)`:", PAGE, re.MULTILINE))
