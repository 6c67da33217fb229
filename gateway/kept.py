"""What the gateway keeps in memory of the database: read whole, again at every change, and good through an outage."""

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

import asyncpg
import structlog

from hub import clock
from hub.faults import Unavailable
from hub.storage.database import Connection, Database

log = structlog.get_logger("gateway")

POLL_SECONDS = 3.0  # so that with a second or two for the reading what is revoked is dead after five
_AGAIN_SECONDS = 1.0
_LOOKUP_SECONDS = 2.0
_LOOKUPS_AT_ONCE = 4
_LOOKUPS_WAITING = 64
_UNKNOWN_SECONDS = 1.5
_UNKNOWN_NAMES = 10_000

N = TypeVar("N", bound=Hashable)
T = TypeVar("T")


class Kept(ABC):
    """Rows that are read at start, at notices, and every 3 s; see `keep_loaded`."""

    def __init__(self, what: str) -> None:
        """Hold nothing yet; `what` is read, in the plural."""
        self._what = what
        self._held, self._refused = f"{what}.held", f"{what}.refused"
        self._stale = asyncio.Event()
        self._loaded = asyncio.Event()

    @property
    def is_loaded(self) -> bool:
        """False until the rows were read once: nobody can be told from a stranger before that."""
        return self._loaded.is_set()

    async def until_loaded(self) -> None:
        """Wait until the rows were read once."""
        await self._loaded.wait()

    def note_change(self) -> None:
        """Read the rows again soon: a notice came, or notices may have been missed."""
        self._stale.set()

    @abstractmethod
    async def load(self) -> None:
        """Read all rows, if any has changed.

        Raises:
            Unavailable: PostgreSQL is away; what is known so far stays.
        """

    async def keep_loaded(self) -> None:
        """Load now, at every notice, and every 4 s; never ends by itself."""
        while True:
            self._stale.clear()
            try:
                await self.load()
            except Unavailable as fault:
                log.warning(self._held, what=fault.what, detail=fault.detail)
            except (asyncpg.PostgresError, asyncpg.InterfaceError):
                log.exception(self._refused, detail=f"the {self._what} were not read; is the database migrated?")
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS if self.is_loaded else _AGAIN_SECONDS):
                    await self._stale.wait()


class Lookups(Generic[N]):
    """Asks the database for what is not kept, for it may be newer: a few at a time, and strangers once in a while."""

    def __init__(self, database: Database) -> None:
        """Know no stranger yet."""
        self._database = database
        self._turns = asyncio.Semaphore(_LOOKUPS_AT_ONCE)
        self._waiting = 0
        self._unknown: OrderedDict[N, float] = OrderedDict()

    async def find(self, name: N, query: Callable[[Connection], Awaitable[T | None]]) -> T | None:
        """Look up a name; None: there was none when it was last asked for, now or up to 1.5 s ago.

        Raises:
            Unavailable: PostgreSQL did not answer in time, or too many wait for it already.
        """
        asked = self._unknown.get(name)
        if asked is not None and clock.monotonic() - asked < _UNKNOWN_SECONDS:
            return None
        if self._waiting >= _LOOKUPS_WAITING:
            raise Unavailable("postgres", f"{_LOOKUPS_WAITING} look-ups wait already")
        self._waiting += 1
        try:
            found = await self.ask(query)
        finally:
            self._waiting -= 1
        if found is None:
            self._unknown[name] = clock.monotonic()
            if len(self._unknown) > _UNKNOWN_NAMES:
                self._unknown.popitem(last=False)
        return found

    async def ask(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """Ask in turn, and remember nothing.

        Raises:
            Unavailable: PostgreSQL did not answer in time.
        """
        try:
            async with asyncio.timeout(_LOOKUP_SECONDS), self._turns, self._database.connection() as connection:
                return await query(connection)
        except TimeoutError as error:
            raise Unavailable("postgres", f"no answer to a look-up within {_LOOKUP_SECONDS:g} s") from error

    def forget(self) -> None:
        """Ask for every stranger again: all rows were read."""
        self._unknown.clear()
