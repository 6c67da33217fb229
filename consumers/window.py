"""A window: what is waiting in the partitions of this writer, each in order of arrival, in turn."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import aiormq
from aiormq.abc import AbstractChannel

from consumers.pulse import Pulse


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of a partition. `channel` is also its epoch: once closed, the broker delivers it again."""

    partition: int
    channel: AbstractChannel
    tag: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon windows follow each other in a crowd: many small transactions cost much more than a few larger ones.

    Args:
        seconds: from the taking of a window to the taking of the next, at least.
        crowd: how many messages a window must have had for the next to be held back; less is no load to save on.
        is_awaited: tells of a message's bytes whether somebody waits for what comes of it: then nothing is held back.
    """

    seconds: float
    crowd: int
    is_awaited: Callable[[bytes], bool]


UNPACED = Pace(0.0, 1, lambda _: True)


class Window:
    """Collects deliveries until the writer takes them. The broker's prefetch is its bound.

    Partitions take turns: what floods one of them is not before what came into another one after it.
    """

    def __init__(self, pace: Pace = UNPACED) -> None:
        """Begin empty."""
        self.pulse = Pulse("window")
        self._pace = pace
        self._next_at = 0.0
        self._enough = (1, 1)
        self._hurry = asyncio.Event()
        self._waiting: dict[int, deque[Delivery]] = {}  # by partition; whose turn it is comes first
        self._count = 0
        self._weight = 0
        self._arrived = asyncio.Event()
        self._last: dict[int, tuple[AbstractChannel, int]] = {}
        self._closed = False
        self._hole: str | None = None

    def __len__(self) -> int:
        """Count what waits."""
        return self._count

    def add(self, delivery: Delivery) -> None:
        """Take in a message. A hole in the tags of a channel would mean that order is lost: `take` then breaks."""
        channel, last = self._last.get(delivery.partition, (None, 0))
        expected = last + 1 if channel is delivery.channel else 1
        if delivery.tag != expected and self._hole is None:
            # Raised here it would end in the client library, and the partition would stand still unseen.
            self._hole = f"delivery {delivery.tag}, not {expected}, on partition {delivery.partition}"
        self._last[delivery.partition] = (delivery.channel, delivery.tag)
        if not self._closed:
            self._waiting.setdefault(delivery.partition, deque()).append(delivery)
            self._count += 1
            self._weight += len(delivery.body)
            if self._pace.is_awaited(delivery.body) or self.is_full(*self._enough):
                self._hurry.set()
        self._arrived.set()

    def close(self) -> None:
        """Take no more; whoever waits in `take` gets what is there."""
        self._closed = True
        self._arrived.set()
        self._hurry.set()

    def is_full(self, messages: int, size: int) -> bool:
        """Tell whether a whole window is waiting, by number or by bytes."""
        return self._count >= messages or self._weight >= size

    async def take(self, messages: int, size: int) -> list[Delivery]:
        """Wait for messages and take what is there, at most so many and about so many bytes. Empty: closed."""
        while True:
            while not self._waiting and self._hole is None:
                self.pulse.rest()
                if self._closed:
                    return []
                self._arrived.clear()
                await self._arrived.wait()
            assert self._hole is None, self._hole
            await self._let_grow(messages, size)
            taken: list[Delivery] = []
            weight = 0
            while self._waiting and len(taken) < messages and weight < size:
                delivery = self._next()
                if not delivery.channel.is_closed:
                    taken.append(delivery)
                    weight += len(delivery.body)
            if not self._waiting and not self._closed:
                self._hurry.clear()
            if taken:
                if len(taken) >= self._pace.crowd:
                    self._next_at = asyncio.get_running_loop().time() + self._pace.seconds
                self.pulse.beat()
                return taken

    async def _let_grow(self, messages: int, size: int) -> None:
        self._enough = (messages, size)
        left = self._next_at - asyncio.get_running_loop().time()
        if left > 0 and not self.is_full(messages, size):
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._hurry.wait()

    def _next(self) -> Delivery:
        partition, queue = next(iter(self._waiting.items()))
        del self._waiting[partition]
        delivery = queue.popleft()
        if queue:
            self._waiting[partition] = queue  # behind the others
        self._count -= 1
        self._weight -= len(delivery.body)
        return delivery


async def acknowledge(deliveries: list[Delivery]) -> None:
    """Ack all of them, once per channel; what lies on a closed channel is delivered again anyway."""
    last: dict[int, Delivery] = {id(delivery.channel): delivery for delivery in deliveries}
    for delivery in last.values():
        if not delivery.channel.is_closed:
            try:
                await delivery.channel.basic_ack(delivery.tag, multiple=True, wait=False)
            except (aiormq.exceptions.AMQPError, RuntimeError, ConnectionError):
                # The channel went away between the look and the ack: the same as a closed one.
                continue
