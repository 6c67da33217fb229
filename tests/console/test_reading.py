"""What a page of the console says to its reader: empty lists, lists inside a row, codes."""

import html
import re

import httpx
import pytest

from gateway.admin.entries import MODELS
from gateway.admin.pages import is_flat, pieces
from tests.kit.console import Person, signed_in
from tests.kit.in_process import Hub

# Of a pharmacy that was just made; a new one has its first key.
EMPTY = sorted(name for name, model in MODELS.items() if not model.is_hubs and name != "keys")


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


@pytest.fixture(scope="module")
def fresh(hub: Hub) -> tuple[str, str]:
    """A pharmacy that has nothing yet; its id and its key."""
    pharmacy_id, key = hub.open_pharmacy("Fresh")
    return str(pharmacy_id), key


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_list_says_what_would_make_a_row_appear(admin: Person, fresh: tuple[str, str], name: str) -> None:
    page = html.unescape(admin.get(f"/admin/{name}/?pharmacy={fresh[0]}&limit=25").text)
    assert MODELS[name].none_yet in page
    assert "clear the filter" not in page


@pytest.mark.parametrize("name", [*EMPTY, "keys"])
def test_a_list_that_a_filter_made_empty_offers_to_clear_it(admin: Person, fresh: tuple[str, str], name: str) -> None:
    model = MODELS[name]
    narrow = {
        one: filter_.kind.schema["enum"][0] if "enum" in filter_.kind.schema else "true" if filter_.kind.sql == "bool" else "none"
        for one, filter_ in model.api.filters.items()
        if one in model.filters and filter_.kind.sql in {"text", "bool"}
    }  # fmt: skip
    assert narrow
    page = admin.get(f"/admin/{name}/?{httpx.QueryParams({'pharmacy': fresh[0], **narrow})}").text
    found = re.search(r'Nothing matches; <a href="([^"]+)">clear the filter</a>', page)
    assert found is not None
    assert html.unescape(found[1]) == f"?pharmacy={fresh[0]}"


def test_lists_inside_a_row_are_tables_and_a_flat_object_is_a_list(admin: Person, hub: Hub) -> None:
    _, key = hub.open_pharmacy("Tables")
    with httpx.Client(base_url=hub.url, headers={"X-API-KEY": key, "Prefer": "wait=20"}, timeout=30) as web:
        flat = {"shelf": "A-12", "label": "<b>"}
        body = {"sku": "T-1", "name": "Tabled", "price": "1.00", "quantity": 5, "extra_data": flat}
        item = web.post("/api/inventory/", json={**body, "identifiers": [{"scheme": "shelf", "value": "A1"}]}).json()
        lines = [{"sku": "T-1", "quantity": 2, "total_price": "2.00"}]
        sale = web.post("/api/sales/", json={"lines": lines, "extra_data": {"till": {"row": 1}}}).json()
        line = {"sku": "T-1", "name": "Tabled", "quantity": 1, "unit_price": "1.00"}
        order = web.post("/api/orders/", json={"order_reference": "T", "items": [line]}).json()
    page = admin.get(f"/admin/inventory/{item['id']}/").text
    assert re.findall(r'data-label="(Scheme|Value)"><code[^>]*>([^<]*)<', page) == [
        ("Scheme", "shelf"),
        ("Value", "A1"),
    ]
    assert re.findall(r"<dt>(\w+)</dt><dd>([^<]*)</dd></div>", page.partition('class="pairs"')[2])[:2] == [
        ("label", "&lt;b&gt;"),
        ("shelf", "A-12"),
    ]
    sold = admin.get(f"/admin/sales/{sale['id']}/").text
    heads = re.findall(
        r'<th scope="col" class="[^"]*">([^<]*)</th>', sold.partition("inner")[2].partition("</thead>")[0]
    )
    assert heads == ["SKU", "Quantity", "Total price", "Quantity after", "Item"]
    assert '<pre class="json"' in sold, "what is nested stays JSON"
    ordered = admin.get(f"/admin/orders/{order['id']}/").text
    assert 'data-label="Unit price"><span class="num">1.00</span>' in ordered


@pytest.mark.parametrize(
    ("text", "parts"),
    [("webhook_endpoint.create", ["webhook_", "endpoint.", "create"]), ("192.168.0.17", ["192.168.0.17"]), ("/api/sales", ["/", "api/", "sales"]), ("a_1", ["a_1"])],
    ids=["action", "address", "path", "number"],
)  # fmt: skip
def test_a_code_breaks_before_a_word_and_never_inside_a_number(text: str, parts: list[str]) -> None:
    assert pieces(text) == parts


def test_only_an_object_of_texts_is_flat() -> None:
    assert [is_flat(one) for one in ({"a": "b"}, {"a": 1}, {"a": None}, ["a"], "a")] == [
        True,
        False,
        False,
        False,
        False,
    ]
