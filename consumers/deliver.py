"""Deliveries: the event's bytes, signed, to the endpoint's URL; what came of it written back; the next attempt scheduled.

Every endpoint has a lane of its own in this process, and all of an endpoint's deliveries come here (its queue has one
active consumer), so calls at once, throttle, circuit and order hold exactly.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import structlog

from consumers.calls import Calls
from consumers.handouts import DELIVERIES, read_handout
from consumers.held import Held
from consumers.holding import Hold
from consumers.settling import Carrier, Item
from consumers.window import Delivery, Window
from hub import clock
from hub.storage.database import Database
from hub.storage.deliveries import CalledEndpoint, DueDelivery, Head, find_heads, load_due, load_endpoints

_MESSAGES = 16
_BYTES = 65_536
_LANE_BYTES = 8 * 1_048_576

log = structlog.get_logger("deliver")


class Deliverer:
    """Takes up what the broker hands out: loaded into lanes as far as there is room, else back into the schedule."""

    def __init__(self, window: Window, database: Database, calls: Calls, tasks: asyncio.TaskGroup) -> None:
        """Put the parts together."""
        self._window = window
        self._hold = Hold(window.pulse, log, "deliver.held")
        self._database = database
        self._calls = calls
        self._tasks = tasks

    async def run(self) -> None:
        """Work until the window is closed and every attempt is written back."""
        settling = self._calls.begin(self._tasks)
        while messages := await self._window.take(_MESSAGES, _BYTES):
            await self._take_up(messages)
        await self._calls.drain()
        await settling

    async def _take_up(self, messages: Sequence[Delivery]) -> None:
        wanted: dict[UUID, Carrier] = {}
        taken: defaultdict[UUID, int] = defaultdict(int)
        for message in messages:
            handout = read_handout(message.body)
            if handout is None or not handout.delivery_ids:
                await Carrier(message, 1).let_go()  # not ours: nothing else publishes here
                continue
            lane = self._calls.of(handout.endpoint_id).lane
            now = clock.monotonic()
            room = lane.room(now) - taken[handout.endpoint_id]
            if now < lane.held_until:
                room = DELIVERIES  # loaded all the same: whoever edited the endpoint wants to see it called now
            elif lane.has_backlog and not handout.is_due:
                room = 0
            carrier = Carrier(message, len(handout.delivery_ids))
            for delivery_id in handout.delivery_ids:
                if delivery_id in self._calls.in_flight:
                    await carrier.let_go()
                    continue
                self._calls.in_flight.add(delivery_id)
                if room > 0:
                    wanted[delivery_id] = carrier
                    taken[handout.endpoint_id] += 1
                    room -= 1
                else:
                    self._calls.send_back(delivery_id, lane, carrier)
        if wanted:
            await self._put_in(wanted, list(taken))

    async def _put_in(self, wanted: dict[UUID, Carrier], endpoint_ids: list[UUID]) -> None:
        """Load deliveries and endpoints, and let their lanes begin."""
        loaded, rest, endpoints, heads = await self._hold(
            partial(self._load, list(wanted), endpoint_ids), deliveries=len(wanted)
        )
        for endpoint in endpoints:
            self._calls.configure(endpoint)
        gone = dict(wanted)
        for endpoint_id, delivery_id in rest:
            self._calls.send_back(delivery_id, self._calls.of(endpoint_id).lane, gone.pop(delivery_id))
        for due in sorted(loaded, key=lambda due: due.event_sequence):
            if due.status == "pending":
                self._add(due, gone.pop(due.id))
        for delivery_id, carrier in gone.items():  # settled or deleted meanwhile
            self._calls.in_flight.discard(delivery_id)
            await carrier.let_go()
        self._calls.set_heads([one.id for one in endpoints if one.ordered], heads)
        for endpoint in endpoints:
            self._calls.pump(self._calls.of(endpoint.id))

    def _add(self, due: DueDelivery, carrier: Carrier) -> None:
        known = self._calls.of(due.endpoint_id)
        lane = known.lane
        if known.endpoint is None or not known.endpoint.is_open:
            self._calls.settling.put(Item(due.id, due.endpoint_id, carrier))
        elif clock.monotonic() < lane.held_until or (lane.waiting and lane.size + len(due.body) > _LANE_BYTES):
            self._calls.send_back(due.id, lane, carrier)
        else:
            lane.add(Held(due, carrier), len(due.body))

    async def _load(
        self, ids: list[UUID], endpoint_ids: list[UUID]
    ) -> tuple[list[DueDelivery], list[tuple[UUID, UUID]], list[CalledEndpoint], list[Head]]:
        async with self._database.connection() as connection:
            loaded, rest = await load_due(connection, ids, _LANE_BYTES)
            endpoints = await load_endpoints(connection, endpoint_ids)
            ordered = [one.id for one in endpoints if one.ordered]
            heads = await find_heads(connection, ordered) if ordered else []
            return loaded, rest, endpoints, heads
