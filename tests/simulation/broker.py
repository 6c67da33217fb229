"""A broker in memory: partitions with one active consumer, windows that come back in order, confirms that get lost."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from consumers.window import Delivery
from hub.faults import Unavailable
from hub.messaging.frames import Outgoing

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World


class Wire:
    """One direction of a connection: what was sent first arrives first."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.free_at = 0.0

    def send(self, arrive: Callable[[], None]) -> None:
        # Two at the same moment would be in no order.
        self.free_at = max(self.free_at + 1e-6, self.world.now() + self.world.latency())
        self.world.loop.call_at(self.free_at, arrive)


class Channel:
    """A channel with its consumer. `is_closed` is what the client knows, `is_open` what the broker knows."""

    def __init__(self, broker: "Broker", process: "Process", partition: int, prefetch: int) -> None:
        self.broker = broker
        self.process = process
        self.partition = partition
        self.prefetch = prefetch
        self.is_open = True
        self.is_closed = False
        self.unacked: dict[int, bytes] = {}
        self.tag = 0
        self.up = Wire(broker.world)
        self.down = Wire(broker.world)

    async def basic_ack(self, tag: int, *, multiple: bool, wait: bool) -> None:
        """As aiormq's, which the writer calls."""
        assert multiple
        assert not wait
        await self.process.step("ack")
        self.up.send(lambda: self.broker.acked(self, tag))

    def close(self) -> None:
        """Close from the client's side: behind the acks that are on their way."""
        self.is_closed = True
        self.up.send(lambda: self.broker.drop(self))

    def deliver(self, message: bytes) -> None:
        """Send a message to the client."""
        self.tag += 1
        self.unacked[self.tag] = message
        delivery = Delivery(self.partition, self, self.tag, message)  # type: ignore[arg-type]
        self.down.send(lambda: self.process.hear(delivery))


class Broker:
    """The server."""

    def __init__(self, world: "World", partitions: int) -> None:
        self.world = world
        self.ready: list[deque[bytes]] = [deque() for _ in range(partitions)]
        self.consumers: list[list[Channel]] = [[] for _ in range(partitions)]
        self.alarm_until = 0.0
        self.away_until = 0.0

    def is_idle(self) -> bool:
        return not any(self.ready) and not any(channel.unacked for all_of in self.consumers for channel in all_of)

    def put(self, partition: int, body: bytes) -> None:
        """Store a message of a door."""
        self.world.arrived(partition, body)
        self.ready[partition].append(body)
        self.pump(partition)

    def consume(self, channel: Channel) -> None:
        self.consumers[channel.partition].append(channel)
        self.pump(channel.partition)

    def pump(self, partition: int) -> None:
        """Deliver to the active consumer, the first that came."""
        ready, consumers = self.ready[partition], self.consumers[partition]
        while ready and (active := self._active(consumers)) is not None:
            active.deliver(ready.popleft())

    def _active(self, consumers: list[Channel]) -> Channel | None:
        candidates = consumers if self.world.sabotage.shares_partitions else consumers[:1]
        free = [channel for channel in candidates if len(channel.unacked) < channel.prefetch]
        return min(free, key=lambda channel: len(channel.unacked), default=None)

    def acked(self, channel: Channel, tag: int) -> None:
        if not channel.is_open:
            return
        for each in [each for each in channel.unacked if each <= tag]:
            self.world.acked(channel.partition, channel.unacked.pop(each))
        self.pump(channel.partition)

    def drop(self, channel: Channel) -> None:
        """Lose a channel: its consumer is gone and its window comes back to the front, in order, in the same moment."""
        if channel.is_open:
            channel.is_open = False
            self.cancel(channel, pump=False)
            for message in reversed(channel.unacked.values()):
                self.ready[channel.partition].appendleft(message)
            channel.unacked.clear()
            self.pump(channel.partition)

    def cancel(self, channel: Channel, *, pump: bool = True) -> None:
        """Take a consumer away and leave it its window, as `basic.cancel` does."""
        if channel in self.consumers[channel.partition]:
            self.consumers[channel.partition].remove(channel)
        if pump:
            self.pump(channel.partition)


class Publisher:
    """The confirmed publishing of one process: as `BulkPublisher`, in order and one batch at a time."""

    def __init__(self, broker: Broker, process: "Process") -> None:
        self.broker = broker
        self.process = process
        self.turn = asyncio.Lock()

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        world, broker = self.broker.world, self.broker
        async with self.turn:
            await self.process.step("publish")
            if world.now() < max(broker.away_until, self.process.cut_off_until):
                raise Unavailable("rabbitmq", "no connection")
            if world.now() < broker.alarm_until:
                if world.happens(0.5):
                    # The frames wait in the socket: what timed out is stored when the alarm ends.
                    late = list(messages)
                    world.loop.call_at(broker.alarm_until + 0.1, lambda: self._store(late))
                raise Unavailable("rabbitmq", "no confirm in time, the broker is blocked")
            sent = world.chance.randrange(len(messages)) if world.happens(0.02) else len(messages)
            self._store(messages[:sent])
            await self.process.step("confirm")
            if sent < len(messages) or world.happens(0.02):
                raise Unavailable("rabbitmq", "the connection broke before the confirm")
            world.confirmed(messages)

    def _store(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            self.broker.world.published(self.process.name, message)
