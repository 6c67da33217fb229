"""Webhooks that came in: those a pharmacy sends with its key, and those that sources sent."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import accept
from gateway.auth import caller_of
from gateway.describe import OneRoute, OtherRoute, PageRoute, WriteRoute
from gateway.reads import read_one, read_page
from gateway.reprocess import ReprocessMany, reprocess_many

Asked = Request[Any, Any, Any]

_RECEIVE: Final = WriteRoute("webhook_event.receive", "webhook_event", 201)
_REPLACE: Final = WriteRoute("webhook_event.replace", "webhook_event", 200, conditional=True)
_UPDATE: Final = WriteRoute("webhook_event.update", "webhook_event", 200, conditional=True)
_DELETE: Final = WriteRoute("webhook_event.delete", "", 204, conditional=True)
_REPROCESS: Final = WriteRoute("webhook_event.reprocess", "webhook_event", 200)
_REPROCESS_MANY: Final = OtherRoute(
    {200: ("matched", "application/json"), 202: ("matched", "application/json")},
    body=ReprocessMany,
    problems=("malformed", "validation", "too-large", "unsupported-media-type", "pharmacy-required", "unavailable"),
)


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


@post("/api/webhook-events/{event_id:uuid}/reprocess", opt={"describes": _REPROCESS})
async def reprocess_webhook_event(request: Asked, event_id: FromPath[UUID]) -> Response[Any]:
    """Translate a received webhook once more, by the mapping that its source has now.

    What was applied of it stays applied once; what was refused is tried again.
    """
    return await accept(request, _REPROCESS, pharmacy_id=caller_of(request).pharmacy(), target=event_id)


@post("/api/webhook-events/reprocess", opt={"describes": _REPROCESS_MANY}, status_code=202)
async def reprocess_webhook_events(request: Asked) -> Response[Any]:
    """Translate all received webhooks that a filter matches once more, the oldest first, at most 10,000 in a call.

    With `dry_run` they are only counted. The same Idempotency-Key asks once for each.
    """
    return await reprocess_many(request)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_webhook_events,
    receive_webhook,
    show_webhook_event,
    replace_webhook_event,
    update_webhook_event,
    delete_webhook_event,
    reprocess_webhook_events,
    reprocess_webhook_event,
)
