"""One transaction of the writer: many commands to rows, outcomes and numbered events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from hub import clock
from hub.domain.command import Command
from hub.domain.event import NumberedEvent, routing_key_of
from hub.domain.fields import format_id
from hub.domain.outcome import Accepted, Event, Outcome, Rejected
from hub.domain.pharmacies import ApiKey, OperatorKey, Pharmacy
from hub.domain.problem import Problem
from hub.domain.settle import settle, touched
from hub.domain.state import Row
from hub.messaging.bulk_publisher import Outgoing
from hub.messaging.control import Notice, notice_message
from hub.messaging.replies import replies_message
from hub.messaging.topology import EVENTS
from hub.resources import COMMANDS
from hub.storage.database import Connection, Database
from hub.storage.events import StoredEvent, append, find_ranges, take_numbers
from hub.storage.operations import Operation, dump_operation, find_operations, finish_operations
from hub.storage.tables import load_rows, save_rows

_FENCE = 7_140_100
"""First key of the advisory locks that keep a cut-off writer out of a partition that another one took over."""

Arrived = tuple[Command, int, bool]
"""A command, its partition, and whether it was delivered before."""


@dataclass(slots=True)
class Applied:
    """What a committed transaction leaves to say, in order: replies first, then events and notices."""

    messages: list[Outgoing]
    events: int


@dataclass(slots=True)
class _Work:
    """What one transaction gathers."""

    now: datetime
    replies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    events: list[StoredEvent] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    repeated: list[tuple[Command, Operation]] = field(default_factory=list)


class Applier:
    """Applies commands to the database."""

    def __init__(self, database: Database) -> None:
        """Work on a database opened as `hub_write`."""
        self._database = database

    async def apply(self, arrived: Sequence[Arrived], *, uncertain: bool) -> Applied:
        """Apply the commands in order, in one transaction. What was applied before is only said again.

        Args:
            uncertain: a transaction of the same commands may have committed unseen.
        Raises:
            Unavailable: PostgreSQL is away; whether it committed is unknown, call again.
        """
        work = _Work(clock.now())
        async with self._database.transaction() as connection:
            await self._fence(connection, sorted({partition for _, partition, _ in arrived}))
            fresh, again = await self._claim(connection, arrived, work)
            outcomes = await self._settle(connection, fresh, work)
            await self._store(connection, fresh, outcomes, work)
            said_before = [
                operation for operation, redelivered in again if (redelivered or uncertain) and operation.event_count
            ]
            repeats = await self._repeat(connection, said_before, work)
        return Applied(self._messages(work, repeats), len(work.events))

    async def finish_parked(self, command: Command, partition: int) -> list[Outgoing]:
        """Store that a command was set aside, and make the reply to whoever waits for it."""
        work = _Work(clock.now())
        problem = Problem("parked", "the command could not be applied and was set aside; an operator can replay it")
        async with self._database.transaction() as connection:
            await self._fence(connection, [partition])
            if not await find_operations(connection, [command.operation_id]):
                operation = _operation(command, "parked", work.now, problem=problem.dump())
                await finish_operations(connection, [operation])
                _reply(work, command, operation, [], None, problem.dump())
        return self._messages(work, [])

    def envelope_of(self, command: Command) -> bytes:
        """Write a command as it travels, for the parked messages."""
        return orjson.dumps(
            {
                "operation_id": str(command.operation_id),
                "pharmacy_id": str(command.pharmacy_id),
                "resource_id": str(command.resource_id),
                "type": command.type,
                "body": command.body.model_dump(mode="json", exclude_unset=True),
                "accepted_at": command.accepted_at.isoformat(),
                "fingerprint": command.fingerprint,
                "minted": dict(command.minted),
                "actor": command.actor,
                "door": command.door,
            }
            | ({} if command.if_match is None else {"if_match": command.if_match})
        )

    async def _fence(self, connection: Connection, partitions: list[int]) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock($1, p) FROM unnest($2::int[]) AS p", _FENCE, partitions)

    async def _claim(
        self, connection: Connection, arrived: Sequence[Arrived], work: _Work
    ) -> tuple[list[Command], list[tuple[Operation, bool]]]:
        """Part the new commands from those that were applied before, in this window or in another."""
        known = await find_operations(connection, [command.operation_id for command, _, _ in arrived])
        fresh: dict[UUID, Command] = {}
        again: list[tuple[Operation, bool]] = []
        for command, _, redelivered in arrived:
            operation = known.get(command.operation_id)
            if operation is not None:
                again.append((operation, redelivered))
                work.repeated.append((command, operation))
            elif command.operation_id not in fresh:
                fresh[command.operation_id] = command
            elif command.reply_to:
                # The same command twice in one window: the second waits for the outcome of the first.
                work.repeated.append((command, _operation(fresh[command.operation_id], "pending", work.now)))
        return list(fresh.values()), again

    async def _settle(self, connection: Connection, commands: Sequence[Command], work: _Work) -> list[Outcome]:
        if not commands:
            return []
        rows = await load_rows(connection, touched(commands, COMMANDS))
        while True:
            outcomes, missing = settle(commands, COMMANDS, rows, work.now)
            if not missing:
                return outcomes
            rows |= await load_rows(connection, missing)

    async def _store(
        self, connection: Connection, commands: Sequence[Command], outcomes: Sequence[Outcome], work: _Work
    ) -> None:
        if not commands:
            return
        counts: dict[UUID, int] = {}
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(outcome, Accepted):
                work.changes += outcome.changes
                if outcome.events:
                    counts[command.pharmacy_id] = counts.get(command.pharmacy_id, 0) + len(outcome.events)
        await save_rows(connection, work.changes)
        numbers = await take_numbers(connection, counts) if counts else {}
        for command, outcome in zip(commands, outcomes, strict=True):
            _finish(work, command, outcome, numbers)
        if work.events:
            await append(connection, work.events)
        await finish_operations(connection, work.operations)

    async def _repeat(self, connection: Connection, said_before: Sequence[Operation], work: _Work) -> list[StoredEvent]:
        """Load the events to publish again, and answer those who ask again."""
        ranges = {
            (operation.pharmacy_id, operation.first_sequence, operation.event_count)
            for operation in said_before
            if operation.first_sequence is not None
        }
        asked = {
            (operation.pharmacy_id, operation.first_sequence, operation.event_count)
            for command, operation in work.repeated
            if command.reply_to and operation.first_sequence is not None
        }
        stored = await find_ranges(connection, sorted(ranges | asked)) if ranges or asked else []
        by_operation: dict[UUID, list[StoredEvent]] = {}
        for event in stored:
            by_operation.setdefault(event.operation_id, []).append(event)
        finished = {operation.id: operation for operation in work.operations}
        for event in work.events:
            by_operation.setdefault(event.operation_id, []).append(event)
        for command, operation in work.repeated:
            if command.reply_to:
                outcome = finished.get(operation.id, operation)
                _answer_again(work, command, outcome, by_operation.get(operation.id, []))
        again = {operation.id for operation in said_before}
        return [event for event in stored if event.operation_id in again]

    def _messages(self, work: _Work, repeats: Sequence[StoredEvent]) -> list[Outgoing]:
        messages = [replies_message(queue, outcomes) for queue, outcomes in work.replies.items()]
        # Repeats are older than what was just numbered, so a receiver sees doubles but never a gap.
        messages += [_event_message(event) for event in (*repeats, *work.events)]
        whose = {
            (row.id if isinstance(row, Pharmacy) else row.pharmacy_id if isinstance(row, ApiKey) else None)
            for row in work.changes
            if isinstance(row, Pharmacy | ApiKey | OperatorKey)
        }
        messages += [
            notice_message(Notice("key.changed", {"pharmacy_id": None if pharmacy_id is None else str(pharmacy_id)}))
            for pharmacy_id in whose
        ]
        return messages


def _finish(work: _Work, command: Command, outcome: Outcome, numbers: dict[UUID, int]) -> None:
    """Number the events of an outcome, end its operation, and answer whoever waits."""
    if isinstance(outcome, Rejected):
        problem = outcome.problem.dump()
        operation = _operation(command, "rejected", work.now, problem=problem)
        work.operations.append(operation)
        _reply(work, command, operation, [], None, problem)
        return
    first = numbers.get(command.pharmacy_id, 0) if outcome.events else None
    links = [_append(work, command, index, event, numbers) for index, event in enumerate(outcome.events)]
    operation = _operation(
        command,
        "applied",
        work.now,
        first_sequence=first,
        event_count=len(links),
        result=None if links else outcome.resource,
    )
    work.operations.append(operation)
    _reply(work, command, operation, links, outcome.resource, None)


def _append(work: _Work, command: Command, index: int, event: Event, numbers: dict[UUID, int]) -> dict[str, Any]:
    sequence = numbers[command.pharmacy_id]
    numbers[command.pharmacy_id] = sequence + 1
    numbered = NumberedEvent(event, command.pharmacy_id, command.operation_id, index, sequence, work.now)
    event_id = numbered.id
    body = orjson.dumps(numbered.dump(event_id)).decode()
    work.events.append(
        StoredEvent(event_id, command.pharmacy_id, sequence, event.type, command.operation_id, work.now, body)
    )
    return {"id": format_id(event_id), "type": event.type, "sequence": sequence}


def _operation(
    command: Command,
    status: str,
    now: datetime,
    *,
    problem: Mapping[str, Any] | None = None,
    first_sequence: int | None = None,
    event_count: int = 0,
    result: Mapping[str, Any] | None = None,
) -> Operation:
    return Operation(
        command.operation_id,
        command.pharmacy_id,
        command.type,
        status,
        command.fingerprint,
        COMMANDS[command.type].resource,
        command.resource_id,
        command.accepted_at,
        now,
        first_sequence,
        event_count,
        problem,
        result,
        command.actor,
        command.door,
    )


def _reply(
    work: _Work,
    command: Command,
    operation: Operation,
    links: Sequence[Mapping[str, Any]],
    resource: Mapping[str, Any] | None,
    problem: Mapping[str, Any] | None,
    *,
    mismatch: bool = False,
) -> None:
    if command.reply_to:
        work.replies.setdefault(command.reply_to, []).append(
            {
                "operation_id": str(operation.id),
                "status": operation.status,
                "operation": dump_operation(operation, links),
                "resource": resource,
                "version": None if resource is None else resource.get("version"),
                "problem": problem,
                "mismatch": mismatch,
            }
        )


def _answer_again(work: _Work, command: Command, operation: Operation, events: Sequence[StoredEvent]) -> None:
    """Answer a repeat with the saved outcome; the same id for another request is a mismatch."""
    if command.fingerprint != operation.fingerprint:
        problem = Problem("idempotency-mismatch", "this Idempotency-Key was used for another request; choose a new one")
        _reply(work, command, operation, [], None, problem.dump(), mismatch=True)
        return
    resource = operation.result
    if events:
        data = orjson.loads(events[0].body)["data"]
        resource = data[next(name for name in data if name not in {"changed", "movement"})]
    links = [{"id": format_id(event.id), "type": event.type, "sequence": event.sequence} for event in events]
    _reply(work, command, operation, links, resource, operation.problem)


def _event_message(event: StoredEvent) -> Outgoing:
    return Outgoing(
        EVENTS,
        routing_key_of(event.pharmacy_id, event.type),
        event.body.encode(),
        content_type="application/cloudevents+json",
        message_id=format_id(event.id),
        headers={
            "sequence": event.sequence,
            "pharmacy_id": format_id(event.pharmacy_id),
        },
        # An event that nobody listens to is in the log; the fan-out and the sockets read it there.
        mandatory=False,
    )
