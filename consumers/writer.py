"""The writer: a window of commands becomes rows, an outcome for each, and events, in one transaction.

window -> claim -> load -> settle -> save -> number and append events -> finish operations -> commit
       -> replies and events, confirmed -> ack
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from consumers.applied import Applied
from consumers.applying import Applier
from consumers.envelope import Arrived, SetAside, is_awaited, read_message
from consumers.failpoint import NOWHERE, Failpoint
from consumers.figures import Figures
from consumers.holding import Hold
from consumers.isolating import blames_nobody
from consumers.pulse import Pulse
from consumers.receipts import Given, ReceiptSender
from consumers.window import Delivery, Pace, Window, acknowledge
from hub import clock
from hub.faults import TooMuch
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.topology import command_queue

# A message is a list of commands, and how many is not known before it is read: a window is bounded by what they weigh.
_COMMAND_BYTES = 400
_ANY = 1_000_000
# PostgreSQL's `commit_delay`, one floor higher: at 16 connections that wait for nothing a write costs a fifth less.
PACE = Pace(0.02, crowd=4, is_awaited=is_awaited)

log = structlog.get_logger("writer")


@dataclass(frozen=True, slots=True)
class _Batch:
    """A window as it was read: the commands of its messages, in order, and what is none."""

    deliveries: list[Delivery]
    commands: list[Arrived] = field(default_factory=list)
    unreadable: list[SetAside] = field(default_factory=list)

    def read(self, delivery: Delivery) -> None:
        for one in read_message(delivery.body, delivery.partition):
            if isinstance(one, Arrived):
                self.commands.append(one)
            else:
                self.unreadable.append(one)

    def cut(self, size: int) -> tuple["_Batch", "_Batch | None"]:
        """Part the first commands from the rest; its messages can be acked when all of both is done."""
        if len(self.commands) <= size:
            return self, None
        return _Batch([], self.commands[:size]), _Batch(self.deliveries, self.commands[size:], self.unreadable)


@dataclass(frozen=True, slots=True)
class _Settled:
    """A window whose transactions are done: what is still to be said, and what to ack then."""

    deliveries: list[Delivery]
    applied: list[Applied] = field(default_factory=list)

    def messages(self) -> list[Outgoing]:
        return [message for applied in self.applied for message in applied.messages]

    def receipts(self) -> list[Given]:
        return [given for applied in self.applied for given in applied.receipts]


class Writer:
    """Applies windows one after the other; says what came of one while the next is in its transaction."""

    def __init__(
        self,
        window: Window,
        applier: Applier,
        publisher: BulkPublisher,
        *,
        window_commands: int,
        figures: Figures | None = None,
        failpoint: Failpoint = NOWHERE,
        receipts: ReceiptSender | None = None,
    ) -> None:
        """Put the parts together; nothing runs before `run`.

        Args:
            receipts: sends the answers to AMQP messages; None: nobody is answered.
        """
        self._figures = figures or Figures()
        self._failpoint = failpoint
        self._receipts = receipts
        self.saying = Pulse("saying")
        self._window = window
        self._hold = Hold(window.pulse, log, "writer.held")  # what waits for the database: nothing is lost or reordered
        self._hold_events = Hold(self.saying, log, "events.held")
        self._applier = applier
        self._publisher = publisher
        self._messages = window_commands
        self._bytes = window_commands * _COMMAND_BYTES
        self._most_commands = _ANY
        self._settled: asyncio.Queue[_Settled | None] = asyncio.Queue(maxsize=1)

    async def run(self) -> None:
        """Work until the window is closed and everything taken is applied, published and acked."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._say(), name="writer: events, replies, acks")
            batch = await self._take()
            while batch.deliveries:
                self._applier.storing.clear()
                ahead = tasks.create_task(self._read_ahead(), name="writer: the next window")
                await self._apply_in_parts(batch)
                batch = await ahead or await self._take()
            await self._settled.put(None)

    async def _take(self) -> _Batch:
        """Wait for messages and read what is there; empty: closed."""
        return await self._read(await self._window.take(self._messages, self._bytes))

    async def _read_ahead(self) -> _Batch | None:
        """Read the next window while PostgreSQL stores this one, if there is a whole one: less may still grow."""
        await self._applier.storing.wait()
        if not self._window.is_full(self._messages, self._bytes):
            return None
        return await self._read(await self._window.take(self._messages, self._bytes))

    async def _read(self, deliveries: list[Delivery]) -> _Batch:
        batch = _Batch(deliveries)
        for index, delivery in enumerate(deliveries):
            if index:
                await asyncio.sleep(0)  # the transaction that is under way goes first
            batch.read(delivery)
        return batch

    async def _apply_in_parts(self, batch: _Batch) -> None:
        """Apply a window and hand over what is to be said of it, in parts where it is too much for one transaction."""
        rest: _Batch | None = batch
        while rest is not None:
            part, behind = rest.cut(self._most_commands)
            try:
                settled = await self._apply(part)
            except TooMuch as fault:
                self._most_commands = fault.fits or len(part.commands) // 2
                log.info("window.cut", commands=len(part.commands), into=self._most_commands, detail=str(fault))
                continue
            rest = behind
            self._applier.storing.set()  # there may have been nothing to store
            self._window.pulse.rest()  # where saying is behind, its own pulse tells whether it is alive
            await self._settled.put(settled)
        self._most_commands = min(2 * self._most_commands, _ANY)  # the next ones may weigh less

    async def _apply(self, batch: _Batch) -> _Settled:
        self._window.pulse.beat()
        started = clock.monotonic()
        commands = batch.commands
        settled = _Settled(batch.deliveries)
        await self._apply_all(commands, settled)
        if batch.unreadable:
            await self._park(batch.unreadable, settled)
        seconds = clock.monotonic() - started
        lag = (clock.now() - min(one.command.accepted_at for one in commands)).total_seconds() if commands else 0.0
        events = sum(applied.events for applied in settled.applied)
        statuses: Counter[str] = Counter()
        for applied in settled.applied:
            statuses.update(applied.statuses)
        self._figures.note_window(statuses, events, seconds, lag)
        log.debug(
            "window.applied",
            messages=len(batch.deliveries),
            commands=len(commands),
            events=events,
            ms=round(seconds * 1000, 2),
            lag_ms=round(lag * 1000, 2),
        )
        return settled

    async def _apply_all(self, commands: Sequence[Arrived], settled: _Settled) -> None:
        """Apply in one transaction; hold during an outage; isolate what breaks for a reason that is not the world's."""
        if not commands:
            return
        try:
            settled.applied.append(await self._hold(partial(self._applier.apply, commands), commands=len(commands)))
        except Exception as error:
            if blames_nobody(error):
                raise
            while commands:
                commands = await self._isolate(commands, error, settled)

    async def _isolate(self, commands: Sequence[Arrived], error: Exception, settled: _Settled) -> Sequence[Arrived]:
        """Apply what can be applied, park what breaks alone; give what one transaction did not come to."""
        self._window.pulse.beat()
        isolated = await self._hold(partial(self._applier.isolate, commands, error), commands=len(commands))
        for aside, broken in isolated.broken:
            log.error("command.broken", exc_info=broken, **aside.facts())
        _tell_parked(aside for aside, _ in isolated.broken)
        settled.applied.extend(isolated.applied)
        return isolated.left

    async def _park(self, aside: Sequence[SetAside], settled: _Settled) -> None:
        _tell_parked(aside)
        settled.applied.append(await self._hold(partial(self._applier.park, aside), parked=len(aside)))

    async def _say(self) -> None:
        """Publish replies and events in order, then ack; repeat until the broker confirms."""
        receipts: list[Given] = []
        while (settled := await self._settled.get()) is not None:
            self.saying.beat()
            receipts += settled.receipts()
            # Only the last part of a window has its messages: the receipts of one message go out together.
            if settled.deliveries and self._receipts is not None:
                await self._receipts.send(receipts)
                receipts = []
            if messages := settled.messages():
                # The unacked commands are the outbox; nothing is acked before.
                await self._hold_events(partial(self._publisher.publish, messages), messages=len(messages))
            self._failpoint.reach("after_publish")
            self._failpoint.reach("before_ack")
            await acknowledge(settled.deliveries)
            self.saying.rest()


def _tell_parked(aside: Iterable[SetAside]) -> None:
    for one in aside:
        log.warning("message.parked", origin=command_queue(one.partition), reason=one.reason, **one.facts())
