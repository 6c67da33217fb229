"""The ledger of a whole pharmacy, and what befell a row: read at the console and over the API."""

import csv
import io
import re
from typing import Any

import httpx

from tests.console.test_screens import a_pharmacy, an_item, read
from tests.kit.console import portal, signed_in
from tests.kit.in_process import Hub


def adjust(hub: Hub, key: str, item: str, delta: int, reason: str) -> str:
    """Move stock and hand back the operation's id."""
    answer = httpx.post(
        f"{hub.url}/api/inventory/{item}/adjustments/",
        json={"delta": delta, "reason": reason},
        headers={"X-API-KEY": key, "Prefer": "wait=20"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return answer.headers["operation-id"]


def test_the_ledger_shows_all_items_newest_first_and_is_narrowed(hub: Hub) -> None:
    _, key = a_pharmacy(hub)
    one, two = (an_item(hub, key).json() for _ in range(2))
    adjust(hub, key, one["id"], 4, "received")
    operation = adjust(hub, key, two["id"], -2, "damaged")
    lines: list[dict[str, Any]] = read(hub, key, "/api/movements/")["items"]
    assert [(line["sku"], line["delta"], line["quantity_after"], line["reason"]) for line in lines] == [
        (two["sku"], -2, 1, "damaged"),
        (one["sku"], 4, 7, "received"),
        (two["sku"], 3, 3, "opening"),
        (one["sku"], 3, 3, "opening"),
    ]
    assert [line["item_id"] for line in lines[:2]] == [two["id"], one["id"]]
    assert lines[0]["operation_id"] == operation
    for query in (f"sku={two['sku']}", f"item_id={two['id']}"):
        assert [line["delta"] for line in read(hub, key, f"/api/movements/?{query}")["items"]] == [-2, 3]
    narrowed = f"/api/movements/?recorded_since={lines[1]['recorded_at']}&recorded_before={lines[0]['recorded_at']}"
    assert [line["delta"] for line in read(hub, key, narrowed)["items"]] == [4]
    pages, path = [], "/api/movements/?limit=1"
    while path:
        page = read(hub, key, path)
        pages += page["items"]
        path = page["next"]
    assert pages == lines


def test_the_console_lists_movements_links_their_items_and_exports_them(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    item = an_item(hub, key).json()
    operation = adjust(hub, key, item["id"], 4, "received")
    person = signed_in(hub, "viewer")
    ledger = person.get(f"/admin/inventory/{item['id']}/").text
    assert f'href="/admin/movements/?item_id={item["id"]}"' in ledger
    page = person.get(f"/admin/movements/?item_id={item['id']}")
    assert page.text.count(f'href="/admin/inventory/{item["id"]}/"') == 2
    assert f'href="/admin/operations/{operation}/"' in page.text
    sent = person.get(f"/admin/movements/export.csv?pharmacy={pharmacy}&reason=received").text
    rows = list(csv.DictReader(io.StringIO(sent)))
    assert [(row["sku"], row["delta"], row["item_id"]) for row in rows] == [(item["sku"], "4", item["id"])]
    stranger = portal(hub, a_pharmacy(hub)[1])
    assert item["sku"] not in stranger.get(f"/admin/movements/?item_id={item['id']}").text
    assert item["sku"] in portal(hub, key).get("/admin/movements/").text


def test_a_rows_page_tells_which_operations_were_about_it(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    item = an_item(hub, key).json()
    operation = adjust(hub, key, item["id"], 4, "received")
    refused = httpx.post(
        f"{hub.url}/api/inventory/{item['id']}/adjustments/",
        json={"delta": 2_147_483_647, "reason": "received"},
        headers={"X-API-KEY": key, "Prefer": "wait=20"},
        timeout=30,
    )
    assert refused.status_code == 422, refused.text
    for person in (signed_in(hub, "viewer"), portal(hub, key)):
        page = person.get(f"/admin/inventory/{item['id']}/").text
        history = page.partition(">History<")[2]
        assert re.findall(r"<code class=\"once\">(inventory\.\w+)</code>", history) == [
            "inventory.adjust",
            "inventory.adjust",
            "inventory.create",
        ]
        assert "rejected" in history
        assert f'href="/admin/operations/{operation}/"' in history
    assert ">History<" in signed_in(hub).get(f"/admin/pharmacies/{pharmacy}/").text


def test_the_history_of_a_strangers_row_is_nobodys_business(hub: Hub) -> None:
    """The page itself is a 404; the panel's own query is walled besides."""
    _, key = a_pharmacy(hub)
    item = an_item(hub, key).json()
    stranger = portal(hub, a_pharmacy(hub)[1])
    assert stranger.get(f"/admin/inventory/{item['id']}/").status_code == 404
