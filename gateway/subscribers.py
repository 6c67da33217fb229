"""Who listens on this process, over WebSocket or SSE: how many of a key, who is too slow, and whose key has ended."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, NoReturn
from uuid import UUID

from gateway.auth import Caller
from gateway.keys import KeyCache
from gateway.problems import refused
from gateway.subscription import Subscription
from hub import clock
from hub.messaging.tasks import running

SUBSCRIBERS_PER_KEY = 2_500
SWEEP_SECONDS = 0.5
BEAT_SECONDS = 15.0 - SWEEP_SECONDS  # so that two heartbeats are never more than 15 s apart
SLOW_SECONDS = 5.0  # one frame that the network does not take for so long
FAREWELL_SECONDS = 30.0  # a slow subscriber that wakes up in this time still learns why and where it was

SLOW: Final = 4408
REVOKED: Final = 4401
BELOW_RETENTION: Final = 4410
BAD_AFTER: Final = 4400
STOPPING: Final = 1012
GONE: Final = 1005


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a subscriber's connection ends: the WebSocket's close code, and a sentence."""

    code: int
    reason: str


class Subscriber:
    """One connection of a caller that listens."""

    __slots__ = ("_beats_at", "caller", "ended", "is_due", "sending_since", "subscription")

    def __init__(self, caller: Caller) -> None:
        """Begin now."""
        self.caller = caller
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.sending_since: float | None = None
        self.subscription: Subscription | None = None
        self.is_due = False
        self._beats_at = clock.monotonic() + BEAT_SECONDS

    def end(self, code: int, reason: str) -> None:
        """End it; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(Ending(code, reason))

    def look(self, now: float) -> None:
        """Notice a blocked send and a due heartbeat. One timer serves all subscribers, none runs on the way of an event."""
        if self.sending_since is not None:
            if now - self.sending_since > SLOW_SECONDS:
                sequence = self.subscription.sequence if self.subscription is not None else 0
                self.end(SLOW, f"too slow; events after {sequence} were not all sent, the log has them")
            return
        if now >= self._beats_at and self.subscription is not None:
            self._beats_at = now + BEAT_SECONDS
            self.is_due = True
            self.subscription.nudge()


class Subscribers:
    """All subscribers of a process; see `open_subscribers`."""

    def __init__(self, keys: KeyCache) -> None:
        """Admit whom `keys` knows."""
        self._keys = keys
        self._all: set[Subscriber] = set()
        self._per_key: Counter[UUID] = Counter()
        self._generation = -1
        self._doubtful: set[UUID] = set()
        self.is_stopping = False

    def __len__(self) -> int:
        """Count them."""
        return len(self._all)

    @contextmanager
    def admit(self, caller: Caller) -> Iterator[Subscriber]:
        """Give a caller one of its key's places.

        Raises:
            Refused: all are taken (429), or the process stops (503).
        """
        if self.is_stopping:
            raise refused("unavailable", "this process is stopping; connect again", headers={"retry-after": "1"})
        if self._per_key[caller.key_id] >= SUBSCRIBERS_PER_KEY:
            detail = f"this key has {SUBSCRIBERS_PER_KEY} open streams; close one first"
            raise refused("too-many-requests", detail, headers={"retry-after": "5"})
        subscriber = Subscriber(caller)
        self._all.add(subscriber)
        self._per_key[caller.key_id] += 1
        try:
            yield subscriber
        finally:
            self._all.discard(subscriber)
            self._per_key[caller.key_id] -= 1
            if not self._per_key[caller.key_id]:
                del self._per_key[caller.key_id]

    def stop(self) -> None:
        """End all streams, since the process stops: clients connect again, elsewhere or later."""
        self.is_stopping = True
        for subscriber in tuple(self._all):
            subscriber.end(STOPPING, "this process is stopping; connect again")

    async def keep_looking(self) -> NoReturn:
        """Look after all subscribers, twice a second; never ends by itself."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = clock.monotonic()
            for subscriber in self._all:
                subscriber.look(now)
            self._end_revoked()

    def _end_revoked(self) -> None:
        at = clock.now()
        for subscriber in self._all:
            expires_at = subscriber.caller.expires_at
            if expires_at is not None and expires_at <= at:
                subscriber.end(REVOKED, "the key has expired")
        if self._keys.generation == self._generation and not self._doubtful:
            return
        self._generation = self._keys.generation
        inactive = {key_id for key_id in self._per_key if not self._keys.is_active(key_id)}
        # A key minted while the keys were being read may be missing for a moment: it is asked for twice.
        revoked = inactive & self._doubtful
        self._doubtful = inactive - revoked
        if self._doubtful:
            self._keys.note_change()
        for subscriber in self._all if revoked else ():
            if subscriber.caller.key_id in revoked:
                subscriber.end(REVOKED, "the key is not valid any more")


@asynccontextmanager
async def open_subscribers(keys: KeyCache) -> AsyncIterator[Subscribers]:
    """Look after subscribers while this is open."""
    subscribers = Subscribers(keys)
    async with running(subscribers.keep_looking(), "keeper of subscribers"):
        try:
            yield subscribers
        finally:
            subscribers.stop()
