"""Every list: what its items show, how it is narrowed and ordered. One entry is all that a list needs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hub.domain.order_states import OrderStatus
from hub.domain.stock import Reason
from hub.storage import models
from hub.storage.list_parts import (
    ALIVE,
    BY_NAME,
    EVERY_PHARMACY,
    REFERENCE,
    TIMES,
    VERSIONED,
    bounds,
    equal,
    has_one,
    in_lines,
    search,
    since,
    sorts,
)
from hub.storage.lists_hub import LISTINGS_HUB
from hub.storage.lists_outside import LISTINGS_OUTSIDE
from hub.storage.page_sql import contains_text, item_of
from hub.storage.paging import MAX_QUERY_TEXT, Filter, Listing, Parent, Sort
from hub.storage.parameter_kinds import BOOLEAN, IDENTIFIER, INTEGER, MONEY, TIME, one_of, text_of

_ONLY_LINE: Final = (
    "CASE WHEN jsonb_array_length(t.lines) = 1 THEN coalesce((t.lines->0->'{}')::text, 'null') ELSE 'null' END"
)

_MOVEMENT: Final = (
    "id",
    "delta",
    "quantity_after",
    "reason",
    "note",
    "reference_uri",
    "occurred_at",
    "recorded_at",
    "operation_id",
)
_OF_MOVEMENTS: Final = {
    "reason": equal("reason", one_of(Reason)),
    "operation_id": equal("operation_id", IDENTIFIER),
    "occurred_since": since("occurred_at"),
    "recorded_since": since("recorded_at"),
}
_IN_ORDER: Final = {"position": Sort("t.position", "int8", None)}

_LISTINGS: Final = (
    Listing(
        "pharmacies",
        "pharmacies",
        "pharmacy",
        item_of(models.Pharmacy, ("id", "name", "is_active", "webhook_url", "settings", *VERSIONED)),
        {
            "name": equal("name", text_of(1000)),
            "is_active": equal("is_active", BOOLEAN),
            **search("normalize(t.name)"),
            **TIMES,
        },
        sorts() | BY_NAME,
        "created_at",
        scope="id",
        wide=("settings",),
    ),
    Listing(
        "keys",
        "api_keys",
        "key",
        item_of(
            models.ApiKey,
            ("id", "pharmacy_id", "name", "scopes", "hint", "expires_at", "revoked_at", "last_used_at", *VERSIONED),
        ),
        {
            "name": equal("name", text_of(1000)),
            "is_revoked": Filter(
                BOOLEAN, "(t.revoked_at IS NOT NULL) = {}", "Revoked keys only, or keys in force only."
            ),
            **TIMES,
        },
        sorts() | BY_NAME,
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
                *VERSIONED,
            ),
            available="(t.quantity - t.reserved)::text",
        ),
        {
            "sku": Filter(REFERENCE, "t.sku = {}", everywhere=EVERY_PHARMACY),
            "name": equal("name", text_of(1000)),
            "identifier": Filter(
                REFERENCE,
                has_one("identifiers", "value"),
                "Has an identifier of this value.",
                cost="costly",
            ),
            "quantity": equal("quantity", INTEGER),
            **bounds("quantity", "t.quantity", INTEGER),
            **bounds("available", "(t.quantity - t.reserved)", INTEGER),
            **bounds("price", "t.price", MONEY),
            "is_low": Filter(
                BOOLEAN,
                "coalesce(t.quantity - t.reserved <= t.low_stock_threshold, false) = {}",
                "What is available is at or below the item's `low_stock_threshold`.",
            ),
            **search("t.sku", "normalize(t.name)"),
            **TIMES,
        },
        sorts(sku="text", quantity="int8", price="numeric")
        | BY_NAME
        | {"available": Sort("(t.quantity - t.reserved)", "int8", lambda item: item["available"])},
        "created_at",
        alive=ALIVE,
        wide=("extra_data", "identifiers"),
    ),
    Listing(
        "movements",
        "stock_movements",
        "movement",
        item_of(models.StockMovement, _MOVEMENT),
        _OF_MOVEMENTS,
        _IN_ORDER,
        "-position",
        tie="position",
        tie_kind="int8",
        is_sortable=False,
        parent=Parent("inventory", "item_id"),
        versioned=False,
    ),
    Listing(
        "ledger",
        "stock_movements",
        "movement",
        item_of(
            models.StockMovement,
            ("id", "pharmacy_id", "item_id", "sku", *_MOVEMENT[1:]),
            sku="coalesce((SELECT to_json(i.sku)::text FROM inventory_items i WHERE i.id = t.item_id), 'null')",
        ),
        {
            "item_id": Filter(IDENTIFIER, "t.item_id = {}", "Movements of this item.", everywhere="true"),
            "sku": Filter(
                REFERENCE,
                "t.item_id IN (SELECT i.id FROM inventory_items i WHERE i.sku = {})",
                "Movements of the items that have, or had when they were deleted, this sku.",
                cost="costly",
            ),
            **_OF_MOVEMENTS,
            "recorded_before": Filter(TIME, "t.recorded_at < {}", "`recorded_at` before this time."),
        },
        _IN_ORDER,
        "-position",
        tie="position",
        tie_kind="int8",
        is_sortable=False,
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
                *VERSIONED,
            ),
            sku=_ONLY_LINE.replace("{}", "sku"),
            inventory_item=_ONLY_LINE.replace("{}", "inventory_item"),
            quantity="(SELECT coalesce(sum((line->>'quantity')::int8), 0)::text FROM jsonb_array_elements(t.lines) AS line)",
        ),
        {
            "status": equal("status", one_of(("recorded", "voided"))),
            "reference": equal("reference", REFERENCE),
            "sku": Filter(REFERENCE, has_one("lines", "sku"), "Has a line of this sku.", cost="costly"),
            "inventory_item": Filter(
                IDENTIFIER,
                has_one("lines", "inventory_item"),
                "Has a line of this item.",
                cost="costly",
            ),
            "sale_time_gte": Filter(TIME, "t.sale_time >= {}", "Sold at or after this time."),
            "sale_time_lt": Filter(TIME, "t.sale_time < {}", "Sold before this time."),
            "q": Filter(
                text_of(MAX_QUERY_TEXT),
                f"{contains_text('t.reference')} OR {in_lines('lines', 'sku')}",
                "A literal part, in any case, of `reference` or a line's `sku`.",
                cost="costly",
            ),
            **TIMES,
        },
        sorts(sale_time="timestamptz", total_price="numeric"),
        "created_at",
        wide=("lines", "extra_data"),
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
                *VERSIONED,
            ),
        ),
        {
            "status": equal("status", one_of(OrderStatus)),
            "order_reference": Filter(REFERENCE, "t.order_reference = {}", everywhere=EVERY_PHARMACY),
            "source": equal("source", REFERENCE),
            "sku": Filter(REFERENCE, has_one("items", "sku"), "Has a line of this sku.", cost="costly"),
            "q": Filter(
                text_of(MAX_QUERY_TEXT),
                f"{contains_text('t.order_reference')} OR {in_lines('items', 'sku', 'name')}",
                "A literal part, in any case, of `order_reference` or a line's `sku` or `name`.",
                cost="costly",
            ),
            **TIMES,
        },
        sorts(order_reference="text", total_amount="numeric"),
        "created_at",
        wide=("items", "reason", "extra_data"),
    ),
)


LISTINGS: Final[Mapping[str, Listing]] = MappingProxyType(
    {listing.name: listing for listing in (*_LISTINGS, *LISTINGS_OUTSIDE, *LISTINGS_HUB)}
)
"""Name of a list to what it is."""
