"""Webhooks that came in: those a pharmacy sends with its key, and those that sources sent."""

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

_RECEIVE: Final = WriteRoute("webhook_event.receive", "webhook_event", 201)
_REPLACE: Final = WriteRoute("webhook_event.replace", "webhook_event", 200, conditional=True)
_UPDATE: Final = WriteRoute("webhook_event.update", "webhook_event", 200, conditional=True)
_DELETE: Final = WriteRoute("webhook_event.delete", "", 204, conditional=True)


@get("/api/webhook-events", opt={"describes": PageRoute("webhook_events")})
async def list_webhook_events(request: Asked) -> Response[Any]:
    """List the webhooks that came in."""
    return await read_page(request, "webhook_events")


@post("/api/webhook-events", opt={"describes": _RECEIVE})
async def receive_webhook(request: Asked) -> Response[Any]:
    """Take in a webhook under the pharmacy's own key."""
    return await accept(request, _RECEIVE, pharmacy_id=caller_of(request).pharmacy())


@get("/api/webhook-events/{event_id:uuid}", opt={"describes": OneRoute("webhook_event")})
async def show_webhook_event(request: Asked, event_id: FromPath[UUID]) -> Response[Any]:
    """Show a webhook that came in."""
    return await read_one(request, "webhook_events", event_id)


@put("/api/webhook-events/{event_id:uuid}", opt={"describes": _REPLACE})
async def replace_webhook_event(request: Asked, event_id: FromPath[UUID]) -> Response[Any]:
    """Replace a received webhook; only `processed` may differ from what was received."""
    return await accept(request, _REPLACE, pharmacy_id=caller_of(request).pharmacy(), target=event_id)


@patch("/api/webhook-events/{event_id:uuid}", opt={"describes": _UPDATE})
async def update_webhook_event(request: Asked, event_id: FromPath[UUID]) -> Response[Any]:
    """Mark a received webhook as processed or not."""
    return await accept(request, _UPDATE, pharmacy_id=caller_of(request).pharmacy(), target=event_id)


@delete("/api/webhook-events/{event_id:uuid}", opt={"describes": _DELETE}, status_code=200)
async def delete_webhook_event(request: Asked, event_id: FromPath[UUID]) -> Response[Any]:
    """Take a received webhook off the list."""
    return await accept(request, _DELETE, pharmacy_id=caller_of(request).pharmacy(), target=event_id)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_webhook_events,
    receive_webhook,
    show_webhook_event,
    replace_webhook_event,
    update_webhook_event,
    delete_webhook_event,
)
