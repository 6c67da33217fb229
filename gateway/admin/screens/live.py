"""Live events: a pharmacy's log as it grows, over Server-Sent Events of the console's own session."""

from typing import Any, Final

import orjson
from litestar import Request, Response, get

from gateway.admin.choosing import acting, choose
from gateway.admin.frame import visitor_here
from gateway.admin.pages import render
from gateway.audited import note_events
from gateway.context import gateway_of
from gateway.streams import EventStream, log_of
from gateway.subscription import Types
from hub.storage.events import find_bounds, read_log

Asked = Request[Any, Any, Any]

SHOWN_AT_FIRST: Final = 25


@get("/live", opt={"console": "reader"})
async def show_live(request: Asked) -> Response[Any]:
    """Show the newest events; JavaScript then adds each one as it happens."""
    choice = await choose(request)
    caller = acting(visitor_here(request), choice.chosen)
    log = log_of(caller)
    note_events(gateway_of(request), caller, request.scope)
    async with gateway_of(request).reads.reading(log) as connection:
        _, last = await find_bounds(connection, log)
        events, _ = await read_log(connection, log, after=max(0, last - SHOWN_AT_FIRST), limit=SHOWN_AT_FIRST)
    return render(
        request,
        "live.html",
        title="Live events",
        choice=choice,
        # What is not shown yet comes with the stream.
        last=events[-1].sequence if events else last,
        url=gateway_of(request).settings.url,
        events=[(event.body, orjson.loads(event.body)) for event in reversed(events)],
    )


@get("/live/stream", opt={"console": "reader", "quiet": True})
async def stream_live(request: Asked) -> EventStream:
    """Follow the events of a pharmacy, or the hub's own, from behind `after` or `Last-Event-ID`."""
    choice = await choose(request)
    caller = acting(visitor_here(request), choice.chosen)
    note_events(gateway_of(request), caller, request.scope)
    wanted = str(request.headers.get("last-event-id") or request.query_params.get("after", ""))
    after = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else None  # noqa: PLR2004 -- 63 bits
    return EventStream(gateway_of(request).relay, caller, after, Types())


HANDLERS: Final = (show_live, stream_live)
