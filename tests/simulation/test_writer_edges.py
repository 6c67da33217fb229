"""Single scenes that the seeds found, or that they do not play."""

import random
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from consumers import writer as writer_module
from consumers.applying import Applier
from consumers.envelope import Arrived, read_message
from consumers.window import Delivery, Window
from consumers.writer import Writer
from hub.messaging.topology import EVENTS
from hub.storage.database import is_outage
from tests.promises.histories import Wish
from tests.simulation.broker import Channel, Publisher
from tests.simulation.database import POISON, Session
from tests.simulation.loop import SimulatedLoop
from tests.simulation.process import Process
from tests.simulation.store import SimulatedStore
from tests.simulation.world import Sabotage, Silent, World, bury


def play(scene: Callable[[World, Process], Coroutine[Any, Any, None]]) -> World:
    """Play one scene without any fault of its own."""
    chance = random.Random(1)
    loop = SimulatedLoop(chance)
    world = World(loop, chance, Sabotage())
    world.is_calm = True
    try:
        loop.run_until_complete(scene(world, Process(world, "a")))
    finally:
        bury(loop)
    return world


def an_item(pharmacy_id: UUID, sku: str, name: str = "fine") -> bytes:
    body = {"sku": sku, "name": name, "price": "1.00", "quantity": 1}
    return b"[" + Wish(uuid4(), pharmacy_id, uuid4(), "inventory.create", body).envelope() + b"]"


def a_channel(world: World, process: Process) -> Any:
    return Channel(world.broker, process, 0, 10)


def read(*messages: bytes) -> list[Arrived]:
    return [one for message in messages for one in read_message(message, 0) if isinstance(one, Arrived)]


def test_regression_a_cut_off_writer_says_what_its_successor_died_over() -> None:
    """A zombie got both messages first, so nothing is redelivered to it. Its successor applied one, and died."""

    async def scene(world: World, process: Process) -> None:
        pharmacy_id = uuid4()
        first, second = an_item(pharmacy_id, "A"), an_item(pharmacy_id, "B")
        await Applier(SimulatedStore(world.database, process)).apply(read(first))
        applied = await Applier(SimulatedStore(world.database, process)).apply(read(first, second))
        said = [orjson.loads(message.body)["sequence"] for message in applied.messages if message.exchange == EVENTS]
        assert said == [1, 2]

    play(scene)


def test_a_database_that_does_not_fit_stops_the_writer_and_parks_nothing() -> None:
    async def scene(world: World, process: Process) -> None:
        class Misfit(Session):
            async def save_rows(self, _changes: object) -> None:
                raise asyncpg.UndefinedColumnError

        with patch.object(SimulatedStore, "session", Misfit):
            window = Window()
            store, publisher = SimulatedStore(world.database, process), Publisher(world.broker, process)
            writer = Writer(window, Applier(store), publisher, window_commands=10)  # type: ignore[arg-type]
            window.add(Delivery(0, a_channel(world, process), 1, an_item(uuid4(), "A")))
            with pytest.raises(ExceptionGroup):
                await writer.run()

    world = play(scene)
    assert not world.seen.dead
    assert not world.database.stored.operations


async def _write(world: World, process: Process, skus: Sequence[tuple[str, str]]) -> list[int]:
    """Let a writer apply one window of items, each a sku and a name; say how many pieces each transaction tried."""
    pieces: list[int] = []

    class Counting(Session):
        def __init__(self, *parts: Any) -> None:
            super().__init__(*parts)
            pieces.append(0)

        def savepoint(self) -> Any:
            pieces[-1] += 1
            return super().savepoint()

    pharmacy_id = uuid4()
    messages = [an_item(pharmacy_id, sku, name) for sku, name in skus]
    with patch.object(SimulatedStore, "session", Counting), patch.object(writer_module, "log", Silent(world)):
        window = Window()
        store, publisher = SimulatedStore(world.database, process), Publisher(world.broker, process)
        writer = Writer(window, Applier(store), publisher, window_commands=len(messages))  # type: ignore[arg-type]
        channel = a_channel(world, process)
        for tag, message in enumerate(messages, 1):
            window.add(Delivery(0, channel, tag, message))
        window.close()
        await writer.run()
    return pieces


def test_poison_is_parked_in_the_transaction_that_applies_its_neighbours() -> None:
    """Otherwise a redelivery between the two could apply it behind later commands of its pharmacy."""

    async def scene(world: World, process: Process) -> None:
        names = {3: POISON, 40: POISON, 41: POISON}
        pieces = await _write(world, process, [(str(at), names.get(at, "fine")) for at in range(64)])
        assert len(pieces) == 2, pieces
        statuses = Counter(operation.status for operation in world.database.stored.operations.values())
        assert statuses == {"applied": 61, "parked": 3}

    play(scene)


def test_a_window_of_poison_is_parked_in_transactions_that_end_in_time() -> None:
    async def scene(world: World, process: Process) -> None:
        pieces = await _write(world, process, [(str(at), POISON if at else "fine") for at in range(200)])
        assert max(pieces) <= 50
        statuses = Counter(operation.status for operation in world.database.stored.operations.values())
        assert statuses == {"applied": 1, "parked": 199}

    play(scene)


def test_a_hole_in_the_deliveries_stops_the_writer() -> None:
    async def scene(world: World, process: Process) -> None:
        window = Window()
        channel = a_channel(world, process)
        window.add(Delivery(0, channel, 1, b"a"))
        window.add(Delivery(0, channel, 3, b"c"))
        with pytest.raises(AssertionError, match="delivery 3, not 2, on partition 0"):
            await window.take(10, 10_000)

    play(scene)


def test_a_value_that_cannot_be_written_is_no_outage() -> None:
    from asyncpg.exceptions import _base

    assert not is_outage(_base.DataError("invalid input for query argument $1: value out of int32 range"))
    assert is_outage(asyncpg.InterfaceError("connection is closed"))
    assert is_outage(asyncpg.InternalClientError("cannot switch to state 13; another operation (2) is in progress"))
    assert is_outage(asyncpg.PostgresConnectionError())
