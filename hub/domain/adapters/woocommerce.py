"""WooCommerce: `order.created`, `order.updated`, `order.deleted`, `order.restored`.

Source: WooCommerce REST API v3, resource Order; the body of a webhook is the body of the resource. A deletion has no date and
needs none: a shop makes the body when it sends it, and sends it once (`WC_Webhook::deliver`), so nothing older follows.
"""

from decimal import Decimal
from html import unescape
from typing import Any

from hub.domain.adapters.wish import Wish, article_of, identifier, instant, listed, revision_of, whole, without_nothing
from hub.domain.mapping import Mapping, decimal_of, format_cents

VENDOR = "woocommerce"
_STATUS = {
    "pending": "pending", "checkout-draft": "pending", "processing": "confirmed", "on-hold": "on_hold", "completed": "completed",
    "cancelled": "cancelled", "refunded": "cancelled", "trash": "cancelled", "failed": "rejected",
}  # fmt: skip


def translate(event_type: str, payload: dict[str, Any], mapping: Mapping) -> list[Wish]:
    """Read a message; an empty list: it means nothing here.

    Raises:
        Untranslatable: it says too little.
    """
    resource, _, verb = event_type.partition(".")
    if resource != "order" or verb not in {"created", "updated", "deleted", "restored"}:
        return []
    number = identifier(payload.get("id"), "the order's `id`")
    reference = mapping.reference_prefix + str(payload.get("number") or number)
    if verb == "deleted":
        return [
            Wish("order.mirror", number, {"order_reference": reference, "status": "cancelled", "reason": "deleted"})
        ]
    lines, vendor_ids = [], []
    for line in listed(payload.get("line_items")):
        quantity = whole(line.get("quantity"), "a line's quantity")
        if quantity < 1:
            continue
        sku, vendor_id = article_of(mapping, VENDOR, line.get("sku"), line.get("variation_id"), line.get("product_id"))
        vendor_ids.append(vendor_id)
        lines.append({
            "sku": sku, "name": unescape(str(line.get("name") or ""))[:1000], "quantity": quantity, "unit_price": _unit_price(line, quantity),
        })  # fmt: skip
    total = decimal_of(payload.get("total"))
    changed_at = instant(payload.get("date_modified_gmt") or payload.get("date_created_gmt"), is_utc=True)
    status = str(payload.get("status") or "pending")
    return [Wish("order.mirror", number, without_nothing({
        "order_reference": reference, "items": lines, "total_amount": None if total is None or total < 0 else format_cents(total),
        # A status of the shop's own making moves nothing.
        "status": _STATUS.get(status.removeprefix("wc-")), "revision": revision_of(changed_at),
        "extra_data": {"vendor": VENDOR, "vendor_id": number, "status": status[:100], "currency": str(payload.get("currency") or "")[:10]},
    }.items()), vendor_ids)]  # fmt: skip


def _unit_price(line: dict[str, Any], quantity: int) -> str:
    """Read what one unit costs, before taxes; a discount is in `total`, so that wins over the list price."""
    total = decimal_of(line.get("total"))
    price = total / quantity if total is not None else decimal_of(line.get("price"))
    return format_cents(max(price or Decimal(0), Decimal(0)))
