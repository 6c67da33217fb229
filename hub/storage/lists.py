"""Every list: what its items show, how it is narrowed and ordered. One entry is all that a list needs."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, get_args

from hub.domain.inventory import Reason
from hub.domain.orders import OrderStatus
from hub.domain.webhooks import DeliveryStatus
from hub.storage import models
from hub.storage.page_sql import contains_text, item_of
from hub.storage.paging import (
    BOOLEAN,
    IDENTIFIER,
    INTEGER,
    MAX_QUERY_TEXT,
    MONEY,
    TIME,
    Filter,
    Kind,
    Listing,
    Parent,
    Sort,
    one_of,
    text_of,
)

_REFERENCE: Final = text_of(128)
_NAME_ORDER: Final = 256
"""Characters of a name that its order goes by; a cursor holds them."""

_BOUNDS: Final = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_ALIVE: Final = "t.deleted_at IS NULL"
_VERSIONED: Final = ("created_at", "updated_at", "version")


def _equal(column: str, kind: Kind, text: str = "") -> Filter:
    return Filter(kind, f"t.{column} = {{}}", text)


def _since(column: str) -> Filter:
    return Filter(TIME, f"t.{column} >= {{}}", f"`{column}` at or after this time.")


def _bounds(name: str, expression: str, kind: Kind) -> dict[str, Filter]:
    words = {"lt": "below", "lte": "at most", "gt": "above", "gte": "at least"}
    return {
        f"{name}_{suffix}": Filter(kind, f"{expression} {operator} {{}}", f"`{name}` {words[suffix]} this value.")
        for suffix, operator in _BOUNDS.items()
    }


def _search(*columns: str) -> dict[str, Filter]:
    shown = ", ".join(
        f"`{column.partition('(')[2].partition(')')[0] or column}`".replace("t.", "") for column in columns
    )
    return {"q": Filter(text_of(MAX_QUERY_TEXT), contains_text(*columns), f"A literal part, in any case, of {shown}.")}


def _in_lines(column: str, *names: str) -> str:
    inside = contains_text(*(f"(line->>'{name}')" for name in names))
    return f"EXISTS (SELECT 1 FROM jsonb_array_elements(t.{column}) AS line WHERE {inside})"


_TIMES: Final = {"created_since": _since("created_at"), "updated_since": _since("updated_at")}


def _column_sort(column: str, kind: str) -> Sort:
    return Sort(f't."{column}"', kind, lambda item: item[column])


def _sorts(**columns: str) -> dict[str, Sort]:
    return {
        name: _column_sort(name, kind)
        for name, kind in ({"created_at": "timestamptz", "updated_at": "timestamptz"} | columns).items()
    }


_BY_NAME: Final = {
    "name": Sort(f'left(t.name, {_NAME_ORDER}) COLLATE "und-x-icu"', "text", lambda item: item["name"][:_NAME_ORDER])
}
_ONLY_LINE: Final = (
    "CASE WHEN jsonb_array_length(t.lines) = 1 THEN coalesce((t.lines->0->'{}')::text, 'null') ELSE 'null' END"
)
_PENDING: Final = "(t.rows - t.applied - t.rejected)"

_LISTINGS: Final = (
    Listing(
        "pharmacies",
        "pharmacies",
        "pharmacy",
        item_of(models.Pharmacy, ("id", "name", "is_active", "webhook_url", "settings", *_VERSIONED)),
        {
            "name": _equal("name", text_of(1000)),
            "is_active": _equal("is_active", BOOLEAN),
            **_search("normalize(t.name)"),
            **_TIMES,
        },
        _sorts() | _BY_NAME,
        "created_at",
        scope="id",
    ),
    Listing(
        "keys",
        "api_keys",
        "key",
        item_of(
            models.ApiKey, ("id", "pharmacy_id", "name", "scopes", "hint", "expires_at", "revoked_at", *_VERSIONED)
        ),
        {
            "name": _equal("name", text_of(1000)),
            "is_revoked": Filter(
                BOOLEAN, "(t.revoked_at IS NOT NULL) = {}", "Revoked keys only, or keys in force only."
            ),
            **_TIMES,
        },
        _sorts() | _BY_NAME,
        "created_at",
        parent=Parent("pharmacies", "pharmacy_id"),
    ),
    Listing(
        "inventory",
        "inventory_items",
        "inventory item",
        item_of(
            models.InventoryItem,
            (
                "id",
                "pharmacy_id",
                "sku",
                "name",
                "quantity",
                "reserved",
                "available",
                "price",
                "extra_data",
                "identifiers",
                "low_stock_threshold",
                *_VERSIONED,
            ),
            available="(t.quantity - t.reserved)::text",
        ),
        {
            "sku": _equal("sku", _REFERENCE),
            "name": _equal("name", text_of(1000)),
            "identifier": Filter(
                _REFERENCE,
                "t.identifiers @> jsonb_build_array(jsonb_build_object('value', {}))",
                "Has an identifier of this value.",
            ),
            "quantity": _equal("quantity", INTEGER),
            **_bounds("quantity", "t.quantity", INTEGER),
            **_bounds("available", "(t.quantity - t.reserved)", INTEGER),
            **_bounds("price", "t.price", MONEY),
            "is_low": Filter(
                BOOLEAN,
                "coalesce(t.quantity - t.reserved <= t.low_stock_threshold, false) = {}",
                "What is available is at or below the item's `low_stock_threshold`.",
            ),
            **_search("t.sku", "normalize(t.name)"),
            **_TIMES,
        },
        _sorts(sku="text", quantity="int8", price="numeric")
        | _BY_NAME
        | {"available": Sort("(t.quantity - t.reserved)", "int8", lambda item: item["available"])},
        "created_at",
        alive=_ALIVE,
    ),
    Listing(
        "movements",
        "stock_movements",
        "movement",
        item_of(
            models.StockMovement,
            (
                "id",
                "delta",
                "quantity_after",
                "reason",
                "note",
                "reference_uri",
                "occurred_at",
                "recorded_at",
                "operation_id",
            ),
        ),
        {
            "reason": _equal("reason", one_of(Reason)),
            "operation_id": _equal("operation_id", IDENTIFIER),
            "occurred_since": _since("occurred_at"),
            "recorded_since": _since("recorded_at"),
        },
        {"position": Sort("t.position", "int8", None)},
        "-position",
        tie="position",
        tie_kind="int8",
        is_sortable=False,
        parent=Parent("inventory", "item_id"),
        versioned=False,
    ),
    Listing(
        "sales",
        "sales",
        "sale",
        item_of(
            models.Sale,
            (
                "id",
                "pharmacy_id",
                "lines",
                "sku",
                "inventory_item",
                "quantity",
                "total_price",
                "sale_time",
                "reference",
                "status",
                "extra_data",
                *_VERSIONED,
            ),
            sku=_ONLY_LINE.replace("{}", "sku"),
            inventory_item=_ONLY_LINE.replace("{}", "inventory_item"),
            quantity="(SELECT coalesce(sum((line->>'quantity')::int8), 0)::text FROM jsonb_array_elements(t.lines) AS line)",
        ),
        {
            "status": _equal("status", one_of(("recorded", "voided"))),
            "reference": _equal("reference", _REFERENCE),
            "sku": Filter(
                _REFERENCE, "t.lines @> jsonb_build_array(jsonb_build_object('sku', {}))", "Has a line of this sku."
            ),
            "inventory_item": Filter(
                IDENTIFIER,
                "t.lines @> jsonb_build_array(jsonb_build_object('inventory_item', {}::text))",
                "Has a line of this item.",
            ),
            "sale_time_gte": Filter(TIME, "t.sale_time >= {}", "Sold at or after this time."),
            "sale_time_lt": Filter(TIME, "t.sale_time < {}", "Sold before this time."),
            "q": Filter(
                text_of(MAX_QUERY_TEXT),
                f"{contains_text('t.reference')} OR {_in_lines('lines', 'sku')}",
                "A literal part, in any case, of `reference` or a line's `sku`.",
            ),
            **_TIMES,
        },
        _sorts(sale_time="timestamptz", total_price="numeric"),
        "created_at",
    ),
    Listing(
        "orders",
        "orders",
        "order",
        item_of(
            models.Order,
            (
                "id",
                "pharmacy_id",
                "order_reference",
                "items",
                "total_amount",
                "status",
                "held_from",
                "reason",
                "source",
                "extra_data",
                *_VERSIONED,
            ),
        ),
        {
            "status": _equal("status", one_of(OrderStatus)),
            "order_reference": _equal("order_reference", _REFERENCE),
            "source": _equal("source", _REFERENCE),
            "sku": Filter(
                _REFERENCE, "t.items @> jsonb_build_array(jsonb_build_object('sku', {}))", "Has a line of this sku."
            ),
            "q": Filter(
                text_of(MAX_QUERY_TEXT),
                f"{contains_text('t.order_reference')} OR {_in_lines('items', 'sku', 'name')}",
                "A literal part, in any case, of `order_reference` or a line's `sku` or `name`.",
            ),
            **_TIMES,
        },
        _sorts(order_reference="text", total_amount="numeric"),
        "created_at",
    ),
    Listing(
        "webhook_events",
        "webhook_events",
        "webhook event",
        item_of(
            models.WebhookEvent,
            (
                "id",
                "pharmacy_id",
                "event_type",
                "payload",
                "source_id",
                "received_at",
                "processed",
                "processed_at",
                *_VERSIONED,
            ),
        ),
        {
            "event_type": _equal("event_type", _REFERENCE),
            "processed": _equal("processed", BOOLEAN),
            "source_id": _equal("source_id", IDENTIFIER),
            "received_since": _since("received_at"),
            **_search("t.event_type"),
            **_TIMES,
        },
        _sorts(received_at="timestamptz", event_type="text"),
        "created_at",
        alive=_ALIVE,
    ),
    Listing(
        "uploads",
        "uploads",
        "upload",
        item_of(
            models.Upload,
            ("id", "pharmacy_id", "kind", "rows", "applied", "rejected", "pending", "status", *_VERSIONED),
            pending=f"{_PENDING}::text",
            status=f"""CASE WHEN {_PENDING} > 0 THEN '"pending"' ELSE '"done"' END""",
        ),
        {
            "kind": _equal("kind", one_of(("inventory", "sales"))),
            "status": Filter(
                one_of(("pending", "done")), f"CASE WHEN {_PENDING} > 0 THEN 'pending' ELSE 'done' END = {{}}"
            ),
            **_TIMES,
        },
        _sorts(),
        "created_at",
    ),
    Listing(
        "upload_errors",
        "upload_errors",
        "fault of a row",
        item_of(models.UploadError, ("line", "pointer", "code", "detail")),
        {"line": _equal("line", INTEGER), "code": _equal("code", _REFERENCE)},
        {"line": Sort("t.line", "int4", None)},
        "line",
        is_sortable=False,
        parent=Parent("uploads", "upload_id"),
        versioned=False,
    ),
    Listing(
        "webhook_endpoints",
        "webhook_endpoints",
        "webhook endpoint",
        item_of(
            models.WebhookEndpoint, ("id", "pharmacy_id", "url", "event_types", "enabled", "description", *_VERSIONED)
        ),
        {
            "enabled": _equal("enabled", BOOLEAN),
            "url": _equal("url", text_of(2048)),
            **_search("t.url", "t.description"),
            **_TIMES,
        },
        _sorts(),
        "created_at",
        alive=_ALIVE,
    ),
    Listing(
        "webhook_deliveries",
        "webhook_deliveries",
        "webhook delivery",
        item_of(
            models.WebhookDelivery,
            (
                "id",
                "pharmacy_id",
                "endpoint_id",
                "event_id",
                "event_sequence",
                "event_type",
                "status",
                "attempts",
                "next_attempt_at",
                "last_status_code",
                "created_at",
                "updated_at",
            ),
        ),
        {
            "endpoint_id": _equal("endpoint_id", IDENTIFIER),
            "event_id": _equal("event_id", IDENTIFIER),
            "event_type": _equal("event_type", text_of(64)),
            "status": _equal("status", one_of(get_args(DeliveryStatus))),
            **_TIMES,
        },
        _sorts(event_sequence="int8"),
        "created_at",
        versioned=False,
    ),
    Listing(
        "webhook_attempts",
        "webhook_attempts",
        "attempt",
        item_of(models.WebhookAttempt, ("number", "at", "status_code", "error", "duration_ms", "response_body")),
        {"status_code": _equal("status_code", INTEGER)},
        {"number": Sort("t.number", "int4", None)},
        "number",
        is_sortable=False,
        parent=Parent("webhook_deliveries", "delivery_id"),
        versioned=False,
    ),
)


def _by_name(listings: Iterable[Listing]) -> Mapping[str, Listing]:
    return MappingProxyType({listing.name: listing for listing in listings})


LISTINGS: Final = _by_name(_LISTINGS)
"""Name of a list to what it is."""
