"""The writer: a window of commands becomes rows, an outcome for each, and events, in one transaction.

window -> claim -> load -> settle -> save -> number and append events -> finish operations -> commit
       -> replies and events, confirmed -> ack
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from consumers.applying import Applied, Applier
from consumers.envelope import operation_of, read_message
from consumers.window import Delivery, Window, acknowledge
from hub import clock
from hub.domain.command import Command
from hub.faults import Poison, Unavailable
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.parking import Parked, park
from hub.messaging.topology import command_queue
from hub.storage.database import is_outage

# A message is a list of commands, and how many is not known before it is read: a window is bounded by what they weigh.
_COMMAND_BYTES = 400
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0

log = structlog.get_logger("writer")


@dataclass(slots=True)
class _Settled:
    """A window whose transactions are done: what is still to be said, and what to ack then."""

    deliveries: list[Delivery]
    messages: list[Outgoing] = field(default_factory=list)


class Writer:
    """Applies windows one after the other; says what came of one while the next is in its transaction."""

    def __init__(self, window: Window, applier: Applier, publisher: BulkPublisher, *, window_commands: int) -> None:
        """Put the parts together; nothing runs before `run`."""
        self._window = window
        self._applier = applier
        self._publisher = publisher
        self._window_commands = window_commands
        self._settled: asyncio.Queue[_Settled | None] = asyncio.Queue(maxsize=1)

    async def run(self) -> None:
        """Work until the window is closed and everything taken is applied, published and acked."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._say(), name="writer: events, replies, acks")
            while deliveries := await self._window.take(self._window_commands, self._window_commands * _COMMAND_BYTES):
                await self._settled.put(await self._apply(deliveries))
            await self._settled.put(None)

    async def _apply(self, deliveries: list[Delivery]) -> _Settled:
        started = clock.monotonic()
        settled = _Settled(deliveries)
        commands: list[tuple[Command, int, bool]] = []
        for delivery in deliveries:
            commands += self._read(delivery, settled)
        applied = await self._apply_all(commands, settled, uncertain=False)
        log.debug(
            "window.applied",
            messages=len(deliveries),
            commands=len(commands),
            events=applied,
            ms=round((clock.monotonic() - started) * 1000, 2),
        )
        return settled

    def _read(self, delivery: Delivery, settled: _Settled) -> list[tuple[Command, int, bool]]:
        found: list[tuple[Command, int, bool]] = []
        try:
            for envelope, command in read_message(delivery.body):
                if isinstance(command, Poison):
                    settled.messages.append(_parked(delivery.partition, envelope, command.reason))
                else:
                    found.append((command, delivery.partition, delivery.redelivered))
        except Poison as poison:
            settled.messages.append(_parked(delivery.partition, delivery.body, poison.reason))
        return found

    async def _apply_all(
        self, commands: Sequence[tuple[Command, int, bool]], settled: _Settled, *, uncertain: bool
    ) -> int:
        """Apply in one transaction; hold during an outage; halve what fails for a reason that is not the world's.

        Args:
            uncertain: an attempt before may have committed, so what is found done is said again.
        """
        pause = _FIRST_PAUSE_SECONDS
        while commands:
            try:
                applied: Applied = await self._applier.apply(commands, uncertain=uncertain)
            except Unavailable as fault:
                log.warning("writer.held", what=fault.what, detail=fault.detail, commands=len(commands))
                uncertain = True
                await asyncio.sleep(pause)  # the database is away: hold the window, nothing is lost or reordered
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            except Exception as error:
                if is_outage(error):
                    raise
                if len(commands) == 1:
                    await self._park(commands[0], error, settled)
                    return 0
                half = len(commands) // 2
                left = await self._apply_all(commands[:half], settled, uncertain=uncertain)
                return left + await self._apply_all(commands[half:], settled, uncertain=uncertain)
            else:
                settled.messages += applied.messages
                return applied.events
        return 0

    async def _park(self, poison: tuple[Command, int, bool], error: Exception, settled: _Settled) -> None:
        command, partition, _ = poison
        reason = f"{type(error).__name__} while it was applied"
        log.error("command.parked", operation_id=str(command.operation_id), type=command.type, exc_info=error)
        settled.messages.append(_parked(partition, self._applier.envelope_of(command), reason))
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                settled.messages += await self._applier.finish_parked(command, partition)
            except Unavailable:
                await asyncio.sleep(pause)  # as above: hold until the outcome is stored
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                return

    async def _say(self) -> None:
        """Publish replies and events in order, then ack; repeat until the broker confirms."""
        while (settled := await self._settled.get()) is not None:
            pause = _FIRST_PAUSE_SECONDS
            while settled.messages:
                try:
                    await self._publisher.publish(settled.messages)
                except Unavailable as fault:
                    log.warning("events.held", what=fault.what, detail=fault.detail, messages=len(settled.messages))
                    await asyncio.sleep(pause)  # the unacked commands are the outbox; nothing is acked before
                    pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                else:
                    break
            await acknowledge(settled.deliveries)


def _parked(partition: int, body: bytes, reason: str) -> Outgoing:
    now = clock.now()
    log.warning("message.parked", origin=command_queue(partition), reason=reason)
    return park(Parked(body, reason, command_queue(partition), now, now, extra=operation_of(body)))
