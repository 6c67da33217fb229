"""Promise 2: rows, outcome and events of a command are one transaction; coming again, it is only told again.

Red when: an operation that is finished is applied anew, the events of one that is finished are not said again, an ack
leaves before the commit, an outcome commits before its rows, or two writers may be at work in one partition.
"""

import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import asyncpg
import pytest

from hub import clock
from hub.messaging.topology import DEAD, command_queue, partition_of
from hub.settings import Settings
from tests.conftest import Servers
from tests.kit.door import TestDoor, open_test_door
from tests.kit.overheard import Overheard, overhearing
from tests.kit.wait import eventually
from tests.promises.forked import forked_consumers
from tests.promises.histories import Wish
from tests.promises.outages import measured
from tests.rooms.broker_reader import count_of

COMMANDS = 12
COMMAND_QUEUES = command_queue(0).removesuffix("0")
KILLED_SECONDS = 5.0
FROZEN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A pharmacy, a door to its partition, ears, and eyes."""

    settings: Settings
    door: TestDoor
    heard: Overheard
    owner: asyncpg.Connection
    pharmacy_id: UUID

    def wish(self, number: int) -> Wish:
        """A command that makes one item."""
        body = {"sku": f"S{number}", "name": "Aspirin", "quantity": 1, "price": "1.00"}
        return Wish(clock.new_id(), self.pharmacy_id, clock.new_id(), "inventory.create", body)

    async def send(self, *wishes: Wish) -> None:
        """Publish commands, each in a message of its own."""
        partition = partition_of(self.pharmacy_id, self.settings.partitions)
        for wish in wishes:
            await self.door.publish(partition, wish.envelope())

    async def applied(self) -> list[UUID]:
        """Name what was applied, in the order of the events."""
        found = await self.owner.fetch("SELECT id FROM operations WHERE status = 'applied' ORDER BY first_sequence")
        return [row["id"] for row in found]

    async def somebody_waits(self) -> bool:
        """Tell whether a writer waits for another one's transaction to end."""
        waiting: bool = await self.owner.fetchval(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
            "AND application_name LIKE 'pharmacy-hub%'"
        )
        return waiting

    async def assert_once(self, wishes: list[Wish]) -> None:
        """See that each command made one row, one outcome and one event, in order, and that each event was said."""
        await eventually(self.applied, lambda found: len(found) >= len(wishes), within=60)
        assert await self.applied() == [wish.operation_id for wish in wishes]
        events = await self.owner.fetch("SELECT sequence, operation_id FROM events ORDER BY sequence")
        assert [row["operation_id"] for row in events] == [wish.operation_id for wish in wishes]
        assert [row["sequence"] for row in events] == list(range(1, len(wishes) + 1))
        assert await self.owner.fetchval("SELECT count(*) FROM inventory_items") == len(wishes)
        assert await self.owner.fetchval("SELECT count(*) FROM stock_movements") == len(wishes)
        assert await self.owner.fetchval("SELECT count(*) FROM operations") == len(wishes)
        assert await count_of(self.settings.amqp_urls[0], DEAD) == 0, (
            "no command is to blame for what befell its writer"
        )

        async def said() -> list[int]:
            return self.heard.sequences(self.pharmacy_id)

        assert await eventually(said, lambda found: len(found) >= len(wishes)) == list(range(1, len(wishes) + 1))


@pytest.fixture
async def stage(settings: Settings) -> AsyncIterator[Stage]:
    settings = settings.model_copy(update={"roles": ("writer",), "window_commands": 4, "partitions": 2})
    owner = await asyncpg.connect(settings.database_url.get_secret_value())
    pharmacy_id = clock.new_id()
    await owner.execute(
        "INSERT INTO pharmacies (id, created_at, updated_at, version, name, is_active, settings) "
        "VALUES ($1, now(), now(), 1, 'Corner', true, '{}')",
        pharmacy_id,
    )
    async with open_test_door(settings) as door, overhearing(settings) as heard:
        yield Stage(settings, door, heard, owner, pharmacy_id)
    await owner.close()


@asynccontextmanager
async def a_writer(stage: Stage, failpoint: str | None = None) -> AsyncIterator[BaseProcess]:
    with forked_consumers(stage.settings.model_copy(update={"failpoint": failpoint})) as process:
        yield process


async def _has_ended(process: BaseProcess) -> bool:
    return process.exitcode is not None


async def _is_frozen(process: BaseProcess) -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"  # noqa: ASYNC240 -- the kernel's


@pytest.mark.parametrize("point", ["before_commit", "after_commit", "after_publish", "before_ack"])
async def test_a_writer_killed_between_any_two_steps_leaves_every_command_applied_and_told_once(
    stage: Stage, point: str
) -> None:
    """The second window dies at the point; whoever comes next applies what was not, and only tells what was."""
    wishes = [stage.wish(number) for number in range(COMMANDS)]
    await stage.send(*wishes)
    async with a_writer(stage, f"{point}:kill@2") as process:
        await eventually(lambda: _has_ended(process), bool, within=60)
        assert process.exitcode == -signal.SIGKILL
    # A window has three or four of them: the first is through, and what is left is more than the second.
    assert 0 < len(await stage.applied()) < COMMANDS
    began = time.monotonic()
    async with a_writer(stage):
        await stage.assert_once(wishes)
        measured(f"killed at {point}, start of the next writer to all applied and told", time.monotonic() - began)


async def test_a_command_that_comes_three_times_is_applied_once(stage: Stage) -> None:
    """Twice in one window, once more after it, and with its neighbours: as clients repeat and brokers redeliver."""
    wishes = [stage.wish(number) for number in range(COMMANDS)]
    await stage.send(*(wish for wish in wishes for _ in range(2)))
    async with a_writer(stage):
        await eventually(stage.applied, lambda found: len(found) == COMMANDS, within=60)
        await stage.send(*wishes)
        last = stage.wish(COMMANDS)
        await stage.send(last)
        await stage.assert_once([*wishes, last])


def _consumers(stage: Stage, servers: Servers) -> list[Any]:
    vhost = urlsplit(stage.settings.amqp_url.get_secret_value()).path.removeprefix("/")
    found: list[Any] = servers.management("GET", f"/api/consumers/{vhost}").json()
    return [one for one in found if one["queue"]["name"].startswith(COMMAND_QUEUES)]


@asynccontextmanager
async def a_writer_and_a_standby(
    stage: Stage, servers: Servers, failpoint: str | None = None
) -> AsyncIterator[tuple[BaseProcess, BaseProcess]]:
    """Two writers; the first one has every partition."""

    async def consumers() -> int:
        return len(_consumers(stage, servers))

    partitions = stage.settings.partitions
    async with a_writer(stage, failpoint) as first:
        await eventually(consumers, lambda count: count == partitions, within=30)
        async with a_writer(stage) as second:
            await eventually(consumers, lambda count: count == 2 * partitions, within=30)
            yield first, second


@pytest.mark.parametrize("gives_up", [True, False], ids=["given up by postgresql", "waited for by postgresql"])
async def test_a_writer_frozen_in_its_transaction_and_replaced_changes_nothing_when_it_thaws(
    stage: Stage, servers: Servers, *, gives_up: bool
) -> None:
    """The zombie: RabbitMQ hands its window to another one, then it wakes up in mid-step and wants to commit."""
    # Waited for, it may commit: its successor would find one command alone to be broken, more of them just to be halved.
    count = COMMANDS if gives_up else 1
    wishes = [stage.wish(number) for number in range(count)]
    async with a_writer_and_a_standby(stage, servers, "before_commit:freeze") as (frozen, standby):
        active = {one["channel_details"]["connection_name"] for one in _consumers(stage, servers) if one["active"]}
        assert len(active) == 1
        await stage.send(*wishes)
        await eventually(lambda: _is_frozen(frozen), bool, within=60)
        # What the servers do by themselves after 15 and 20 s (`--long`), done at once.
        if gives_up:
            await stage.owner.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name LIKE 'pharmacy-hub%' AND state = 'idle in transaction'"
            )
        began = time.monotonic()
        for name in active:
            servers.management("DELETE", f"/api/connections/{quote(name, safe='')}")
        if gives_up:
            await eventually(stage.applied, lambda found: len(found) == count, within=60)
            measured("a frozen writer cut off, to its window applied by the standby", time.monotonic() - began)
        else:
            await eventually(stage.somebody_waits, bool)
            assert await stage.applied() == []
        assert frozen.pid is not None
        os.kill(frozen.pid, signal.SIGCONT)
        began = time.monotonic()
        await eventually(stage.applied, lambda found: len(found) == count, within=60)
        last = stage.wish(count)
        await stage.send(last)
        await stage.assert_once([*wishes, last])
        measured("the frozen writer wakes, to the next command applied and told", time.monotonic() - began)
        # Its neighbour is gone: what comes now it has to do itself, and it can.
        standby.kill()
        after = stage.wish(count + 1)
        await stage.send(after)
        await stage.assert_once([*wishes, last, after])


async def test_a_killed_writer_is_replaced_by_its_standby_within_5_seconds(stage: Stage, servers: Servers) -> None:
    wishes = [stage.wish(number) for number in range(COMMANDS)]
    async with a_writer_and_a_standby(stage, servers) as (first, _):
        await stage.send(wishes[0])
        await eventually(stage.applied, bool)
        first.kill()
        began = time.monotonic()
        await stage.send(*wishes[1:])
        await eventually(stage.applied, lambda found: len(found) == COMMANDS)
        seconds = time.monotonic() - began
        measured("a writer killed, to what was sent then applied by the standby", seconds)
        assert seconds < KILLED_SECONDS
        await stage.assert_once(wishes)


@pytest.mark.long
async def test_a_writer_frozen_in_its_transaction_is_replaced_within_30_seconds(stage: Stage, servers: Servers) -> None:
    """SIGSTOP with rows locked: the standby takes over when PostgreSQL ends the session and RabbitMQ the connection."""
    wishes = [stage.wish(number) for number in range(COMMANDS)]
    async with a_writer_and_a_standby(stage, servers, "before_commit:freeze") as (frozen, _):
        await stage.send(*wishes)
        await eventually(lambda: _is_frozen(frozen), bool, within=60)
        began = time.monotonic()
        await eventually(stage.applied, lambda found: len(found) == COMMANDS, within=60)
        seconds = time.monotonic() - began
        measured("a writer frozen in its transaction, to its window applied by the standby", seconds)
        assert frozen.pid is not None
        os.kill(frozen.pid, signal.SIGCONT)
        await stage.assert_once(wishes)
        assert seconds < FROZEN_SECONDS
