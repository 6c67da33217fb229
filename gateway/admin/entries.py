"""All models of the console by name; here those of a pharmacy's own life, the others beside."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.admin.entries_hub import ENTRIES as HUB
from gateway.admin.entries_outside import ENTRIES as OUTSIDE
from gateway.admin.registry import Action, Column, Form, Input, Model
from hub.domain.orders import ENDED, EXTERNAL, NEXT, OrderStatus

_TIMES: Final = (Column("created_at", "time"), Column("updated_at", "time"), Column("version", "number"))
_JSON: Final = Input(widget="json", help="A JSON object. The hub keeps it and never reads it.")
_RESERVED_REASONS: Final = "Sales and orders move stock by themselves; this is for everything else."


def _moves(row: Mapping[str, Any]) -> list[str]:
    """List where an order may go from here."""
    status = OrderStatus(row["status"])
    if row["source"] == EXTERNAL:
        return [one.value for one in OrderStatus if one is not status]
    back = [row["held_from"]] if status is OrderStatus.ON_HOLD and row["held_from"] else []
    return back + [one.value for one in OrderStatus if one in NEXT[status]]


_PHARMACIES: Final = Model(
    name="pharmacies",
    noun="pharmacy",
    plural="Pharmacies",
    icon="building-store",
    listing="pharmacies",
    path="/api/pharmacies",
    one="/api/pharmacies/{id}",
    is_hubs=True,
    title=lambda row: str(row["name"]),
    columns=(
        Column("name", "link"),
        Column("is_active", "flag", "Active"),
        Column("webhook_url", "code", wide=True),
        Column("id", "id", wide=True),
        Column("created_at", "time", wide=True),
    ),
    details=(
        Column("id", "id"),
        Column("is_active", "flag", "Active"),
        Column("webhook_url", "code"),
        Column("settings", "json"),
        *_TIMES,
    ),
    filters=("is_active",),
    secrets=("api_key", "webhook_secret"),
    search="Search names",
    create=Form(
        "pharmacy.create",
        "/api/pharmacies",
        "POST",
        ("name", "webhook_url", "settings"),
        {
            "webhook_url": Input(help="Shorthand for one endpoint that gets every event. Others are added later."),
            "settings": _JSON,
        },
        role="admin",
    ),
    edit=Form(
        "pharmacy.update",
        "/api/pharmacies/{id}",
        "PATCH",
        ("name", "is_active", "webhook_url", "settings"),
        {"settings": _JSON, "webhook_url": Input(help="A new URL gets a new secret, which is shown once.")},
    ),
    delete=Action(
        "deactivate",
        "Deactivate",
        "pharmacy.deactivate",
        "/api/pharmacies/{id}",
        "DELETE",
        "ban",
        when=lambda row: bool(row["is_active"]),
        confirm="Its keys, sockets and AMQP logins stop at once. Its records stay, and it can be made active again.",
        danger=True,
        bulk=True,
        role="admin",
    ),
    actions=(
        Action(
            "activate",
            "Make active",
            "pharmacy.update",
            "/api/pharmacies/{id}",
            "PATCH",
            "check",
            body={"is_active": True},
            when=lambda row: not row["is_active"],
            confirm="Its keys that were not revoked open the hub again.",
            bulk=True,
        ),
    ),
)

_KEYS: Final = Model(
    name="keys",
    noun="key",
    plural="Keys",
    icon="key",
    listing="keys",
    path="/api/pharmacies/{pharmacy_id}/keys",
    one="/api/pharmacies/{pharmacy_id}/keys/{id}",
    needs_pharmacy=True,
    title=lambda row: str(row["name"]),
    columns=(
        Column("name", "link"),
        Column("hint", "code", "Ends in"),
        Column("scopes", "tags"),
        Column("last_used_at", "time", "Last used"),
        Column("expires_at", "time", "Expires", wide=True),
        Column("revoked_at", "time", "Revoked"),
    ),
    details=(
        Column("id", "id"),
        Column("pharmacy_id", "pharmacy", "Pharmacy"),
        Column("hint", "code", "Ends in"),
        Column("scopes", "tags"),
        Column("last_used_at", "time", "Last used"),
        Column("expires_at", "time", "Expires"),
        Column("revoked_at", "time", "Revoked"),
        *_TIMES,
    ),
    filters=("is_revoked",),
    secrets=("api_key",),
    about="A key opens every door of one pharmacy: HTTP, WebSocket and AMQP. It is shown once, when it is made.",
    create=Form(
        "api_key.create",
        "/api/pharmacies/{pharmacy_id}/keys",
        "POST",
        ("name", "scopes", "expires_at"),
        {
            "name": Input(help="Where it is used, for example the till's serial number."),
            "scopes": Input(widget="checks", value=("read", "write", "webhooks")),
            "expires_at": Input(help="In UTC. Empty: never."),
        },
        role="admin",
    ),
    delete=Action(
        "revoke",
        "Revoke",
        "api_key.revoke",
        "/api/pharmacies/{pharmacy_id}/keys/{id}",
        "DELETE",
        "ban",
        when=lambda row: row["revoked_at"] is None,
        confirm="It ends for good, within seconds at every door. What uses it needs another key first.",
        danger=True,
        bulk=True,
        role="admin",
    ),
)

_INVENTORY: Final = Model(
    name="inventory",
    noun="item",
    plural="Inventory",
    icon="packages",
    listing="inventory",
    path="/api/inventory",
    one="/api/inventory/{id}",
    title=lambda row: f"{row['sku']} · {row['name']}",
    columns=(
        Column("sku", "link", "SKU"),
        Column("name"),
        Column("quantity", "number"),
        Column("reserved", "number", wide=True),
        Column("available", "number"),
        Column("price", "money"),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
        Column("updated_at", "time", "Changed", wide=True),
    ),
    details=(
        Column("id", "id"),
        Column("pharmacy_id", "pharmacy", "Pharmacy"),
        Column("sku", "code", "SKU"),
        Column("name"),
        Column("quantity", "number"),
        Column("reserved", "number"),
        Column("available", "number"),
        Column("price", "money"),
        Column("low_stock_threshold", "number"),
        Column("identifiers", "json"),
        Column("extra_data", "json"),
        *_TIMES,
    ),
    filters=("is_low", "quantity_lt", "identifier"),
    search="Search SKUs and names",
    create=Form(
        "inventory.create",
        "/api/inventory",
        "POST",
        ("sku", "name", "quantity", "price", "low_stock_threshold", "identifiers", "extra_data"),
        {
            "quantity": Input(value=0, help="What is on the shelf now; the first line of the item's ledger."),
            "low_stock_threshold": Input(help="At or below it, an event says that stock is low."),
            "identifiers": Input(widget="lines", help="GTIN, NDC or PZN; their check digits are checked."),
            "extra_data": _JSON,
        },
    ),
    edit=Form(
        "inventory.update",
        "/api/inventory/{id}",
        "PATCH",
        ("sku", "name", "quantity", "price", "low_stock_threshold", "identifiers", "extra_data"),
        {
            "quantity": Input(help="Another number is a count: it is booked as a movement of its own."),
            "identifiers": Input(widget="lines"),
            "extra_data": _JSON,
        },
    ),
    delete=Action(
        "delete",
        "Delete",
        "inventory.delete",
        "/api/inventory/{id}",
        "DELETE",
        "trash",
        confirm="What is left of it is written off. Its ledger stays, its SKU is free again. Refused while orders hold some.",
        danger=True,
        bulk=True,
    ),
    actions=(
        Action(
            "adjust",
            "Adjust stock",
            "inventory.adjust",
            "/api/inventory/{id}/adjustments",
            icon="adjustments",
            fields=("reason", "delta", "quantity", "note", "reference_uri"),
            inputs={
                "reason": Input(help=_RESERVED_REASONS),
                "delta": Input(help="How many come (5) or go (-5)."),
                "quantity": Input(help="Only with the reason count, instead of a delta: what was counted."),
                "note": Input(widget="textarea"),
            },
        ),
    ),
)

_SALES: Final = Model(
    name="sales",
    noun="sale",
    plural="Sales",
    icon="receipt",
    listing="sales",
    path="/api/sales",
    one="/api/sales/{id}",
    title=lambda row: str(row["reference"] or f"Sale {row['id'][-8:]}"),
    columns=(
        Column("sale_time", "time", "Sold"),
        Column("reference", "link"),
        Column("sku", "code", "SKU"),
        Column("quantity", "number"),
        Column("total_price", "money", "Total"),
        Column("status", "badge"),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
    ),
    details=(
        Column("id", "id"),
        Column("pharmacy_id", "pharmacy", "Pharmacy"),
        Column("reference", "code"),
        Column("status", "badge"),
        Column("sale_time", "time", "Sold"),
        Column("total_price", "money", "Total"),
        Column("lines", "lines"),
        Column("extra_data", "json"),
        *_TIMES,
    ),
    filters=("status", "sale_time_gte", "sale_time_lt"),
    search="Search references and SKUs",
    sort="-created_at",
    about="A sale is a fact of the till: it is never refused for lack of stock, and voided instead of erased.",
    create=Form(
        "sale.record",
        "/api/sales",
        "POST",
        ("lines", "sale_time", "reference", "extra_data"),
        {
            "lines": Input(widget="lines", columns=("sku", "quantity", "total_price")),
            "sale_time": Input(help="In UTC. Empty: now."),
            "extra_data": _JSON,
        },
    ),
    edit=Form(
        "sale.update",
        "/api/sales/{id}",
        "PATCH",
        ("reference", "extra_data"),
        {"reference": Input(help="Only the reference and the extra data of a sale change."), "extra_data": _JSON},
    ),
    delete=Action(
        "void",
        "Void",
        "sale.void",
        "/api/sales/{id}",
        "DELETE",
        "arrow-back-up",
        when=lambda row: row["status"] == "recorded",
        confirm="The stock comes back by reversing movements. The sale stays in the list, as voided.",
        danger=True,
        bulk=True,
    ),
)

_ORDERS: Final = Model(
    name="orders",
    noun="order",
    plural="Orders",
    icon="shopping-cart",
    listing="orders",
    path="/api/orders",
    one="/api/orders/{id}",
    title=lambda row: str(row["order_reference"]),
    columns=(
        Column("order_reference", "link", "Order"),
        Column("status", "badge"),
        Column("total_amount", "money", "Total"),
        Column("source", wide=True),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
        Column("created_at", "time", "Placed"),
        Column("updated_at", "time", "Changed", wide=True),
    ),
    details=(
        Column("id", "id"),
        Column("pharmacy_id", "pharmacy", "Pharmacy"),
        Column("status", "badge"),
        Column("held_from", "badge", "On hold from"),
        Column("reason"),
        Column("source"),
        Column("total_amount", "money", "Total"),
        Column("items", "lines"),
        Column("extra_data", "json"),
        *_TIMES,
    ),
    filters=("status", "source"),
    search="Search references, SKUs and names",
    create=Form(
        "order.place",
        "/api/orders",
        "POST",
        ("order_reference", "items", "source", "status", "total_amount", "extra_data"),
        {
            "items": Input(widget="lines"),
            "source": Input(value="hub", help="external mirrors another system's order: any state, any total."),
            "status": Input(help="pending, unless the source is external.", value="pending"),
            "total_amount": Input(help="Empty: the sum of the items."),
            "extra_data": _JSON,
        },
    ),
    edit=Form(
        "order.update",
        "/api/orders/{id}",
        "PATCH",
        ("order_reference", "items", "extra_data"),
        {"items": Input(widget="lines", help="Items change only while the order is pending."), "extra_data": _JSON},
    ),
    delete=Action(
        "cancel",
        "Cancel",
        "order.cancel",
        "/api/orders/{id}",
        "DELETE",
        "ban",
        when=lambda row: row["status"] not in ENDED,
        confirm="What it holds of the stock is released.",
        danger=True,
        bulk=True,
    ),
    actions=(
        Action(
            "move",
            "Move",
            "order.transition",
            "/api/orders/{id}/transitions",
            icon="arrows-exchange",
            fields=("status", "reason"),
            choices={"status": _moves},
            inputs={"status": Input(label="To"), "reason": Input(widget="textarea")},
            when=lambda row: bool(_moves(row)),
        ),
    ),
)

MODELS: Final[Mapping[str, Model]] = MappingProxyType(
    {model.name: model for model in (_PHARMACIES, _INVENTORY, _ORDERS, _SALES, _KEYS, *OUTSIDE, *HUB)}
)
"""Name in addresses to the model, in the order of the menu."""
