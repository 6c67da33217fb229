"""Who may post to `/hooks/<id>`: every source with its secrets, from a cache that outlives an outage of the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog

from gateway.kept import Kept, Lookups
from hub.faults import Unavailable
from hub.messaging.tasks import running
from hub.security.schemes import Expected
from hub.security.vault import Undecryptable, Vault, source_aad
from hub.storage.database import Connection, Database
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


class SourceCache(Kept):
    """Every source by its id; see `open_source_cache`."""

    def __init__(self, database: Database, vault: Vault) -> None:
        """Know no source yet; `database` reads as `hub_read_all`."""
        super().__init__("sources")
        self._database = database
        self._vault = vault
        self._lookups = Lookups[UUID](database)
        self._known: dict[UUID, KnownSource] = {}
        self._state: str | None = None

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
        try:
            source = await self._lookups.find(source_id, lambda connection: self._look_up(connection, source_id))
        except Unavailable as fault:
            if surely or not self.is_loaded:
                raise Unavailable("postgres", "the sources were not read yet, try again", after_seconds=2.0) from fault
            return None
        if source is None:
            return None
        self._known[source_id] = source
        self._state = None  # it may be gone by now: the next poll compares nothing and loads all
        return source

    async def _look_up(self, connection: Connection, source_id: UUID) -> KnownSource | None:
        record = await connection.fetchrow(f"{_SOURCES} AND s.id = $1", source_id)
        return None if record is None else self._read(record)

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
        self._lookups.forget()
        self._loaded.set()

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
    async with running(sources.keep_loaded(), "keeper of sources"):
        yield sources
