"""Events, replies and notices: many messages in one write, one wait for all their confirms."""

import asyncio
from collections.abc import Sequence

from hub.clock import monotonic
from hub.faults import Unavailable
from hub.messaging.connection import HubConnection
from hub.messaging.frames import Outgoing
from hub.messaging.lane import Lane

__all__ = ["BulkPublisher", "Outgoing"]


class BulkPublisher:
    """Publishes batches one after the other on one channel, so their order is the order of the calls.

    Events of one partition go through ONE of these. Use a connection that is used for publishing only.
    """

    def __init__(self, connection: HubConnection, *, confirm_seconds: float, name: str = "rabbitmq") -> None:
        """Open nothing yet: the channel comes with the first batch and closes with the connection."""
        self._connection = connection
        self._confirm_seconds = confirm_seconds
        self._lane = Lane(connection, name)
        self._turn = asyncio.Lock()

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish in order; return when all are confirmed, within `confirm_seconds` (waiting for one's turn included).

        To repeat a failed batch, call again with the same list: receivers may see messages twice, never a gap.

        Raises:
            Unavailable: at least one is not confirmed; any of them may have arrived.
        """
        if not messages:
            return
        fault = self._connection.fault()
        if fault is not None:
            raise fault
        until = monotonic() + self._confirm_seconds
        try:
            async with asyncio.timeout(self._confirm_seconds):
                await self._turn.acquire()
        except TimeoutError as error:
            detail = "other messages wait for their confirms; nothing was sent, retry"
            raise Unavailable("rabbitmq", detail) from error
        try:
            await self._lane.send(messages, max(0.1, until - monotonic()))
        finally:
            self._turn.release()
