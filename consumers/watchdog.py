"""The watchdog: a consumers process whose role stands still ends, and whoever runs it starts it again.

It repairs nothing: what is unacknowledged goes back to the broker in order, a new process declares the topology anew and
subscribes anew. Three things end the process:

* a queue of a role has no reader while messages wait in it, or is gone (client libraries have lost consumers silently),
* a loop makes no step although it has work in hand; a role that holds its work during an outage makes steps,
* the event loop itself stands still: seen by a thread, which ends the process at once.
"""

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import structlog

from consumers.pulse import Pulse
from consumers.subscribing import Role, find_closed
from consumers.whereabouts import whereabouts
from hub import clock
from hub.faults import HubFault, Unavailable
from hub.messaging.connection import HubConnection
from hub.messaging.unread import find_unread

READER_SECONDS = 15.0
"""A queue without a reader: longer than it takes to reconnect and subscribe again."""

START_SECONDS = 30.0
ENDING_SECONDS = 8.0
"""What an end may take, a server that stands still included: whoever ends processes may count on 10 s in all."""

_LOOKS = 4
_TICK_SECONDS = 0.25
_EXIT_CODE = 70

log = structlog.get_logger("watchdog")


class Standstill(HubFault):
    """A role of this process does nothing any more: it ends, and the runner starts it again."""


class Watchdog:
    """Looks after the roles of a process.

    Args:
        seconds: how long a loop may be at one step.
    """

    def __init__(self, roles: Sequence[Role], connection: HubConnection, seconds: float) -> None:
        """Begin with everything as it should be."""
        self._roles = roles
        self._connection = connection
        self._seconds = seconds
        self._reader_seconds = min(READER_SECONDS, seconds)
        self._every = min(5.0, self._reader_seconds / _LOOKS)
        self._began = clock.monotonic()
        self._seen: set[str] = set()
        self._missing: dict[str, float] = {}

    async def run(self) -> NoReturn:
        """Look again and again.

        Raises:
            Standstill: something stands still.
        """
        while True:
            await asyncio.sleep(self._every)
            self.look_at_loops()
            await self._look_at_queues()

    def look_at_loops(self) -> None:
        """See that no loop is at one step for too long.

        Raises:
            Standstill: one is.
        """
        for role in self._roles:
            for pulse in role.pulses:
                if (silent := pulse.silent_seconds()) > self._seconds:
                    self._end(role, f"{pulse.name} is at one step for {silent:.0f} s with work in hand")

    async def _look_at_queues(self) -> None:
        whose = {queue: role for role in self._roles for queue in role.queues}
        try:
            unread = await find_unread(self._connection, whose)
        except Unavailable:
            self._missing.clear()  # the broker is away: who reads what is seen when it is back
            return
        closed = {queue: find_closed(role.queues[queue]) for queue, role in whose.items()}
        missing = {queue: why for queue, why in closed.items() if why is not None}
        self._seen |= whose.keys() - unread.keys() - missing.keys()
        missing |= {queue: str(found) for queue, found in unread.items() if found.is_certain}
        now = clock.monotonic()
        self._missing = {
            queue: self._missing.get(queue, now)
            for queue in missing
            if queue in self._seen or now - self._began > START_SECONDS
        }
        for queue, since in self._missing.items():
            if now - since >= self._reader_seconds:
                self._end(whose[queue], f"{queue}: {missing[queue]}, for {now - since:.0f} s")

    @staticmethod
    def _end(role: Role, detail: str) -> NoReturn:
        log.error("role.stands_still", role=role.name, detail=detail, next="the process ends and is started again")
        message = f"{role.name}: {detail}"
        raise Standstill(message)


class LastWatch:
    """The thread that ends a process whose event loop stands still, or which does not manage to end by itself."""

    def __init__(self, seconds: float) -> None:
        """Watch nothing before `watching`; with 0 seconds only that the process ends when it is to."""
        self._seconds = seconds
        self._loop = Pulse("event loop")
        self._ends_at: float | None = None
        self._running: asyncio.AbstractEventLoop | None = None

    def end_soon(self) -> None:
        """Give the process 8 s from now on to end by itself; the first call counts."""
        if self._ends_at is None:
            self._ends_at = clock.monotonic() + ENDING_SECONDS

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs, and on: what hangs on the way out is ended as well."""
        self._running = asyncio.get_running_loop()
        beating = asyncio.create_task(self._beat(), name="watchdog: the event loop's pulse")
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        try:
            yield
        finally:
            self.end_soon()
            beating.cancel()
            self._loop.rest()

    async def _beat(self) -> NoReturn:
        while True:
            self._loop.beat()
            await asyncio.sleep(self._pause(1.0))

    def _watch(self) -> None:
        pause = threading.Event()
        suspect = False
        while True:
            pause.wait(self._pause(_TICK_SECONDS))
            if self._ends_at is not None and clock.monotonic() > self._ends_at:
                self._kill("the process did not end by itself")
            silent = self._loop.silent_seconds()
            is_silent = 0 < self._seconds < silent
            # A process that was frozen as a whole finds an old pulse when it thaws: its loop may beat first.
            if is_silent and suspect:
                self._kill(f"the event loop stands still for {silent:.0f} s")
            suspect = is_silent

    def _pause(self, most: float) -> float:
        return min(most, self._seconds / _LOOKS) if self._seconds else most

    def _kill(self, detail: str) -> NoReturn:
        try:
            at = [] if self._running is None else whereabouts(asyncio.all_tasks(self._running))
            log.error("process.stands_still", detail=detail, at=at, next="the process is ended and started again")
        finally:
            os._exit(_EXIT_CODE)  # whatever looking at a loop that goes on all the while may bring
