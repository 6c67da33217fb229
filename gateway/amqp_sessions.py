"""Who is connected over AMQP: no more than their share, and nobody for longer than their key and grants are good.

RabbitMQ asks once, when a connection or a channel needs a right, and a busy channel remembers the answer for as long as it
is busy. So a right that is taken away ends the connections that may still use it: at once, and once more when RabbitMQ's
own memory of the login (`auth_cache.cache_ttl`) is over, for those that slipped in meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import UUID

import structlog

from gateway.keys import KeyCache
from hub import clock
from hub.faults import Unavailable
from hub.messaging.management import Management, QueueDepth, open_management
from hub.messaging.server import LOGIN_CACHE_SECONDS
from hub.messaging.tasks import running
from hub.settings import Settings

log = structlog.get_logger("gateway")

CACHED_SECONDS: Final = LOGIN_CACHE_SECONDS + 0.2
LOOK_SECONDS: Final = 1.0
COUNT_SECONDS: Final = 1.0
STORM: Final = 2
"""So many times the connections that one may have are a storm: all of them are closed, which takes effect at once."""
REASON: Final = "the key or a grant has ended; log in with a key that is good"
SURPLUS: Final = "this pharmacy or integrator has too many connections"

_NONE: Final[tuple[frozenset[UUID], frozenset[UUID]]] = (frozenset(), frozenset())
_Rights = Mapping[str, tuple[frozenset[UUID], frozenset[UUID]]]
"""User names to the keys that are good and the pharmacies granted."""


class Sessions:
    """Watches the connections of pharmacies and integrators; see `open_sessions`."""

    def __init__(self, keys: KeyCache, management: Management | None, most: int) -> None:
        """Watch nobody yet.

        Args:
            management: None: the door is shut.
            most: connections that one user may have.
        """
        self._keys = keys
        self.management = management
        self._most = most
        self._rights: _Rights | None = None
        self._ends: list[tuple[float, str]] = []  # when to close whose connections
        self._counts: dict[str, float] = {}  # whose connections to count, and until when

    @property
    def is_open(self) -> bool:
        """False where nobody's connection could be ended: then nobody is let in."""
        return self.management is not None

    async def count_messages(self) -> list[QueueDepth]:
        """Count what lies in the hub's queues; nothing where RabbitMQ's management API is not set.

        Raises:
            Unavailable: it does not answer.
        """
        return [] if self.management is None else await self.management.count_messages()

    async def has_room(self, user: str) -> bool:
        """Tell whether a user may open another connection.

        RabbitMQ asks once in 3 s for the same key; what comes in unasked is counted every second until that is over, and
        what is too much is closed.
        """
        if self.management is None:
            return False
        self._counts[user] = clock.monotonic() + CACHED_SECONDS
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                return len(await self.management.list_connections(user)) < self._most
        except (TimeoutError, Unavailable):
            return True  # counted again later; a slow API is no reason to keep a till out

    async def keep(self) -> None:
        """Look when keys changed, when a key expires and when something is due; never ends by itself."""
        while self.management is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._keys.changed.wait()
            self._keys.changed.clear()
            if self._keys.is_loaded:
                try:
                    await self._look(self.management)
                except Unavailable as fault:
                    log.warning("amqp.held", what=fault.what, detail=fault.detail)

    async def _look(self, management: Management) -> None:
        grants = self._keys.grants
        rights: _Rights = {
            user: (self._keys.keys_of(user), grants.get(UUID(user), frozenset())) for user in self._keys.users()
        }
        if self._rights is None:
            # What happened while no gateway ran: whoever has no good key at all is closed.
            for connection in await management.list_connections():
                if _is_id(connection.user) and not rights.get(connection.user, _NONE)[0]:
                    self._end(connection.user)
        else:
            for user, (keys, granted) in self._rights.items():
                now_keys, now_granted = rights.get(user, _NONE)
                if keys - now_keys or granted - now_granted:
                    self._end(user)
        self._rights = rights
        await self._close_due(management)

    def _end(self, user: str) -> None:
        now = clock.monotonic()
        # At once, and once more: RabbitMQ lets the same key in without asking for three seconds.
        self._ends += [(now, user), (now + CACHED_SECONDS, user)]

    async def _close_due(self, management: Management) -> None:
        now = clock.monotonic()
        for due in [due for due in self._ends if due[0] <= now]:
            await management.close_all(due[1], REASON)
            self._ends.remove(due)
            log.info("amqp.closed", user=due[1], reason=REASON)
        for user, until in list(self._counts.items()):
            connections = await management.list_connections(user)
            if len(connections) > self._most:
                # One by one they can be closed only when RabbitMQ's statistics show them: 2 s later, or 5 where it is not set up
                # as `hub.messaging.server` says.
                if len(connections) > self._most * STORM:
                    await management.close_all(user, SURPLUS)
                else:
                    for surplus in connections[self._most :]:
                        await management.close(surplus, SURPLUS)
                log.info("amqp.closed", user=user, reason=SURPLUS, connections=len(connections))
            elif now > until:
                del self._counts[user]


def _is_id(user: str) -> bool:
    try:
        return str(UUID(user)) == user
    except ValueError:
        return False


@asynccontextmanager
async def open_sessions(settings: Settings, keys: KeyCache) -> AsyncIterator[Sessions]:
    """Watch the AMQP connections of this installation."""
    async with open_management(settings) as management:
        sessions = Sessions(keys, management, settings.amqp_connections)
        async with running(sessions.keep(), "keeper of AMQP sessions"):
            yield sessions
