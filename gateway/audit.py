"""What this process has to tell for the audit log: reads of payloads by operators, and which keys were in use.

The gateway writes no row: it publishes to `hub.audit` in batches, and the janitor writes. No read waits for it or fails by
it: while the broker is away the lines wait here, up to a bound.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from hub import clock
from hub.domain.audit import AuditEntry
from hub.faults import Unavailable
from hub.messaging.audit import audit_message
from hub.messaging.bulk_publisher import BulkPublisher
from hub.messaging.connection import HubConnection
from hub.messaging.tasks import owned_tasks

log = structlog.get_logger("gateway")

FLUSH_SECONDS: Final = 1.0
USES_SECONDS: Final = 10.0
LAST_SECONDS: Final = 2.0
BATCH: Final = 500
WAITING: Final = 20_000
"""Lines that wait for the broker; beyond that the oldest are lost, and the log says how many."""


class AuditTrail:
    """Gathers lines and keys, and publishes them; see `open_audit`."""

    def __init__(self, publisher: BulkPublisher) -> None:
        """Gather nothing yet."""
        self._publisher = publisher
        self._waiting: deque[AuditEntry] = deque()
        self._used: set[UUID] = set()
        self._lost = 0
        self._uses_at = 0.0

    def note_read(self, entry: AuditEntry) -> None:
        """Remember that something was read; never waits."""
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(entry)

    def note_use(self, key_id: UUID) -> None:
        """Remember that a key is in use."""
        self._used.add(key_id)

    async def keep_flushing(self) -> None:
        """Publish every second what there is; never ends by itself."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Unavailable as fault:
                log.warning("audit.held", what=fault.what, detail=fault.detail, waiting=len(self._waiting))

    async def flush(self, *, is_last: bool = False) -> None:
        """Publish all lines, and the keys in use where ten seconds have passed.

        Raises:
            Unavailable: the broker does not confirm; what is not confirmed is sent again, and written once.
        """
        if self._lost:
            log.error("audit.lost", lines=self._lost, detail="the broker was away for too long")
            self._lost = 0
        uses: Mapping[UUID, datetime] = {}
        if self._used and (is_last or clock.monotonic() - self._uses_at >= USES_SECONDS):
            uses = dict.fromkeys(self._used, clock.now())
        while self._waiting or uses:
            batch = [self._waiting[at] for at in range(min(BATCH, len(self._waiting)))]
            await self._publisher.publish([audit_message(batch, uses)])
            sent = {entry.id for entry in batch}
            while self._waiting and self._waiting[0].id in sent:
                self._waiting.popleft()
            if uses:
                self._used.difference_update(uses)
                self._uses_at = clock.monotonic()
                uses = {}


@asynccontextmanager
async def open_audit(connection: HubConnection, *, confirm_seconds: float) -> AsyncIterator[AuditTrail]:
    """Publish what is noted, on a connection that is used for publishing only; at the end once more, within 2 s."""
    trail = AuditTrail(BulkPublisher(connection, confirm_seconds=confirm_seconds, name="hub.audit"))
    async with owned_tasks() as tasks:
        keeper = tasks.create_task(trail.keep_flushing(), name="keeper of the audit trail")
        try:
            yield trail
        finally:
            keeper.cancel()
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await trail.flush(is_last=True)
