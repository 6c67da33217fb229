"""Keys to callers, from a cache that outlives an outage of the database."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from gateway.auth import OPERATOR_SCOPES, Caller
from gateway.headers import parse_pharmacy_id
from gateway.kept import Kept, Lookups
from gateway.problems import Refused, unauthorized, unavailable
from hub import clock
from hub.domain.problem import not_found
from hub.faults import Unavailable
from hub.messaging.tasks import running
from hub.security.keys import hash_key, is_wellformed
from hub.storage.database import Database
from hub.storage.keys import KeyRow, find_key, list_grants, list_keys, list_pharmacies_known, read_keys_state

_KEY_LENGTH = 64


class KeyCache(Kept):
    """Every active key by its digest; see `open_key_cache`."""

    def __init__(self, database: Database) -> None:
        """Know no key yet; `database` reads as `hub_read_all`."""
        super().__init__("keys")
        self._database = database
        self._lookups = Lookups[bytes](database)
        self._callers: dict[bytes, Caller] = {}
        self._pharmacies: set[UUID] = set()
        self._users: dict[str, dict[UUID, datetime | None]] = {}
        self.grants: Mapping[UUID, frozenset[UUID]] = {}  # integrators to the active pharmacies they may act for
        self._people: set[UUID] = set()
        self._state: str | None = None
        self.changed = (
            asyncio.Event()
        )  # set at every load that changed something; the keeper of the AMQP door clears it
        self.generation = 0  # counts the loads that changed something: sockets then look after their keys

    async def authenticate(self, key: bytes | None, pharmacy_header: bytes | None = None) -> Caller:
        """Name the caller of a key.

        Args:
            key: the header `X-API-KEY`, or what a socket was given.
            pharmacy_header: `X-Pharmacy-Id`, for operators; a pharmacy's key may name its own.
        Raises:
            Refused: 401 without saying why; 400 or 404 for an `X-Pharmacy-Id` that names no pharmacy; 503 before the keys were
                ever loaded.
        """
        caller = await self._find(key)
        if caller.kind == "integrator":
            raise unauthorized()  # an integrator's key is for AMQP
        if pharmacy_header is None:
            return caller
        pharmacy_id = parse_pharmacy_id(pharmacy_header)
        if caller.kind == "operator":
            return replace(caller, pharmacy_id=await self._pharmacy(pharmacy_id))
        if caller.pharmacy_id != pharmacy_id:
            raise Refused(not_found("pharmacy"))
        return caller

    async def authenticate_user(self, user: str, password: str) -> Caller:
        """Name the caller that logs in over AMQP: the user name is the id of the key's pharmacy or integrator.

        Raises:
            Refused: 401 without saying why; 503 before the keys were ever loaded.
        """
        caller = await self._find(password.encode("latin-1", "replace"))
        owner = caller.pharmacy_id or caller.integrator_id
        if owner is None or not hmac.compare_digest(str(owner).encode(), user.encode("utf-8", "replace")):
            raise unauthorized()
        return caller

    async def _find(self, key: bytes | None) -> Caller:
        if key is None or len(key) > _KEY_LENGTH:
            raise unauthorized()
        digest = hash_key(key.decode("latin-1"))
        caller = self._callers.get(digest)
        if caller is None:
            caller = await self._look_up(key.decode("latin-1"), digest)
        if caller.expires_at is not None and caller.expires_at <= clock.now():
            raise unauthorized()
        return caller

    def keys_of(self, user: str) -> frozenset[UUID]:
        """Name the keys with which a user may log in over AMQP now."""
        now = clock.now()
        return frozenset(key for key, end in self._users.get(user, {}).items() if end is None or end > now)

    def users(self) -> Iterable[str]:
        """Name the pharmacies and integrators that have keys."""
        return self._users.keys()

    def _note_user(self, caller: Caller) -> None:
        owner = caller.pharmacy_id or caller.integrator_id
        if owner is not None:
            self._users.setdefault(str(owner), {})[caller.key_id] = caller.expires_at

    async def _pharmacy(self, pharmacy_id: UUID) -> UUID:
        """Make sure that there is such a pharmacy, active or not."""
        if pharmacy_id not in self._pharmacies:
            query = "SELECT id FROM pharmacies WHERE id = $1"
            try:
                found = await self._lookups.ask(lambda connection: connection.fetchval(query, pharmacy_id))
            except Unavailable as fault:
                raise unavailable(fault) from fault
            if found is None:
                raise Refused(not_found("pharmacy"))
            self._pharmacies.add(pharmacy_id)
        return pharmacy_id

    def is_active(self, key_id: UUID) -> bool:
        """Tell whether a key is still good; sockets ask when keys have changed."""
        now = clock.now()
        return key_id in self._people or any(
            caller.key_id == key_id and (caller.expires_at is None or caller.expires_at > now)
            for caller in self._callers.values()
        )

    async def find(self, digest: bytes) -> Caller:
        """Name the caller of a key that was shown before, by its digest: what a pharmacy's session at the console holds.

        Raises:
            Refused: 401: the key has ended; 503 before the keys were ever loaded.
        """
        if not self.is_loaded:
            raise self._not_known_now()
        caller = self._callers.get(digest)
        if caller is None or (caller.expires_at is not None and caller.expires_at <= clock.now()):
            raise unauthorized()
        return caller

    def admit(self, operator_id: UUID) -> None:
        """Take an operator who is signed in at the console for a key in force, so that their streams stay open."""
        self._people.add(operator_id)

    def dismiss(self, operator_id: UUID) -> None:
        """Let the streams of an operator end; whoever is still signed in elsewhere opens them again."""
        self._people.discard(operator_id)
        self.generation += 1

    async def _look_up(self, key: str, digest: bytes) -> Caller:
        """Ask the database once for a key that the cache does not have: it may be newer than the cache."""
        if not is_wellformed(key):
            raise unauthorized()
        try:
            row = await self._lookups.find(digest, lambda connection: find_key(connection, digest))
        except Unavailable as fault:
            raise self._not_known_now() from fault
        if row is None:
            raise unauthorized()
        caller = _caller(row)
        self._callers[digest] = caller
        self._note_user(caller)
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
            state = await read_keys_state(connection)
            if state == self._state and self.is_loaded:
                return
            rows = await list_keys(connection)
            pharmacies = await list_pharmacies_known(connection)
            grants = await list_grants(connection)
        self._callers = {row.digest: _caller(row) for row in rows}
        self._users = {}
        for caller in self._callers.values():
            self._note_user(caller)
        self._pharmacies = set(pharmacies)
        active = {pharmacy_id for pharmacy_id, is_active in pharmacies.items() if is_active}
        self.grants = {integrator_id: granted & active for integrator_id, granted in grants.items()}
        self._state = state
        self._lookups.forget()
        self._loaded.set()
        self.generation += 1
        self.changed.set()


def _caller(row: KeyRow) -> Caller:
    scopes = OPERATOR_SCOPES if row.scopes is None else row.scopes
    match row.kind:
        case "operator":
            return Caller("operator", row.id, None, scopes, f"operator:{row.id}", row.expires_at)
        case "integrator":
            return Caller("integrator", row.id, None, scopes, f"integrator:{row.owner}", row.expires_at, row.owner)
        case "pharmacy":
            return Caller("pharmacy", row.id, row.owner, scopes, f"key:{row.id}", row.expires_at)


@asynccontextmanager
async def open_key_cache(database: Database) -> AsyncIterator[KeyCache]:
    """Keep every active key at hand: loaded at start, at notices, and every 4 s; an outage takes none away."""
    keys = KeyCache(database)
    async with running(keys.keep_loaded(), "keeper of keys"):
        yield keys
