"""A database in memory: read committed, row locks, advisory fences, and savepoints."""

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

import asyncpg

from hub.domain.audit import AuditEntry
from hub.domain.mending import Mending
from hub.domain.pharmacies import Pharmacy
from hub.domain.settle import Wanted
from hub.domain.state import Row
from hub.domain.stock import StockMovement
from hub.faults import TooMuch, Unavailable
from hub.storage.events import StoredEvent
from hub.storage.operations import Operation
from hub.storage.tables import UNBOUNDED
from tests.simulation.tables import Tables

ROW_BYTES = 200

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
        self.release_since(session, set())

    def release_since(self, session: "Session", kept: set[Hashable]) -> None:
        self.locks = {key: owner for key, owner in self.locks.items() if owner is not session or key in kept}
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
        self.is_broken = False
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
        if self.is_broken:
            raise asyncpg.InFailedSQLTransactionError

    def copy(self) -> Tables:
        """Keep what was done up to a savepoint."""
        kept = Tables()
        kept.take_in(self.own)
        return kept

    def _find_operation(self, one: UUID) -> Operation | None:
        return self.own.operations.get(one) or (
            None if one in self.taken_back else self.database.stored.operations.get(one)
        )

    def _rows(self, kind: type[Any]) -> Mapping[UUID, Any]:
        return self.database.stored.rows.get(kind, {}) | self.own.rows.get(kind, {})

    def _refuse(self, error: asyncpg.PostgresError) -> NoReturn:
        """Refuse a statement; all others up to the savepoint before it are refused as well."""
        self.is_broken = True
        raise error

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        await self._ask("savepoint")
        tables, taken_back = self.copy(), set(self.taken_back)
        locks = {key for key, owner in self.database.locks.items() if owner is self}
        try:
            yield
        except Exception:
            if self.is_open:
                self.is_broken = False
                await self._ask("rollback to savepoint")
                self.own, self.taken_back = tables, taken_back
                self.database.release_since(self, locks)
            raise
        await self._ask("release savepoint")

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
        return {one: found for one in ids if (found := self._find_operation(one)) is not None}

    async def load_rows(self, wanted: Iterable[Wanted], most_bytes: int = UNBOUNDED) -> Mapping[Wanted, Any]:
        await self._ask("load rows")
        wanted = list(wanted)
        if len(wanted) * ROW_BYTES > most_bytes:
            raise TooMuch(len(wanted), "rows")
        stored = {kind: self._rows(kind) for kind in {ref.kind for _, ref in wanted}}
        found: dict[Wanted, Any] = {}
        for pharmacy_id, ref in wanted:
            rows = stored[ref.kind]
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
                error = asyncpg.NumericValueOutOfRangeError("a value is out of range")
                # PostgreSQL names the row, or nobody; whoever is named wrongly has to be applied all the same.
                named = self.database.world.chance.choice([None, row.id, *self._rows(type(row))])
                error.detail = None if named is None else f"Failing row contains ({named}, ...)."
                self._refuse(error)
            if isinstance(row, _APPEND_ONLY) and row.id in self._rows(type(row)):
                self._refuse(asyncpg.UniqueViolationError("a key is there already"))
            await self._lock((type(row), row.id))
            self.own.rows.setdefault(type(row), {})[row.id] = row

    async def mend(self, mending: Mending, now: datetime, *, is_late: bool) -> int | None:
        await self._ask("mend deliveries")  # there are none here
        return 0

    async def take_numbers(self, counts: Mapping[UUID, int]) -> dict[UUID, int]:
        await self._ask("take numbers")
        first = {}
        for pharmacy_id in sorted(counts):
            await self._lock(("numbers", pharmacy_id))
            numbers = self.own.numbers if pharmacy_id in self.own.numbers else self.database.stored.numbers
            first[pharmacy_id] = numbers.get(pharmacy_id, 0) + 1
            self.own.numbers[pharmacy_id] = first[pharmacy_id] + counts[pharmacy_id] - 1
        return first

    async def append(self, stored: Sequence[StoredEvent]) -> None:
        await self._ask("append events")
        for event in stored:
            key = (event.pharmacy_id, event.sequence)
            if key in self.database.stored.events or key in self.own.events:
                self._refuse(asyncpg.UniqueViolationError("a key is there already"))
            self.own.events[key] = event

    async def finish_operations(self, finished: Sequence[Operation]) -> None:
        await self._ask("finish operations")
        for operation in finished:
            await self._lock(("operation", operation.id))
            if self._find_operation(operation.id) is not None:
                # It was not there when the window was claimed. The writer would get over it: the next try finds it.
                self.database.world.fail(f"operation {operation.id} was claimed by two at once: both were let in")
                self._refuse(asyncpg.UniqueViolationError("a key is there already"))
            self.own.operations[operation.id] = operation

    async def reopen(self, ids: Sequence[UUID]) -> None:
        await self._ask("reopen")
        for one in ids:
            await self._lock(("operation", one))
            operation = self._find_operation(one)
            if operation is not None and operation.status == "parked":
                self.own.operations[one] = replace(operation, status="pending", problem=None)

    async def take_back(self, ids: Sequence[UUID]) -> None:
        await self._ask("take back")
        self.taken_back.update(
            one for one in ids if (found := self._find_operation(one)) is not None and found.status == "pending"
        )

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        await self._ask("audit")
        self.own.audit |= {entry.id: entry for entry in entries}

    async def find_ranges(self, ranges: Sequence[tuple[UUID, int, int]], most_bytes: int) -> Sequence[StoredEvent]:
        await self._ask("find events")
        stored = self.database.stored.events | self.own.events
        found = [
            stored[pharmacy_id, sequence]
            for pharmacy_id, first, count in sorted(ranges)
            for sequence in range(first, first + count)
            if (pharmacy_id, sequence) in stored
        ]
        if sum(len(event.body) for event in found) > most_bytes:
            raise TooMuch(len(found), "events")
        return found
