"""One subscriber's way through a pharmacy's events: in order, no gap, no double, whatever the broker does."""

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from hub.faults import Unavailable
from hub.storage.database import Database
from hub.storage.events import LogPage, find_bounds, read_log

PAGE_EVENTS = 200
BUFFER_EVENTS = 1_000
BUFFER_CHARACTERS = 1_048_576
AGAIN_SECONDS = 1.0
LAG_SECONDS = 0.05  # a replica may be behind the event that the broker already brought
MOST_TYPES = 50

_TYPE = re.compile(r"[a-z][a-z_]{0,31}(\.[a-z][a-z_]{0,31})?|([a-z][a-z_.]{0,63})?\*")


class BeyondEnd(ValueError):
    """There is no such sequence yet."""

    def __init__(self, last_sequence: int) -> None:
        super().__init__(f"the last sequence is {last_sequence}")
        self.last_sequence = last_sequence


class BelowRetention(ValueError):
    """The log begins later; read the state anew, then go on from there."""

    def __init__(self, first_sequence: int) -> None:
        super().__init__(f"the log begins at sequence {first_sequence}")
        self.first_sequence = first_sequence


@dataclass(frozen=True, slots=True)
class Types:
    """Which event types are wanted: exact names, and beginnings (`sale.*`)."""

    names: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ("",)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a comma-separated list of types; one may end with `*`.

        >>> Types.parse("sale.*,order.placed").wants("sale.voided")
        True

        Raises:
            ValueError: one of them is no type; the message says which.
        """
        parts = text.split(",")
        if len(parts) > MOST_TYPES:
            message = f"at most {MOST_TYPES} types"
            raise ValueError(message)
        for part in parts:
            if not _TYPE.fullmatch(part):
                message = f"{part[:80]!r} is no event type; write for example sale.recorded or sale.*"
                raise ValueError(message)
        return cls(
            frozenset(part for part in parts if not part.endswith("*")),
            tuple(part[:-1] for part in parts if part.endswith("*")),
        )

    def wants(self, event_type: str) -> bool:
        """Tell whether this type was asked for."""
        return event_type in self.names or event_type.startswith(self.beginnings)


class LiveEvent:
    """An event on its way out. All subscribers of a process share it, and its frame."""

    __slots__ = ("_frame", "body", "sequence", "type")

    def __init__(self, sequence: int, event_type: str, body: str) -> None:
        self.sequence = sequence
        self.type = event_type
        self.body = body
        self._frame = ""

    @property
    def frame(self) -> str:
        """The WebSocket frame: the event's own text inside, untouched."""
        if not self._frame:
            self._frame = f'{{"type":"event","event":{self.body}}}'
        return self._frame


@dataclass(frozen=True, slots=True)
class Log:
    """A pharmacy's log, under row-level security."""

    reads: Database
    pharmacy_id: UUID

    async def bounds(self) -> tuple[int, int]:
        """Find the first sequence that is kept, and the last one given."""
        async with self.reads.reading(self.pharmacy_id) as connection:
            return await find_bounds(connection, self.pharmacy_id)

    async def page(self, after: int) -> LogPage:
        """Read what follows."""
        async with self.reads.reading(self.pharmacy_id) as connection:
            return await read_log(connection, self.pharmacy_id, after=after, limit=PAGE_EVENTS)


class Subscription:
    """What one subscriber has still to get.

    The buffer holds what the broker brought; when it overflows, or when something is missing in it, the log is read
    instead. So a burst never costs a subscriber its connection; only one that does not take what it is sent is slow.
    """

    def __init__(self, log: Log, types: Types) -> None:
        """Buffer from now on; `start` says from where."""
        self.joined_at = 0
        self.sequence = 0
        self._log = log
        self._types = types
        self._buffer: deque[LiveEvent] = deque()
        self._characters = 0
        self._must_read = False
        self._is_nudged = False
        self._wake = asyncio.Event()

    async def start(self, after: int | None) -> None:
        """Begin behind `after`, or with what happens from now on.

        Raises:
            BeyondEnd, BelowRetention, Unavailable: as `Relay.join` says.
        """
        first, last = await self._log.bounds()
        if after is not None and after > last:
            raise BeyondEnd(last)
        if after is not None and after + 1 < first:
            raise BelowRetention(first)
        self.joined_at = last
        self.sequence = last if after is None else after
        self._must_read = self.sequence < last

    def offer(self, event: LiveEvent) -> None:
        """Take in what just happened; never blocks."""
        self._buffer.append(event)
        self._characters += len(event.body)
        if len(self._buffer) > BUFFER_EVENTS or self._characters > BUFFER_CHARACTERS:
            self._empty()
            self._must_read = True
        self._wake.set()

    def refresh(self) -> None:
        """Read the log again: events may have passed unseen."""
        self._must_read = True
        self._wake.set()

    def nudge(self) -> None:
        """Let `take` come back, with nothing if need be."""
        self._is_nudged = True
        self._wake.set()

    async def take(self) -> list[LiveEvent]:
        """Wait for the next events, at most a page; empty after a nudge, or when none of a page was wanted.

        `sequence` is then the last one taken or passed over.

        Raises:
            BelowRetention: the subscriber was away for longer than the log is kept.
        """
        while not self._must_read and not self._buffer and not self._is_nudged:
            self._wake.clear()
            await self._wake.wait()
        self._is_nudged = False
        if self._must_read:
            return await self._take_from_log()
        return self._take_from_buffer()

    def _take_from_buffer(self) -> list[LiveEvent]:
        taken: list[LiveEvent] = []
        while self._buffer and len(taken) < PAGE_EVENTS:
            event = self._buffer[0]
            if event.sequence > self.sequence + 1:
                self._must_read = True
                break
            self._buffer.popleft()
            self._characters -= len(event.body)
            if event.sequence <= self.sequence:
                continue
            self.sequence = event.sequence
            if self._types.wants(event.type):
                taken.append(event)
        return taken

    async def _take_from_log(self) -> list[LiveEvent]:
        # Before the query: what arrives from now on stays in the buffer, and an overflow asks for another reading.
        self._must_read = False
        try:
            page, is_full = await self._log.page(self.sequence)
            if page and page[0].sequence != self.sequence + 1:
                raise BelowRetention(page[0].sequence)
            if not page:
                await self._wait_for_the_log()
        except Unavailable:
            # The subscriber keeps its connection: reading goes on where it was when PostgreSQL is back.
            self._must_read = True
            await asyncio.sleep(AGAIN_SECONDS)
            return []
        if is_full:
            self._must_read = True
        if page:
            self.sequence = page[-1].sequence
        return [LiveEvent(event.sequence, event.type, event.body) for event in page if self._types.wants(event.type)]

    async def _wait_for_the_log(self) -> None:
        """Find out why the log has nothing: it is up to date, a replica lags, or all of it was pruned."""
        while self._buffer and self._buffer[0].sequence <= self.sequence:
            self._characters -= len(self._buffer.popleft().body)
        if not self._buffer or self._buffer[0].sequence == self.sequence + 1:
            return
        first, _ = await self._log.bounds()
        if first > self.sequence + 1:
            raise BelowRetention(first)
        self._must_read = True
        await asyncio.sleep(LAG_SECONDS)

    def _empty(self) -> None:
        self._buffer.clear()
        self._characters = 0
