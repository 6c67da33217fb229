"""Every event that the rules cause fits the schema that is served for its type."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import jsonschema_rs
import orjson
import pytest

from gateway.event_schemas import EVENTS, event_schema
from tests.kit.builders import (
    CORNER,
    History,
    a_line,
    a_pharmacy,
    a_sale,
    a_webhook,
    an_adjustment,
    an_item,
    an_order,
    id_of,
)

# Not of a pharmacy's own life: outbound webhooks, AMQP, what operators do with parked messages.
ELSEWHERE = {
    name
    for name in EVENTS
    if name.startswith(
        ("webhook_endpoint.", "webhook_delivery.", "command.", "parked_message.", "operator.", "integrator")
    )
}


@pytest.fixture(scope="module")
def log() -> list[dict[str, Any]]:
    """A pharmacy's life in which everything happens once."""
    history = History()
    history.accept("pharmacy.create", a_pharmacy(settings={"a": None}), of=CORNER)
    history.accept("pharmacy.update", {"name": "Corner 2", "settings": {"b": [1.5]}}, of=CORNER)
    key = history.accept("api_key.create", {"name": "till", "expires_at": "2027-01-01T00:00:00Z"})
    history.do("api_key.revoke", of=id_of(key))
    item = history.accept(
        "inventory.create", an_item(low_stock_threshold=5, identifiers=[{"scheme": "x", "value": "1"}])
    )
    history.accept("inventory.update", {"name": "Aspirin 100"}, of=id_of(item))
    history.accept("inventory.adjust", an_adjustment(3), of=id_of(item))
    history.accept("inventory.update", {"quantity": 9, "expected_quantity": 13}, of=id_of(item))
    sale = history.accept("sale.record", a_sale([a_line(), a_line(quantity=12)], reference="till"))
    flat = history.accept(
        "sale.record", {"sku": "PZN1", "quantity": 1, "total_price": "0.10", "extra_data": {"x": {"y": []}}}
    )
    history.accept("sale.update", {"reference": None, "extra_data": {"x": "😀"}}, of=id_of(sale))
    history.do("sale.void", of=id_of(sale))
    history.do("sale.void", of=id_of(flat))
    order = history.accept("order.place", an_order())
    history.accept("order.update", {"extra_data": {"x": 1}}, of=id_of(order))
    for status in ("confirmed", "on_hold", "confirmed", "preparing", "ready", "completed"):
        history.accept("order.transition", {"status": status}, of=id_of(order))
    hook = history.accept("webhook_event.receive", a_webhook(payload=None))
    history.accept("webhook_event.update", {"processed": True}, of=id_of(hook))
    history.do("webhook_event.reprocess", of=id_of(hook))
    settled = {"operation_id": str(CORNER), "type": "order.mirror", "status": "rejected"}
    history.do("webhook_event.settle", {"processed": True, "reason": "x", "commands": [settled]}, of=id_of(hook), door="system")  # fmt: skip
    history.do("webhook_event.delete", of=id_of(hook))
    source = history.accept("source.create", {"name": "shop", "scheme": "github", "mapping": {"adapter": "shopify"}})
    history.accept("source.update", {"enabled": False, "settings": {"challenge_path": "/c"}}, of=id_of(source))
    history.accept("source.rotate_secret", {}, of=id_of(source))
    history.do("source.delete", of=id_of(source))
    history.do("inventory.delete", of=id_of(item))
    history.do("pharmacy.deactivate", of=CORNER)
    return [event for events in history.events.values() for event in events]


def test_a_life_causes_every_type_of_the_rules(log: list[dict[str, Any]]) -> None:
    assert {event["type"] for event in log} == set(EVENTS) - ELSEWHERE - {
        "operator_key.created",
        "operator_key.revoked",
    }


def test_every_event_fits_its_schema(log: list[dict[str, Any]]) -> None:
    for event in log:
        jsonschema_rs.validator_for(event_schema(event["type"])).validate(event)


def test_an_everyday_event_has_less_than_two_kilobytes(log: list[dict[str, Any]]) -> None:
    assert {event["type"]: size for event in log if (size := len(orjson.dumps(event))) > 2000} == {}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event.pop("timestamp"), lambda event: event.update(sequence=0), lambda event: event.update(type="sale.voided"),
        lambda event: event["data"].update(more=1), lambda event: event["data"]["sale"].update(quantity="1"),
        lambda event: event["data"]["sale"].update(total_price=1.5), lambda event: event["data"]["sale"].update(colour="red"),
        lambda event: event["data"]["sale"].pop("version"), lambda event: event["data"]["changed"].update(version=1),
        lambda event: event["data"]["sale"]["lines"][0].pop("quantity_after"), lambda event: event.update(time="2026-11-24T12:00:00Z"),
    ],
)  # fmt: skip
def test_a_schema_refuses_what_is_no_such_event(log: list[dict[str, Any]], spoil: Any) -> None:
    event: dict[str, Any] = deepcopy(next(event for event in log if event["type"] == "sale.recorded"))
    validator = jsonschema_rs.validator_for(event_schema("sale.recorded"))
    validator.validate(event)
    spoil(event)
    assert not validator.is_valid(event)


@pytest.mark.parametrize("event_type", EVENTS)
def test_a_schema_is_complete_in_itself(event_type: str) -> None:
    found = event_schema(event_type)
    jsonschema_rs.meta.validate(found)
    _refer(found, found)
    assert found["additionalProperties"] is False


def _refer(node: Any, document: Mapping[str, Any]) -> None:
    if isinstance(node, dict):
        if "$ref" in node:
            assert node["$ref"].startswith("#/$defs/")
            assert node["$ref"].rpartition("/")[2] in document["$defs"]
        for inner in node.values():
            _refer(inner, document)
    elif isinstance(node, list):
        for inner in node:
            _refer(inner, document)


def test_the_events_of_endpoints_fit_their_schemas() -> None:
    history = History()
    sealed = {"secret": "ciphertext", "auth": "ciphertext", "auth_type": "bearer"}
    body = {
        "url": "https://x.example/",
        "filter": {"type": "sale.recorded"},
        "headers": {"X-A": "1"},
        "ladder_seconds": [1],
    }
    endpoint = id_of(history.accept("webhook_endpoint.create", body, minted=sealed))
    history.accept("webhook_endpoint.update", {"filter": {"sequence": 1}, "auth": None}, of=endpoint, minted={})
    history.accept("webhook_endpoint.rotate_secret", {}, of=endpoint, minted={"secret": "other"})
    history.accept("webhook_endpoint.test", {}, of=endpoint)
    history.do("webhook_endpoint.delete", of=endpoint)
    events = history.events[CORNER]
    assert [event["type"].partition(".")[2] for event in events] == [
        "created",
        "updated",
        "updated",
        "tested",
        "deleted",
    ]
    for event in events:
        jsonschema_rs.validator_for(event_schema(event["type"])).validate(event)
    assert "ciphertext" not in str(events)
