"""Outbound webhooks: what was sent where, and what came of every attempt."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import accept
from gateway.auth import caller_of
from gateway.bodies import expect_nothing
from gateway.describe import OneRoute, PageRoute, WriteRoute
from gateway.reads import read_one, read_page

Asked = Request[Any, Any, Any]

_RESEND: Final = WriteRoute("webhook_delivery.resend", "webhook_delivery", 200)


@get("/api/webhook-deliveries", opt={"describes": PageRoute("webhook_deliveries"), "scope": "webhooks"})
async def list_deliveries(request: Asked) -> Response[Any]:
    """List deliveries: each is one event for one endpoint."""
    return await read_page(request, "webhook_deliveries")


@get(
    "/api/webhook-deliveries/{delivery_id:uuid}",
    opt={"describes": OneRoute("webhook_delivery", has_etag=False), "scope": "webhooks"},
)
async def show_delivery(request: Asked, delivery_id: FromPath[UUID]) -> Response[Any]:
    """Show a delivery."""
    return await read_one(request, "webhook_deliveries", delivery_id)


@get(
    "/api/webhook-deliveries/{delivery_id:uuid}/attempts",
    opt={"describes": PageRoute("webhook_attempts"), "scope": "webhooks"},
)
async def list_attempts(request: Asked, delivery_id: FromPath[UUID]) -> Response[Any]:
    """List the attempts of a delivery."""
    return await read_page(request, "webhook_attempts", delivery_id=delivery_id)


@post("/api/webhook-deliveries/{delivery_id:uuid}/resend", opt={"describes": _RESEND, "scope": "webhooks"})
async def resend_delivery(request: Asked, delivery_id: FromPath[UUID]) -> Response[Any]:
    """Send a delivery again, whatever became of it; it begins a new ladder. The body may be left out."""
    expect_nothing(request)
    return await accept(request, _RESEND, pharmacy_id=caller_of(request).pharmacy(), target=delivery_id)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (list_deliveries, show_delivery, list_attempts, resend_delivery)
