"""The nemesis: faults at random moments, as the seed says."""

import asyncio
from typing import TYPE_CHECKING

from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


class Nemesis:
    """Plagues two processes and their servers, and starts again what died, as the runner does."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.processes = {name: Process(world, name) for name in ("a", "b")}
        self.keepers = [world.loop.create_task(self._keep(name)) for name in self.processes]

    async def plague(self, faults: int) -> None:
        for _ in range(faults):
            await asyncio.sleep(self.world.chance.choice((0.01, 0.1, 0.3, 1.0)))
            await self._one()

    async def _one(self) -> None:  # noqa: C901 -- one arm per fault
        world, chance = self.world, self.world.chance
        process = chance.choice(list(self.processes.values()))
        fault = chance.choice(
            ("kill", "kill", "drain", "drain", "cut", "zombie", "zombie", "freeze", "postgres", "sessions", "alarm",
             "broker", "channel", "calm")
        )  # fmt: skip
        world.note(f"nemesis: {fault} {process.name}")
        match fault:
            case "kill":
                process.kill()
            case "drain":
                await process.drain()
            case "cut":
                process.cut_off(chance.uniform(0.1, 3.0), 0.01)
            case "zombie":
                # A half-open connection: the broker gave its partitions away, the process does not know it yet.
                for partition in list(process.channels):
                    process.lose(partition, chance.uniform(0.1, 20.0))
            case "freeze":
                process.freeze(chance.uniform(0.5, 25.0))
            case "postgres":
                world.database.stop_for(chance.uniform(0.1, 10.0))
            case "sessions":
                world.database.terminate(list(world.database.sessions))
            case "alarm":
                world.broker.alarm_until = world.now() + chance.uniform(0.5, 5.0)
            case "broker":
                world.broker.away_until = world.now() + chance.uniform(0.2, 5.0)
                for each in self.processes.values():
                    each.cut_off(0.0, 0.01)
            case "channel":
                process.lose(chance.randrange(world.partitions), 0.01)

    async def _keep(self, name: str) -> None:
        """Start a process again whenever it is gone."""
        while True:
            process = self.processes[name]
            await asyncio.wait([process.work])
            if self.world.is_over:
                return
            await asyncio.sleep(self.world.chance.uniform(0.05, 1.0))
            self.processes[name] = Process(self.world, name)

    async def stop(self) -> None:
        for process in self.processes.values():
            if process.is_alive:
                await process.drain()
        for keeper in self.keepers:
            keeper.cancel()
        await asyncio.wait(self.keepers)
