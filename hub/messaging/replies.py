"""Outcomes for the requests that wait for them (`Prefer: wait`): one queue per gateway process."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from uuid import UUID

import orjson

from hub.messaging.connection import HubConnection
from hub.messaging.frames import Outgoing
from hub.messaging.listening import Listening, keep_listening
from hub.messaging.publisher import MESSAGE_BYTES
from hub.messaging.tasks import running
from hub.messaging.topology import DEFAULT_EXCHANGE, replies_queue

FIRST_SECONDS = 3.0

logger = logging.getLogger(__name__)

Reply = dict[str, Any]


def replies_messages(queue_name: str, outcomes: Iterable[Reply]) -> Iterator[Outgoing]:
    """Write one window's outcomes for one gateway, about 1 MiB to a message; a gateway that is gone is nobody's fault.

    RabbitMQ refuses what is longer than its limit, each time that it comes.
    """
    together: list[bytes] = []
    size = 0
    for outcome in map(orjson.dumps, outcomes):
        size += len(outcome)
        if together and size > MESSAGE_BYTES:
            yield _replies_message(queue_name, together)
            together, size = [], len(outcome)
        together.append(outcome)
    if together:
        yield _replies_message(queue_name, together)


def _replies_message(queue_name: str, outcomes: Sequence[bytes]) -> Outgoing:
    body = b"[" + b",".join(outcomes) + b"]"
    return Outgoing(DEFAULT_EXCHANGE, queue_name, body, mandatory=False, persistent=False)


class Replies:
    """Who waits for which operation; see `open_replies`."""

    def __init__(self, queue_name: str) -> None:
        """Wait for nobody yet."""
        self.queue_name = queue_name
        self._waiting: dict[str, list[asyncio.Future[Reply]]] = {}
        self._listening = asyncio.Event()

    @property
    def is_listening(self) -> bool:
        """False while the queue does not exist: waiting is then in vain, answer 202 at once."""
        return self._listening.is_set()

    @contextmanager
    def wait_for(self, operation_id: UUID) -> Iterator[asyncio.Future[Reply]]:
        """Register a wait BEFORE publishing the command; the future gets the outcome object of the writer.

        It never fails by itself and may never come (the outcome is then found under `/api/operations/<id>`): put a
        timeout around it. Several may wait for one operation.
        """
        key = str(operation_id)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        try:
            yield future
        finally:
            waiting = self._waiting[key]
            waiting.remove(future)
            if not waiting:
                del self._waiting[key]
            future.cancel()

    def hear(self, body: bytes) -> None:
        """Hand each outcome of a message to those who wait for it."""
        try:
            outcomes: list[Reply] = orjson.loads(body)
            found = [(self._waiting.get(outcome["operation_id"], ()), outcome) for outcome in outcomes]
        except (orjson.JSONDecodeError, TypeError, KeyError):
            logger.exception("an unreadable reply of %d bytes was left out", len(body))
            return
        for waiting, outcome in found:
            for future in waiting:
                if not future.done():
                    future.set_result(outcome)

    def resumed(self) -> None:
        """Note that outcomes arrive."""
        self._listening.set()

    def lost(self) -> None:
        """Note that outcomes get lost; those who wait run into their timeouts."""
        self._listening.clear()

    async def until_listening(self) -> None:
        """Wait until outcomes arrive."""
        await self._listening.wait()


@asynccontextmanager
async def open_replies(connection: HubConnection, gateway_id: str) -> AsyncIterator[Replies]:
    """Read `hub.replies.<gateway_id>`, under the same name after every reconnect.

    Waits up to 3 s for the queue, and goes on without it: commands are published, only nobody waits for their outcome.
    """
    replies = Replies(replies_queue(gateway_id))
    listening = Listening(replies.queue_name, None, replies.hear, replies.resumed, replies.lost)
    async with running(keep_listening(connection, listening), "reader of replies"):
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS if connection.underlay is not None else 0.0):
                await replies.until_listening()
        yield replies
