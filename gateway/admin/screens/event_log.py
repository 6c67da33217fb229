"""The log of a pharmacy's events, or of the hub's own: page by page, from any sequence, of one type."""

from typing import Any, Final

from litestar import Request, Response, get

from gateway.admin.choosing import acting, choose
from gateway.admin.frame import visitor_here
from gateway.admin.inside import ask
from gateway.admin.pages import render
from gateway.context import gateway_of
from gateway.streams import log_of
from hub.domain.problem import Problem
from hub.storage.events import find_bounds

Asked = Request[Any, Any, Any]

SHOWN: Final = 50


@get("/event-log", opt={"console": "reader"})
async def show_log(request: Asked) -> Response[Any]:
    """Show events in the order of their sequence; without a place in the log, its newest."""
    choice = await choose(request)
    caller = acting(visitor_here(request), choice.chosen)
    log = log_of(caller)
    async with gateway_of(request).reads.reading(log) as connection:
        first, last = await find_bounds(connection, log)
    wanted, event_type = request.query_params.get("after", "").strip(), request.query_params.get("type", "").strip()
    after = wanted or str(max(first - 1, 0 if event_type else last - SHOWN))
    query = [("after", after), ("limit", str(SHOWN)), *([("type", event_type)] if event_type else [])]
    said = await ask(request, caller, "GET", "/api/events", query=query)
    events: list[dict[str, Any]] = []
    problem: Problem | None = None
    newer: int | None = None
    if said.is_problem:
        problem = said.problem()
    else:
        page = said.json
        events = page["items"]
        newer = page["next_after"] if page["next_after"] < last else None
    begins = events[0]["sequence"] - 1 if events else last
    return render(
        request,
        "event_log.html",
        200 if problem is None else said.status,
        title="Event log",
        choice=choice,
        events=events,
        problem=problem,
        first=first,
        last=last,
        after=wanted,
        type=event_type,
        # Of one type nobody knows where the page before began.
        older=max(first - 1, begins - SHOWN) if begins >= first and not event_type else None,
        newer=newer,
        suffix=f"&pharmacy={choice.chosen}" if choice.is_free and choice.chosen else "",
    )


HANDLERS: Final = (show_log,)
