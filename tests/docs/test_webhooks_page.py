"""The conformance page names a test for what it says, and that test is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/webhooks.md").read_text()
CONFORMANCE = TEXT[TEXT.index("## Conformance") : TEXT.index("## Receiving")]
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
NAMED = sorted(set(re.findall(r"`(test_\w+)(?:\.\.\.)?`", CONFORMANCE)))
FILES = sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", CONFORMANCE)))


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 15


def test_every_row_says_what_holds_it() -> None:
    rows = [line.split(" | ") for line in CONFORMANCE.splitlines() if line.startswith("| ") and "---" not in line]
    points = [cells for cells in rows if cells[-1] != "held by |"]
    assert len(points) > 30
    bare = [cells[0] for cells in points if not re.search(r"`(test_\w+|tests/)", cells[-1])]
    assert bare == []


@pytest.mark.parametrize("name", NAMED)
def test_a_named_test_is_there(name: str) -> None:
    assert f"def {name}" in TESTS


@pytest.mark.parametrize("name", FILES)
def test_a_named_file_is_there(name: str) -> None:
    assert (ROOT / name).exists()
