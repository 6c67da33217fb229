"""Every filter that a list offers, with a value: what matches stays, what does not goes, on the page and in its CSV.

And where a list of all pharmacies holds very many rows: what an index finds is answered, the rest asks for a pharmacy.
"""

import re
from collections.abc import Mapping

import httpx
import pytest

from gateway.admin import reach
from gateway.admin.entries import MODELS
from tests.conftest import Servers
from tests.console.test_screens import a_pharmacy
from tests.kit.console import Person, signed_in
from tests.kit.in_process import Hub
from tests.kit.pairs import Pairs, two_of_each


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


@pytest.fixture(scope="module")
def pharmacy(hub: Hub) -> tuple[str, str]:
    """A pharmacy; its id and its key."""
    return a_pharmacy(hub)


@pytest.fixture(scope="module")
def cases(hub: Hub, servers: Servers, pharmacy: tuple[str, str]) -> Pairs:
    """Two rows of every model."""
    return two_of_each(hub, servers, *pharmacy)


def _seen(person: Person, name: str, query: Mapping[str, str]) -> tuple[str, str]:
    """Read a list's rows, and its CSV."""
    sent = httpx.QueryParams(dict(query))
    page, file = person.get(f"/admin/{name}/?{sent}"), person.get(f"/admin/{name}/export.csv?{sent}")
    assert (page.status_code, file.status_code) == (200, 200)
    return page.text.partition('<div id="rows">')[2], file.text


@pytest.mark.parametrize("name", sorted(MODELS))
def test_each_filter_keeps_the_rows_that_match_and_drops_the_others(
    admin: Person, cases: Pairs, pharmacy: tuple[str, str], name: str
) -> None:
    model = MODELS[name]
    is_of_some = model.is_hubs and "pharmacy_id" in model.api.filters  # the hub's own, and narrowed by pharmacy as well
    assert set(cases[name]) == {*model.filters, *model.folded, *["q"] * model.has_search, *["pharmacy"] * is_of_some}
    base = {"limit": "100"} if model.is_hubs else {"limit": "100", "pharmacy": pharmacy[0]}
    whole = _seen(admin, name, base)
    wrong = []
    for one, (value, stays, goes) in cases[name].items():
        narrowed = _seen(admin, name, {**base, one: value})
        for place, before, after in zip(("page", "csv"), whole, narrowed, strict=True):
            said = (stays in before, goes in before, stays in after, goes in after)
            if said != (True, True, True, False):
                wrong.append((one, place, said))
    assert wrong == []


OF_PHARMACIES = [name for name, model in MODELS.items() if not model.is_hubs and not model.needs_pharmacy]


@pytest.fixture
def very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every table hold a million rows."""

    async def a_million(*_: object) -> int:
        return 1_000_000

    monkeypatch.setattr(reach, "estimate_rows_of_any_pharmacy", a_million)


def _table(page: str) -> str:
    """Read the rows of a list, without what echoes the question."""
    return page.partition('<table class="table table-hover rows">')[2].partition("<tbody>")[2].partition("</tbody>")[0]


@pytest.mark.usefixtures("very_many")
@pytest.mark.parametrize("name", OF_PHARMACIES)
def test_what_is_too_much_for_all_pharmacies_says_so_and_is_answered_for_a_chosen_one(
    admin: Person, cases: Pairs, pharmacy: tuple[str, str], name: str
) -> None:
    model = MODELS[name]
    assert _table(admin.get(f"/admin/{name}/").text), "as it opens it is in the order of an index"
    chosen = {"limit": "100", "pharmacy": pharmacy[0]}
    orders = [column.name for column in model.columns if model.api.is_sortable and column.name in model.api.sorts]
    refused = {one: (value, stays) for one, (value, stays, _) in cases[name].items()}
    refused = {one: case for one, case in refused.items() if not model.api.filters[one].everywhere}
    if model.whole:
        del refused["q"]
    ways = [({one: value}, stays) for one, (value, stays) in refused.items()]
    ways += [({"sort": one}, "") for one in orders if one not in {"created_at", "updated_at"}]
    for query, stays in ways:
        page = admin.get(f"/admin/{name}/?{httpx.QueryParams(query)}")
        assert (page.status_code, _table(page.text)) == (200, ""), query
        assert "All pharmacies together have about 1,000,000 rows here, too many to " in page.text, query
        assert "at once. Choose a pharmacy" in page.text, query
        assert "export.csv" not in page.text
        file = admin.get(f"/admin/{name}/export.csv?{httpx.QueryParams(query)}")
        assert (file.status_code, "Choose a pharmacy" in file.text) == (400, True), query
        narrowed = _seen(admin, name, {**chosen, **query})
        assert _table(narrowed[0]), query
        assert [stays in place for place in narrowed] == [True, True], query
    offered = set(re.findall(r'class="sort" href="[^"]*sort=-?(\w+)', admin.get(f"/admin/{name}/").text))
    assert offered == {"created_at", "updated_at"} & {*orders}


@pytest.mark.usefixtures("very_many")
@pytest.mark.parametrize(("name", "whole", "part"), [("inventory", "FILT-A", "FILT-"), ("orders", "order-A", "order-")])
def test_a_search_of_very_many_rows_looks_for_the_whole_value(
    admin: Person, cases: Pairs, pharmacy: tuple[str, str], name: str, whole: str, part: str
) -> None:
    _, stays, goes = cases[name]["q"]
    for more in ("", "&created_since=2020-01-01T00:00:00Z", "&sort=-updated_at"):
        page = admin.get(f"/admin/{name}/?q={whole}{more}").text
        assert (stays in _table(page), goes in _table(page)) == (True, False), more
        assert "too many rows to search for a part of it: choose a pharmacy for that" in page
        file = admin.get(f"/admin/{name}/export.csv?q={whole}{more}").text
        assert (stays in file, goes in file) == (True, False), more
    none = admin.get(f"/admin/{name}/?q={part}").text
    assert (_table(none), "Nothing has exactly the " in none, "choose a pharmacy for that" in none) == ("", True, True)
    assert stays in _table(admin.get(f"/admin/{name}/?q={part}&pharmacy={pharmacy[0]}").text)


@pytest.mark.usefixtures("very_many")
def test_a_refusal_names_all_that_is_too_much(admin: Person) -> None:
    page = admin.get("/admin/sales/?q=a&status=voided&sale_time_gte=2020-01-01T00:00&sort=total_price").text
    too_much = "search, filter by “Status”, filter by “Sale time from” or sort by “Total”"
    assert f"have about 1,000,000 rows here, too many to {too_much} at once. Choose a pharmacy." in page
    page = admin.get("/admin/inventory/?is_low=true").text
    assert "too many to filter by “Low” at once. Choose a pharmacy, or search for a whole SKU." in page


@pytest.mark.usefixtures("very_many")
def test_the_movements_of_an_item_are_found_among_very_many(admin: Person, cases: Pairs) -> None:
    _, item, _ = cases["inventory"]["q"]
    assert "note-A" in _table(admin.get(f"/admin/movements/?item_id={item}").text)
