"""One seed: two writers, their servers and doors, faults, and what was seen of it all."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from unittest.mock import patch
from uuid import UUID

import orjson

from consumers import writer as writer_module
from consumers.applying import MOST_BYTES
from hub import clock
from hub.messaging.frames import Outgoing
from hub.messaging.topology import DEAD, EVENTS
from tests.kit.own_clock import own_clock
from tests.simulation import checks
from tests.simulation.broker import Broker
from tests.simulation.database import Database
from tests.simulation.doors import REPLIES, Door, Sent
from tests.simulation.loop import SimulatedLoop, StandstillError
from tests.simulation.nemesis import Nemesis
from tests.simulation.tables import Tables

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SETTLE_SECONDS = 300.0
"""How long everything may take to come to rest after the last fault."""


@dataclass(frozen=True, slots=True)
class Sabotage:
    """Parts of the writer that are replaced by wrong ones; None: the real ones."""

    writer: Callable[..., Any] | None = None
    applier: Callable[..., Any] | None = None
    store: Callable[..., Any] | None = None
    publisher: Callable[..., Any] | None = None
    leaves_by_cancel: bool = False
    shares_partitions: bool = False


@dataclass(slots=True)
class Result:
    """How a seed ended: what was wrong, and all that happened, in order."""

    seed: int
    failures: list[str]
    trace: list[str]

    @property
    def digest(self) -> str:
        return sha256("\n".join(self.trace).encode()).hexdigest()

    def report(self) -> str:
        return "\n".join(
            [
                f"seed {self.seed} fails; replay it with: pytest tests/simulation --seed {self.seed}",
                *self.failures[:8],
                "the end of its trace:",
                *self.trace[-40:],
            ]
        )


@dataclass(slots=True)
class Seen:
    """What left the hub."""

    events: dict[UUID, list[int]] = field(default_factory=dict)
    replies: dict[UUID, list[dict[str, Any]]] = field(default_factory=dict)
    dead: list[Outgoing] = field(default_factory=list)
    confirmed: set[str] = field(default_factory=set)


class World:
    """Everything of one seed."""

    def __init__(self, loop: SimulatedLoop, chance: random.Random, sabotage: Sabotage) -> None:
        self.loop = loop
        self.chance = chance
        self.sabotage = sabotage
        self.partitions = chance.choice((1, 2, 2, 3))
        self.prefetch = chance.choice((2, 5, 20))
        self.window_commands = chance.choice((1, 3, 10, 500))
        self.most_bytes = chance.choice((1_500, 4_000, MOST_BYTES))
        self.is_calm = False
        self.is_over = False
        self.failures: list[str] = []
        self.trace: list[str] = []
        self.sent: dict[UUID, Sent] = {}
        self.waiting: list[Sent] = []
        self.garbage: Counter[bytes] = Counter()
        self.arrivals: dict[UUID, None] = {}
        self.seen = Seen()
        self.database = Database(self)
        self.broker = Broker(self, self.partitions)

    def now(self) -> float:
        return self.loop.time()

    def latency(self) -> float:
        """Take mostly a moment, rarely long."""
        return self.chance.choice((0.0, 0.0005, 0.001, 0.002, 0.02)) if self.chance.random() < 0.99 else 0.5

    def happens(self, probability: float) -> bool:
        """Decide on a fault; none happens any more when the world is calm."""
        return not self.is_calm and self.chance.random() < probability

    def is_fatal(self) -> bool:
        return self.happens(0.004)

    def note(self, what: str) -> None:
        self.trace.append(f"{self.now():.4f} {what}")

    def fail(self, sentence: str) -> None:
        self.note(f"WRONG: {sentence}")
        self.failures.append(sentence)

    def arrived(self, partition: int, body: bytes) -> None:
        self.note(f"partition {partition} stores {sha256(body).hexdigest()[:8]}")
        for envelope in checks.envelopes_of(body):
            self.arrivals.setdefault(UUID(envelope["operation_id"]))

    def committed(self, process: str, tables: Tables) -> None:
        for operation in tables.operations.values():
            self.note(f"{process} committed {operation.type} {operation.id} {operation.status}")

    def published(self, process: str, message: Outgoing) -> None:
        self.note(f"{process} published {message.exchange} {message.routing_key} {message.message_id}")
        if message.exchange == EVENTS:
            checks.event_is_committed(self, message)
        elif message.routing_key == REPLIES:
            for reply in orjson.loads(message.body):
                checks.reply_is_committed(self, reply)
                self.seen.replies.setdefault(UUID(reply["operation_id"]), []).append(reply)
        elif message.routing_key == DEAD:
            self.seen.dead.append(message)

    def confirmed(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            self.seen.confirmed.add(checks.name_of(message))

    def acked(self, partition: int, body: bytes) -> None:
        self.note(f"acked on {partition}: {sha256(body).hexdigest()[:8]}")
        checks.ack_is_last(self, body)

    async def live(self) -> None:
        chance = self.chance
        nemesis = Nemesis(self)
        doors = []
        for partition in range(self.partitions):
            pharmacies = [clock.new_id() for _ in range(chance.choice((1, 2, 3)))]
            doors += [Door(self, partition, pharmacies, chance.choice((10, 20, 40))) for _ in pharmacies[:1]]
        async with asyncio.TaskGroup() as tasks:
            for door in doors:
                tasks.create_task(door.run())
            tasks.create_task(nemesis.plague(chance.choice((0, 2, 5, 10))))
        self.is_calm = True
        until = self.now() + SETTLE_SECONDS
        while not self.broker.is_idle():
            if self.now() > until:
                self.fail("the partitions are not empty long after the last fault")
                break
            await asyncio.sleep(1.0)
        self.is_over = True
        await nemesis.stop()
        checks.all_is_well(self)


class Silent:
    """The writer's log goes into the trace."""

    def __init__(self, world: World) -> None:
        self._world = world

    def debug(self, _event: str, **_facts: object) -> None:
        """Leave out."""

    def warning(self, event: str, **facts: object) -> None:
        self._world.note(f"log: {event} {facts.get('detail', facts.get('reason', ''))}")

    info = error = warning


def run_seed(seed: int, sabotage: Sabotage = Sabotage()) -> Result:
    """Live through one seed; the same seed always gives the same trace."""
    chance = random.Random(seed)
    loop = SimulatedLoop(chance)
    world = World(loop, chance, sabotage)
    ids = random.Random(f"ids {seed}")
    try:
        with (
            own_clock("now", lambda: EPOCH + timedelta(seconds=loop.time())),
            own_clock("monotonic", loop.time),
            own_clock("new_id", lambda: UUID(int=ids.getrandbits(128), version=4)),
            patch.object(writer_module, "log", Silent(world)),
        ):
            try:
                loop.run_until_complete(world.live())
            except StandstillError as fault:
                world.fail(str(fault))
    finally:
        bury(loop)
    return Result(seed, world.failures, world.trace)


def bury(loop: SimulatedLoop) -> None:
    """End what is left over."""
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(60.0))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
