"""Each decision is one page in the agreed form, and the index lists them all."""

import re
from pathlib import Path

import pytest

ADR = Path(__file__).parents[2] / "docs/adr"
PAGES = sorted(ADR.glob("[0-9]*.md"))
MOST_WORDS = 450  # a page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem[:4])
def test_a_decision_says_context_decision_consequences_and_what_enforces_it(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Enforced by"]
    assert re.search(r"^\*\*Status:\*\* (accepted|superseded by \[)", text, re.MULTILINE)
    assert len(text.split()) <= MOST_WORDS


def test_no_two_decisions_have_a_number_and_all_are_listed() -> None:
    assert len({page.name[:4] for page in PAGES}) == len(PAGES)
    assert re.findall(r"\((\d{4}-[^)]+\.md)\)", (ADR / "README.md").read_text()) == [page.name for page in PAGES]
