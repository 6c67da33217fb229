"""Sales: facts of the till."""

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

_RECORD: Final = WriteRoute("sale.record", "sale", 201)
_REPLACE: Final = WriteRoute("sale.replace", "sale", 200, conditional=True)
_UPDATE: Final = WriteRoute("sale.update", "sale", 200, conditional=True)
_VOID: Final = WriteRoute("sale.void", "", 204, conditional=True)


@get("/api/sales", opt={"describes": PageRoute("sales")})
async def list_sales(request: Asked) -> Response[Any]:
    """List the pharmacy's sales."""
    return await read_page(request, "sales")


@post("/api/sales", opt={"describes": _RECORD})
async def record_sale(request: Asked) -> Response[Any]:
    """Record a sale, with its lines or in the flat form. It is never refused for lack of stock."""
    return await accept(request, _RECORD, pharmacy_id=caller_of(request).pharmacy())


@get("/api/sales/{sale_id:uuid}", opt={"describes": OneRoute("sale")})
async def show_sale(request: Asked, sale_id: FromPath[UUID]) -> Response[Any]:
    """Show a sale."""
    return await read_one(request, "sales", sale_id)


@put("/api/sales/{sale_id:uuid}", opt={"describes": _REPLACE})
async def replace_sale(request: Asked, sale_id: FromPath[UUID]) -> Response[Any]:
    """Replace a sale's `reference` and `extra_data`; the rest was recorded and has to be sent as it is."""
    return await accept(request, _REPLACE, pharmacy_id=caller_of(request).pharmacy(), target=sale_id)


@patch("/api/sales/{sale_id:uuid}", opt={"describes": _UPDATE})
async def update_sale(request: Asked, sale_id: FromPath[UUID]) -> Response[Any]:
    """Change a sale's `reference` or `extra_data`."""
    return await accept(request, _UPDATE, pharmacy_id=caller_of(request).pharmacy(), target=sale_id)


@delete("/api/sales/{sale_id:uuid}", opt={"describes": _VOID}, status_code=200)
async def void_sale(request: Asked, sale_id: FromPath[UUID]) -> Response[Any]:
    """Void a sale by reversing movements; its record stays."""
    return await accept(request, _VOID, pharmacy_id=caller_of(request).pharmacy(), target=sale_id)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_sales,
    record_sale,
    show_sale,
    replace_sale,
    update_sale,
    void_sale,
)
