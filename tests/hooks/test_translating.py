"""The whole way: a vendor posts, the order or the stock is there, and the message says what came of it."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from hub.domain.adapters.wish import Wish
from hub.domain.mapping import Mapping
from hub.domain.translation import translate
from tests.conftest import Servers
from tests.kit.builders import an_item
from tests.kit.hooks import Json, Shop
from tests.kit.senders import SIGN

VECTORS = Path(__file__).parents[1] / "vectors/webhooks"


def a_message(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def the_item(shop: Shop) -> Json:
    return shop.items("/api/inventory/?sku=PZN1")[0]


def test_a_shopify_order_and_its_stock_become_the_pharmacys(shop: Shop) -> None:
    shop.make("/api/inventory/", an_item(identifiers=[{"scheme": "shopify", "value": "271878346596884015"}]))
    source = shop.register("shopify", mapping={"adapter": "shopify"})
    stored = shop.deliver(source, a_message("shopify_order"), topic="orders/create", message_id="e-1")
    (order,) = shop.items("/api/orders/")
    assert (order["order_reference"], order["status"], order["source"]) == ("#2001", "confirmed", "external")
    assert order["extra_data"]["mirror"]["source_id"] == source["id"]
    assert order["extra_data"]["mirror"]["causation_id"] == stored["id"]
    assert [(c["type"], c["status"]) for c in stored["commands"]] == [("order.mirror", "applied")]
    assert stored["reason"] is None
    operation = shop.ask("GET", f"/api/operations/{stored['commands'][0]['operation_id']}").json()
    assert (operation["status"], operation["resource"]["id"]) == ("applied", order["id"])
    # A redelivery, and the same news as another message, change nothing.
    shop.deliver(source, a_message("shopify_order"), topic="orders/create", message_id="e-1")
    shop.deliver(source, a_message("shopify_order"), topic="orders/updated", message_id="e-2")
    assert shop.items("/api/orders/") == [order]
    level = shop.deliver(source, a_message("shopify_level"), topic="inventory_levels/update", message_id="e-3")
    item = the_item(shop)
    assert (item["available"], item["reserved"], item["quantity"]) == (7, 2, 9)
    movement = shop.items(f"/api/inventory/{item['id']}/movements/")[0]
    assert movement["reference_uri"] == f"/api/webhook-events/{level['id']}/"
    note = item["extra_data"]["mirror"]
    assert (note["source_id"], note["causation_id"], note["hops"]) == (source["id"], level["id"], 0)
    cancelled = a_message("shopify_order") | {"cancelled_at": "x", "updated_at": "2026-11-20T10:00:00-05:00"}
    shop.deliver(source, cancelled, topic="orders/cancelled", message_id="e-4")
    assert shop.items("/api/orders/")[0]["status"] == "cancelled"
    assert the_item(shop)["reserved"] == 0


def test_woocommerce_and_square_become_orders_and_stock_as_well(shop: Shop) -> None:
    shop.make("/api/inventory/", an_item())
    woo = shop.register("woocommerce", mapping={"adapter": "woocommerce", "reference_prefix": "web-"})
    square = shop.register("square", mapping={"adapter": "square", "skus": {"FGQ5JJWT": "PZN1"}})
    shop.deliver(woo, a_message("woocommerce_order"), topic="order.created")
    shop.deliver(square, a_message("square_order"))
    shop.deliver(square, a_message("square_count"))
    orders = {order["order_reference"]: order for order in shop.items("/api/orders/")}
    assert [(name, orders[name]["status"]) for name in sorted(orders)] == [
        ("eA3vssLH", "pending"),
        ("web-727", "confirmed"),
    ]
    assert orders["web-727"]["total_amount"] == "29.35"
    assert (the_item(shop)["available"], the_item(shop)["reserved"]) == (10, 1)


VENDORS: dict[str, tuple[str, str, str, str, Json]] = {
    "shopify": ("shopify_order", "orders/create", "orders/updated", "confirmed", {"updated_at": "2026-11-21T10:00:00-05:00", "total_price": "9.00"}),
    "woocommerce": ("woocommerce_order", "order.created", "order.updated", "confirmed", {"date_modified_gmt": "2026-11-21T10:00:00", "total": "9.00"}),
    "square": ("square_order", "order.created", "order.updated", "pending", {"version": 2}),
    "api_key": ("shopify_order", "x", "x", "confirmed", {"total_price": "9.00"}),
}  # fmt: skip


@pytest.mark.parametrize("scheme", list(VENDORS))
def test_a_vendors_update_leaves_an_order_where_the_pharmacy_moved_it(shop: Shop, scheme: str) -> None:
    name, first, then, begins, news = VENDORS[scheme]
    fields = {"order_reference": "$.name", "total_amount": "$.total_price", "status": {"path": "$.financial_status", "map": {"paid": "confirmed"}}}  # fmt: skip
    rules = {"rules": [{"command": "order.mirror", "fields": fields}]}
    source = shop.register(scheme, mapping=rules if scheme == "api_key" else {"adapter": scheme})
    message = a_message(name)
    message |= {"financial_status": "paid"} if scheme == "api_key" else {}

    def tell(topic: str, number: str) -> Json:
        if scheme == "square":
            shop.deliver(source, message | {"type": topic, "event_id": number})
        else:
            shop.deliver(source, message, message_id=number, **({} if scheme == "api_key" else {"topic": topic}))
        (order,) = shop.items("/api/orders/")
        return order

    order = tell(first, "v-1")
    assert order["status"] == begins
    for status in ("preparing", "ready"):
        assert shop.ask("PATCH", f"/api/orders/{order['id']}/", {"status": status}).status_code == 200
    if scheme == "square":
        message["data"]["object"] = {"order_updated": message["data"]["object"]["order_created"] | news}
    else:
        message |= news
    after = tell(then, "v-2")
    assert (after["status"], after["extra_data"]["mirror"]["source_id"]) == ("ready", source["id"])
    if scheme != "square":
        assert after["total_amount"] == "9.00"


def test_news_of_an_order_that_come_all_at_once_and_twice_leave_the_newest(shop: Shop) -> None:
    shop.make("/api/inventory/", an_item())
    source = shop.register("shopify", mapping={"adapter": "shopify"})
    messages = []
    for second in range(24):
        order = a_message("shopify_order") | {
            "updated_at": f"2026-11-21T10:00:{second:02}Z",
            "total_price": f"{second}.00",
        }
        content = json.dumps(order).encode()
        headers = SIGN["shopify"](content, source["url"], topic="orders/updated", message_id=f"n-{second}")
        messages.append((content, headers))
    Random(5).shuffle(messages)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda message: shop.post(source, *message), messages * 2))
    assert {answer.status_code for answer in answers} == {200}
    stored = shop.until(
        lambda: shop.ask("GET", "/api/webhook-events/"),
        lambda seen: sum(one["processed"] for one in seen.json()["items"]) == len(messages), within=30,
    ).json()["items"]  # fmt: skip
    assert {one["reason"] for one in stored} == {None}
    (order,) = shop.items("/api/orders/")
    assert (order["total_amount"], the_item(shop)["reserved"]) == ("23.00", 2)


def test_a_line_is_known_by_its_sku_else_by_the_vendors_id(shop: Shop) -> None:
    for sku, code in (("PZN1", "22"), ("PZN2", "23"), ("PZN3", "93")):
        shop.make("/api/inventory/", an_item(sku, identifiers=[{"scheme": "woocommerce", "value": code}]))
    source = shop.register("woocommerce", mapping={"adapter": "woocommerce"})
    order = a_message("woocommerce_order")
    # One line without a sku, one with a sku of the pharmacy, one with the shop's own.
    order["line_items"].append(order["line_items"][1] | {"sku": "Bar3", "quantity": 4})
    shop.deliver(source, order, topic="order.created")
    (stored,) = shop.items("/api/orders/")
    assert [(line["sku"], line["reserved"]) for line in stored["items"]] == [("PZN3", 3), ("PZN1", 1), ("PZN2", 4)]
    explicit = shop.register("woocommerce", mapping={"adapter": "woocommerce", "skus": {"23": "later", "Bar3": "too"}})
    shop.deliver(explicit, order | {"id": 8, "number": "8"}, topic="order.created")
    (stored,) = shop.items("/api/orders/?order_reference=8")
    assert [line["sku"] for line in stored["items"]] == ["PZN3", "later", "later"]


def test_what_several_locations_count_is_one_stock(shop: Shop) -> None:
    shop.make("/api/inventory/", an_item(identifiers=[{"scheme": "square", "value": "FGQ5JJWT"}]))
    source = shop.register("square", mapping={"adapter": "square", "locations": ["A", "B"]})
    message = a_message("square_count")
    counted = message["data"]["object"]["inventory_counts"][0]
    message["data"]["object"]["inventory_counts"] = [
        counted | {"location_id": location, "quantity": quantity} for location, quantity in (("A", "5"), ("B", "3"), ("C", "9"))
    ]  # fmt: skip
    stored = shop.deliver(source, message)
    assert [(c["type"], c["status"]) for c in stored["commands"]] == [("inventory.mirror", "applied")] * 2
    assert the_item(shop)["quantity"] == 8
    message["event_id"] = "later"
    message["data"]["object"]["inventory_counts"] = [
        counted | {"location_id": "B", "quantity": "1", "calculated_at": "2026-10-30T00:00:00Z"}
    ]
    shop.deliver(source, message)
    assert the_item(shop)["quantity"] == 6


def test_rules_make_orders_and_sales_of_anything(shop: Shop) -> None:
    shop.make("/api/inventory/", an_item())
    lines = {"each": "$.rows[*]", "fields": {"sku": "@.code", "quantity": {"path": "@.n", "form": "integer"}, "total_price": {"path": "@.sum", "form": "money"}}}  # fmt: skip
    source = shop.register(
        "api_key",
        mapping={"rules": [{"when": {"event_types": ["till.*"]}, "command": "sale.record", "fields": {"lines": lines, "reference": "$.no"}}]},
    )  # fmt: skip
    sold = {"type": "till.sold", "no": "T-1", "rows": [{"code": "PZN1", "n": "2", "sum": 9.98}]}
    stored = shop.deliver(source, sold, message_id="t-1")
    (sale,) = shop.items("/api/sales/")
    assert (sale["reference"], sale["total_price"], the_item(shop)["quantity"]) == ("T-1", "9.98", 8)
    origin = {"source_id": source["id"], "causation_id": stored["id"], "hops": 0, "revision": None, "version": 1}
    assert sale["extra_data"] == {"mirror": origin}
    assert shop.deliver(source, sold, message_id="t-1")["id"] == stored["id"]
    other = shop.deliver(source, {"type": "other"}, message_id="t-2")
    assert (other["processed"], other["reason"], other["commands"]) == (True, "no mapping matches", [])
    wrong = shop.deliver(
        source, {"type": "till.sold", "rows": [{"code": "PZN1", "n": "x", "sum": 1}]}, message_id="t-3"
    )
    assert "sale.record does not fit: #/lines/0/quantity" in wrong["reason"]
    assert len(shop.items("/api/sales/")) == 1


def test_a_message_is_processed_once_its_command_that_was_set_aside_is_replayed(shop: Shop, servers: Servers) -> None:
    database = urlsplit(shop.hub.settings.database_url.get_secret_value()).path[1:]
    source = shop.register("shopify", mapping={"adapter": "shopify"})
    content = json.dumps(a_message("shopify_order") | {"name": "#broken"}).encode()
    servers.sql("ALTER TABLE orders ADD CONSTRAINT broken CHECK (order_reference <> '#broken') NOT VALID", database)
    try:
        shop.post(source, content, SIGN["shopify"](content, source["url"], topic="orders/create", message_id="b-1"))
        stored = shop.until(
            lambda: shop.ask("GET", "/api/webhook-events/"),
            lambda answer: any(one["reason"] for one in answer.json()["items"]),
        ).json()["items"][0]
    finally:
        servers.sql("ALTER TABLE orders DROP CONSTRAINT broken", database)
    assert (stored["processed"], stored["reason"]) == (False, "order.mirror was set aside; an operator can replay it")
    operator = {"X-API-KEY": shop.hub.operator_key, "Prefer": "wait=15"}
    parked = shop.until(
        lambda: shop.web.get(f"/api/parked/?pharmacy_id={shop.pharmacy_id}", headers=operator),
        lambda answer: bool(answer.json()["items"]),
    ).json()["items"]
    assert len(parked) == 1
    assert shop.web.post(f"/api/parked/{parked[0]['id']}/replay/", headers=operator).status_code == 200
    done = shop.until(
        lambda: shop.ask("GET", f"/api/webhook-events/{stored['id']}/"), lambda answer: answer.json()["processed"]
    ).json()
    assert (done["reason"], [one["status"] for one in done["commands"]]) == (None, ["applied"])
    assert [order["order_reference"] for order in shop.items("/api/orders/")] == ["#broken"]


def test_what_was_refused_says_why_and_is_tried_again_when_asked(shop: Shop) -> None:
    source = shop.register("square", mapping={"adapter": "square"})
    lost = shop.deliver(source, a_message("square_count"))
    assert (lost["processed"], lost["reason"]) == (
        True,
        "no item of this pharmacy has the sku or identifier 'FGQ5JJWT'",
    )
    order = shop.make(
        "/api/orders/", {"order_reference": "eA3vssLH", "items": [{"sku": "A", "quantity": 1, "unit_price": "1.00"}]}
    )
    clash = shop.deliver(source, a_message("square_order"))
    assert [c["status"] for c in clash["commands"]] == ["rejected"]
    assert "order.mirror was refused: this pharmacy has another order" in clash["reason"]
    shop.make("/api/inventory/", an_item(identifiers=[{"scheme": "square", "value": "FGQ5JJWT"}]))
    shop.ask("PATCH", f"/api/orders/{order['id']}/", {"order_reference": "mine"})
    dry = shop.ask("POST", "/api/webhook-events/reprocess/", {"filter": {"has_reason": True}, "dry_run": True})
    assert (dry.status_code, dry.json()) == (200, {"matched": 2})
    again = shop.ask(
        "POST", "/api/webhook-events/reprocess/", {"filter": {"has_reason": True, "source_id": source["id"]}}
    )
    assert (again.status_code, again.json()) == (202, {"matched": 2})
    for event in (lost, clash):
        seen = shop.until(
            lambda event=event: shop.ask("GET", f"/api/webhook-events/{event['id']}/"),  # type: ignore[misc]
            lambda answer: answer.json()["processed"] and answer.json()["reason"] is None,
        ).json()
        assert [c["status"] for c in seen["commands"]] == ["applied"]
    assert the_item(shop)["quantity"] == 10
    assert {one["source"] for one in shop.items("/api/orders/")} == {"hub", "external"}
    version = the_item(shop)["version"]
    shop.ask("PATCH", f"/api/inventory/{the_item(shop)['id']}/", {"quantity": 3, "expected_quantity": 10})
    # What was applied is applied once, however often it is asked for.
    reopened = shop.ask("POST", f"/api/webhook-events/{lost['id']}/reprocess/", {}).json()
    assert reopened["processed"] is False
    shop.until(lambda: shop.ask("GET", f"/api/webhook-events/{lost['id']}/"), lambda seen: seen.json()["processed"])
    assert (the_item(shop)["quantity"], the_item(shop)["version"]) == (3, version + 1)


def test_a_message_on_which_the_hub_breaks_stops_nobody_and_is_translated_once_that_is_mended(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shop.register("woocommerce", mapping={"adapter": "woocommerce"})

    def breaks_on_one(source_id: str, mapping: Mapping, event_type: str, payload: Any) -> list[Wish]:
        if payload["number"] == "2":
            message = "Jane Doe"
            raise ZeroDivisionError(message)
        return translate(source_id, mapping, event_type, payload)

    with monkeypatch.context() as patch:
        patch.setattr("consumers.translate.translate", breaks_on_one)
        stored = [
            shop.deliver(
                source, a_message("woocommerce_order") | {"id": n, "number": str(n)}, topic="order.created", message_id=f"p-{n}"
            )
            for n in (1, 2, 3)
        ]  # fmt: skip
        broken = "the hub failed to translate it: ZeroDivisionError"
        assert [(one["reason"], len(one["commands"])) for one in stored] == [(None, 1), (broken, 0), (None, 1)]
        # All at once, so that they share a window.
        shop.ask("POST", "/api/webhook-events/reprocess/", {"filter": {"source_id": source["id"]}})
        again = {one["id"]: one["version"] + 2 for one in stored}
        seen = shop.until(
            lambda: shop.ask("GET", "/api/webhook-events/"),
            lambda answer: {one["id"]: one["version"] for one in answer.json()["items"]} == again,
        ).json()["items"]
        assert {one["id"]: one["reason"] for one in seen} == {one["id"]: one["reason"] for one in stored}
    shop.ask("POST", f"/api/webhook-events/{stored[1]['id']}/reprocess/", {})
    shop.until(
        lambda: shop.ask("GET", f"/api/webhook-events/{stored[1]['id']}/"),
        lambda answer: answer.json()["processed"] and answer.json()["reason"] is None,
    )
    assert {order["order_reference"] for order in shop.items("/api/orders/")} == {"1", "2", "3"}


def test_a_webhook_of_the_pharmacys_own_key_is_processed_as_ever(shop: Shop) -> None:
    made = shop.make("/api/webhook-events/", {"event_type": "x", "payload": {}})
    seen = shop.until(
        lambda: shop.ask("GET", f"/api/webhook-events/{made['id']}/"), lambda seen: seen.json()["processed"]
    )
    assert (seen.json()["reason"], seen.json()["commands"], seen.json()["source_id"]) == (None, [], None)


@pytest.mark.parametrize(
    "body", [{}, {"filter": {"more": 1}}, {"filter": {"processed": "x"}}, {"filter": {}, "dry_run": 1}, {"filter": {"received_since": "x"}}], ids=str
)  # fmt: skip
def test_a_filter_that_cannot_be_is_refused(shop: Shop, body: Json) -> None:
    assert shop.ask("POST", "/api/webhook-events/reprocess/", body).status_code == 422
