"""Faults that need more than a signal: a deadlock, no connection left, a wire that passes nothing on."""

import asyncio
import random
import signal
from contextlib import AsyncExitStack, suppress

import asyncpg

from tests.chaos.stage import WIRE, Stage

_OURS = "application_name LIKE 'pharmacy-hub%' AND datname = current_database()"
_CLASH_SECONDS = 3.0
_BACKLOG_SECONDS = 0.7
_ATTEMPTS = 3
_LOCK = "SELECT 1 FROM inventory_items WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
_WAITING = f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND {_OURS}"


async def deadlock(stage: Stage, _: random.Random, __: float) -> None:
    """A stranger locks items against the order of the writer, who is the one that PostgreSQL breaks off."""
    async with stage.owner() as owner, stage.owner() as watcher:
        ids = [row[0] for row in await owner.fetch("SELECT id FROM inventory_items WHERE sku LIKE 'K%' ORDER BY id")]
        await owner.execute("SET deadlock_timeout = '20s'")
        await owner.execute("SET lock_timeout = '10s'")
        before = await watcher.fetchval(_DEADLOCKS)
        for _attempt in range(_ATTEMPTS):
            with suppress(asyncpg.PostgresError):  # it may be the stranger after all
                # A window that waited is small; the one behind it is not, and holds much when it comes to the last ids.
                for held in (ids, ids[-len(ids) // 4 :]):
                    async with owner.transaction():
                        await owner.execute(_LOCK, held)
                        if not await _somebody_waits(watcher):
                            return
                        await asyncio.sleep(_BACKLOG_SECONDS if held is ids else 0.0)
                        await owner.execute(_LOCK, ids)
            if (after := await _count_after(watcher, before)) > before:
                stage.did["deadlock"] += after - before
                return


async def _somebody_waits(watcher: asyncpg.Connection) -> bool:
    """Wait for it; not for long: where nobody writes there is no deadlock."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLASH_SECONDS):
            while not await watcher.fetchval(_WAITING):
                await asyncio.sleep(0.02)
            return True
    return False


async def _count_after(watcher: asyncpg.Connection, before: int) -> int:
    """Count deadlocks; what a session counted is seen a little after its transaction."""
    count: int = before
    with suppress(TimeoutError):
        async with asyncio.timeout(1.2):
            while (count := await watcher.fetchval(_DEADLOCKS)) == before:
                await asyncio.sleep(0.1)
    return count


async def exhaust_connections(stage: Stage, _: random.Random, seconds: float) -> None:
    """Strangers hold every connection that PostgreSQL has, and the hub has to connect anew."""
    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(stage.owner())
        left = int(await owner.fetchval("SHOW max_connections"))
        end_all = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OURS}"
        await owner.execute(end_all)
        for _held in range(left):
            try:
                await stack.enter_async_context(stage.owner())
            except (asyncpg.PostgresError, OSError, TimeoutError):
                stage.did["no connection left"] += 1
                break
        await owner.execute(end_all)
        await asyncio.sleep(seconds)


async def half_open(stage: Stage, _: random.Random, seconds: float) -> None:
    """The connections of one gateway and one consumers process pass nothing on, without a farewell; then they are reset."""
    stage.send(WIRE, signal.SIGUSR1)
    try:
        await asyncio.sleep(seconds)
    finally:
        stage.send(WIRE, signal.SIGUSR2)
    stage.did["half-open"] += 1
