"""A consumers process that does nothing any more ends, so that another one takes over what it left unacknowledged."""

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NoReturn
from urllib.parse import urlsplit

import pytest
import structlog

from consumers.broker import open_broker
from consumers.figures import Figures
from consumers.holding import Hold
from consumers.pulse import Pulse
from consumers.roles import open_parker
from consumers.subscribing import Role
from consumers.watchdog import LastWatch, Standstill, Watchdog
from hub.faults import Unavailable
from hub.messaging.connection import HubConnection, open_connection
from hub.messaging.declaring import declare_topology
from hub.messaging.topology import DEAD
from hub.messaging.unread import Unread, find_unread
from hub.settings import Settings
from tests.conftest import Servers
from tests.kit.own_clock import own_clock
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.promises.outages import measured

SECONDS = 1.0
LOOKS = 4  # in so many seconds


@asynccontextmanager
async def a_parker(settings: Settings) -> AsyncIterator[tuple[Role, HubConnection]]:
    """The smallest role at work, and the connection on which the watchdog asks."""
    broker = open_broker(settings)
    async with open_connection(settings.amqp_urls, name="test") as connection:
        await declare_topology(connection, settings.partitions)
        async with open_parker(settings, broker, connection, Figures()) as role:
            await broker.start()
            try:
                yield role, connection
            finally:
                await role.drain()
                await broker.stop()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Unread]]:
    """What a watchdog finds, look by look."""
    found: list[dict[str, Unread]] = []

    async def look(connection: HubConnection, queues: Iterable[str]) -> dict[str, Unread]:
        found.append(await find_unread(connection, queues))
        return found[-1]

    monkeypatch.setattr("consumers.watchdog.find_unread", look)
    return found


async def test_a_role_that_lost_its_consumer_silently_is_noticed(
    settings: Settings, looks: list[dict[str, Unread]]
) -> None:
    """The queue is there, the channel is open, and nobody reads: what client libraries have been seen to leave behind."""
    async with a_parker(settings) as (role, connection):
        watchdog = Watchdog([role], connection, SECONDS)
        watching = asyncio.create_task(watchdog.run())
        queue = role.queues[DEAD]._queue_obj
        (tag,) = queue._consumers  # robust queues remember how to consume again
        await eventually(lambda: find_unread(connection, [DEAD]), lambda unread: not unread)
        await looked(looks, 2 * LOOKS, watching)
        assert not watching.done(), "a role that reads and has nothing to do is fine"
        channel = await queue.channel.get_underlay_channel()
        await channel.basic_cancel(tag)
        seen = len(looks)
        await looked(looks, seen + 2 * LOOKS, watching)
        assert looks[-1] == {DEAD: Unread(0)}
        assert not watching.done(), "a queue that is too busy to answer the broker looks the same"
        await channel.basic_publish(b"{}", routing_key=DEAD)
        with pytest.raises(Standstill, match=f"{DEAD}: nobody reads it, and 1 messages wait"):
            await asyncio.wait_for(watching, 5 * SECONDS)


async def looked(looks: list[dict[str, Unread]], count: int, watching: "asyncio.Task[NoReturn]") -> None:
    """Wait until a watchdog has looked so often, or has ended."""

    async def so_often() -> bool:
        return len(looks) >= count or watching.done()

    await eventually(so_often, bool)


async def test_a_queue_that_is_gone_is_noticed_and_the_next_process_declares_it_anew(
    settings: Settings, servers: Servers
) -> None:
    vhost = urlsplit(settings.amqp_url.get_secret_value()).path.removeprefix("/")
    async with a_parker(settings) as (role, connection):
        watchdog = Watchdog([role], connection, SECONDS)
        watching = asyncio.create_task(watchdog.run())

        async def seen() -> set[str]:
            return watchdog._seen

        # Read by the broker's count and open here: what the watchdog has not seen so is missed 30 s after the start only.
        await eventually(seen, lambda queues: DEAD in queues)
        servers.management("DELETE", f"/api/queues/{vhost}/{DEAD}")
        with pytest.raises(Standstill, match=f"{DEAD}: it is gone"):
            await asyncio.wait_for(watching, 10 * SECONDS)
    async with a_parker(settings) as (_, connection):
        await eventually(lambda: find_unread(connection, [DEAD]), lambda unread: not unread)


@pytest.mark.long
async def test_a_process_whose_role_stands_still_ends_with_a_line_and_an_exit_code(
    settings: Settings, servers: Servers
) -> None:
    seconds = 10 * SECONDS  # less, and a busy machine may take the whole process for one that stands still
    settings = settings.model_copy(update={"roles": ("parker",), "watchdog_seconds": seconds})
    vhost = urlsplit(settings.amqp_url.get_secret_value()).path.removeprefix("/")
    async with open_connection(settings.amqp_urls, name="test") as connection:
        await declare_topology(connection, settings.partitions)
        with consumers_process(settings) as process:
            await eventually(lambda: find_unread(connection, [DEAD]), lambda unread: not unread, within=60)
            servers.management("DELETE", f"/api/queues/{vhost}/{DEAD}")
            # A queue that the watchdog has not seen yet is missed 30 s after the start.
            assert await asyncio.to_thread(process.wait, 60) not in {0, -15}
            said = (settings.data_dir / "consumers.log").read_text()
            assert "role.stands_still" in said
            assert DEAD in said


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[HubConnection]:
    async with open_connection(settings.amqp_urls, name="test") as connection:
        yield connection


async def _idle() -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def a_role(*pulses: Pulse) -> AsyncIterator[Role]:
    """A role with loops and no queue."""
    work = asyncio.create_task(_idle())

    async def drain() -> None:
        work.cancel()

    try:
        yield Role("writer", work, drain, pulses, {}, lambda: 0)
    finally:
        await drain()


async def test_a_loop_that_makes_no_step_with_work_in_hand_is_noticed(connection: HubConnection) -> None:
    stuck, resting = Pulse("window"), Pulse("saying")
    async with a_role(resting, stuck) as role:
        watchdog = Watchdog([role], connection, 0.2)
        stuck.beat()
        began = time.monotonic()
        watchdog.look_at_loops()
        with pytest.raises(Standstill, match="writer: window is at one step"):
            await asyncio.wait_for(watchdog.run(), 5)
        measured("a loop stands still, limit 0.2 s, to its role's end", time.monotonic() - began)


async def test_a_loop_that_holds_its_work_through_an_outage_is_alive_and_one_at_rest_is_never_overdue(
    connection: HubConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.holding.FIRST_SECONDS", 0.0)  # the clock goes on by itself
    holding, resting = Pulse("window"), Pulse("saying")
    now, tries = 1000.0, 0
    async with a_role(holding, resting) as role:
        watchdog = Watchdog([role], connection, 60)
        with own_clock("monotonic", lambda: now):
            holding.beat()

            async def reach() -> None:
                nonlocal now, tries
                tries += 1
                now += 40
                watchdog.look_at_loops()
                if tries < 6:
                    raise Unavailable("postgres", "away")

            await Hold(holding, structlog.get_logger("test"), "test.held")(reach)
            assert tries == 6
            now += 30
            with pytest.raises(Standstill, match="writer: window is at one step for 70 s"):
                watchdog.look_at_loops()


def _block_the_loop() -> None:
    async def block() -> None:
        with LastWatch(0.5).watching():
            await asyncio.sleep(0)  # the loop's pulse has begun
            time.sleep(120)  # noqa: ASYNC251 -- the very thing

    asyncio.run(block())


def _hang_on_the_way_out() -> None:
    async def hang() -> None:
        watch = LastWatch(0.5)
        with watch.watching():
            watch._ends_at = time.monotonic() + 0.5
            await _idle()

    asyncio.run(hang())


@pytest.mark.parametrize("stand_still", [_block_the_loop, _hang_on_the_way_out])
def test_a_process_that_cannot_end_itself_is_ended_by_its_last_watch(stand_still: Callable[[], None]) -> None:
    process = multiprocessing.get_context("forkserver").Process(target=stand_still)
    process.start()
    began = time.monotonic()
    try:
        process.join(90)
        measured(f"{stand_still.__name__}, limit 0.5 s, the process's start to its end", time.monotonic() - began)
        assert process.exitcode == 70
    finally:
        process.kill()  # what was not ended would keep pytest from its own end
