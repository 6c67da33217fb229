"""Fan-out: the log of a pharmacy is spread to its endpoints, in order, each event once for each endpoint.

A message from `hub.events` only says where there is something new; what is read is the log, from where the endpoint's
cursor stands. So a lost message or binding costs a moment, never an event.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
import structlog

from consumers.handouts import hand_out
from consumers.holding import Hold
from consumers.processing import RoutedEvent
from consumers.window import Delivery, Window, acknowledge
from hub import clock
from hub.domain.ids import derived_id
from hub.domain.webhook_filter import matches
from hub.domain.webhooks import OPERATIONAL, TESTED, wants
from hub.faults import Unavailable
from hub.messaging.bulk_publisher import BulkPublisher
from hub.messaging.connection import HubConnection
from hub.messaging.declaring import bind_fanout, unbind_fanout
from hub.storage.database import Database
from hub.storage.webhooks import (
    LoggedEvent,
    NewDelivery,
    OpenEndpoint,
    add_deliveries,
    end_pauses,
    find_behind,
    find_open_endpoints,
    find_pharmacies_with_endpoints,
    move_cursors,
    read_behind,
)

_MESSAGES = 1000
_BYTES = 8 * 1_048_576
_PHARMACIES_A_STEP = 200
_EVENTS_A_STEP = 500
_DELIVERIES_A_STEP = 5_000
_LOOKING_SECONDS = 0.5  # of a step: a hundred filters may take seconds for a single event
_LOOK_SECONDS = 2.0
_CHANGES_ENDPOINTS = ("pharmacy.", "webhook_endpoint.")
_EDITS_ENDPOINTS = frozenset({"pharmacy.updated", "webhook_endpoint.updated"})

log = structlog.get_logger("fanout")


@dataclass(frozen=True, slots=True)
class _More:
    """Whose logs may go on: those that a step did not come to are the first of the next one, the others the last."""

    first: dict[UUID, None] = field(default_factory=dict)
    last: dict[UUID, None] = field(default_factory=dict)


class Fanout:
    """Spreads the logs of pharmacies to their endpoints."""

    def __init__(
        self,
        window: Window,
        database: Database,
        publisher: BulkPublisher,
        connection: HubConnection,
    ) -> None:
        """Put the parts together."""
        self._window = window
        self._hold = Hold(window.pulse, log, "fanout.held")
        self._database = database
        self._publisher = publisher
        self._connection = connection
        self._events: dict[tuple[int, int], RoutedEvent] = {}
        self._behind: dict[UUID, None] = {}  # in order: whoever was served and has more goes behind the others
        self._closed = asyncio.Event()
        self._turn = asyncio.Lock()

    def add(self, delivery: Delivery, event: RoutedEvent | None) -> None:
        """Take in a message; an event of no pharmacy has no endpoints."""
        if event is not None:
            self._events[id(delivery.channel), delivery.tag] = event
        self._window.add(delivery)

    def close(self) -> None:
        """Take no more."""
        self._closed.set()
        self._window.close()

    async def run(self) -> None:
        """Work until closed."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_around(), name="fanout: what was not heard of")
            while deliveries := await self._window.take(_MESSAGES, _BYTES):
                keys = [(id(delivery.channel), delivery.tag) for delivery in deliveries]
                events = [event for key in keys if (event := self._events.pop(key, None)) is not None]
                await self._hold(partial(self._hear, events), events=len(events))
                await self._hold(self._spread_some, pharmacies=len(self._behind))
                await acknowledge(deliveries)  # what is left is found in the log
                # Whoever is heard of meanwhile joins in: the log of one may go on for as long as it likes.
                while self._behind and not len(self._window) and not self._closed.is_set():
                    self._window.pulse.beat()
                    await self._hold(self._spread_some, pharmacies=len(self._behind))

    async def _hear(self, events: Sequence[RoutedEvent]) -> None:
        changed = {event.pharmacy_id for event in events if event.type.startswith(_CHANGES_ENDPOINTS)}
        edited = {event.pharmacy_id for event in events if event.type in _EDITS_ENDPOINTS}
        if edited:
            # Whoever changed an endpoint wants to see it called now, not when its circuit would have been tried again.
            async with self._database.transaction() as connection:
                await end_pauses(connection, list(edited))
        for pharmacy_id in changed:
            await self._rebind(pharmacy_id)
        self._behind |= dict.fromkeys(event.pharmacy_id for event in events)

    async def _rebind(self, pharmacy_id: UUID) -> None:
        """Hear a pharmacy's events if it has an endpoint, else spare them. The log is read after that, so no gap."""
        async with self._database.connection() as connection:
            is_wanted = bool(await find_open_endpoints(connection, [pharmacy_id]))
        if is_wanted:
            await bind_fanout(self._connection, [pharmacy_id])
        else:
            await unbind_fanout(self._connection, pharmacy_id)

    async def _look_around(self) -> None:
        """Every two seconds spread what no message told of; the first look restores the bindings."""
        is_bound = False
        while not self._closed.is_set():
            try:
                async with self._database.connection() as connection:
                    everyone = [] if is_bound else await find_pharmacies_with_endpoints(connection)
                    behind = await find_behind(connection)
                if everyone:
                    await bind_fanout(self._connection, everyone, seconds=60.0)
                is_bound = True
                self._behind |= dict.fromkeys(behind)
                until = clock.monotonic() + _LOOK_SECONDS
                while self._behind and clock.monotonic() < until and not self._closed.is_set():
                    await self._spread_some()
            except Unavailable as fault:
                log.warning("fanout.held", what=fault.what, detail=fault.detail)
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._closed.wait()
            except TimeoutError:
                continue

    async def _spread_some(self) -> None:
        """Make some of the deliveries that logs still owe their endpoints, and hand them out."""
        async with self._turn:
            served = dict.fromkeys(islice(self._behind, _PHARMACIES_A_STEP))
            for pharmacy_id in served:
                del self._behind[pharmacy_id]  # whoever is heard of from now on comes in again
            try:
                more, deliveries = await self._step(list(served))
            except BaseException:
                self._behind |= served
                raise
            self._behind = more.first | self._behind | more.last
            await self._publisher.publish(
                # What is held back is not handed out: the dispatcher does, when it may be called.
                hand_out([(one.endpoint_id, one.id) for one in deliveries if one.held_until is None], is_due=False)
            )

    async def _step(self, pharmacy_ids: Sequence[UUID]) -> tuple[_More, list[NewDelivery]]:
        """Spread the next events of each, as far as a step goes; say who may have more."""
        async with self._database.transaction() as connection:
            by_pharmacy: dict[UUID, list[OpenEndpoint]] = {}
            for endpoint in await find_open_endpoints(connection, pharmacy_ids):
                by_pharmacy.setdefault(endpoint.pharmacy_id, []).append(endpoint)
            if not by_pharmacy:
                return _More(), []
            endpoints = [endpoint for some in by_pharmacy.values() for endpoint in some]
            events, more = await read_behind(
                connection,
                {
                    one: min(endpoint.sequence for endpoint in by_pharmacy[one])
                    for one in pharmacy_ids
                    if one in by_pharmacy
                },
                _EVENTS_A_STEP,
                with_bodies=any(endpoint.event_filter is not None for endpoint in endpoints),
                with_causes=any(endpoint.source_id is not None for endpoint in endpoints),
            )
            reached: dict[UUID, OpenEndpoint] = {}
            deliveries: list[NewDelivery] = []
            now = clock.now()
            until = clock.monotonic() + _LOOKING_SECONDS
            for at, seen, endpoint in _pairs(events, by_pharmacy):
                if reached and (len(deliveries) >= _DELIVERIES_A_STEP or clock.monotonic() > until):
                    more.update(one.pharmacy_id for one in events[at:])
                    break
                if endpoint.event_filter is not None:
                    await asyncio.sleep(0)  # a filter takes some milliseconds, and the process has other roles
                reached[endpoint.id] = replace(endpoint, sequence=max(endpoint.sequence, seen.event.sequence))
                if _is_wanted(endpoint, seen):
                    deliveries.append(_delivery(endpoint, seen.event, now))
            if deliveries:
                await add_deliveries(connection, deliveries, now)
            if reached:
                await move_cursors(connection, list(reached.values()))
        served = {endpoint.pharmacy_id for endpoint in reached.values()}
        return _More(
            dict.fromkeys(one for one in pharmacy_ids if one in more and one not in served),
            dict.fromkeys(one for one in pharmacy_ids if one in more and one in served),
        ), deliveries


def _pairs(
    events: Sequence[LoggedEvent], by_pharmacy: Mapping[UUID, Sequence[OpenEndpoint]]
) -> Iterator[tuple[int, "_Seen", OpenEndpoint]]:
    """Lay every event, with its place, beside every endpoint of its pharmacy."""
    for at, event in enumerate(events):
        seen = _Seen.of(event)
        for endpoint in by_pharmacy[event.pharmacy_id]:
            yield at, seen, endpoint


def _delivery(endpoint: OpenEndpoint, event: LoggedEvent, now: datetime) -> NewDelivery:
    return NewDelivery(
        derived_id(endpoint.id, "delivery", event.id),
        endpoint.pharmacy_id,
        endpoint.id,
        event.id,
        event.sequence,
        event.type,
        endpoint.held_until if endpoint.held_until is not None and endpoint.held_until > now else None,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """An event, parsed where somebody looks inside; `about` is the endpoint that it speaks of."""

    event: LoggedEvent
    parsed: Mapping[str, Any] | None
    about: str | None

    @classmethod
    def of(cls, event: LoggedEvent) -> "_Seen":
        parsed = None if event.body is None else orjson.loads(event.body)
        about = None
        if parsed is not None and event.type.startswith(OPERATIONAL):
            data = parsed["data"]
            about = (
                data["webhook_delivery"]["endpoint_id"]
                if "webhook_delivery" in data
                else data["webhook_endpoint"]["id"]
            )
        return cls(event, parsed, about)


def _is_wanted(endpoint: OpenEndpoint, one: _Seen) -> bool:
    if one.event.type == TESTED:
        # A test goes to the endpoint that is tried, whatever it wants, and to no other.
        return one.event.sequence > endpoint.sequence and one.about == str(endpoint.id)
    return (
        one.event.sequence > endpoint.sequence
        and wants(endpoint.event_types, one.event.type)
        # What happens to an endpoint is never told to itself.
        and one.about != str(endpoint.id)
        # No echo: what a system told the hub is not told to it again.
        and (endpoint.source_id is None or one.event.source_id != endpoint.source_id)
        and (endpoint.event_filter is None or matches(endpoint.event_filter, one.parsed or {}))
    )
