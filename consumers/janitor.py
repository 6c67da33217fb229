"""The janitor: cuts back what grows, looks for what is overdue, lets orders expire, writes down what gateways tell.

Several may run: each step takes a lock of the database for its transaction, and who does not get it does nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import asyncpg
import structlog

from consumers.figures import Figures
from consumers.holding import Hold
from consumers.processing import OwnCommand
from consumers.window import Delivery, Window, acknowledge
from hub import clock
from hub.domain.audit import AuditEntry
from hub.domain.fields import format_time
from hub.domain.ids import derived_id
from hub.faults import Poison, Unavailable
from hub.messaging.audit import read_audit
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.parking import Parked, park
from hub.messaging.topology import AUDIT
from hub.settings import Settings
from hub.storage.audit import add_entries, keep_audit, note_key_uses
from hub.storage.database import Connection, Database
from hub.storage.parked import count_waiting
from hub.storage.retention import (
    Overdue,
    delete_deliveries,
    delete_events,
    delete_operations,
    delete_parked,
    delete_upload_errors,
    end_deliveries,
    find_stale_orders,
    sweep_deliveries,
    try_lock,
)

OVERDUE_SECONDS = 60.0
"""Nothing that is due waits longer than this: the dispatcher looks twice a second, a lease lasts 45 s."""

_BATCH_ROWS = 1000
_BATCHES_A_ROUND = 200
_EXPIRED_A_ROUND = 500
_MESSAGES = 500
_BYTES = 4_194_304

log = structlog.get_logger("janitor")

T = TypeVar("T")
Delete = Callable[[Connection, datetime, int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: rows deleted by table, months of the audit dropped, orders told to expire, deliveries overdue."""

    deleted: dict[str, int]
    months: int
    expired: int
    overdue: Overdue


class Janitor:
    """Does its rounds, and writes what comes from `hub.audit`."""

    def __init__(
        self,
        window: Window,
        database: Database,
        publisher: BulkPublisher,
        settings: Settings,
        figures: Figures | None = None,
    ) -> None:
        """Put the parts together; `window` collects the messages of `hub.audit`."""
        self._figures = figures or Figures()
        self._window = window
        self._hold = Hold(window.pulse, log, "janitor.held")
        self._database = database
        self._publisher = publisher
        self._settings = settings
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Begin no other round and take no more messages."""
        self._closed.set()
        self._window.close()

    async def run(self) -> None:
        """Work until closed; what was taken from `hub.audit` is written first."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds(), name="janitor: rounds")
            while deliveries := await self._window.take(_MESSAGES, _BYTES):
                await self._write(deliveries)
                await acknowledge(deliveries)

    async def _rounds(self) -> None:
        while not self._closed.is_set():
            try:
                await self.work()
            except Unavailable as fault:
                log.warning("janitor.held", what=fault.what, detail=fault.detail)
            except asyncpg.PostgresError:
                # One step that the database refuses must not take the role, and with it the others' audit, down.
                log.exception("janitor.refused")
            try:
                async with asyncio.timeout(self._settings.janitor_seconds):
                    await self._closed.wait()
            except TimeoutError:
                continue

    async def work(self) -> Round:
        """Do one round.

        Raises:
            Unavailable: PostgreSQL or RabbitMQ is away; the next round does the rest.
        """
        began = clock.monotonic()
        now = clock.now()
        settings = self._settings
        steps: tuple[tuple[str, Delete, int], ...] = (
            ("webhook_deliveries", delete_deliveries, settings.retention_attempts_days),
            ("events", delete_events, settings.retention_events_days),
            ("operations", delete_operations, settings.retention_operations_days),
            ("upload_errors", delete_upload_errors, settings.retention_operations_days),
            ("parked_messages", delete_parked, settings.retention_parked_days),
        )
        ended = await self._delete(end_deliveries, now)
        deleted = {name: await self._delete(step, now - timedelta(days=days)) for name, step, days in steps}
        overdue = await self._once(
            lambda connection: sweep_deliveries(connection, now, now - timedelta(seconds=OVERDUE_SECONDS)),
            Overdue(0, None),
        )
        expired = await self._expire(now)
        # Last: it may wait for a lock, and then the round ends here.
        months = await self._once(lambda connection: keep_audit(connection, settings.audit_retention_days), 0)
        done = Round(deleted, months, expired, overdue)
        self._figures.overdue = overdue.count
        async with self._database.connection() as connection:
            self._figures.parked_waiting = await count_waiting(connection)
        if overdue.count:
            log.warning("deliveries.overdue", count=overdue.count, since=overdue.since and format_time(overdue.since))
        log.info(
            "janitor.done",
            **{f"deleted_{name}": count for name, count in deleted.items()},
            audit_months_dropped=months,
            orders_expired=done.expired,
            deliveries_ended=ended,
            deliveries_overdue=overdue.count,
            ms=round((clock.monotonic() - began) * 1000, 2),
        )
        return done

    async def _once(self, step: Callable[[Connection], Awaitable[T]], otherwise: T) -> T:
        async with self._database.transaction() as connection:
            return await step(connection) if await try_lock(connection) else otherwise

    async def _delete(self, step: Delete, before: datetime) -> int:
        """Delete, or end, batch by batch, each in a transaction of its own, so that nobody waits long for a row or a lock."""
        total = 0
        for _ in range(_BATCHES_A_ROUND):
            async with self._database.transaction() as connection:
                if not await try_lock(connection):
                    return total
                count = await step(connection, before, _BATCH_ROWS)
            total += count
            if count < _BATCH_ROWS or self._closed.is_set():
                break
        return total

    async def _expire(self, now: datetime) -> int:
        """Tell orders that nobody fetched to expire: a business change, so a command, decided by the rules of orders."""
        hours = self._settings.orders_expire_hours
        if not hours:
            return 0
        async with self._database.transaction() as connection:
            if not await try_lock(connection):
                return 0
            stale = await find_stale_orders(connection, now - timedelta(hours=hours), _EXPIRED_A_ROUND)
        await self._publisher.publish(
            [_expiry(hours, *order).message(now, self._settings.partitions) for order in stale]
        )
        return len(stale)

    async def _write(self, deliveries: Sequence[Delivery]) -> None:
        """Write what gateways told, however long the database takes; what is no such message is parked."""
        entries: list[AuditEntry] = []
        uses: dict[UUID, datetime] = {}
        parked: list[Outgoing] = []
        for delivery in deliveries:
            try:
                told, used = read_audit(delivery.body)
            except Poison as poison:
                at = clock.now()
                log.warning("message.parked", origin=AUDIT, reason=poison.reason)
                parked.append(park(Parked(delivery.body, poison.reason, AUDIT, at, at)))
                continue
            entries += told
            for key, at in used.items():
                uses[key] = max(at, uses.get(key, at))
        if entries or uses:
            try:
                await self._hold(partial(self._keep, entries, uses), entries=len(entries))
            except asyncpg.PostgresError as error:
                # It is nothing that a gateway of this version writes: keep the bytes, and go on.
                log.exception("janitor.refused", entries=len(entries))
                at, reason = clock.now(), f"{type(error).__name__} while it was written"
                parked = [park(Parked(delivery.body, reason, AUDIT, at, at)) for delivery in deliveries]
        await self._hold(partial(self._publisher.publish, parked), parked=len(parked))

    async def _keep(self, entries: Sequence[AuditEntry], uses: Mapping[UUID, datetime]) -> None:
        async with self._database.transaction() as connection:
            await add_entries(connection, entries)
            await note_key_uses(connection, uses)


def _expiry(hours: int, pharmacy_id: UUID, order_id: UUID, version: int) -> OwnCommand:
    # The version is part of the id: the same order is told once, however many rounds find it.
    operation_id = derived_id(order_id, "expiry", version)
    body = {"status": "expired", "reason": f"not fetched within {hours} hours"}
    return OwnCommand(pharmacy_id, "order.transition", order_id, operation_id, body, if_match=[version])
