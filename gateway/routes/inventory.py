"""Stock: items, adjustments, and the ledger of movements."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import accept
from gateway.auth import caller_of
from gateway.describe import OneRoute, PageRoute, WriteRoute
from gateway.reads import read_one, read_page

Asked = Request[Any, Any, Any]

_CREATE: Final = WriteRoute("inventory.create", "inventory", 201)
_REPLACE: Final = WriteRoute("inventory.replace", "inventory", 200, conditional=True)
_UPDATE: Final = WriteRoute("inventory.update", "inventory", 200, conditional=True)
_DELETE: Final = WriteRoute("inventory.delete", "", 204, conditional=True)
_ADJUST: Final = WriteRoute("inventory.adjust", "inventory", 200, conditional=True)


@get("/api/inventory", opt={"describes": PageRoute("inventory")})
async def list_items(request: Asked) -> Response[Any]:
    """List the pharmacy's items."""
    return await read_page(request, "inventory")


@post("/api/inventory", opt={"describes": _CREATE})
async def create_item(request: Asked) -> Response[Any]:
    """Add an item to the pharmacy's stock."""
    return await accept(request, _CREATE, pharmacy_id=caller_of(request).pharmacy())


@get("/api/inventory/{item_id:uuid}", opt={"describes": OneRoute("inventory")})
async def show_item(request: Asked, item_id: FromPath[UUID]) -> Response[Any]:
    """Show an item."""
    return await read_one(request, "inventory", item_id)


@put("/api/inventory/{item_id:uuid}", opt={"describes": _REPLACE})
async def replace_item(request: Asked, item_id: FromPath[UUID]) -> Response[Any]:
    """Replace an item; a quantity needs `If-Match` or `expected_quantity`."""
    return await accept(request, _REPLACE, pharmacy_id=caller_of(request).pharmacy(), target=item_id)


@patch("/api/inventory/{item_id:uuid}", opt={"describes": _UPDATE})
async def update_item(request: Asked, item_id: FromPath[UUID]) -> Response[Any]:
    """Change some of an item; a quantity needs `If-Match` or `expected_quantity`."""
    return await accept(request, _UPDATE, pharmacy_id=caller_of(request).pharmacy(), target=item_id)


@delete("/api/inventory/{item_id:uuid}", opt={"describes": _DELETE}, status_code=200)
async def delete_item(request: Asked, item_id: FromPath[UUID]) -> Response[Any]:
    """Take an item off the list; what is left of it is written off. Refused while orders hold some of it."""
    return await accept(request, _DELETE, pharmacy_id=caller_of(request).pharmacy(), target=item_id)


@post("/api/inventory/{item_id:uuid}/adjustments", opt={"describes": _ADJUST})
async def adjust_item(request: Asked, item_id: FromPath[UUID]) -> Response[Any]:
    """Change a quantity by a delta and its reason, or declare a count."""
    return await accept(request, _ADJUST, pharmacy_id=caller_of(request).pharmacy(), target=item_id)


@get("/api/inventory/{item_id:uuid}/movements", opt={"describes": PageRoute("movements")})
async def list_movements(request: Asked, item_id: FromPath[UUID]) -> Response[Any]:
    """List an item's movements, newest first in order of application."""
    return await read_page(request, "movements", item_id=item_id)


@get("/api/movements", opt={"describes": PageRoute("ledger")})
async def list_ledger(request: Asked) -> Response[Any]:
    """List the movements of all of the pharmacy's items, newest first in order of application."""
    return await read_page(request, "ledger")


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_items,
    create_item,
    show_item,
    replace_item,
    update_item,
    delete_item,
    adjust_item,
    list_movements,
    list_ledger,
)
