"""Who may post to `/hooks/<id>`: every source with its secrets, from a cache that outlives an outage of the database."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from gateway.auth import LOOKUP_SECONDS, LOOKUPS_AT_ONCE, LOOKUPS_WAITING, POLL_SECONDS, UNKNOWN_KEYS, UNKNOWN_SECONDS
from hub import clock
from hub.faults import Unavailable
from hub.messaging.tasks import owned_tasks
from hub.security.schemes import Expected
from hub.security.vault import Undecryptable, Vault, source_aad
from hub.storage.database import Database
from hub.storage.models import load_json

log = structlog.get_logger("gateway")

_SOURCES: Final = (
    "SELECT s.id, s.pharmacy_id, s.scheme, s.settings, s.event_type_path, s.secret, s.previous_secret, s.previous_valid_until, "
    "s.mapping, s.enabled AND p.is_active AS is_open FROM sources s JOIN pharmacies p ON p.id = s.pharmacy_id "
    "WHERE s.deleted_at IS NULL"
)
# As for keys: every change of a row counts its version up.
_STATE: Final = "SELECT (SELECT (count(*), sum(version)) FROM sources)::text || (SELECT (count(*), sum(version)) FROM pharmacies)::text"


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A source.

    Args:
        is_open: it may post: it is enabled and so is its pharmacy.
        writes: its messages become commands, which change stock and orders.
    """

    id: UUID
    pharmacy_id: UUID
    scheme: str
    settings: dict[str, Any]
    event_type_path: str
    secret: str = field(repr=False)
    previous_secret: str | None = field(repr=False)
    previous_valid_until: datetime | None
    is_open: bool
    writes: bool

    def expected(self, base_url: str, now: datetime) -> Expected:
        """Say what its messages must bear now."""
        secrets = [self.secret]
        until = self.previous_valid_until
        if self.previous_secret is not None and until is not None and now < until:
            secrets.append(self.previous_secret)
        return Expected(self.scheme, secrets, self.settings, f"{base_url}/hooks/{self.id}")


class SourceCache:
    """Every source by its id; see `open_source_cache`."""

    def __init__(self, database: Database, vault: Vault) -> None:
        """Know no source yet; `database` reads as `hub_read_all`."""
        self._database = database
        self._vault = vault
        self._known: dict[UUID, KnownSource] = {}
        self._unknown: OrderedDict[UUID, float] = OrderedDict()
        self._state: str | None = None
        self._stale = asyncio.Event()
        self._loaded = asyncio.Event()
        self._lookups = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._waiting = 0

    @property
    def is_loaded(self) -> bool:
        """False until the sources were read once: nobody can be told from a stranger before that."""
        return self._loaded.is_set()

    def note_change(self) -> None:
        """Read the sources again soon: a notice came, or notices may have been missed."""
        self._stale.set()

    async def find(self, source_id: UUID, *, surely: bool = False) -> KnownSource | None:
        """Find a source; one that is not known here is looked up once, for it may be newer than the cache.

        Args:
            surely: rather fail than call unknown what could not be looked up.
        Raises:
            Unavailable: the sources were never read yet, or could not be asked and the answer has to be sure.
        """
        found = self._known.get(source_id)
        if found is not None:
            return found
        asked = self._unknown.get(source_id)
        if asked is not None and clock.monotonic() - asked < UNKNOWN_SECONDS:
            return None
        if self._waiting >= LOOKUPS_WAITING:
            self._give_up(surely=surely)
            return None
        self._waiting += 1
        try:
            async with asyncio.timeout(LOOKUP_SECONDS), self._lookups, self._database.connection() as connection:
                record = await connection.fetchrow(f"{_SOURCES} AND s.id = $1", source_id)
        except (TimeoutError, Unavailable):
            self._give_up(surely=surely)
            return None
        finally:
            self._waiting -= 1
        source = None if record is None else self._read(record)
        if source is None:
            self._unknown[source_id] = clock.monotonic()
            if len(self._unknown) > UNKNOWN_KEYS:
                self._unknown.popitem(last=False)
            return None
        self._known[source_id] = source
        self._state = None  # it may be gone by now: the next poll compares nothing and loads all
        return source

    def _give_up(self, *, surely: bool) -> None:
        if surely or not self.is_loaded:
            raise Unavailable("postgres", "the sources were not read yet, try again", after_seconds=2.0)

    async def load(self) -> None:
        """Read all sources, if any has changed.

        Raises:
            Unavailable: PostgreSQL is away; the sources known so far stay.
        """
        async with self._database.connection() as connection:
            state: str = await connection.fetchval(_STATE)
            if state == self._state and self.is_loaded:
                return
            records = await connection.fetch(_SOURCES)
        read = [self._read(record) for record in records]
        self._known = {source.id: source for source in read if source is not None}
        self._state = state
        self._unknown.clear()
        self._loaded.set()

    async def keep_loaded(self) -> None:
        """Load now, at every notice, and every 4 s; never ends by itself."""
        while True:
            self._stale.clear()
            try:
                await self.load()
            except Unavailable as fault:
                log.warning("sources.held", what=fault.what, detail=fault.detail)
            except (asyncpg.PostgresError, asyncpg.InterfaceError):
                log.exception("sources.refused", detail="the sources were not read; is the database migrated?")
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS if self.is_loaded else 1.0):
                    await self._stale.wait()

    def _read(self, record: Any) -> KnownSource | None:  # noqa: ANN401 -- an asyncpg record
        source_id = UUID(int=record["id"].int)
        place = source_aad(source_id)
        previous = record["previous_secret"]
        try:
            return KnownSource(
                source_id,
                UUID(int=record["pharmacy_id"].int),
                record["scheme"],
                load_json(record["settings"]),
                record["event_type_path"],
                self._vault.decrypt_text(record["secret"], place),
                None if previous is None else self._vault.decrypt_text(previous, place),
                record["previous_valid_until"],
                is_open=record["is_open"],
                writes=bool({"adapter", "rules"} & set(load_json(record["mapping"]))),
            )
        except Undecryptable as fault:
            log.error("source.unreadable", source_id=str(source_id), detail=str(fault))  # noqa: TRY400 -- the fault says all
            return None


@asynccontextmanager
async def open_source_cache(database: Database, vault: Vault) -> AsyncIterator[SourceCache]:
    """Keep every source at hand: loaded at start, at notices, and every 4 s; an outage takes none away."""
    sources = SourceCache(database, vault)
    async with owned_tasks() as tasks:
        keeper = tasks.create_task(sources.keep_loaded(), name="keeper of sources")
        try:
            yield sources
        finally:
            keeper.cancel()
