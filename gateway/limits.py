"""How much one key, and one pharmacy, may ask of one gateway process."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from gateway.problems import Refused, refused
from hub import clock

BULKS_AT_ONCE = 4
KEYS_REMEMBERED = 50_000
PROMPT_REFUSALS = 20
HELD_SECONDS = 1.0
HELD_AT_ONCE = 1_000

RateHeaders = tuple[tuple[bytes, bytes], ...]


class Limits:
    """A token bucket per key, and a count of the bulk uploads of a pharmacy.

    Headers as in draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy: "key";q=<burst>;w=<seconds>` and
    `RateLimit: "key";r=<left>;t=<seconds until full>`.

    Args:
        per_second: requests that come back each second; 0 = no limit.
        burst: requests that may come at once; 0 = no limit.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._rate = per_second
        self._burst = float(burst)
        self._off = per_second <= 0 or burst <= 0
        self._buckets: dict[UUID, list[float]] = {}
        self._refusals: dict[UUID, int] = {}
        self._refusals_since = 0.0
        self._held = 0
        self._bulks: dict[UUID, int] = {}
        window = 0 if self._off else max(1, math.ceil(burst / per_second))
        self._policy = (b"ratelimit-policy", b'"key";q=%d;w=%d' % (burst, window))

    def take(self, key_id: UUID) -> RateHeaders:
        """Take one request from a key's bucket.

        Returns:
            the headers that tell the client how much is left; none without a limit.
        Raises:
            Refused: nothing is left (429 with `Retry-After`).
        """
        if self._off:
            return ()
        now = clock.monotonic()
        bucket = self._buckets.get(key_id)
        if bucket is None:
            if len(self._buckets) >= KEYS_REMEMBERED:
                self._forget_full(now)
            bucket = self._buckets[key_id] = [self._burst, now]
        left = min(self._burst, bucket[0] + (now - bucket[1]) * self._rate)
        bucket[1] = now
        if left < 1.0:
            bucket[0] = left
            wait = max(1, math.ceil((1.0 - left) / self._rate))
            raise refused(
                "too-many-requests",
                f"this key may send {self._rate:g} requests a second; wait {wait} s",
                headers={
                    "retry-after": str(wait),
                    "ratelimit-policy": self._policy[1].decode(),
                    "ratelimit": self._state(left).decode(),
                },
            )
        bucket[0] = left = left - 1.0
        return (self._policy, (b"ratelimit", self._state(left)))

    async def admit(self, key_id: UUID) -> RateHeaders:
        """Take one request from a key's bucket, as `take`; the refusal of a key that asks on comes late, as `hold` has it."""
        try:
            return self.take(key_id)
        except Refused:
            await self.hold(key_id)
            raise

    async def hold(self, key_id: UUID) -> None:
        """Keep a refusal back for a second if its key had twenty within this one.

        Who asks on, whatever is answered, thereby waits with its connections instead of being refused thousands of times at the
        cost of everybody else. At most a thousand are held; what is beyond is answered at once.
        """
        now = clock.monotonic()
        if now - self._refusals_since >= HELD_SECONDS:
            self._refusals.clear()
            self._refusals_since = now
        self._refusals[key_id] = seen = self._refusals.get(key_id, 0) + 1
        if seen <= PROMPT_REFUSALS or self._held >= HELD_AT_ONCE:
            return
        self._held += 1
        try:
            await asyncio.sleep(HELD_SECONDS)
        finally:
            self._held -= 1

    def _state(self, left: float) -> bytes:
        return b'"key";r=%d;t=%d' % (int(left), math.ceil((self._burst - left) / self._rate))

    def _forget_full(self, now: float) -> None:
        # A full bucket is as good as none.
        full = [key for key, (left, at) in self._buckets.items() if left + (now - at) * self._rate >= self._burst]
        for key in full:
            del self._buckets[key]
        if len(self._buckets) >= KEYS_REMEMBERED:
            self._buckets.clear()

    @contextmanager
    def bulk_slot(self, pharmacy_id: UUID) -> Iterator[None]:
        """Hold one of a pharmacy's four places for bulk uploads, whichever of its keys they come with.

        Raises:
            Refused: all four are taken (429).
        """
        running = self._bulks.get(pharmacy_id, 0)
        if running >= BULKS_AT_ONCE:
            detail = f"this pharmacy has {BULKS_AT_ONCE} uploads under way; wait until one is taken in"
            raise refused("too-many-requests", detail, headers={"retry-after": "2"})
        self._bulks[pharmacy_id] = running + 1
        try:
            yield
        finally:
            left = self._bulks[pharmacy_id] - 1
            if left:
                self._bulks[pharmacy_id] = left
            else:
                del self._bulks[pharmacy_id]
