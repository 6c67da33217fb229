"""Attempts to rows: what many calls came to is written in one transaction, told where it matters, then acked."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import aiormq
import structlog

from consumers.holding import Hold
from consumers.processing import CommandSender, OwnCommand
from consumers.pulse import Pulse
from consumers.window import Delivery
from hub import clock
from hub.domain.fields import format_time
from hub.domain.ids import derived_id
from hub.domain.webhook_health import Disable, Fine, Health, Verdict, Warn, after_attempt
from hub.domain.webhooks import OPERATIONAL, Delivered, Exhausted, RetryIn
from hub.storage.database import Connection, Database
from hub.storage.deliveries import Attempted, Head, find_heads, put_off, save_attempts, save_health, skip

_BATCH = 1000

log = structlog.get_logger("deliver")


@dataclass(slots=True)
class Carrier:
    """A message of the broker; acked when nothing of it is left in this process."""

    message: Delivery
    left: int

    async def let_go(self) -> None:
        """One of its deliveries is settled, or back in the schedule."""
        self.left -= 1
        if self.left == 0 and not self.message.channel.is_closed:
            try:
                await self.message.channel.basic_ack(self.message.tag, wait=False)
            except (aiormq.exceptions.AMQPError, RuntimeError, ConnectionError):
                return  # the channel went away: the broker delivers the message again, and it finds nothing to do


@dataclass(frozen=True, slots=True)
class Item:
    """What becomes of a delivery: an attempt to write, a time to come back, or, with neither, its end as skipped."""

    delivery_id: UUID
    endpoint_id: UUID
    carrier: Carrier | None
    attempted: Attempted | None = None
    until: datetime | None = None
    open_until: datetime | None = None


class Settling:
    """Writes what the deliverer hands in, in order.

    Args:
        limit: how long an endpoint may fail before it is disabled.
        health: of endpoints, as this process knows it; what attempts make of it is written there.
        let_go: told of each delivery that is out of this process.
        set_heads: told which deliveries of these ordered endpoints are next.
        is_ordered: tells whether an endpoint gets one event after the other.
        pulse: shows that it goes on.
    """

    def __init__(
        self,
        database: Database,
        sender: CommandSender,
        limit: timedelta,
        health: dict[UUID, Health],
        let_go: Callable[[UUID], None],
        set_heads: Callable[[Sequence[UUID], Sequence[Head]], None],
        is_ordered: Callable[[UUID], bool],
        pulse: Pulse,
    ) -> None:
        self._database = database
        self._sender = sender
        self._limit = limit
        self._health = health
        self._let_go = let_go
        self._set_heads = set_heads
        self._is_ordered = is_ordered
        self._pulse = pulse
        self._hold = Hold(pulse, log, "deliver.held")
        # The broker's prefetch bounds it: everything in it is an unacked delivery.
        self._items: asyncio.Queue[Item | None] = asyncio.Queue()

    def put(self, item: Item) -> None:
        """Take in what became of a delivery."""
        self._items.put_nowait(item)

    def close(self) -> None:
        """End when all that was put in is written."""
        self._items.put_nowait(None)

    async def run(self) -> None:
        """Write until closed."""
        more = True
        while more:
            self._pulse.rest()
            batch = [await self._items.get()]
            self._pulse.beat()
            while not self._items.empty() and len(batch) < _BATCH:
                batch.append(self._items.get_nowait())
            items = [item for item in batch if item is not None]
            more = len(items) == len(batch)
            if items:
                await self._write(items)

    async def _write(self, items: Sequence[Item]) -> None:
        health, commands = self._judge(items)
        ordered = [endpoint_id for endpoint_id in {item.endpoint_id for item in items} if self._is_ordered(endpoint_id)]

        async def store() -> list[Head]:
            # First: their ids follow from what happened, so a repeat is the same command; lost they must not be.
            if commands:
                await self._sender.send(commands)
            async with self._database.transaction() as connection:
                await _save(connection, items, health)
                return await find_heads(connection, ordered) if ordered else []

        heads = await self._hold(store, deliveries=len(items))
        for item in items:
            if item.carrier is not None:
                self._let_go(item.delivery_id)
                await item.carrier.let_go()
        if ordered:
            self._set_heads(ordered, heads)

    def _judge(self, items: Sequence[Item]) -> tuple[dict[tuple[UUID, UUID], Health], list[OwnCommand]]:
        """Take the attempts into their endpoints' health; say what the writer has to be told."""
        touched: dict[tuple[UUID, UUID], Health] = {}
        commands: list[OwnCommand] = []
        for item in items:
            attempted = item.attempted
            if attempted is None:
                continue
            due = attempted.delivery
            before = self._health.get(item.endpoint_id, Health())
            counts = not due.event_type.startswith(OPERATIONAL)
            repeats = due.attempts > due.round_start
            after, verdict = after_attempt(
                before, attempted.at, attempted.status_code, self._limit, counts=counts, repeats=repeats
            )
            after = replace(after, open_until=item.open_until)
            self._health[item.endpoint_id] = touched[item.endpoint_id, due.pharmacy_id] = after
            if not isinstance(verdict, Fine):
                commands.append(_tell(due.pharmacy_id, item.endpoint_id, after, before, verdict))
            if attempted.delivery_status == "exhausted" and counts:
                commands.append(_tell_exhausted(attempted))
        return touched, commands


def state_after(step: Delivered | RetryIn | Exhausted) -> tuple[str, datetime | None]:
    """Say what a delivery's row says after an attempt: its status, and when the next one is due."""
    match step:
        case Delivered():
            return "delivered", None
        case RetryIn(seconds):
            return "pending", clock.now() + timedelta(seconds=seconds)
        case Exhausted():
            return "exhausted", None


async def _save(connection: Connection, items: Sequence[Item], health: Mapping[tuple[UUID, UUID], Health]) -> None:
    attempted = [item.attempted for item in items if item.attempted is not None]
    if attempted:
        await save_attempts(connection, attempted)
    if until := {item.delivery_id: item.until for item in items if item.until is not None}:
        await put_off(connection, until)
    if skipped := [item.delivery_id for item in items if item.attempted is None and item.until is None]:
        await skip(connection, skipped, clock.now())
    if health:
        await save_health(connection, health)


def _tell(pharmacy_id: UUID, endpoint_id: UUID, after: Health, before: Health, verdict: Verdict) -> OwnCommand:
    since = format_time(after.failing_since or before.failing_since or clock.now())
    told = {"failing_since": since, "failures": max(after.failures, before.failures)}
    body: dict[str, Any] = told
    match verdict:
        case Warn(percent):
            name, once, body = "webhook_health.warn", f"warn {percent}", told | {"percent": percent}
        case Disable(reason):
            name, once, body = "webhook_health.disable", f"disable {reason}", told | {"reason": reason}
        case _:
            name, once = "webhook_health.clear", "clear"
    log.info("endpoint.judged", endpoint_id=str(endpoint_id), verdict=once, **told)
    # The spell of failures is part of the id: each is told of once, however often it is said.
    return OwnCommand(pharmacy_id, name, endpoint_id, derived_id(endpoint_id, once, since), body)


def _tell_exhausted(attempted: Attempted) -> OwnCommand:
    due = attempted.delivery
    attempts = due.attempts + 1
    body = {
        "endpoint_id": str(due.endpoint_id),
        "event_id": str(due.event_id),
        "event_sequence": due.event_sequence,
        "event_type": due.event_type,
        "attempts": attempts,
        "last_status_code": attempted.status_code,
        "last_error": attempted.error_class,
        "created_at": format_time(due.created_at),
        "ended_at": format_time(attempted.at),
    }
    operation_id = derived_id(due.id, "exhausted", attempts)
    return OwnCommand(due.pharmacy_id, "webhook_delivery.exhaust", due.id, operation_id, body)
