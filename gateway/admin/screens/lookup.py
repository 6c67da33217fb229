"""Look an operation up: by its id, or by the key the client gave it; and the timeline of what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request, Response, get
from litestar.params import FromPath

from gateway.admin.choosing import Choice, acting, choose, names_of
from gateway.admin.entries import MODELS
from gateway.admin.frame import visitor_here
from gateway.admin.inside import id_of
from gateway.admin.pages import redirect, render
from gateway.audited import note_events
from gateway.context import gateway_of
from gateway.problems import refused
from hub.domain.ids import HUB_ID, operation_id_for
from hub.storage.database import Connection
from hub.storage.events import StoredEvent, read_log
from hub.storage.operations import Operation, dump_operation, find_operations
from hub.storage.overview import deliveries_of_events

Asked = Request[Any, Any, Any]


@get("/operations", opt={"console": "reader"})
async def look_up(request: Asked) -> Response[Any]:
    """Ask for an id or an Idempotency-Key, and go to what it names."""
    choice = await choose(request)
    text = request.query_params.get("q", "").strip()[:255]
    if text:
        found = await find_operation(request, choice, text)
        if found is not None:
            return redirect(request, f"/admin/operations/{found}/")
    return render(request, "lookup.html", title="Operations", choice=choice, text=text)


@get("/operations/{operation_id:uuid}", opt={"console": "reader"})
async def show_operation(request: Asked, operation_id: FromPath[UUID]) -> Response[Any]:
    """Show what became of an operation: accepted, applied, its events, and where they were sent."""
    gateway, visitor = gateway_of(request), visitor_here(request)
    pharmacy_id = visitor.rights().pharmacy_id
    if pharmacy_id is None:
        async with gateway.reads_all.connection() as connection:
            found = await _history(connection, operation_id)
    else:
        async with gateway.reads.reading(pharmacy_id) as connection:
            found = await _history(connection, operation_id)
    note_events(gateway, acting(visitor, None), request.scope)
    if found is None:
        raise refused("not-found", "no operation of this id has ended here; right after a write, load the page again")
    operation, events, deliveries = found
    shown = dump_operation(operation, ())
    names = await names_of(request, [operation.pharmacy_id]) if operation.pharmacy_id != HUB_ID else {}
    return render(
        request,
        "operation.html",
        title=operation.type,
        operation=operation,
        shown=shown,
        events=[(event, orjson.loads(event.body)) for event in events],
        rest=_rest_of(operation, events, is_portal=visitor.is_portal),
        deliveries=list(deliveries),
        pharmacy=names.get(str(operation.pharmacy_id), "the hub"),
        resource=_page_of(operation),
        milliseconds=round((operation.finished_at - operation.accepted_at).total_seconds() * 1000),
    )


async def find_operation(request: Asked, choice: Choice, text: str) -> UUID | None:
    """Find what was typed: an operation's id, or a key of the chosen pharmacy (none chosen: of the hub's own commands)."""
    gateway = gateway_of(request)
    candidates = [one for one in (id_of(text), operation_id_for(choice.chosen or HUB_ID, text)) if one is not None]
    own = visitor_here(request).rights().pharmacy_id
    if own is None:
        async with gateway.reads_all.connection() as connection:
            known = await find_operations(connection, candidates)
    else:
        async with gateway.reads.reading(own) as connection:
            known = await find_operations(connection, candidates)
    return next((one for one in candidates if one in known), None)


async def _history(
    connection: Connection, operation_id: UUID
) -> tuple[Operation, Sequence[StoredEvent], Sequence[Mapping[str, Any]]] | None:
    operation = (await find_operations(connection, [operation_id])).get(operation_id)
    if operation is None:
        return None
    if operation.first_sequence is None or not operation.event_count:
        return operation, (), ()
    first, count = operation.first_sequence, operation.event_count
    page, _ = await read_log(connection, operation.pharmacy_id, after=first - 1, limit=count)
    events = [event for event in page if event.sequence < first + count]  # of a log that was cut back, others follow
    deliveries = await deliveries_of_events(connection, operation.pharmacy_id, [event.id for event in events])
    return operation, events, deliveries


def _rest_of(operation: Operation, events: Sequence[StoredEvent], *, is_portal: bool) -> str:
    """Name the page of the events that this one has no room for; empty: it has all."""
    if not events or operation.first_sequence is None:
        return ""
    last = events[-1].sequence
    if last == operation.first_sequence + operation.event_count - 1:
        return ""
    whose = "" if is_portal or operation.pharmacy_id == HUB_ID else f"&pharmacy={operation.pharmacy_id}"
    return f"/admin/event-log/?after={last}{whose}"


def _page_of(operation: Operation) -> str:
    """Name the page of the resource it was about; empty: it has none."""
    for model in MODELS.values():
        if model.one and model.path == f"/api/{operation.resource_type}" and operation.resource_id is not None:
            return f"/admin/{model.name}/{operation.resource_id}/?pharmacy={operation.pharmacy_id}"
    return ""


HANDLERS: Final = (look_up, show_operation)
