"""Outbound webhooks: what was sent where, and what came of every attempt."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.describe import OneRoute, PageRoute
from gateway.reads import read_one, read_page

Asked = Request[Any, Any, Any]


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


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (list_deliveries, show_delivery, list_attempts)
