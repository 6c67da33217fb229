"""What a system told the hub is not told to it again, and what goes round nevertheless ends after some hops."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit.builders import an_item
from tests.kit.hooks import Json, Shop, open_shop

VECTORS = Path(__file__).parents[1] / "vectors/webhooks"
TYPES = ["order.*", "inventory.*", "webhook_event.*"]
ENDPOINTS = "/api/webhook-endpoints/"


def an_endpoint(shop: Shop, url: str, **members: Any) -> Json:
    return shop.make(ENDPOINTS, {"url": url, "event_types": TYPES, **members})


def heard_of(shop: Shop, endpoint: Json) -> list[str]:
    """Name the types of the events that an endpoint is sent, in their order."""
    found = shop.items(f"/api/webhook-deliveries/?endpoint_id={endpoint['id']}&limit=500")
    return [one["event_type"] for one in sorted(found, key=lambda one: int(one["event_sequence"]))]


def test_what_a_source_caused_is_not_sent_to_the_endpoint_of_the_same_system(shop: Shop) -> None:
    vendor = shop.register("shopify", mapping={"adapter": "shopify"})
    other = shop.register("api_key")
    with open_shop(shop.hub) as ear:
        url = f"{shop.hub.url}/hooks/{ear.register('standard')['id']}"
        free = an_endpoint(shop, url)
        tied = an_endpoint(shop, url, source_id=vendor["id"])
        assert (free["source_id"], tied["source_id"]) == (None, vendor["id"])
        message = json.loads((VECTORS / "shopify_order.json").read_text())
        shop.deliver(vendor, message, topic="orders/create", message_id="e-1")
        (order,) = shop.items("/api/orders/")
        # The order still says that it came from the vendor; that it is being prepared is news to the vendor all the same.
        moved = shop.ask("PATCH", f"/api/orders/{order['id']}/", {"status": "preparing"}).json()
        assert moved["extra_data"]["mirror"]["source_id"] == vendor["id"]
        shop.deliver(other, {"type": "ping"}, message_id="p-1")
        shop.make("/api/inventory/", an_item("LAST"))
        own = ["order.status_changed", "webhook_event.received", "webhook_event.processed", "inventory.created"]
        every = ["webhook_event.received", "order.placed", "webhook_event.processed", *own]
        links = [
            f"/api/webhook-deliveries/?endpoint_id={one['id']}&event_type=inventory.created" for one in (free, tied)
        ]
        for link in links:
            shop.until(lambda link=link: shop.ask("GET", link), lambda seen: bool(seen.json()["items"]))  # type: ignore[misc]
        assert heard_of(shop, free) == every
        assert heard_of(shop, tied) == own
        # Nor does it miss what it caused.
        late = an_endpoint(shop, url, source_id=vendor["id"], event_types=["order.*", "webhook_event.*"])
        missing = {"since": "2020-01-01T00:00:00Z"}
        dry = shop.ask("POST", f"{ENDPOINTS}{late['id']}/replay-missing/", missing | {"dry_run": True})
        assert dry.json() == {"matched": 3}
        assert shop.ask("POST", f"{ENDPOINTS}{late['id']}/replay-missing/", missing).json() == {"matched": 3}
        assert heard_of(shop, late) == own[:3]
        # Untied it hears of everything, from now on and in hindsight.
        assert shop.ask("PATCH", f"{ENDPOINTS}{late['id']}/", {"source_id": None}).json()["source_id"] is None
        dry = shop.ask("POST", f"{ENDPOINTS}{late['id']}/replay-missing/", missing | {"dry_run": True})
        assert dry.json() == {"matched": 3}


@pytest.mark.parametrize("whose", ["nobody's", "another pharmacy's", "removed"])
def test_an_endpoint_is_tied_to_a_source_of_its_own_pharmacy_only(shop: Shop, whose: str) -> None:
    url = f"{shop.hub.url}/hooks/x"
    with open_shop(shop.hub) as other:
        source_id = shop.pharmacy_id
        if whose == "another pharmacy's":
            source_id = other.register("api_key")["id"]
        elif whose == "removed":
            source_id = shop.register("api_key")["id"]
            assert shop.ask("DELETE", f"/api/sources/{source_id}/").status_code == 204
        endpoint = an_endpoint(shop, url)
        for method, path, body in (
            ("POST", ENDPOINTS, {"url": url, "source_id": source_id}),
            ("PUT", f"{ENDPOINTS}{endpoint['id']}/", {"url": url, "source_id": source_id}),
            ("PATCH", f"{ENDPOINTS}{endpoint['id']}/", {"source_id": source_id}),
        ):
            answer = shop.ask(method, path, body)
            assert answer.status_code == 422, method
            assert [fault["pointer"] for fault in answer.json()["errors"]] == ["#/source_id"]
        assert [one["version"] for one in shop.items(ENDPOINTS)] == [1]


def test_an_endpoint_whose_source_was_removed_can_still_be_changed(shop: Shop) -> None:
    source = shop.register("api_key")
    endpoint = an_endpoint(shop, f"{shop.hub.url}/hooks/x", source_id=source["id"])
    assert shop.ask("DELETE", f"/api/sources/{source['id']}/").status_code == 204
    changed = shop.ask("PATCH", f"{ENDPOINTS}{endpoint['id']}/", {"description": "old"})
    assert (changed.status_code, changed.json()["source_id"]) == (200, source["id"])


ORDERS = (
    "order.mirror",
    {
        "order_reference": "$.data.order.id",
        "items": {"each": "$.data.order.items[*]", "fields": {"sku": "@.sku", "name": "@.name", "quantity": "@.quantity", "unit_price": "@.unit_price"}},
    },
)  # fmt: skip
SALES = (
    "sale.record",
    {"lines": {"each": "$.data.sale.lines[*]", "fields": {"sku": "@.sku", "quantity": "@.quantity", "total_price": "@.total_price"}}},
)  # fmt: skip


def _repeat_everything(teller: Shop, listener: Shop, secret: str, event_type: str, command: str, fields: Json) -> None:
    """Let every new order, or sale, of one pharmacy become a new one of another."""
    rule = {"when": {"event_types": [event_type]}, "command": command, "fields": fields}
    source = listener.register("standard", secret=secret, mapping={"rules": [rule]})
    teller.make(
        ENDPOINTS,
        {"url": f"{teller.hub.url}/hooks/{source['id']}", "event_types": [event_type], "secret": secret},
    )


@pytest.mark.parametrize(
    ("path", "first", "event_type", "repeated"),
    [
        ("/api/orders/", {"order_reference": "first", "items": [{"sku": "A", "quantity": 1, "unit_price": "1.00"}]}, "order.placed", ORDERS),
        ("/api/sales/", {"lines": [{"sku": "A", "quantity": 1, "total_price": "1.00"}]}, "sale.recorded", SALES),
    ],
    ids=["orders", "sales"],
)  # fmt: skip
def test_a_change_that_goes_round_between_two_systems_ends_after_eight_hops(
    shop: Shop, path: str, first: Json, event_type: str, repeated: tuple[str, Json]
) -> None:
    with open_shop(shop.hub) as other:
        for one in (shop, other):
            one.make("/api/inventory/", an_item("A"))
        _repeat_everything(shop, other, "whsec_" + "YWJj" * 8, event_type, *repeated)
        _repeat_everything(other, shop, "whsec_" + "ZGVm" * 8, event_type, *repeated)
        shop.make(path, first)

        def loops() -> list[Json]:
            found = [*shop.items("/api/webhook-events/"), *other.items("/api/webhook-events/")]
            return [one for one in found if one["reason"] is not None]

        shop.until(
            lambda: shop.ask("GET", "/api/webhook-events/?processed=true&limit=500"),
            lambda _: bool(loops()), within=20,
        )  # fmt: skip
        (last,) = loops()
        assert "a loop" in last["reason"]
        assert last["commands"] == []
        made = [*shop.items(path), *other.items(path)]
        hops = [one["extra_data"]["mirror"]["hops"] for one in made if "mirror" in one["extra_data"]]
        assert sorted(hops) == list(range(8))
        assert len(made) == 9
