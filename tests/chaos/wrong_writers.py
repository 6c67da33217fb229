"""Mistakes of the consumers. Each function plants one in the process that calls it."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg

import consumers.calling
import consumers.calls
import consumers.outcomes
import consumers.writer
import hub.messaging.topology
from consumers.applied import Applied
from consumers.applying import Applier
from consumers.envelope import Arrived, SetAside
from consumers.receipts import Given, ReceiptSender
from consumers.store import PostgresStore, PostgresTransaction, Transaction
from consumers.window import Delivery, acknowledge
from consumers.writer import Writer
from hub.domain.state import Row
from hub.domain.stock import StockMovement
from hub.domain.webhooks import Delivered, Exhausted
from hub.faults import Unavailable
from hub.messaging.bulk_publisher import BulkPublisher
from hub.storage.events import StoredEvent
from hub.storage.operations import Operation

_chance = random.Random("sabotage")
_calling: Any = consumers.calling
_calls: Any = consumers.calls
_outcomes: Any = consumers.outcomes
_writer: Any = consumers.writer


def acks_before_the_commit() -> None:
    original = Writer._read

    async def acknowledge_no_more(_: list[Delivery]) -> None:
        """Twice would close the channel."""

    async def read(self: Writer, deliveries: list[Delivery]) -> Any:
        await acknowledge(deliveries)
        return await original(self, deliveries)

    Writer._read = read  # type: ignore[method-assign]
    _writer.acknowledge = acknowledge_no_more


def confirms_no_event() -> None:
    async def say(self: Writer) -> None:
        while (settled := await self._settled.get()) is not None:
            await acknowledge(settled.deliveries)
            with suppress(Unavailable):
                await self._publisher.publish(settled.messages())

    Writer._say = say  # type: ignore[method-assign]


def forgets_what_was_applied() -> None:
    finish = PostgresTransaction.finish_operations

    async def find(self: PostgresTransaction, ids: Sequence[UUID]) -> Mapping[UUID, Operation]:
        return {}

    async def finish_again(self: PostgresTransaction, finished: Sequence[Operation]) -> None:
        ids = [operation.id for operation in finished]
        await self.connection.execute("DELETE FROM operations WHERE id = ANY($1::uuid[])", ids)
        await finish(self, finished)

    PostgresTransaction.find_operations = find  # type: ignore[method-assign]
    PostgresTransaction.finish_operations = finish_again  # type: ignore[method-assign]


def remembers_elsewhere() -> None:
    """Claim commands in a transaction before the one that applies them."""
    original = Applier.apply

    async def apply(self: Applier, arrived: Sequence[Arrived]) -> Applied:
        store = self._store
        assert isinstance(store, PostgresStore)
        ids = [one.command.operation_id for one in arrived]
        async with store.database.transaction() as connection:
            await connection.execute("SET LOCAL ROLE hub")
            await connection.execute("CREATE TABLE IF NOT EXISTS claims (id uuid PRIMARY KEY)")
            claimed = await connection.fetch(
                "INSERT INTO claims SELECT DISTINCT * FROM unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id", ids
            )
            known = await connection.fetch("SELECT id FROM operations WHERE id = ANY($1::uuid[])", ids)
        mine = {row["id"] for row in [*claimed, *known]}
        return await original(self, [one for one in arrived if one.command.operation_id in mine])

    Applier.apply = apply  # type: ignore[method-assign]


def nacks_in_the_middle() -> None:
    original = Writer._read

    async def read(self: Writer, deliveries: list[Delivery]) -> Any:
        if len(deliveries) > 2 and _chance.random() < 0.7:
            returned = deliveries.pop(len(deliveries) // 2)
            await returned.channel.basic_nack(returned.tag, requeue=True)
        return await original(self, deliveries)

    Writer._read = read  # type: ignore[method-assign]


def shares_partitions() -> None:
    hub.messaging.topology.ORDERED.pop("x-single-active-consumer", None)


def numbers_outside() -> None:
    """Number events as a sequence of PostgreSQL would: what was given is not taken back."""

    async def take(self: PostgresTransaction, counts: Mapping[UUID, int]) -> dict[UUID, int]:
        from hub.settings import load_settings
        from hub.storage.events import take_numbers

        connection = await asyncpg.connect(load_settings().database_url.get_secret_value(), timeout=5)
        try:
            return await take_numbers(connection, counts)
        finally:
            await connection.close()

    PostgresTransaction.take_numbers = take  # type: ignore[method-assign]


def publishes_before_the_commit() -> None:
    publishers: list[BulkPublisher] = []
    start = Writer.__init__
    append = PostgresTransaction.append

    def init(self: Writer, window: Any, applier: Any, publisher: BulkPublisher, **options: Any) -> None:
        publishers.append(publisher)
        start(self, window, applier, publisher, **options)

    async def append_and_tell(self: PostgresTransaction, stored: Sequence[StoredEvent]) -> None:
        await append(self, stored)
        with suppress(Unavailable):
            await publishers[0].publish([_outcomes._event_message(event) for event in stored])

    Writer.__init__ = init  # type: ignore[method-assign]
    PostgresTransaction.append = append_and_tell  # type: ignore[method-assign]


def loses_movements() -> None:
    save = PostgresTransaction.save_rows

    async def save_most(self: PostgresTransaction, changes: Iterable[Row]) -> None:
        kept = [row for row in changes if not isinstance(row, StockMovement) or _chance.random() > 0.02]
        await save(self, kept)

    PostgresTransaction.save_rows = save_most  # type: ignore[method-assign]


def drops_failed_webhooks() -> None:
    original = _calls.next_step

    def next_step(*arguments: Any, **options: Any) -> Any:
        step = original(*arguments, **options)
        return step if isinstance(step, Delivered) else Exhausted()

    _calls.next_step = next_step


def signs_something_else() -> None:
    original = _calling.sign

    def sign(message_id: str, at: Any, body: bytes, *rest: Any, **options: Any) -> Any:
        return original(message_id, at, body + b" ", *rest, **options)

    _calling.sign = sign


def forgets_receipts() -> None:
    original = ReceiptSender.send

    async def send(self: ReceiptSender, given: Sequence[Given]) -> None:
        await original(self, [one for one in given if _chance.random() > 0.2])

    ReceiptSender.send = send  # type: ignore[method-assign]


def throws_poison_away() -> None:
    async def park(self: Applier, transaction: Transaction, aside: Sequence[SetAside]) -> Applied:
        """Acknowledge it with the others of its window, and say nothing."""
        return Applied(list)

    Applier._park = park  # type: ignore[method-assign]


def stands_still_over_poison() -> None:
    original = Applier._park

    async def park(self: Applier, transaction: Transaction, aside: Sequence[SetAside]) -> Applied:
        await asyncio.sleep(4.0)
        return await original(self, transaction, aside)

    Applier._park = park  # type: ignore[method-assign]
