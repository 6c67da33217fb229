"""Shopify: `orders/*` and `inventory_levels/*`. Shopify counts what is available for sale; lines name a sku or a variant.

Source: the JSON of the webhook topics, Shopify Admin REST API, resources Order and InventoryLevel.
"""

from html import unescape
from typing import Any

from hub.domain.adapters.wish import (
    Untranslatable,
    Wish,
    article_of,
    counting,
    identifier,
    instant,
    is_here,
    listed,
    revision_of,
    whole,
    without_nothing,
)
from hub.domain.mapping import Mapping, decimal_of, format_cents

VENDOR = "shopify"
_ORDERS = frozenset({"create", "updated", "cancelled", "paid", "fulfilled", "partially_fulfilled", "edited"})
_KEPT = ("currency", "financial_status", "fulfillment_status", "cancel_reason")


def translate(event_type: str, payload: dict[str, Any], mapping: Mapping) -> list[Wish]:
    """Read a message; an empty list: it means nothing here.

    Raises:
        Untranslatable: it says too little.
    """
    resource, _, verb = event_type.partition("/")
    if resource == "orders" and verb in _ORDERS:
        return [_order(verb, payload, mapping)]
    if resource == "inventory_levels" and verb in {"update", "connect", "disconnect"}:
        return _level(verb, payload, mapping)
    return []


def _order(verb: str, order: dict[str, Any], mapping: Mapping) -> Wish:
    number = identifier(order.get("id"), "the order's `id`")
    updated_at = instant(order.get("updated_at"))
    lines, vendor_ids = [], []
    for line in listed(order.get("line_items")):
        quantity = whole(line.get("current_quantity", line.get("quantity")), "a line's quantity")
        price = decimal_of(line.get("price"))
        if quantity < 1 or price is None or price < 0:
            continue
        sku, vendor_id = article_of(mapping, VENDOR, line.get("sku"), line.get("variant_id"), line.get("product_id"))
        vendor_ids.append(vendor_id)
        lines.append({
            "sku": sku,
            "name": unescape(str(line.get("name") or line.get("title") or ""))[:1000],
            "quantity": quantity, "unit_price": format_cents(price),
        })  # fmt: skip
    total = decimal_of(order.get("current_total_price", order.get("total_price")))
    return Wish("order.mirror", number, without_nothing({
        "order_reference": mapping.reference_prefix + str(order.get("name") or number),
        "items": lines, "total_amount": None if total is None or total < 0 else format_cents(total),
        "status": _status(verb, order), "reason": str(order.get("cancel_reason") or "") or None,
        "revision": revision_of(updated_at), "extra_data": _extra(number, order),
    }.items()), vendor_ids)  # fmt: skip


def _extra(number: str, order: dict[str, Any]) -> dict[str, Any]:
    """Keep what tells about the order, and nothing about the customer."""
    return {"vendor": VENDOR, "vendor_id": number} | {
        name: str(order[name])[:100] for name in _KEPT if order.get(name) is not None
    }


def _status(verb: str, order: dict[str, Any]) -> str:
    if verb == "cancelled" or order.get("cancelled_at"):
        return "cancelled"
    if order.get("fulfillment_status") == "fulfilled":
        return "completed"
    match order.get("financial_status"):
        case "pending" | "expired":
            return "pending"
        case "voided" | "refunded":
            return "cancelled"
        case _:
            return "confirmed"


def _level(verb: str, level: dict[str, Any], mapping: Mapping) -> list[Wish]:
    # What a location does not keep any more must not be counted for ever.
    available = 0 if verb == "disconnect" else level.get("available")
    if not is_here(mapping, level.get("location_id")) or available is None:
        return []
    article = identifier(level.get("inventory_item_id"), "`inventory_item_id`")
    at = instant(level.get("updated_at"))
    body: dict[str, Any] = {"quantity": whole(available, "`available`"), "basis": "available"}
    body |= counting(mapping, level.get("location_id"))
    if at is not None:
        body |= {"revision": revision_of(at), "occurred_at": at.isoformat()}
    return [Wish("inventory.mirror", article, body)]


__all__ = ["VENDOR", "Untranslatable", "translate"]
