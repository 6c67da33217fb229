"""Who the users of the AMQP door are: pharmacies, and integrators with the pharmacies they may act for."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from hub import clock
from hub.faults import Unavailable
from hub.storage.database import Database
from hub.storage.keys import list_grants, list_pharmacies_known, read_keys_state

FRESH_SECONDS: Final = 2.0

log = structlog.get_logger("ingress")


class Sender(NamedTuple):
    """For whom a message speaks, and what commands call its sender."""

    pharmacy_id: UUID
    actor: str


class Directory:
    """Knows users from the database, at most two seconds old while it answers, and goes on with what it knows when not."""

    def __init__(self, database: Database) -> None:
        """Know nobody yet."""
        self._database = database
        self._pharmacies: Mapping[UUID, bool] = {}
        self._grants: Mapping[UUID, frozenset[UUID]] = {}
        self._state: str | None = None
        self._looked_at = float("-inf")

    async def refresh(self) -> None:
        """Read again what is older than two seconds."""
        if clock.monotonic() - self._looked_at < FRESH_SECONDS:
            return
        try:
            await self._load()
        except Unavailable as fault:
            if self._state is None:
                raise
            log.warning("ingress.stale", what=fault.what, detail=fault.detail)
        self._looked_at = clock.monotonic()

    async def find(self, user_id: str, routing_key: str) -> Sender | str:
        """Name for whom a message speaks, or say why nobody can tell.

        A pharmacy's user speaks for that pharmacy, whatever the routing key: CC headers, dead-lettering and bindings change
        keys, never the user that the broker has checked. An integrator's user speaks for the pharmacy that the key names, if it
        is granted now.

        Raises:
            Unavailable: the user is not known, and PostgreSQL cannot be asked whether it is new.
        """
        user = _id(user_id)
        if user is None:
            return (
                "no user_id that the broker has checked"
                if not user_id
                else "its user is neither pharmacy nor integrator"
            )
        if user not in self._pharmacies and user not in self._grants:
            await self._load()
        if user in self._grants:
            pharmacy_id = _id(routing_key)
            if pharmacy_id is None or pharmacy_id not in self._grants[user]:
                return "its integrator has no grant for the pharmacy that the routing key names"
            return Sender(pharmacy_id, f"integrator:{user}")
        if user in self._pharmacies:
            return Sender(user, f"pharmacy:{user}")
        return "its user is neither pharmacy nor integrator"

    async def _load(self) -> None:
        async with self._database.connection() as connection:
            state = await read_keys_state(connection)
            if state == self._state:
                return
            self._pharmacies = await list_pharmacies_known(connection)
            self._grants = await list_grants(connection)
            self._state = state


def _id(text: str) -> UUID | None:
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None
