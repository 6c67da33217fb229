"""The dispatcher: the schedule of deliveries is in PostgreSQL, the work goes through the broker."""

import asyncio
from collections.abc import Callable, Collection
from uuid import UUID

import structlog

from consumers.handouts import hand_out
from consumers.pulse import Pulse
from hub import clock
from hub.faults import Unavailable
from hub.messaging.bulk_publisher import BulkPublisher
from hub.storage.database import Database
from hub.storage.deliveries import claim_due, find_due_endpoints

_LOOK_SECONDS = 0.5
_BREATH_SECONDS = 0.03

log = structlog.get_logger("deliver")


class Dispatcher:
    """Hands out what is due, to each endpoint as much as it works off: a backlog of one is no queue for the others."""

    def __init__(
        self,
        database: Database,
        publisher: BulkPublisher,
        room: Callable[[UUID], int],
        note_end_of_backlog: Callable[[Collection[UUID]], None],
    ) -> None:
        """Put the parts together.

        Args:
            room: how many deliveries of an endpoint would be taken up now.
            note_end_of_backlog: told which endpoints have nothing more that is due.
        """
        self._database = database
        self._publisher = publisher
        self._room = room
        self._note_end_of_backlog = note_end_of_backlog
        self._closed = asyncio.Event()
        self._wake = asyncio.Event()
        self.pulse = Pulse("dispatcher")

    def close(self) -> None:
        """Hand out no more."""
        self._closed.set()
        self._wake.set()

    def wake(self) -> None:
        """Look at once: somebody has room again."""
        self._wake.set()

    async def run(self) -> None:
        """Look twice a second, and when there is room again."""
        while not self._closed.is_set():
            self._wake.clear()
            self.pulse.beat()
            try:
                await self.work()
            except Unavailable as fault:
                log.warning("dispatcher.held", what=fault.what, detail=fault.detail)
            await asyncio.sleep(_BREATH_SECONDS)
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def work(self) -> int:
        """Hand out once; give the number of deliveries.

        Raises:
            Unavailable: PostgreSQL or RabbitMQ is away. A crash or a lost confirm costs one lease, no delivery.
        """
        now = clock.now()
        async with self._database.transaction() as connection:
            endpoints = await find_due_endpoints(connection, now)
            quotas = {endpoint_id: room for endpoint_id in endpoints if (room := self._room(endpoint_id)) > 0}
            due = await claim_due(connection, now, quotas) if quotas else []
        counts = dict.fromkeys(quotas, 0)
        for endpoint_id, _ in due:
            counts[endpoint_id] += 1
        await self._publisher.publish(hand_out(due, is_due=True))
        self._note_end_of_backlog([endpoint_id for endpoint_id, count in counts.items() if count < quotas[endpoint_id]])
        return len(due)
