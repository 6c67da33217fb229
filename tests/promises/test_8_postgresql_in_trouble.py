"""Promise 8, PostgreSQL in trouble: whatever it is, writes stay 202, reads are answered within 5 s, and all heals by itself.

Red when: a read waits for a server that stands still, a connection that may be broken is used again, an outage parks a
command, or the writer gives up what it holds.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from hub.faults import Unavailable
from tests.conftest import SESSION_DIR
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import assert_problem
from tests.kit.wait import eventually
from tests.promises.outages import (
    HUNG_SECONDS,
    Breakable,
    all_applied,
    assert_once,
    breakable_hub,
    clients_writing,
    measured,
)

READ_SECONDS = 5.0
OUTAGE_SECONDS = 4.0
RECOVERED_SECONDS = 10.0
_OURS = "application_name LIKE 'pharmacy-hub%'"

Hub = tuple[Breakable, GatewayStage]


@pytest.fixture(scope="module")
async def hub(pytestconfig: pytest.Config) -> AsyncIterator[Hub]:
    """One hub on servers of its own for all of this file; every fault leaves it as it was."""
    place = pytestconfig.stash[SESSION_DIR] / "in-trouble"
    place.mkdir(mode=0o711, exist_ok=True)
    async with breakable_hub(place) as hub:
        yield hub


@asynccontextmanager
async def frozen(servers: Breakable) -> AsyncIterator[None]:
    """SIGSTOP for every process of it: connections are taken, nobody answers."""
    servers.freeze_postgres()
    try:
        yield
    finally:
        servers.thaw_postgres()


@asynccontextmanager
async def read_only(servers: Breakable) -> AsyncIterator[None]:
    """As a server after a failover that nobody has promoted."""
    owner = await asyncpg.connect(servers.database_url)
    try:
        await owner.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await owner.execute("SELECT pg_reload_conf()")
        yield
    finally:
        await owner.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await owner.execute("SELECT pg_reload_conf()")
        await owner.close()


@asynccontextmanager
async def backends_terminated(servers: Breakable) -> AsyncIterator[None]:
    """All connections of the hub ended by the server, five times a second."""
    owner = await asyncpg.connect(servers.database_url)

    async def terminate() -> None:
        while True:
            await owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OURS}")
            await asyncio.sleep(0.2)  # five times a second

    terminating = asyncio.create_task(terminate())
    try:
        yield
    finally:
        terminating.cancel()
        await asyncio.gather(terminating, return_exceptions=True)
        await owner.close()


@asynccontextmanager
async def a_long_lock(servers: Breakable) -> AsyncIterator[None]:
    """Somebody holds a table that every read and every write here needs."""
    owner = await asyncpg.connect(servers.database_url)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE inventory_items")
            yield
    finally:
        await owner.close()


@asynccontextmanager
async def no_connection_left(servers: Breakable) -> AsyncIterator[None]:
    """Strangers hold all that the server has, and the hub has to connect anew."""
    async with AsyncExitStack() as stack:
        owner = await asyncpg.connect(servers.database_url)
        stack.push_async_callback(owner.close)
        left = int(await owner.fetchval("SHOW max_connections"))
        await owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OURS}")
        for _ in range(left):
            try:
                stack.push_async_callback((await asyncpg.connect(servers.database_url)).close)
            except asyncpg.TooManyConnectionsError:
                break
        await owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OURS}")
        yield


Fault = Callable[[Breakable], AbstractAsyncContextManager[None]]


@pytest.mark.parametrize(
    ("fault", "reads"),
    [
        (frozen, {503}),
        (read_only, {200}),
        (backends_terminated, {200, 503}),
        (a_long_lock, {503}),
        pytest.param(no_connection_left, {200, 503}, marks=pytest.mark.long),
    ],
    ids=["frozen", "read_only", "backends_terminated", "a_long_lock", "no_connection_left"],
)
async def test_writes_are_202_and_reads_are_answered_within_5_seconds_whatever_ails_postgresql(
    hub: Hub, fault: Fault, reads: set[int]
) -> None:
    """4 s of it among 4 clients: no write is refused, nothing is parked, all is applied once, at most 10 s after it."""
    servers, stage = hub
    async with clients_writing(stage, clients=4, pharmacies=4) as clients:
        await clients.more(20)
        slowest = 0.0
        async with fault(servers):
            began = time.monotonic()
            while time.monotonic() < began + OUTAGE_SECONDS:
                asked = time.monotonic()
                status = await _read(stage, clients.keys[0])
                slowest = max(slowest, time.monotonic() - asked)
                assert status in reads
                await clients.more(1)
                await asyncio.sleep(0.05)  # a client that reads twenty times a second
        healed = time.monotonic()
        await eventually(lambda: _read(stage, clients.keys[0]), lambda status: status == 200)
        measured(f"{fault.__name__}: slowest read during it", slowest)
        measured(f"{fault.__name__}: end to a read", time.monotonic() - healed)
    await all_applied(stage.settings, clients.written, within=RECOVERED_SECONDS)
    measured(f"{fault.__name__}: end to all applied", time.monotonic() - healed)
    assert slowest < READ_SECONDS
    assert time.monotonic() - healed < RECOVERED_SECONDS
    assert clients.written.refused == []
    assert clients.written.slowest_seconds < HUNG_SECONDS
    await assert_once(stage.writes, clients.written, [key.pharmacy_id for key in clients.keys])


async def _read(stage: GatewayStage, key: TestKey) -> int:
    answer = await stage.client.get("/api/inventory/", headers=key.headers)
    if answer.status_code != 200:
        assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1
    return answer.status_code


async def test_readiness_tells_reads_from_writes_while_postgresql_is_frozen(hub: Hub) -> None:
    servers, stage = hub
    async with frozen(servers):
        began = time.monotonic()
        ready = await stage.client.get("/health/ready")
        assert time.monotonic() - began < READ_SECONDS
        assert ready.status_code == 503
        assert (ready.json()["reads"]["ready"], ready.json()["writes"]["ready"]) == (False, True)
        assert (await stage.client.get("/health/live")).status_code == 200

    async def is_ready() -> int:
        return (await stage.client.get("/health/ready")).status_code

    await eventually(is_ready, lambda status: status == 200)


async def test_a_connection_to_a_frozen_server_is_given_up_in_time_for_reads_and_for_writes(hub: Hub) -> None:
    """Neither ROLLBACK nor RESET may be waited for: what stands still at the query would stand still there."""
    servers, stage = hub
    impatient = type(stage.writes)(stage.writes.client, "hub_write", 1.0)
    async with impatient.transaction() as connection:
        await connection.execute("SELECT 1")
    for borrow in (impatient.connection, impatient.transaction):
        async with frozen(servers):
            began = time.monotonic()
            with pytest.raises(Unavailable):
                async with borrow() as connection:
                    await connection.execute("SELECT 1")
            assert time.monotonic() - began < 2.5
        async with asyncio.timeout(5), borrow() as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_a_deadlock_costs_the_writer_a_retry_and_nobody_a_command(hub: Hub) -> None:
    """A stranger locks two items against the order of the writer: PostgreSQL breaks the writer's transaction."""
    servers, stage = hub
    key = await stage.add_key()
    made = [
        (await stage.client.post(
            "/api/inventory/", json={"sku": f"D{number}", "name": "x", "price": "1.00"}, headers={**key.headers, "Prefer": "wait=10"}
        )).json()
        for number in range(2)
    ]  # fmt: skip
    first, second = sorted(item["id"] for item in made)
    stranger = await asyncpg.connect(servers.database_url)
    try:
        await stranger.execute("SET deadlock_timeout = '20s'")  # the other one notices, and is the victim
        before = await stranger.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        async with stranger.transaction():
            await stranger.execute("SELECT 1 FROM inventory_items WHERE id = $1 FOR UPDATE", second)
            sale = {"lines": [{"sku": item["sku"], "quantity": 1, "total_price": "1.00"} for item in made]}
            sold = asyncio.create_task(
                stage.client.post("/api/sales/", json=sale, headers={**key.headers, "Prefer": "wait=20"})
            )
            await eventually(lambda: _waiting(servers), bool)
            await stranger.execute("SELECT 1 FROM inventory_items WHERE id = $1 FOR UPDATE", first)
        answer = await sold
        assert answer.status_code == 201, answer.text

        async def deadlocks() -> int:
            found: int = await stranger.fetchval(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            )
            return found

        await eventually(deadlocks, lambda count: count > before)
        quantities = await stranger.fetch("SELECT quantity FROM inventory_items WHERE id = ANY($1)", [first, second])
        assert [row["quantity"] for row in quantities] == [-1, -1]
    finally:
        await stranger.close()


async def _waiting(servers: Breakable) -> int:
    owner = await asyncpg.connect(servers.database_url)  # the hub's roles are not shown what others wait for
    try:
        found: int = await owner.fetchval(
            f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND {_OURS}"
        )
    finally:
        await owner.close()
    return found
