"""Events out: the log page by page, live over SSE and WebSocket, and the tickets that let browsers in."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import orjson
from litestar import Request, get, post, websocket
from litestar.connection import ASGIConnection, WebSocket
from litestar.handlers import BaseRouteHandler

from gateway.answers import Answer
from gateway.audited import note_events
from gateway.auth import Caller, caller_of, header_of
from gateway.context import Gateway, gateway_of
from gateway.describe import LENGTH_OF_PAGE, OtherRoute
from gateway.middleware import check_query
from gateway.problems import Refused, answer_refusal, refused, unauthorized
from gateway.streams import (
    EventStream,
    SocketStream,
    below_retention,
    beyond_end,
    close_websocket,
    log_of,
)
from gateway.subscribers import BAD_AFTER, Ending
from gateway.subscription import BelowRetention, BeyondEnd, Types
from hub.domain.fields import format_time
from hub.domain.problem import FieldError
from hub.storage.events import find_bounds, read_log

PROTOCOL: Final = "hub.v1"
TICKET_PREFIX: Final = "ticket."
LIMIT_DEFAULT: Final = 50
LIMIT_MOST: Final = 500

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_TYPE = re.compile(r"[a-z][a-z_]{0,31}\.[a-z][a-z_]{0,31}")
_MOST_SEQUENCE = 2**63 - 2
_CLOSED_SECONDS = 1.0  # another server may say it once
_AFTER: Mapping[str, object] = {
    "type": "integer",
    "minimum": 0,
    "description": "The last sequence already known; what follows is sent.",
}
_TYPES: Mapping[str, object] = {
    "type": "string",
    "description": "Event types, comma-separated; one may end with `*`, for example `sale.*`.",
}


@get(
    "/api/events",
    opt={
        "scope": "read",
        "describes": OtherRoute(
            answers={200: ("event_page", "application/json")},
            query={
                "after": {**_AFTER, "default": 0},
                "type": {
                    "type": "string",
                    "pattern": f"^{_TYPE.pattern}$",
                    "description": "Only events of exactly this type.",
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": LIMIT_MOST,
                    "default": LIMIT_DEFAULT,
                    "description": LENGTH_OF_PAGE,
                },
            },
            problems=("unknown-parameter", "gone"),
        ),
    },
)
async def list_events(request: Request[Any, Any, Any]) -> Answer:
    """Read the log of a pharmacy's events, in order, from behind `after`.

    `next_after` is the `after` of the next call. An operator who names no pharmacy reads the hub's own log.
    """
    query = _query_of(request.scope["query_string"], "after", "type", "limit")
    after = _number(query, "after", 0)
    limit = _number(query, "limit", LIMIT_DEFAULT)
    event_type = query.get("type")
    if not 1 <= limit <= LIMIT_MOST:
        raise _wrong("limit", f"is not 1 to {LIMIT_MOST}")
    if event_type is not None and not _TYPE.fullmatch(event_type):
        raise _wrong("type", "is no event type, for example sale.recorded")
    pharmacy_id = log_of(caller_of(request))
    async with gateway_of(request).reads.reading(pharmacy_id) as connection:
        # The bounds first: what the page then holds beyond them only makes the answer fresher.
        first, last = await find_bounds(connection, pharmacy_id)
        if after > last:
            raise beyond_end(after, BeyondEnd(last))
        if after + 1 < first:
            raise below_retention(BelowRetention(first))
        events, is_full = await read_log(connection, pharmacy_id, after=after, limit=limit, event_type=event_type)
    if events:
        last = max(last, events[-1].sequence)
    # A page that is not full has looked through all there is.
    next_after = events[-1].sequence if is_full else last
    items = ",".join([event.body for event in events])
    return Answer(200, f'{{"items":[{items}],"next_after":{next_after},"last_sequence":{last}}}'.encode())


@get(
    "/api/events/stream",
    opt={
        "scope": "read",
        "describes": OtherRoute(
            answers={200: ("event_stream", "text/event-stream")},
            query={"after": _AFTER, "types": _TYPES},
            problems=("unknown-parameter", "gone", "too-many-requests"),
        ),
    },
)
async def stream_events(request: Request[Any, Any, Any]) -> EventStream:
    """Follow a pharmacy's events as Server-Sent Events; without `after` and `Last-Event-ID` only what happens from now on.

    Each message has the sequence as `id`, the event as `data` and the default name. `Last-Event-ID` wins over `after`.
    A comment comes every 15 s.
    """
    query = _query_of(request.scope["query_string"], "after", "types")
    after = _last_of(request, query)
    return EventStream(gateway_of(request).relay, caller_of(request), None if after < 0 else after, _types(query))


@post(
    "/api/events/ticket",
    opt={
        "scope": "read",
        "describes": OtherRoute(answers={201: ("ticket", "application/json")}, problems=("malformed",)),
    },
)
async def create_ticket(request: Request[Any, Any, Any]) -> Answer:
    """Make a ticket that opens one WebSocket within 30 s, for browsers: the subprotocol `ticket.<value>` beside `hub.v1`.

    It is bound to the key, to the pharmacy acted for, and to the `Origin` of this request.
    """
    ticket, expires_at = gateway_of(request).tickets.issue(caller_of(request), _header(request, b"origin") or "")
    body = orjson.dumps({"ticket": ticket, "expires_at": format_time(expires_at)})
    return Answer(201, body, ((b"cache-control", b"no-store"),))


@websocket("/ws/events", opt={"exclude_from_auth": True})
async def follow_events(socket: WebSocket[Any, Any, Any]) -> None:
    """Follow a pharmacy's events: backlog from `after`, then live. What is wrong with the key is said in the handshake."""
    await socket.receive()  # websocket.connect
    gateway = gateway_of(socket)
    offered: list[str] = socket.scope["subprotocols"]
    try:
        caller = await _admitted(socket, gateway, offered)
        note_events(gateway, caller, socket.scope)
        with gateway.relay.subscribers.admit(caller) as subscriber:
            protocol = PROTOCOL if PROTOCOL in offered else None
            await socket.send({"type": "websocket.accept", "subprotocol": protocol, "headers": []})
            try:
                query = _query_of(socket.scope["query_string"], "after", "types")
                after, types = _last_of(socket, query), _types(query)
            except Refused as refusal:
                await close_websocket(socket, Ending(BAD_AFTER, refusal.problem.detail))
                return
            await SocketStream(socket, subscriber).follow(gateway.relay, None if after < 0 else after, types)
    except Refused as refusal:
        await _deny(socket, refusal)


async def _admitted(socket: WebSocket[Any, Any, Any], gateway: Gateway, offered: list[str]) -> Caller:
    ticket = next((part for part in offered if part.startswith(TICKET_PREFIX)), None)
    headers: Any = socket.scope["headers"]
    key = header_of(headers, b"x-api-key")
    if key is not None:
        caller = await gateway.keys.authenticate(key, header_of(headers, b"x-pharmacy-id"))
    elif ticket is not None:
        caller = gateway.tickets.redeem(ticket.removeprefix(TICKET_PREFIX), _header(socket, b"origin") or "")
    else:
        raise unauthorized()
    gateway.limits.take(caller.key_id)  # the socket costs one request, as its handshake is one
    if "read" not in caller.scopes:
        raise refused("forbidden", "this needs the scope `read`, which the key does not have")
    return caller


async def _deny(socket: WebSocket[Any, Any, Any], refusal: Refused) -> None:
    if "websocket.http.response" not in (socket.scope.get("extensions") or {}):
        await socket.send({"type": "websocket.close", "code": 1008, "reason": refusal.problem.detail[:100]})
        return
    answer = answer_refusal(refusal, socket.scope)
    start: Any = {"type": "websocket.http.response.start", "status": answer.status_code, "headers": answer.raw_headers}
    body: Any = {"type": "websocket.http.response.body", "body": answer.content, "more_body": False}
    await socket.send(start)
    await socket.send(body)
    # Uvicorn logs a fault for an application that returns before the refused connection is closed. It says that the client
    # is gone twice: when it refuses, and when the connection is closed.
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSED_SECONDS):
            for _ in range(2):
                while (await socket.receive())["type"] != "websocket.disconnect":
                    pass
                socket.connection_state = "receive"  # or Litestar raises where it is asked again


def _header(connection: ASGIConnection[Any, Any, Any, Any], name: bytes) -> str | None:
    headers: Any = connection.scope["headers"]
    value = header_of(headers, name)
    return None if value is None else value.decode("latin-1")


def _query_of(raw: bytes, *known: str) -> dict[str, str]:
    """Read the query; whatever is unknown, empty or there twice is refused by name (400)."""
    query = check_query(raw, frozenset(known))
    for name, value in query.items():
        if not value:
            raise _wrong(name, "is empty")
    return query


def _last_of(connection: ASGIConnection[Any, Any, Any, Any], query: Mapping[str, str]) -> int:
    """Read the sequence behind which a client goes on, its `Last-Event-ID` before its `after`; -1: only what happens from now on."""
    after = _number(query, "after", -1)
    last_id = _header(connection, b"last-event-id")
    return after if last_id is None else _number({"Last-Event-ID": last_id}, "Last-Event-ID", -1)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) > _MOST_SEQUENCE:
        raise _wrong(name, "is no whole number from 0 on")
    return int(text)


def _types(query: Mapping[str, str]) -> Types:
    try:
        return Types.parse(query["types"]) if "types" in query else Types()
    except ValueError as error:
        raise _wrong("types", f"is wrong: {error}") from error


def _wrong(name: str, why: str) -> Refused:
    detail = f"`{name}` {why}"
    return refused("unknown-parameter", detail, FieldError(f"?{name}", "invalid_parameter", detail))


HANDLERS: Final[tuple[BaseRouteHandler, ...]] = (list_events, stream_events, create_ticket, follow_events)
