"""Panels that explain a row: why a quantity is what it is, where an order may go, how far a file is."""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request

from gateway.admin.entries_trade import moves_of
from gateway.admin.panels import Panel, Row, panel
from gateway.auth import Caller
from gateway.context import gateway_of
from hub.storage.overview import movements_by_reason

Asked = Request[Any, Any, Any]

_PATH: Final = ("pending", "confirmed", "preparing", "ready", "completed")
"""The way of an order that nothing happens to."""


@panel("inventory")
async def why_this_quantity(request: Asked, row: Row, _caller: Caller) -> Panel | None:
    """Sum the ledger by reason: the lines add up to the quantity, or the hub has a fault."""
    pharmacy_id = UUID(row["pharmacy_id"])
    async with gateway_of(request).reads.reading(pharmacy_id) as connection:
        reasons = await movements_by_reason(connection, pharmacy_id, UUID(row["id"]))
    total = sum(moved for _, _, moved in reasons)
    return Panel(
        "Why is this quantity?",
        "panel_quantity.html",
        {"reasons": reasons, "total": total, "quantity": row["quantity"], "is_explained": total == row["quantity"]},
    )


@panel("orders")
async def order_states(_request: Asked, row: Row, _caller: Caller) -> Panel | None:
    """Draw the way of an order, where it stands, and where it may go from there."""
    status, came_from = row["status"], row.get("held_from") or row["status"]
    passed = _PATH.index(came_from) if came_from in _PATH else -1
    return Panel(
        "Where it stands",
        "panel_states.html",
        {
            "path": [(name, index <= passed, name == status) for index, name in enumerate(_PATH)],
            "aside": "" if status in _PATH else status,
            "moves": moves_of(row),
        },
    )


@panel("uploads")
async def progress(request: Asked, row: Row, _caller: Caller) -> Panel | None:
    """Show how far a file is; the panel renews itself, and what stands below it, until every row has its result."""
    query = urlencode({**request.query_params, "pharmacy": row["pharmacy_id"]})
    return Panel("Progress", "panel_progress.html", {"row": row, "again": f"/admin/uploads/{row['id']}/?{query}"})
