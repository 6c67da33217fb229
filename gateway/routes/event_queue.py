"""A pharmacy's own feed: a queue on the broker in which it reads its events over AMQP."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from weakref import WeakValueDictionary

import orjson
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler

from gateway.accept import Terms, accept
from gateway.answers import Answer
from gateway.auth import Caller, caller_of
from gateway.context import Gateway, gateway_of
from gateway.describe import OneRoute, WriteRoute
from gateway.problems import Refused, unavailable
from hub.domain.feeds import EventQueue, OpenEventQueue, dump_event_queue, feed_id
from hub.domain.fields import Body
from hub.domain.problem import not_found
from hub.faults import Unavailable
from hub.messaging.feeds import close_feed, look_at_feed, open_feed
from hub.messaging.management import Management
from hub.storage.feeds import find_feed, find_feed_even_removed, find_last_routed

Asked = Request[Any, Any, Any]
# A queue that is declared and deleted at the same moment costs RabbitMQ the connection.
_TURNS: Final[WeakValueDictionary[UUID, asyncio.Lock]] = WeakValueDictionary()
_Wanted = tuple[Sequence[str], int] | None  # types and length of a feed; None: no feed

_OPEN: Final = WriteRoute("event_queue.open", "event_queue", 201)
_CLOSE: Final = WriteRoute("event_queue.close", "", 204)


def _management_of(gateway: Gateway) -> Management:
    if gateway.sessions.management is None:
        raise unavailable(
            Unavailable("the AMQP door", "it is off, HUB_AMQP_MANAGEMENT_URL is not set", after_seconds=60.0)
        )
    return gateway.sessions.management


def _check_door(gateway: Gateway, _caller: Caller, _body: Body) -> None:
    _management_of(gateway)


async def _follow(request: Asked, body: Body, ended_at: datetime | None) -> None:
    """Let the queue follow the command, before anybody is answered: whoever is can read at once.

    A repeat under an old `Idempotency-Key` says how the feed was once: what was changed after that stands. And whoever changes
    it meanwhile may have led the queue by halves: whoever is last looks again, and leads it where the newest wish says.
    """
    gateway, pharmacy_id = gateway_of(request), caller_of(request).pharmacy()
    wanted: _Wanted = (body.types, body.max_length) if isinstance(body, OpenEventQueue) else None
    async with _TURNS.setdefault(pharmacy_id, asyncio.Lock()):
        if ended_at is None:
            await _lead(gateway, pharmacy_id, wanted)
            return
        newest = await _look(gateway, pharmacy_id)
        # Of the same time are all wishes of one transaction; a replica may not have this one yet.
        if newest is not None and newest.updated_at >= ended_at:
            wanted = _wanted_by(newest)
        while True:
            await _lead(gateway, pharmacy_id, wanted)
            before, newest = newest, await _look(gateway, pharmacy_id)  # another gateway may be at it
            if newest is None or newest == before:
                return
            wanted = _wanted_by(newest)


async def _look(gateway: Gateway, pharmacy_id: UUID) -> EventQueue | None:
    async with gateway.reads.reading(pharmacy_id) as connection:
        return await find_feed_even_removed(connection, pharmacy_id)


def _wanted_by(feed: EventQueue) -> _Wanted:
    return None if feed.deleted_at is not None else (feed.types, feed.max_length)


async def _lead(gateway: Gateway, pharmacy_id: UUID, wanted: _Wanted) -> None:
    if wanted is None:
        await close_feed(gateway.consuming, _management_of(gateway), pharmacy_id)
    else:
        await open_feed(gateway.consuming, _management_of(gateway), pharmacy_id, *wanted)


_OPENING: Final = Terms(check=_check_door, follow=_follow)
_CLOSING: Final = Terms(follow=_follow)


@get("/api/event-queue", opt={"describes": OneRoute("event_queue_state", has_etag=False), "scope": "read"})
async def show_queue(request: Asked) -> Response[Any]:
    """Show the feed: how many events wait, its limit, and `last_sequence`, the last event that belongs to it.

    When nothing waits and the last event you read is older than `last_sequence`, events were dropped because the queue was
    full, or are on their way: read what is missing at `/api/events/?after=`.
    """
    gateway, pharmacy_id = gateway_of(request), caller_of(request).pharmacy()
    async with gateway.reads.reading(pharmacy_id) as connection:
        feed = await find_feed(connection, pharmacy_id)
        if feed is None:
            raise Refused(not_found("event queue"))
        last = await find_last_routed(connection, pharmacy_id, feed.types)
    state = await look_at_feed(gateway.consuming, pharmacy_id)
    shown = dump_event_queue(feed) | {
        "depth": None if state is None else state.depth,
        "consumers": None if state is None else state.consumers,
        "last_sequence": last,
    }
    return Answer(200, orjson.dumps(shown))


@post("/api/event-queue", opt={"describes": _OPEN, "scope": "webhooks"})
async def open_queue(request: Asked) -> Response[Any]:
    """Make the feed, or change which types it takes and how many events it keeps before it drops the oldest."""
    pharmacy_id = caller_of(request).pharmacy()
    return await accept(request, _OPEN, pharmacy_id=pharmacy_id, target=feed_id(pharmacy_id), terms=_OPENING)


@delete("/api/event-queue", opt={"describes": _CLOSE, "scope": "webhooks"}, status_code=200)
async def close_queue(request: Asked) -> Response[Any]:
    """Remove the feed and what is left in it."""
    _management_of(gateway_of(request))
    pharmacy_id = caller_of(request).pharmacy()
    return await accept(request, _CLOSE, pharmacy_id=pharmacy_id, target=feed_id(pharmacy_id), terms=_CLOSING)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (show_queue, open_queue, close_queue)
