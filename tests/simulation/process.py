"""A process of consumers: the real writer on simulated servers, with what can happen to a process."""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from consumers.applying import Applier
from consumers.window import Delivery, Window
from consumers.writer import PACE, Writer
from tests.simulation.broker import Channel, Publisher
from tests.simulation.database import IDLE_SECONDS
from tests.simulation.store import SimulatedStore

if TYPE_CHECKING:
    from tests.simulation.world import World

DRAIN_SECONDS = 8.0


class Process:
    """One life of a writer's process. Everything it does on the network goes through `step`."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.is_alive = True
        self.is_leaving = False
        self.frozen_until = 0.0
        self.cut_off_until = 0.0
        self.window = Window(PACE)
        self.channels: dict[int, Channel] = {}
        sabotage = world.sabotage
        self.store = (sabotage.store or SimulatedStore)(world.database, self)
        self.publisher = (sabotage.publisher or Publisher)(world.broker, self)
        applier = (sabotage.applier or Applier)(self.store, world.most_bytes)
        writer = (sabotage.writer or Writer)(
            self.window,
            applier,
            self.publisher,  # type: ignore[arg-type]
            window_commands=world.window_commands,
        )
        self.work = world.loop.create_task(writer.run(), name=f"writer {name}")
        self.work.add_done_callback(self._ended)
        for partition in range(world.partitions):
            self.later(world.latency(), partial(self._open, partition))

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        self.world.loop.call_later(seconds, do)

    async def step(self, what: str) -> None:
        """Wait for the network. The process may die here, or not run for a while."""
        world = self.world
        if self.is_alive and world.is_fatal():
            world.note(f"{self.name} dies at: {what}")
            self.kill()
        await asyncio.sleep(world.latency())
        while self.is_alive and world.now() < self.frozen_until:
            await asyncio.sleep(self.frozen_until - world.now())
        if not self.is_alive:
            await asyncio.Event().wait()  # until the cancellation arrives: the dead do nothing

    def hear(self, delivery: Delivery) -> None:
        if self.is_alive and not delivery.channel.is_closed:
            self.window.add(delivery)

    def _open(self, partition: int) -> None:
        if not self.is_alive or self.is_leaving:
            return
        if self.world.now() < max(self.world.broker.away_until, self.cut_off_until, self.frozen_until):
            self.later(0.5, partial(self._open, partition))
            return
        channel = Channel(self.world.broker, self, partition, self.world.prefetch)
        self.channels[partition] = channel
        self.world.broker.consume(channel)

    def lose(self, partition: int, unnoticed_seconds: float) -> None:
        """Lose a channel; the process hears of it later and opens another."""
        channel = self.channels.get(partition)
        if channel is None:
            return
        self.world.broker.drop(channel)

        def notice() -> None:
            if not channel.is_closed:
                channel.is_closed = True
                self.later(self.world.latency(), partial(self._open, partition))

        self.later(unnoticed_seconds, notice)

    def cut_off(self, seconds: float, unnoticed_seconds: float) -> None:
        """Lose the way to the broker, for publishing too."""
        self.cut_off_until = self.world.now() + seconds
        for partition in list(self.channels):
            self.lose(partition, unnoticed_seconds)

    def freeze(self, seconds: float) -> None:
        """Stop without dying: the broker gives its partitions away, the database waits only so long."""
        frozen_at = self.world.now()
        self.frozen_until = frozen_at + seconds
        if seconds > IDLE_SECONDS:
            mine = [session for session in self.world.database.sessions if session.process is self]
            self.later(IDLE_SECONDS, lambda: self.world.database.terminate(mine))
        for partition in list(self.channels):
            self.lose(partition, seconds)

    def kill(self) -> None:
        """Die at once: SIGKILL."""
        self.is_alive = False
        self.work.cancel()
        for channel in self.channels.values():
            channel.up.send(partial(self.world.broker.drop, channel))

    async def drain(self) -> None:
        """Leave as on SIGTERM: finish what was taken, then close the channels."""
        self.is_leaving = True
        if self.world.sabotage.leaves_by_cancel:
            for channel in self.channels.values():
                self.world.broker.cancel(channel)
        self.window.close()
        await asyncio.wait([self.work], timeout=DRAIN_SECONDS)
        if not self.is_alive:
            return
        for channel in self.channels.values():
            channel.close()
        self.is_alive = False
        self.work.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await asyncio.wait([self.work])

    def _ended(self, work: "asyncio.Task[None]") -> None:
        if not work.cancelled() and (fault := work.exception()) is not None and self.is_alive:
            self.world.fail(f"the writer broke: {_root(fault)!r}")
            self.kill()


def _root(fault: BaseException) -> BaseException:
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault
