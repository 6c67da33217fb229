"""A connection that goes away while the consumers subscribe: they begin anew, and an end is an end.

Red when: a start breaks off with its connection, or a connection outlives the start that opened it, reads on, and keeps
the process from ending and the next one from its queues.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiormq.exceptions import AMQPConnectionError, ChannelAccessRefused, ChannelNotFoundEntity
from pydantic import SecretStr

from consumers.broker import _is_lost, open_broker
from consumers.subscribing import leave, subscribe
from consumers.whereabouts import whereabouts
from hub.messaging.connection import HubConnection, open_connection
from hub.messaging.declaring import declare_topology
from hub.messaging.topology import command_queue
from hub.messaging.unread import find_unread
from hub.settings import Settings
from tests.kit.processes import Consumers
from tests.kit.wait import eventually
from tests.rooms.broker_proxy import BrokerProxy, open_proxy

QUEUES = [command_queue(number) for number in range(8)]


@asynccontextmanager
async def a_slow_wire(settings: Settings) -> AsyncIterator[tuple[BrokerProxy, Settings, HubConnection]]:
    """A wire on which to subscribe takes a while, settings that use it, and a connection beside it."""
    async with (
        open_proxy(settings.amqp_url.get_secret_value()) as wire,
        open_connection(settings.amqp_urls, name="test") as connection,
    ):
        await declare_topology(connection, settings.partitions)
        wire.delay_seconds = 0.02
        yield wire, settings.model_copy(update={"amqp_url": SecretStr(wire.url)}), connection


async def _is_between(connection: HubConnection) -> None:
    """Wait until some queues are read and others are not."""
    await eventually(lambda: find_unread(connection, QUEUES), lambda unread: 0 < len(unread) < len(QUEUES), within=30)


async def test_a_connection_that_is_lost_among_subscribing_costs_only_time(settings: Settings) -> None:
    async def take(_message: object) -> None:
        """Read nothing: there is nothing."""

    async with a_slow_wire(settings) as (wire, slow, connection):
        broker = open_broker(slow)
        subscribers = [subscribe(broker, queue, 10, take) for queue in QUEUES]
        starting = asyncio.create_task(broker.start())
        for _ in range(2):
            await _is_between(connection)
            wire.cut()
            await eventually(lambda: find_unread(connection, QUEUES), lambda unread: len(unread) == len(QUEUES))
        await asyncio.wait_for(starting, 30)
        await eventually(lambda: find_unread(connection, QUEUES), lambda unread: not unread)
        await asyncio.gather(*map(leave, subscribers))
        await broker.stop()
        assert len(await find_unread(connection, QUEUES)) == len(QUEUES)


async def test_a_process_that_is_told_to_end_when_its_start_lost_the_connection_ends_at_once(
    settings: Settings,
) -> None:
    async with a_slow_wire(settings) as (wire, slow, connection):
        log = settings.data_dir / "consumers.log"

        async def noticed() -> bool:
            return "start.held" in log.read_text()

        process = Consumers(slow.model_copy(update={"roles": ("writer",)}), log)
        try:
            await _is_between(connection)
            wire.cut()
            await eventually(noticed, bool)  # and it is about to connect again
            began = time.monotonic()
            assert await asyncio.to_thread(process.stop) == 0
            assert time.monotonic() - began < 5
        finally:
            process.kill()
        await eventually(lambda: find_unread(connection, QUEUES), lambda unread: len(unread) == len(QUEUES))
    assert "connection.lost" in log.read_text()
    assert "stands_still" not in log.read_text()
    assert "Traceback" not in log.read_text()


async def _wait_for(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), 10)


async def test_what_a_task_waits_for_is_the_last_line_that_is_not_asyncios() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(_wait_for(event), name="a role")
    await asyncio.sleep(0)
    (line,) = whereabouts([waiting])
    event.set()
    await waiting
    assert line.startswith("a role: consumers/test_ending.py:")
    assert line.endswith(" in _wait_for")
    assert whereabouts([waiting]) == []


@pytest.mark.parametrize(
    "error", [AMQPConnectionError("gone"), OSError("reset"), Exception("late"), asyncio.CancelledError()], ids=repr
)
def test_whatever_tells_of_a_lost_connection_lets_a_start_begin_anew(error: BaseException) -> None:
    assert _is_lost(error)


@pytest.mark.parametrize(
    "error", [ChannelNotFoundEntity("no queue"), ChannelAccessRefused("not yours"), TypeError("ours"), None], ids=repr
)
def test_what_would_break_again_ends_the_process(error: BaseException | None) -> None:
    assert not _is_lost(error)
