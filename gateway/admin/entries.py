"""All models of the console by name; here pharmacies, their keys and their stock, the others beside."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.admin.entries_endpoints import ENTRIES as ENDPOINTS
from gateway.admin.entries_hub import ENTRIES as HUB
from gateway.admin.entries_outside import ENTRIES as OUTSIDE
from gateway.admin.entries_people import ENTRIES as PEOPLE
from gateway.admin.entries_trade import ENTRIES as TRADE
from gateway.admin.registry import Action, Column, Form, Input, Model

_TIMES: Final = (Column("created_at", "time"), Column("updated_at", "time"), Column("version", "number"))
_JSON: Final = Input(widget="json", help="A JSON object. The hub keeps it and never reads it.")
_RESERVED_REASONS: Final = "Sales and orders move stock by themselves; this is for everything else."


_PHARMACIES: Final = Model(
    name="pharmacies",
    noun="pharmacy",
    plural="Pharmacies",
    icon="building-store",
    listing="pharmacies",
    path="/api/pharmacies",
    none_yet="No pharmacies yet: one is made here, or over the API with an operator's key.",
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
        Column("settings", "object"),
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
    none_yet="No keys yet: each system of the pharmacy that comes in gets one of its own, here or over the API.",
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
    none_yet="No items yet: one is made here, imported from a file, or sent by the pharmacy's own system.",
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
        Column("identifiers", "lines", columns=(Column("scheme", "code"), Column("value", "code"))),
        Column("extra_data", "object"),
        *_TIMES,
    ),
    filters=("sku", "is_low", "identifier"),
    search="Search SKUs and names",
    whole="sku",
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
            fields=("reason", "delta", "quantity", "note", "reference_uri", "occurred_at"),
            inputs={
                "reason": Input(help=_RESERVED_REASONS),
                "delta": Input(help="How many come (5) or go (-5)."),
                "quantity": Input(help="Only with the reason count, instead of a delta: what was counted."),
                "note": Input(widget="textarea"),
                "occurred_at": Input(help="In UTC. Empty: now."),
            },
        ),
    ),
)

_MOVEMENTS: Final = Model(
    name="movements",
    noun="movement",
    plural="Movements",
    icon="clipboard-list",
    listing="ledger",
    path="/api/movements",
    none_yet="No movements yet: every change of a quantity writes one, by a sale, an order, a count or an adjustment.",
    columns=(
        Column("recorded_at", "time", "Recorded"),
        Column("sku", "code", "SKU", model="inventory", of="item_id"),
        Column("reason", "badge"),
        Column("delta", "number"),
        Column("quantity_after", "number", "Quantity after"),
        Column("note", wide=True),
        Column("operation_id", "id", "Operation", model="operations", wide=True),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
    ),
    details=(
        Column("occurred_at", "time", "Occurred"),
        Column("reference_uri"),
        Column("item_id", "id"),
        Column("id", "id"),
    ),
    filters=("sku", "reason", "recorded_since", "recorded_before"),
    about="The ledger of stock: every change of a quantity, with its reason. Nothing here is ever changed or removed.",
)

MODELS: Final[Mapping[str, Model]] = MappingProxyType(
    {
        model.name: model
        for model in (_PHARMACIES, _INVENTORY, _MOVEMENTS, *TRADE, _KEYS, *OUTSIDE, *ENDPOINTS, *HUB, *PEOPLE)
    }
)
"""Name in addresses to the model, in the order of the menu."""
