"""What became of a command."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.answers import Answer
from gateway.auth import Caller, caller_of
from gateway.context import Gateway, gateway_of
from gateway.describe import OtherRoute
from gateway.middleware import check_query
from gateway.problems import Refused, refused
from hub.domain.fields import format_time
from hub.faults import Unavailable
from hub.storage.database import Connection
from hub.storage.events import find_heads
from hub.storage.operations import Operation, dump_operation, find_operations

Asked = Request[Any, Any, Any]

_QUERY: Final = {
    "accepted": {
        "type": "string",
        "description": "The token of the 202: with it an operation is `pending` until it has ended.",
    }
}
_AGAIN: Final = ((b"retry-after", b"1"),)


@get(
    "/api/operations/{operation_id:uuid}",
    opt={
        "describes": OtherRoute(
            {200: ("operation", "application/json")}, query=_QUERY, problems=("not-found", "unavailable")
        )
    },
)
async def show_operation(request: Asked, operation_id: FromPath[UUID]) -> Response[Any]:
    """Show an operation: pending, applied, rejected or parked, and the events it caused."""
    gateway = gateway_of(request)
    query = request.scope["query_string"]
    token = check_query(query, frozenset(_QUERY)).get("accepted") if query else None
    accepted_at = None if token is None else gateway.tokens.accepted_at(token, operation_id)
    if token is not None and accepted_at is None:
        raise refused("unknown-parameter", "the query parameter 'accepted' is not the token of this operation")
    caller = caller_of(request)
    if token is not None and not _is_callers(gateway, caller, token, operation_id):
        raise _unknown()  # another pharmacy's, which is the same as unknown
    try:
        found = await _find(gateway, caller, operation_id, is_expected=accepted_at is not None)
    except Unavailable:
        if accepted_at is None:
            raise
        found = None  # the broker has it: that much is known without the database
    if found is not None:
        return Answer(200, found)
    if accepted_at is not None:
        return Answer(200, _pending(operation_id, accepted_at), _AGAIN)
    raise _unknown()


def _is_callers(gateway: Gateway, caller: Caller, token: str, operation_id: UUID) -> bool:
    """Tell whether a token was given for a command of the caller's pharmacy; an operator may follow any."""
    if caller.is_operator:
        return True
    return gateway.tokens.is_accepted_for(token, operation_id, caller.pharmacy())


async def _find(gateway: Gateway, caller: Caller, operation_id: UUID, *, is_expected: bool) -> bytes | None:
    """Find an operation of the caller's pharmacy; an operator who names none, or follows a `Location`, finds any."""
    if caller.pharmacy_id is None or (caller.is_operator and is_expected):
        async with gateway.reads_all.connection() as connection:
            return await _dump(connection, await _read(connection, operation_id))
    async with gateway.reads.reading(caller.pharmacy_id) as connection:
        return await _dump(connection, await _read(connection, operation_id))


async def _read(connection: Connection, operation_id: UUID) -> Operation | None:
    return (await find_operations(connection, [operation_id])).get(operation_id)


async def _dump(connection: Connection, operation: Operation | None) -> bytes | None:
    if operation is None:
        return None
    links: Sequence[dict[str, Any]] = ()
    if operation.first_sequence is not None and operation.event_count:
        heads = await find_heads(connection, operation.pharmacy_id, operation.first_sequence, operation.event_count)
        links = [{"id": str(event_id), "type": name, "sequence": sequence} for event_id, name, sequence in heads]
    return orjson.dumps(dump_operation(operation, links))


def _pending(operation_id: UUID, accepted_at: datetime) -> bytes:
    return orjson.dumps(
        {
            "id": str(operation_id),
            "type": None,
            "status": "pending",
            "accepted_at": format_time(accepted_at),
            "finished_at": None,
            "resource": None,
            "events": [],
            "problem": None,
        }
    )


def _unknown() -> Refused:
    detail = "no operation of this id has ended here; right after a 202 follow its Location, or try again"
    return refused("not-found", detail, headers={"retry-after": "1"})


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (show_operation,)
