"""What may befall PostgreSQL and RabbitMQ: each lasts for a block, and leaves the server as it was."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import asyncpg

from tests.promises.outages import Breakable

# The sessions of the hub in `pg_stat_activity`.
OF_THE_HUB = "application_name LIKE 'pharmacy-hub%'"

Fault = Callable[[Breakable], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def postgres_frozen(servers: Breakable) -> AsyncIterator[None]:
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
            await owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OF_THE_HUB}")
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
        await owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OF_THE_HUB}")
        for _ in range(left):
            try:
                stack.push_async_callback((await asyncpg.connect(servers.database_url)).close)
            except asyncpg.TooManyConnectionsError:
                break
        await owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OF_THE_HUB}")
        yield


@asynccontextmanager
async def rabbitmq_frozen(servers: Breakable) -> AsyncIterator[None]:
    """SIGSTOP: connections stay, nobody answers."""
    servers.freeze_rabbitmq()
    try:
        yield
    finally:
        servers.thaw_rabbitmq()


@asynccontextmanager
async def memory_alarm(servers: Breakable) -> AsyncIterator[None]:
    """The broker takes no messages, and goes on delivering."""
    await asyncio.to_thread(servers.rabbitmqctl, "set_vm_memory_high_watermark", "0.0000001")
    try:
        yield
    finally:
        await asyncio.to_thread(servers.rabbitmqctl, "set_vm_memory_high_watermark", "0.4")


@asynccontextmanager
async def disk_alarm(servers: Breakable) -> AsyncIterator[None]:
    """As with memory."""
    await asyncio.to_thread(servers.rabbitmqctl, "set_disk_free_limit", "999999GB")
    try:
        yield
    finally:
        await asyncio.to_thread(servers.rabbitmqctl, "set_disk_free_limit", "200MB")
