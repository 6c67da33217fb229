"""Who calls: an API key to a caller, from a cache that outlives an outage of the database."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
import structlog
from litestar.connection import ASGIConnection

from gateway.problems import Refused, refused, unauthorized, unavailable
from hub import clock
from hub.domain.ids import HUB_ID
from hub.domain.problem import not_found
from hub.faults import Unavailable
from hub.messaging.tasks import owned_tasks
from hub.security.keys import hash_key, is_wellformed
from hub.storage.database import Database
from hub.storage.models import load_json

log = structlog.get_logger("gateway")

POLL_SECONDS = 4.0
LOOKUP_SECONDS = 2.0
LOOKUPS_AT_ONCE = 4
LOOKUPS_WAITING = 64
UNKNOWN_SECONDS = 1.5
UNKNOWN_KEYS = 10_000
_KEY_LENGTH = 64

OPERATOR_SCOPES = frozenset({"read", "write", "webhooks"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request this is.

    Args:
        key_id: the key's id; limits count by it.
        pharmacy_id: the pharmacy that is acted for; None for an operator who names none.
        scopes: some of `read`, `write`, `webhooks`.
        actor: what commands and the audit call the caller, `key:<id>` or `operator:<id>`.
        expires_at: when the key ends; None: never.
    """

    kind: Literal["pharmacy", "operator"]
    key_id: UUID
    pharmacy_id: UUID | None
    scopes: frozenset[str]
    actor: str
    expires_at: datetime | None = None

    @property
    def is_operator(self) -> bool:
        """Tell an operator's key from a pharmacy's."""
        return self.kind == "operator"

    def pharmacy(self) -> UUID:
        """Name the pharmacy that is acted for.

        Raises:
            Refused: an operator named none (400).
        """
        if self.pharmacy_id is None:
            raise refused(
                "pharmacy-required", "an operator's key acts for one pharmacy: name it in the header X-Pharmacy-Id"
            )
        return self.pharmacy_id


def caller_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Read who calls; the frame has put it there for every path under `/api/`."""
    caller: Caller = connection.scope["state"]["caller"]
    return caller


_KEYS = (
    "SELECT k.digest, k.id, k.pharmacy_id, k.scopes, k.expires_at FROM api_keys k "
    "JOIN pharmacies p ON p.id = k.pharmacy_id WHERE k.revoked_at IS NULL AND p.is_active"
)
_OPERATORS = "SELECT digest, id, NULL::uuid, NULL::jsonb, expires_at FROM operator_keys WHERE revoked_at IS NULL"
# Every change of a row counts its version up, so the sums move with any change; times could commit out of order.
_STATE = (
    "SELECT (SELECT (count(*), sum(version)) FROM api_keys)::text || (SELECT (count(*), sum(version)) FROM operator_keys)::text"
    " || (SELECT (count(*), sum(version)) FROM pharmacies)::text"
)


class KeyCache:
    """Every active key by its digest; see `open_key_cache`."""

    def __init__(self, database: Database) -> None:
        """Know no key yet; `database` reads as `hub_read_all`."""
        self._database = database
        self._callers: dict[bytes, Caller] = {}
        self._pharmacies: set[UUID] = set()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        self._state: str | None = None
        self._stale = asyncio.Event()
        self._lookups = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._waiting = 0
        self._loaded = asyncio.Event()
        self.generation = 0  # counts the loads that changed something: sockets then look after their keys

    @property
    def is_loaded(self) -> bool:
        """False until the keys were read once: nobody can be told from a stranger before that."""
        return self._loaded.is_set()

    async def until_loaded(self) -> None:
        """Wait until the keys were read once."""
        await self._loaded.wait()

    async def authenticate(self, key: bytes | None, pharmacy_header: bytes | None = None) -> Caller:
        """Name the caller of a key.

        Args:
            key: the header `X-API-KEY`, or what a socket was given.
            pharmacy_header: `X-Pharmacy-Id`, for operators; a pharmacy's key may name its own.
        Raises:
            Refused: 401 without saying why; 400 or 404 for an `X-Pharmacy-Id` that names no pharmacy; 503 before the keys were
                ever loaded.
        """
        if key is None or len(key) > _KEY_LENGTH:
            raise unauthorized()
        digest = hash_key(key.decode("latin-1"))
        caller = self._callers.get(digest)
        if caller is None:
            caller = await self._look_up(key.decode("latin-1"), digest)
        if caller.expires_at is not None and caller.expires_at <= clock.now():
            raise unauthorized()
        if pharmacy_header is None:
            return caller
        pharmacy_id = _pharmacy_of(pharmacy_header)
        if caller.kind == "operator":
            return replace(caller, pharmacy_id=await self._pharmacy(pharmacy_id))
        if caller.pharmacy_id != pharmacy_id:
            raise Refused(not_found("pharmacy"))
        return caller

    async def _pharmacy(self, pharmacy_id: UUID) -> UUID:
        """Make sure that there is such a pharmacy, active or not."""
        if pharmacy_id not in self._pharmacies:
            try:
                async with asyncio.timeout(LOOKUP_SECONDS), self._lookups, self._database.connection() as connection:
                    found = await connection.fetchval("SELECT id FROM pharmacies WHERE id = $1", pharmacy_id)
            except TimeoutError as error:
                raise unavailable(Unavailable("postgres", "the pharmacy could not be looked up")) from error
            if found is None:
                raise Refused(not_found("pharmacy"))
            self._pharmacies.add(pharmacy_id)
        return pharmacy_id

    def is_active(self, key_id: UUID) -> bool:
        """Tell whether a key is still good; sockets ask when keys have changed."""
        now = clock.now()
        return any(
            caller.key_id == key_id and (caller.expires_at is None or caller.expires_at > now)
            for caller in self._callers.values()
        )

    def note_change(self) -> None:
        """Read the keys again soon: a notice came, or notices may have been missed."""
        self._stale.set()

    async def _look_up(self, key: str, digest: bytes) -> Caller:
        """Ask the database once for a key that the cache does not have: it may be newer than the cache."""
        if not is_wellformed(key):
            raise unauthorized()
        asked = self._unknown.get(digest)
        if asked is not None and clock.monotonic() - asked < UNKNOWN_SECONDS:
            raise unauthorized()
        if self._waiting >= LOOKUPS_WAITING:
            raise self._not_known_now()
        self._waiting += 1
        try:
            async with asyncio.timeout(LOOKUP_SECONDS), self._lookups, self._database.connection() as connection:
                record = await connection.fetchrow(
                    f"{_KEYS} AND k.digest = $1 UNION ALL {_OPERATORS} AND digest = $1", digest.hex()
                )
        except (TimeoutError, Unavailable) as error:
            raise self._not_known_now() from error
        finally:
            self._waiting -= 1
        if record is None:
            self._unknown[digest] = clock.monotonic()
            if len(self._unknown) > UNKNOWN_KEYS:
                self._unknown.popitem(last=False)
            raise unauthorized()
        caller = _read(record)
        self._callers[digest] = caller
        self._state = None  # what was read may be revoked by now: the next poll compares nothing and loads all
        return caller

    def _not_known_now(self) -> Refused:
        if self.is_loaded:
            return unauthorized()
        return unavailable(Unavailable("postgres", "the keys were not read yet, try again", after_seconds=2.0))

    async def load(self) -> None:
        """Read all active keys, if any has changed.

        Raises:
            Unavailable: PostgreSQL is away; the keys known so far stay.
        """
        async with self._database.connection() as connection:
            # The sums first: what changes between the two queries is loaded again the next time.
            state: str = await connection.fetchval(_STATE)
            if state == self._state and self.is_loaded:
                return
            records = await connection.fetch(f"{_KEYS} UNION ALL {_OPERATORS}")
            pharmacies = await connection.fetch("SELECT id FROM pharmacies")
        self._callers = {bytes.fromhex(record[0]): _read(record) for record in records}
        self._pharmacies = {record[0] for record in pharmacies}
        self._state = state
        self._unknown.clear()
        self._loaded.set()
        self.generation += 1

    async def keep_loaded(self) -> None:
        """Load now, at every notice, and every 4 s; never ends by itself."""
        while True:
            self._stale.clear()
            try:
                await self.load()
            except Unavailable as fault:
                log.warning("keys.held", what=fault.what, detail=fault.detail)
            except (asyncpg.PostgresError, asyncpg.InterfaceError):
                log.exception("keys.refused", detail="the keys were not read; is the database migrated?")
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS if self.is_loaded else 1.0):
                    await self._stale.wait()


def _read(record: Any) -> Caller:  # noqa: ANN401 -- an asyncpg record
    _, key_id, pharmacy_id, scopes, expires_at = record
    key_id = UUID(int=key_id.int)
    if pharmacy_id is None:
        return Caller("operator", key_id, None, OPERATOR_SCOPES, f"operator:{key_id}", expires_at)
    granted: list[str] = load_json(scopes)
    return Caller("pharmacy", key_id, UUID(int=pharmacy_id.int), frozenset(granted), f"key:{key_id}", expires_at)


def _pharmacy_of(header: bytes) -> UUID:
    text = header.decode("latin-1")
    try:
        pharmacy_id = UUID(text)
    except ValueError:
        pharmacy_id = HUB_ID
    if pharmacy_id == HUB_ID:
        raise refused("malformed", "X-Pharmacy-Id is not the id of a pharmacy")
    return pharmacy_id


@asynccontextmanager
async def open_key_cache(database: Database) -> AsyncIterator[KeyCache]:
    """Keep every active key at hand: loaded at start, at notices, and every 4 s; an outage takes none away."""
    keys = KeyCache(database)
    async with owned_tasks() as tasks:
        keeper = tasks.create_task(keys.keep_loaded(), name="keeper of keys")
        try:
            yield keys
        finally:
            keeper.cancel()


def header_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Find a header by its lower-case name; the first one counts."""
    for key, value in headers:
        if key == name:
            return value
    return None


def scopes_of(options: Mapping[str, Any], method: str) -> str:
    """Name the scope that a route asks for: its `opt["scope"]`, else by its method."""
    scope: str = options.get("scope") or ("read" if method in {"GET", "HEAD"} else "write")
    return scope
