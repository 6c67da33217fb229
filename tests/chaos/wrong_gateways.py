"""Mistakes of the gateways. Each function plants one in the process that calls it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import gateway.accept
import gateway.context
import gateway.reads
import gateway.routes.uploads
from gateway.subscription import Subscription
from hub.messaging.frames import Outgoing
from hub.messaging.lane import Lane
from hub.messaging.publisher import CommandPublisher
from hub.storage.database import Database

_accept: Any = gateway.accept
_context: Any = gateway.context
_reads: Any = gateway.reads
_uploads: Any = gateway.routes.uploads


def publishes_without_mandatory() -> None:
    original = Lane.send

    async def send(self: Lane, messages: Sequence[Outgoing], seconds: float) -> None:
        await original(self, [message._replace(mandatory=False) for message in messages], seconds)

    Lane.send = send  # type: ignore[method-assign]


def answers_before_the_confirm() -> None:
    original = CommandPublisher._publish
    running: set[asyncio.Task[None]] = set()

    async def publish(self: CommandPublisher, partition: int, commands: bytes, count: int) -> None:
        async def quietly() -> None:
            with suppress(Exception):  # that nobody hears of it is the mistake
                await original(self, partition, commands, count)

        task = asyncio.create_task(quietly())
        running.add(task)
        task.add_done_callback(running.discard)

    CommandPublisher._publish = publish  # type: ignore[method-assign]


def reads_everybody() -> None:
    """Leave out both walls: row-level security, and the pharmacy in the query."""
    open_database = _context.open_database

    def open_all(url: str, _role: str, **options: Any) -> Any:
        return open_database(url, "hub_read_all", **options)

    async def list_page(connection: Any, _pharmacy_id: Any, *rest: Any) -> Any:
        return await _reads.list_page_of_any_pharmacy(connection, *rest)

    _context.open_database = open_all
    _reads.list_page = list_page


def relays_without_backlog() -> None:
    original = Subscription.start

    async def start(self: Subscription, after: int | None) -> None:
        await original(self, after)
        self.sequence, self._must_read = self.joined_at, False

    Subscription.start = start  # type: ignore[method-assign]


def forgets_keys() -> None:
    parse = _accept.parse_write_headers

    def parse_without(headers: Any) -> Any:
        return replace(parse(headers), idempotency_key=None)

    _accept.parse_write_headers = parse_without
    _uploads.parse_write_headers = parse_without


def waits_for_ever() -> None:
    """Leave out a read's limit of time, before a database that is busy."""
    original = Database._lent
    calls = itertools.count(1)

    @asynccontextmanager
    async def lent(self: Database, pharmacy_id: UUID | None) -> AsyncIterator[Any]:
        if next(calls) % 60 == 0:
            await asyncio.sleep(7.0)
        async with original(self, pharmacy_id) as connection:
            yield connection

    Database._lent = lent  # type: ignore[method-assign]
