"""Every model of the console as it is without scripts: its own links are followed, its own forms are filled and sent."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import uuid4

import pytest

from gateway.admin import listing
from gateway.admin.entries import MODELS
from hub import clock
from tests.conftest import Servers
from tests.kit.console import Person, signed_in
from tests.kit.flows import FLOWS, a_shop, fill
from tests.kit.in_process import Hub
from tests.kit.pairs import Pairs, two_of_each
from tests.kit.plain_forms import Element, Page, look
from tests.kit.wait import until

_PROCESSED = '<dt>Processed</dt><dd><span class="dot good">'


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


@pytest.fixture(scope="module")
def shop(hub: Hub) -> tuple[str, str]:
    """A pharmacy with something to sell; its id and its key."""
    return a_shop(hub, "Plain")


@pytest.fixture(scope="module")
def pairs(hub: Hub, servers: Servers, shop: tuple[str, str]) -> Pairs:
    """Two rows of every model."""
    return two_of_each(hub, servers, *shop)


def list_of(name: str, pharmacy: str) -> str:
    """Name the list of a model, of the pharmacy where it has one."""
    return f"/admin/{name}/" if MODELS[name].is_hubs else f"/admin/{name}/?pharmacy={pharmacy}"


def leads_to(part: str) -> Callable[[Element], bool]:
    """Know a link by a part of its address."""
    return lambda link: part in link.attributes["href"]


def typed(form: Element, values: Mapping[str, str]) -> dict[str, str | Sequence[str]]:
    """Say what a person types; a switch that is not named is off."""
    switches = [one.attributes["name"] for one in form.all("input") if one.attributes.get("type") == "checkbox"]
    return {**{name: [] for name in switches}, **values}


def found(page: Page, name: str, text: str) -> Page:
    """Search for a text, where the list has a search, and open the one row that has it."""
    if MODELS[name].has_search:
        assert page.send(page.search, {"q": f"{text}-nobody"}).rows == [], "the list takes no notice of the search"
        page = page.send(page.search, {"q": text.upper()})
        assert len(page.rows) == 1, [row.text for row in page.rows]
    (row,) = (one for one in page.rows if text in one.text)
    return page.follow(lambda link: "title" in link.attributes.get("class", ""), row)


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_a_row_is_made_found_changed_and_ended_by_forms(admin: Person, shop: tuple[str, str], name: str) -> None:
    flow, text, model, place = FLOWS[name], f"x-{uuid4().hex[:8]}", MODELS[name], list_of(name, shop[0])
    page = look(admin, place).follow(leads_to("/new/"))
    made = page.send(page.form, typed(page.form, fill(flow.made, text)))
    assert made.answer.status_code == 200
    row = found(look(admin, place), name, text)
    assert (row.answer.status_code, text in row.answer.text) == (200, True)
    address = str(row.answer.url)
    if model.edit is not None:
        if name == "webhook-events":  # the hub processes it by itself, which is a change of its own
            row = until(lambda: look(admin, address), lambda seen: _PROCESSED in seen.answer.text, within=20)
        page = row.follow(leads_to("/edit/"))
        changed = page.send(page.form, typed(page.form, fill(flow.changed, text)))
        assert "was changed" in changed.answer.text
        row = look(admin, address)
    verb, said = flow.end
    asked = row.follow(leads_to(f"/do/{verb}/"))
    ended = asked.send(asked.form, {})
    assert ended.answer.status_code == 200
    after = look(admin, address).answer
    if name == "integrators":
        assert '<dt>Active</dt><dd><span class="dot none">no</span>' in after.text
    else:
        assert (said in after.text) if said else (after.status_code == 404)


@pytest.mark.parametrize("name", MODELS)
def test_a_list_is_narrowed_by_each_field_of_its_form(
    admin: Person, shop: tuple[str, str], pairs: Pairs, name: str
) -> None:
    page = look(admin, list_of(name, shop[0]))
    wrong = []
    for one, (value, stays, goes) in pairs[name].items():
        rows = page.send(page.search, {one: value}).rows
        shown = " ".join((row.text + " ".join(row.marks)) for row in rows)
        if (stays in shown, goes in shown) != (True, False):
            wrong.append((one, stays in shown, goes in shown))
    assert wrong == []


def few_of(name: str, pharmacy: str) -> str:
    """Name a list that nobody adds to meanwhile, with rows to spare."""
    # The audit log grows while one reads; the two rows of this test are of the next hours.
    soon = (clock.now() + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    place = list_of(name, pharmacy)
    return f"{place}?at_since={soon}" if name == "audit" else place


def sort_links(page: Page) -> list[Element]:
    """List the links of the heads that order the list."""
    return [link for head in page.root.all("th") for link in head.all("a")]


def put_in_order(page: Page, number: int) -> Page:
    """Follow one of them."""
    wanted = sort_links(page)[number]
    return page.follow(lambda link: link is wanted)


def all_of(page: Page) -> list[tuple[str, ...]]:
    """Turn all pages of a list, and tell its rows."""
    rows, here = page.marks, page.next
    while here is not None:
        rows, here = rows + here.marks, here.next
    return rows


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.api.is_sortable])
def test_a_list_is_put_in_each_order_and_the_other_way_round_by_links(
    admin: Person, shop: tuple[str, str], pairs: Pairs, name: str
) -> None:
    assert pairs[name]
    page = look(admin, few_of(name, shop[0]))
    count = len(sort_links(page))
    assert count > 0
    for number in range(count):
        one = put_in_order(page, number)
        other = put_in_order(one, number)
        rows = all_of(one)
        assert len(rows) >= 2
        assert all_of(other) == rows[::-1], sort_links(page)[number].text


@pytest.mark.parametrize("name", MODELS)
def test_a_list_is_turned_page_by_page_and_a_row_of_it_opened_by_links(
    admin: Person, shop: tuple[str, str], pairs: Pairs, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pairs[name]
    monkeypatch.setattr(listing, "LIMITS", ("1",))
    place = few_of(name, shop[0])
    first = look(admin, f"{place}{'&' if '?' in place else '?'}limit=1")
    second = first.next
    assert second is not None
    assert (len(first.rows), len(second.rows), first.marks != second.marks) == (1, 1, True)
    again = second.follow(lambda link: link.text == "First page")
    assert again.marks == first.marks
    if MODELS[name].one:
        row = second.follow(lambda link: "title" in link.attributes.get("class", ""), second.rows[0])
        assert row.answer.status_code == 200
        assert row.find("h1", lambda _: True).text
