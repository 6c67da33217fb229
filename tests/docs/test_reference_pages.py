"""Every problem type and every event type that the domain knows has its heading in the reference, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from hub.domain.event_types import OF_A_PHARMACY, OF_THE_HUB
from hub.domain.problem import CATALOGUE

ROOT = Path(__file__).parents[2]
EVENT_TYPE = re.compile(r"[a-z_]+\.[a-z_]+(?:ed|ed_in|low|negative)|webhook_endpoint\.failing")


def headings(page: str, level: int) -> list[str]:
    """List the headings of a page's level."""
    return re.findall(rf"^{'#' * level} (\S+)$", (ROOT / "docs" / page).read_text(), re.MULTILINE)


def events_in_the_domain() -> Iterator[str]:
    """Find the event types that the domain's code names, as whole strings."""
    for path in (ROOT / "hub/domain").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and EVENT_TYPE.fullmatch(node.value):
                yield node.value


def test_every_problem_type_is_explained_in_the_order_of_the_catalogue() -> None:
    assert headings("problems.md", 2) == list(CATALOGUE)


def test_every_problem_page_names_the_status_of_the_catalogue() -> None:
    text = (ROOT / "docs/problems.md").read_text()
    assert re.findall(r"^\*\*(\d+)\.\*\*", text, re.MULTILINE) == [str(kind.status) for kind in CATALOGUE.values()]


def test_every_event_type_is_explained_and_the_domain_names_no_other() -> None:
    known = OF_A_PHARMACY + OF_THE_HUB
    assert sorted(headings("events.md", 3)) == sorted(known)
    assert set(events_in_the_domain()) <= set(known)


def test_every_link_between_the_documents_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "hub/demo/README.md"]
    links = [(page, link) for page in pages for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []
