"""Promise 4: a command is acknowledged after its effect is kept and told, so that no death in between loses or doubles it.

Red when: a redelivery is dropped, an ack leaves before the commit, an end waits for a server that does not answer, or what
was not applied is acknowledged on the way out.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import orjson
import pytest
from pydantic import SecretStr

from hub import clock
from hub.messaging.topology import command_queue, partition_of
from hub.settings import Settings
from hub.up.broker import control
from tests.conftest import Servers
from tests.kit.door import open_test_door
from tests.kit.gateway import running_gateway
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.promises.forked import forked_consumers
from tests.promises.histories import Wish
from tests.promises.outages import HUNG_SECONDS, all_applied, assert_once, clients_writing, measured
from tests.rooms.broker_proxy import open_proxy
from tests.rooms.broker_reader import count_of

DEATHS = 25
WINDOW = 20
CUTS = 5
RECOVERED_SECONDS = 5.0
ENDED_SECONDS = 10.0


async def test_a_window_that_killed_25_processes_is_applied_once_by_the_26th(settings: Settings) -> None:
    """SIGKILL, 25 times, with the same messages in hand: redelivery has no end after which they would be dropped."""
    # One partition: each process declares every queue before it comes to the window.
    settings = settings.model_copy(update={"roles": ("writer",), "partitions": 1})
    pharmacy_id = clock.new_id()
    partition = partition_of(pharmacy_id, settings.partitions)
    wishes = [
        Wish(
            clock.new_id(), pharmacy_id, clock.new_id(), "inventory.create",
            {"sku": f"S{number}", "name": "Aspirin", "quantity": 1, "price": "1.00"},
        )
        for number in range(WINDOW)
    ]  # fmt: skip
    owner = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await owner.execute(
            "INSERT INTO pharmacies (id, created_at, updated_at, version, name, is_active, settings) "
            "VALUES ($1, now(), now(), 1, 'Corner', true, '{}')",
            pharmacy_id,
        )
        async with open_test_door(settings) as door:
            for wish in wishes:
                await door.publish(partition, wish.envelope())
        await _die_with_it(settings, owner)
        began = time.monotonic()
        with forked_consumers(settings):
            rows = await eventually(lambda: _applied(owner), lambda rows: len(rows) == WINDOW)
            measured("the 26th process, from its start to the whole window applied", time.monotonic() - began)
        assert rows == [wish.operation_id for wish in wishes]
        events = await owner.fetch("SELECT sequence, operation_id, body FROM events ORDER BY sequence")
        assert [event["sequence"] for event in events] == list(range(1, WINDOW + 1))
        assert [event["operation_id"] for event in events] == rows
        assert [UUID(orjson.loads(event["body"])["causationid"]) for event in events] == rows
        assert await owner.fetchval("SELECT count(*) FROM inventory_items") == WINDOW
    finally:
        await owner.close()


async def _die_with_it(settings: Settings, owner: asyncpg.Connection) -> None:
    """Let processes take the window, hold them before their commit, and kill them there."""
    for _ in range(DEATHS):
        async with _nothing_commits(settings):
            with forked_consumers(settings):
                await eventually(lambda: _held(owner), bool)
            # PostgreSQL would notice a dead client only when it has something to say to it.
            for pid in await _held(owner):
                await owner.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    assert await owner.fetchval("SELECT count(*) FROM operations") == 0


async def _applied(owner: asyncpg.Connection) -> list[UUID]:
    found = await owner.fetch("SELECT id FROM operations WHERE status = 'applied' ORDER BY first_sequence")
    return [row["id"] for row in found]


async def _held(owner: asyncpg.Connection) -> list[int]:
    found = await owner.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return [row["pid"] for row in found]


@asynccontextmanager
async def _nothing_commits(settings: Settings) -> AsyncIterator[None]:
    """Hold whoever writes operations."""
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE operations IN SHARE ROW EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def test_all_connections_cut_under_load_lose_and_double_nothing(settings: Settings, servers: Servers) -> None:
    """RabbitMQ closes every connection of the hub five times among 16 clients: 202s are applied once, nobody hangs."""
    settings = settings.model_copy(update={"roles": ("writer",), "rate_limit_per_second": 0.0, "rate_limit_burst": 0})
    vhost = urlsplit(settings.amqp_url.get_secret_value()).path.removeprefix("/")
    cut_at = 0.0
    with consumers_process(settings):
        async with running_gateway(settings) as stage:
            async with clients_writing(stage, clients=16, pharmacies=8) as clients:
                for _ in range(CUTS):
                    await clients.more(100)
                    cut_at = time.monotonic()
                    await asyncio.to_thread(
                        control, servers.private.broker, "close_all_connections", "--vhost", vhost, "a test"
                    )
                await clients.more(50)
            measured("five cuts of all connections, longest time without a 202", clients.written.gap_seconds)
            await all_applied(settings, clients.written, within=RECOVERED_SECONDS)
            measured("the last cut of all connections, to all applied", time.monotonic() - cut_at)
            assert clients.written.slowest_seconds < HUNG_SECONDS
            await assert_once(stage.writes, clients.written)


@pytest.mark.parametrize("which", ["postgresql", pytest.param("rabbitmq", marks=pytest.mark.long)])
async def test_sigterm_ends_the_consumers_within_10_seconds_though_a_server_stands_still(
    settings: Settings, which: str
) -> None:
    """The wire to one server passes nothing on (half-open: no farewell either) while a window is in hand."""
    pharmacy_id = clock.new_id()
    wishes = [
        Wish(
            clock.new_id(), pharmacy_id, clock.new_id(), "inventory.create",
            {"sku": f"S{number}", "name": "Aspirin", "quantity": 1, "price": "1.00"},
        )
        for number in range(6)
    ]  # fmt: skip
    partition = partition_of(pharmacy_id, settings.partitions)
    owner = await asyncpg.connect(settings.database_url.get_secret_value())

    async def applied() -> list[object]:
        return [row["id"] for row in await owner.fetch("SELECT id FROM operations ORDER BY first_sequence")]

    async def ready() -> int:
        return await count_of(settings.amqp_url.get_secret_value(), command_queue(partition))

    async with (
        open_proxy(settings.database_url.get_secret_value()) as postgresql,
        open_proxy(settings.amqp_url.get_secret_value()) as rabbitmq,
        open_test_door(settings) as door,
    ):
        await owner.execute(
            "INSERT INTO pharmacies (id, created_at, updated_at, version, name, is_active, settings) "
            "VALUES ($1, now(), now(), 1, 'Corner', true, '{}')",
            pharmacy_id,
        )
        proxied = settings.model_copy(
            update={
                "roles": ("writer", "fanout", "deliver", "parker", "janitor"),
                "database_url": SecretStr(postgresql.url),
                "amqp_url": SecretStr(rabbitmq.url),
                # Whoever wants no watchdog wants an end all the same.
                "watchdog_seconds": 0.0 if which == "postgresql" else settings.watchdog_seconds,
            }
        )
        wire = {"postgresql": postgresql, "rabbitmq": rabbitmq}[which]
        with consumers_process(proxied) as process:
            await door.publish(partition, wishes[0].envelope())
            await eventually(applied, bool, within=60)
            wire.freeze()
            for wish in wishes[1:]:
                await door.publish(partition, wish.envelope())
            await eventually(ready, lambda count: count == 0)  # they are in hand, or on the wire
            began = time.monotonic()
            process.terminate()
            await asyncio.to_thread(process.wait, 30)
            seconds = time.monotonic() - began
        measured(f"SIGTERM of all roles while {which} stands still, to the end", seconds)
        assert seconds < ENDED_SECONDS
        wire.thaw()
        wire.cut()
        with consumers_process(settings.model_copy(update={"roles": ("writer",)})):
            found = await eventually(applied, lambda ids: len(ids) == len(wishes), within=60)
        assert found == [wish.operation_id for wish in wishes]
    await owner.close()
