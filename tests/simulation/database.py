"""A database in memory: read committed, row locks, advisory fences, and everything a network can do to a commit."""

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from hub.domain.audit import AuditEntry
from hub.domain.mending import Mending
from hub.domain.pharmacies import Pharmacy
from hub.domain.settle import Wanted
from hub.domain.state import Row
from hub.domain.stock import StockMovement
from hub.faults import Unavailable
from hub.storage.events import StoredEvent
from hub.storage.operations import Operation

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World

POISON = "POISON"
"""The name of an item that the database refuses."""

LOCK_SECONDS = 30.0
IDLE_SECONDS = 15.0
_APPEND_ONLY = (StockMovement,)


def away(*details: str) -> Unavailable:
    return Unavailable("postgres", " ".join(details))


class Tables:
    """What is stored, or what a transaction will store."""

    def __init__(self) -> None:
        self.operations: dict[UUID, Operation] = {}
        self.rows: dict[type[Any], dict[UUID, Any]] = {}
        self.events: dict[tuple[UUID, int], StoredEvent] = {}
        self.numbers: dict[UUID, int] = {}
        self.audit: dict[UUID, AuditEntry] = {}

    def take_in(self, other: "Tables") -> None:
        self.operations |= other.operations
        self.events |= other.events
        self.numbers |= other.numbers
        self.audit |= other.audit
        for kind, rows in other.rows.items():
            self.rows.setdefault(kind, {}).update(rows)


class Database:
    """The server."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.stored = Tables()
        self.sessions: set[Session] = set()
        self.locks: dict[Hashable, Session] = {}
        self.freed = asyncio.Event()
        self.away_until = 0.0

    def stop_for(self, seconds: float) -> None:
        """Terminate every backend; nobody gets in for so long."""
        self.away_until = self.world.now() + seconds
        self.terminate(list(self.sessions))

    def terminate(self, sessions: Iterable["Session"]) -> None:
        for session in sessions:
            session.roll_back()

    def release(self, session: "Session") -> None:
        self.sessions.discard(session)
        self.locks = {key: owner for key, owner in self.locks.items() if owner is not session}
        self.freed.set()
        self.freed = asyncio.Event()


class Session:
    """A transaction of one process; implements what `consumers.store.Transaction` asks for."""

    def __init__(self, database: Database, process: "Process") -> None:
        self.database = database
        self.process = process
        self.own = Tables()
        self.taken_back: set[UUID] = set()
        self.is_open = True
        database.sessions.add(self)

    def roll_back(self) -> None:
        if self.is_open:
            self.is_open = False
            self.database.release(self)

    def commit(self) -> None:
        self.database.stored.take_in(self.own)
        self.database.world.committed(self.process.name, self.own)
        self.is_open = False
        self.database.release(self)

    async def _ask(self, what: str) -> None:
        """Take the way to the server; the connection may break on it."""
        await self.process.step(what)
        if self.database.world.happens(0.004):
            self.roll_back()
        if not self.is_open:
            raise away("the connection broke before", what)

    async def _lock(self, key: Hashable) -> None:
        database = self.database
        until = database.world.now() + LOCK_SECONDS
        while database.locks.get(key, self) is not self:
            freed = database.freed
            try:
                async with asyncio.timeout(max(0.0, until - database.world.now())):
                    await freed.wait()
            except TimeoutError:
                self.roll_back()
            if not self.is_open:
                raise away("it waited too long for a lock, or was terminated")
        database.locks[key] = self

    async def fence(self, partitions: Sequence[int]) -> None:
        await self._ask("fence")
        for partition in sorted(partitions):
            await self._lock(("fence", partition))

    async def find_operations(self, ids: Sequence[UUID]) -> Mapping[UUID, Operation]:
        await self._ask("find operations")
        stored = self.database.stored.operations
        return {one: stored[one] for one in ids if one in stored}

    async def load_rows(self, wanted: Iterable[Wanted]) -> Mapping[Wanted, Any]:
        await self._ask("load rows")
        stored = self.database.stored.rows
        found: dict[Wanted, Any] = {}
        for pharmacy_id, ref in wanted:
            rows = stored.get(ref.kind, {})
            if ref.field == "id":
                row = rows.get(ref.value)  # type: ignore[arg-type]
            else:
                row = next(
                    (
                        row
                        for row in rows.values()
                        if getattr(row, ref.field) == ref.value
                        and row.pharmacy_id == pharmacy_id
                        and getattr(row, "deleted_at", None) is None
                    ),
                    None,
                )
            if row is not None and ref.kind is not Pharmacy and row.pharmacy_id != pharmacy_id:
                row = None
            found[pharmacy_id, ref] = row
        return found

    async def save_rows(self, changes: Iterable[Row]) -> None:
        await self._ask("save rows")
        for row in changes:
            if getattr(row, "name", "") == POISON:
                self.roll_back()
                raise asyncpg.NumericValueOutOfRangeError
            if isinstance(row, _APPEND_ONLY) and row.id in self.database.stored.rows.get(type(row), {}):
                self.roll_back()
                raise asyncpg.UniqueViolationError
            await self._lock((type(row), row.id))
            self.own.rows.setdefault(type(row), {})[row.id] = row

    async def mend(self, mending: Mending, now: datetime) -> int | None:
        await self._ask("mend deliveries")  # there are none here
        return 0

    async def take_numbers(self, counts: Mapping[UUID, int]) -> dict[UUID, int]:
        await self._ask("take numbers")
        first = {}
        for pharmacy_id in sorted(counts):
            await self._lock(("numbers", pharmacy_id))
            first[pharmacy_id] = self.database.stored.numbers.get(pharmacy_id, 0) + 1
            self.own.numbers[pharmacy_id] = first[pharmacy_id] + counts[pharmacy_id] - 1
        return first

    async def append(self, stored: Sequence[StoredEvent]) -> None:
        await self._ask("append events")
        for event in stored:
            key = (event.pharmacy_id, event.sequence)
            if key in self.database.stored.events:
                self.roll_back()
                raise asyncpg.UniqueViolationError
            self.own.events[key] = event

    async def finish_operations(self, finished: Sequence[Operation]) -> None:
        await self._ask("finish operations")
        for operation in finished:
            await self._lock(("operation", operation.id))
            if operation.id in self.database.stored.operations and operation.id not in self.taken_back:
                self.roll_back()
                raise asyncpg.UniqueViolationError
            self.own.operations[operation.id] = operation

    async def reopen(self, ids: Sequence[UUID]) -> None:
        await self._ask("reopen")
        for one in ids:
            await self._lock(("operation", one))
            operation = self.database.stored.operations.get(one)
            if operation is not None and operation.status == "parked":
                self.own.operations[one] = replace(operation, status="pending", problem=None)

    async def take_back(self, ids: Sequence[UUID]) -> None:
        await self._ask("take back")
        self.taken_back.update(one for one in ids if self.database.stored.operations[one].status == "pending")

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        await self._ask("audit")
        self.own.audit |= {entry.id: entry for entry in entries}

    async def find_ranges(self, ranges: Sequence[tuple[UUID, int, int]]) -> Sequence[StoredEvent]:
        await self._ask("find events")
        stored = self.database.stored.events
        return [
            stored[pharmacy_id, sequence]
            for pharmacy_id, first, count in sorted(ranges)
            for sequence in range(first, first + count)
            if (pharmacy_id, sequence) in stored
        ]


class SimulatedStore:
    """The store that a process opens; implements `consumers.store.Store`."""

    session = Session

    def __init__(self, database: Database, process: "Process") -> None:
        self.database = database
        self.process = process

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        database, world = self.database, self.database.world
        await self.process.step("begin")
        if world.now() < database.away_until:
            raise away("it does not answer")
        session = self.session(database, self.process)
        try:
            yield session
        except BaseException:
            self._abandon(session)
            raise
        await self._commit(session)

    def _abandon(self, session: Session) -> None:
        """Roll back; of a process that died the server hears in its own time, and its locks stay until then."""
        if self.process.is_alive:
            session.roll_back()
        else:
            self.process.later(self.database.world.chance.choice((0.0, 0.0, 0.05, 2.0)), session.roll_back)

    async def _commit(self, session: Session) -> None:
        world = self.database.world
        try:
            await self.process.step("commit")
        except asyncio.CancelledError:
            # The process died: its COMMIT may be on its way all the same.
            done = session.commit if world.chance.random() < 0.5 else session.roll_back
            self.process.later(world.chance.choice((0.0, 0.05, 2.0)), lambda: session.is_open and done())
            raise
        if world.happens(0.01):
            session.roll_back()
        if not session.is_open:
            raise away("the connection broke before the commit")
        session.commit()
        if world.happens(0.02):
            raise away("the connection broke after the commit")
        await self.process.step("committed")
