"""Square: `order.created`, `order.updated`, `order.fulfillment.updated` and `inventory.count.updated`.

An order's message names its id and state only; its lines come where the message holds the whole order (`order`). Square counts
what may be sold (`IN_STOCK` is less by what is sold or reserved there), by the id of a catalogue object.

Source: Square's API specification, the webhook events and the types Order and InventoryCount.
"""

from decimal import Decimal
from typing import Any

from hub.domain.adapters.wish import (
    Wish,
    article_of,
    counting,
    identifier,
    instant,
    is_here,
    listed,
    members,
    revision_of,
    whole,
    without_nothing,
)
from hub.domain.mapping import Mapping, decimal_of, format_cents

VENDOR = "square"
_STATE = {"DRAFT": "pending", "COMPLETED": "completed", "CANCELED": "cancelled"}
_FULFILMENT = {"PROPOSED": "pending", "RESERVED": "confirmed", "PREPARED": "ready"}
_NAMES = {
    "order.created": "order_created", "order.updated": "order_updated", "order.fulfillment.updated": "order_fulfillment_updated",
}  # fmt: skip


def translate(event_type: str, payload: dict[str, Any], mapping: Mapping) -> list[Wish]:
    """Read a message; an empty list: it means nothing here.

    Raises:
        Untranslatable: it says too little.
    """
    found = members(payload, "data", "object")
    if event_type in _NAMES:
        return _order(found, members(found, _NAMES[event_type]), mapping)
    if event_type == "inventory.count.updated":
        counts = listed(found.get("inventory_counts"))
        return [
            _count(one, mapping)
            for one in counts
            if one.get("state") == "IN_STOCK" and is_here(mapping, one.get("location_id"))
        ]
    return []


def _order(found: dict[str, Any], news: dict[str, Any], mapping: Mapping) -> list[Wish]:
    whole_order = members(found, "order")
    if not is_here(mapping, news.get("location_id") or whole_order.get("location_id")):
        return []
    number = identifier(news.get("order_id") or whole_order.get("id"), "the order's id")
    version = news.get("version", whole_order.get("version"))
    total = decimal_of(members(whole_order, "total_money").get("amount"))
    lines = [_line(line, mapping) for line in listed(whole_order.get("line_items"))]
    return [Wish("order.mirror", number, without_nothing({
        "order_reference": mapping.reference_prefix + str(whole_order.get("reference_id") or number),
        "items": [line for line, _ in lines] if "line_items" in whole_order else None,
        "total_amount": None if total is None or total < 0 else format_cents(total / 100),
        "status": _status(news.get("state") or whole_order.get("state"), news, whole_order),
        "revision": version if isinstance(version, int) and not isinstance(version, bool) and version >= 0 else None,
        "extra_data": {"vendor": VENDOR, "vendor_id": number},
    }.items()), [vendor_id for _, vendor_id in lines])]  # fmt: skip


def _status(state: Any, news: dict[str, Any], order: dict[str, Any]) -> str | None:  # noqa: ANN401 -- a JSON value
    """Read where the order stands; an open one stands where its first fulfilment does, None: that is not said."""
    if state != "OPEN":
        return _STATE.get(str(state))
    updates = listed(news.get("fulfillment_update")) or listed(order.get("fulfillments"))
    step = updates[0].get("new_state", updates[0].get("state")) if updates else None
    return _FULFILMENT.get(str(step))


def _line(line: dict[str, Any], mapping: Mapping) -> tuple[dict[str, Any], str | None]:
    sku, vendor_id = article_of(mapping, VENDOR, None, line.get("catalog_object_id"), line.get("uid"))
    price = decimal_of(members(line, "base_price_money").get("amount")) or Decimal(0)
    return {
        "sku": sku, "name": str(line.get("name") or "")[:1000], "quantity": whole(line.get("quantity"), "a line's quantity"),
        "unit_price": format_cents(max(price, Decimal(0)) / 100),
    }, vendor_id  # fmt: skip


def _count(count: dict[str, Any], mapping: Mapping) -> Wish:
    at = instant(count.get("calculated_at"))
    body: dict[str, Any] = {"quantity": whole(count.get("quantity"), "`quantity`"), "basis": "available"}
    body |= counting(mapping, count.get("location_id"))
    if at is not None:
        body |= {"revision": revision_of(at), "occurred_at": at.isoformat()}
    return Wish("inventory.mirror", identifier(count.get("catalog_object_id"), "`catalog_object_id`"), body)
