"""What a transaction of the writer asks of the database; the simulation in `tests/simulation` answers it as well."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from consumers.failpoint import NOWHERE, Failpoint
from hub.domain.audit import AuditEntry
from hub.domain.mending import Mending
from hub.domain.settle import Wanted
from hub.domain.state import Row
from hub.storage import audit, events, operations, tables, webhook_recovery
from hub.storage.database import Connection, Database, undoable
from hub.storage.events import StoredEvent
from hub.storage.operations import Operation
from hub.storage.tables import UNBOUNDED

_FENCE = 7_140_100
"""First key of the advisory locks that keep a cut-off writer out of a partition that another one took over."""


class Transaction(Protocol):
    """One transaction: every call is one statement, and nothing of it is seen before the commit."""

    async def fence(self, partitions: Sequence[int]) -> None:
        """Keep every other writer out of these partitions until the end; sorted, so that two never wait for each other."""

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo what is done within when it breaks; the transaction goes on with what was done before."""

    async def find_operations(self, ids: Sequence[UUID]) -> Mapping[UUID, Operation]:
        """Find those of these operations that are finished."""

    async def load_rows(self, wanted: Iterable[Wanted], most_bytes: int = UNBOUNDED) -> Mapping[Wanted, Any]:
        """Find rows; None where there is none.

        Raises:
            TooMuch: those of one kind are more than `most_bytes`.
        """

    async def save_rows(self, changes: Iterable[Row]) -> None:
        """Insert or change rows; the last version of each stands."""

    async def mend(self, mending: Mending, now: datetime, *, is_late: bool) -> int | None:
        """Change deliveries in a set; how many. None: too many to look into, nothing was done."""

    async def take_numbers(self, counts: Mapping[UUID, int]) -> dict[UUID, int]:
        """Take so many event numbers of each pharmacy; gives the first of each."""

    async def append(self, stored: Sequence[StoredEvent]) -> None:
        """Add numbered events to the log."""

    async def finish_operations(self, finished: Sequence[Operation]) -> None:
        """Store outcomes. One that is there already breaks the transaction."""

    async def reopen(self, ids: Sequence[UUID]) -> None:
        """Make parked operations pending again: their commands are replayed."""

    async def take_back(self, ids: Sequence[UUID]) -> None:
        """Make room for the outcome of pending operations."""

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Add lines to the audit log."""

    async def find_ranges(self, ranges: Sequence[tuple[UUID, int, int]], most_bytes: int) -> Sequence[StoredEvent]:
        """Read runs of events: pharmacy, first number, count.

        Raises:
            TooMuch: their bodies are more than `most_bytes`.
        """


class Store(Protocol):
    """Where the writer's transactions come from."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction that commits at the end.

        Raises:
            Unavailable: the database is away; whether it committed is unknown.
        """


@dataclass(frozen=True, slots=True)
class PostgresTransaction:
    """The statements of `hub.storage` on one connection."""

    connection: Connection

    async def fence(self, partitions: Sequence[int]) -> None:
        """As `Transaction`."""
        await self.connection.execute(
            "SELECT pg_advisory_xact_lock($1, p) FROM unnest($2::int[]) AS p", _FENCE, sorted(partitions)
        )

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """As `Transaction`."""
        return undoable(self.connection)

    async def find_operations(self, ids: Sequence[UUID]) -> Mapping[UUID, Operation]:
        """As `Transaction`."""
        return await operations.find_operations(self.connection, ids)

    async def load_rows(self, wanted: Iterable[Wanted], most_bytes: int = UNBOUNDED) -> Mapping[Wanted, Any]:
        """As `Transaction`."""
        return await tables.load_rows(self.connection, wanted, most_bytes)

    async def save_rows(self, changes: Iterable[Row]) -> None:
        """As `Transaction`."""
        await tables.save_rows(self.connection, changes)

    async def mend(self, mending: Mending, now: datetime, *, is_late: bool) -> int | None:
        """As `Transaction`."""
        return await webhook_recovery.mend(self.connection, mending, now, is_late=is_late)

    async def take_numbers(self, counts: Mapping[UUID, int]) -> dict[UUID, int]:
        """As `Transaction`."""
        return await events.take_numbers(self.connection, counts)

    async def append(self, stored: Sequence[StoredEvent]) -> None:
        """As `Transaction`."""
        await events.append(self.connection, stored)

    async def finish_operations(self, finished: Sequence[Operation]) -> None:
        """As `Transaction`."""
        await operations.finish_operations(self.connection, finished)

    async def reopen(self, ids: Sequence[UUID]) -> None:
        """As `Transaction`."""
        await operations.reopen_operations(self.connection, ids)

    async def take_back(self, ids: Sequence[UUID]) -> None:
        """As `Transaction`."""
        await operations.take_back_operations(self.connection, ids)

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """As `Transaction`."""
        await audit.add_entries(self.connection, entries)

    async def find_ranges(self, ranges: Sequence[tuple[UUID, int, int]], most_bytes: int) -> Sequence[StoredEvent]:
        """As `Transaction`."""
        return await events.find_ranges(self.connection, ranges, most_bytes)


@dataclass(frozen=True, slots=True)
class PostgresStore:
    """A database opened as `hub_write`."""

    database: Database
    failpoint: Failpoint = NOWHERE

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """As `Store`."""
        async with self.database.transaction() as connection:
            yield PostgresTransaction(connection)
            self.failpoint.reach("before_commit")
        self.failpoint.reach("after_commit")
