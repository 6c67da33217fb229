"""Orders and their way along the state table."""

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

_PLACE: Final = WriteRoute("order.place", "order", 201)
_REPLACE: Final = WriteRoute("order.replace", "order", 200, conditional=True)
_UPDATE: Final = WriteRoute("order.update", "order", 200, conditional=True)
_TRANSITION: Final = WriteRoute("order.transition", "order", 200, conditional=True)
_CANCEL: Final = WriteRoute("order.cancel", "", 204, conditional=True)


@get("/api/orders", opt={"describes": PageRoute("orders")})
async def list_orders(request: Asked) -> Response[Any]:
    """List the pharmacy's orders."""
    return await read_page(request, "orders")


@post("/api/orders", opt={"describes": _PLACE})
async def place_order(request: Asked) -> Response[Any]:
    """Place an order; it begins as `pending`, unless it mirrors one from outside."""
    return await accept(request, _PLACE, pharmacy_id=caller_of(request).pharmacy())


@get("/api/orders/{order_id:uuid}", opt={"describes": OneRoute("order")})
async def show_order(request: Asked, order_id: FromPath[UUID]) -> Response[Any]:
    """Show an order."""
    return await read_one(request, "orders", order_id)


@put("/api/orders/{order_id:uuid}", opt={"describes": _REPLACE})
async def replace_order(request: Asked, order_id: FromPath[UUID]) -> Response[Any]:
    """Replace an order; its items change only while it is `pending`. A `status` moves it."""
    return await accept(request, _REPLACE, pharmacy_id=caller_of(request).pharmacy(), target=order_id)


@patch("/api/orders/{order_id:uuid}", opt={"describes": _UPDATE})
async def update_order(request: Asked, order_id: FromPath[UUID]) -> Response[Any]:
    """Change some of an order; a `status` moves it."""
    return await accept(request, _UPDATE, pharmacy_id=caller_of(request).pharmacy(), target=order_id)


@post("/api/orders/{order_id:uuid}/transitions", opt={"describes": _TRANSITION})
async def move_order(request: Asked, order_id: FromPath[UUID]) -> Response[Any]:
    """Move an order along the state table."""
    return await accept(request, _TRANSITION, pharmacy_id=caller_of(request).pharmacy(), target=order_id)


@delete("/api/orders/{order_id:uuid}", opt={"describes": _CANCEL}, status_code=200)
async def cancel_order(request: Asked, order_id: FromPath[UUID]) -> Response[Any]:
    """Cancel an order where the state table allows it; its record stays."""
    return await accept(request, _CANCEL, pharmacy_id=caller_of(request).pharmacy(), target=order_id)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_orders,
    place_order,
    show_order,
    replace_order,
    update_order,
    move_order,
    cancel_order,
)
