"""The models of what is sold and ordered."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.admin.registry import Action, Column, Form, Input, Model
from hub.domain.order_states import ENDED, EXTERNAL, NEXT, OrderStatus

_TIMES: Final = (Column("created_at", "time"), Column("updated_at", "time"), Column("version", "number"))
_ITEM: Final = Column("inventory_item", "id", "Item", model="inventory")
_LINES: Final = (
    Column("sku", "code", "SKU"),
    Column("quantity", "number"),
    Column("total_price", "money"),
    Column("quantity_after", "number"),
    _ITEM,
)
_ITEMS: Final = (
    Column("sku", "code", "SKU"),
    Column("name"),
    Column("quantity", "number"),
    Column("unit_price", "money"),
    Column("reserved", "number"),
    Column("supplied", "number"),
    Column("short", "flag"),
    _ITEM,
)
_JSON: Final = Input(widget="json", help="A JSON object. The hub keeps it and never reads it.")


def moves_of(row: Mapping[str, Any]) -> list[str]:
    """List where an order may go from here."""
    status = OrderStatus(row["status"])
    if row["source"] == EXTERNAL:
        return [one.value for one in OrderStatus if one is not status]
    back = [row["held_from"]] if status is OrderStatus.ON_HOLD and row["held_from"] else []
    return back + [one.value for one in OrderStatus if one in NEXT[status]]


_SALES: Final = Model(
    name="sales",
    noun="sale",
    plural="Sales",
    icon="receipt",
    listing="sales",
    path="/api/sales",
    none_yet="No sales yet: the till sends one for each receipt, and a file of them can be imported.",
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
        Column("lines", "lines", columns=_LINES),
        Column("extra_data", "object"),
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
    none_yet="No orders yet: one comes from a web shop's webhook, over the API, or is made here.",
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
        # Only a vendor's message makes such an order.
        Column(
            "items",
            "lines",
            columns=_ITEMS,
            none_yet="No lines: its vendor's message had none. It holds nothing of the stock.",
        ),
        Column("extra_data", "object"),
        *_TIMES,
    ),
    filters=("status", "source"),
    search="Search references, SKUs and names",
    whole="order_reference",
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
        ("order_reference", "items", "source", "total_amount", "extra_data"),
        {
            "items": Input(widget="lines", help="Items change only while the order is pending."),
            "total_amount": Input(
                help="The sum of the items, unless the source is external. It follows them by itself."
            ),
            "extra_data": _JSON,
        },
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
            choices={"status": moves_of},
            inputs={"status": Input(label="To"), "reason": Input(widget="textarea")},
            when=lambda row: bool(moves_of(row)),
        ),
    ),
)

ENTRIES: Final = (_ORDERS, _SALES)
