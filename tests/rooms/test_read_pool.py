"""The pool of read connections: it remembers whose rows a connection sees, and fails closed."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub.faults import Unavailable
from hub.storage.database import Database, Role, open_database
from tests.conftest import Servers
from tests.promises.outages import measured
from tests.rooms.broker_proxy import eventually, open_proxy

OURS, THEIRS = uuid4(), uuid4()
_SEEN = "SELECT id FROM pharmacies"


@pytest.fixture
async def reads(database_url: str) -> AsyncIterator[Database]:
    """A pool of two as `hub_read`, and two pharmacies to be seen."""
    async with open_database(database_url, "hub_write", pool=1) as writes, writes.transaction() as connection:
        for pharmacy_id in (OURS, THEIRS):
            await connection.execute(
                "INSERT INTO pharmacies (id, created_at, updated_at, version, name, is_active, settings) "
                "VALUES ($1, now(), now(), 1, 'Corner', true, '{}')",
                pharmacy_id,
            )
    async with open_database(database_url, "hub_read", pool=2) as database:
        yield database


async def seen(reads: Database, pharmacy_id: UUID | None) -> list[UUID]:
    """List the pharmacies that a borrowed connection sees."""
    borrowed = reads.connection() if pharmacy_id is None else reads.reading(pharmacy_id)
    async with borrowed as connection:
        return [record["id"] for record in await connection.fetch(_SEEN)]


async def test_a_connection_sees_the_pharmacy_it_was_borrowed_for_and_without_one_nobody(reads: Database) -> None:
    for _ in range(3):
        for pharmacy_id in (OURS, THEIRS, None, THEIRS, OURS, None):
            assert await seen(reads, pharmacy_id) == ([] if pharmacy_id is None else [pharmacy_id])


async def test_nobody_sees_anothers_rows_while_many_read_at_once(reads: Database) -> None:
    wanted = [(OURS, THEIRS, None)[index % 3] for index in range(120)]
    found = await asyncio.gather(*(seen(reads, pharmacy_id) for pharmacy_id in wanted))
    assert found == [[] if pharmacy_id is None else [pharmacy_id] for pharmacy_id in wanted]


async def test_a_broken_setting_is_not_trusted(reads: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with reads.reading(OURS) as connection:
            await connection.fetch("SELECT * FROM no_such_table")
    assert await seen(reads, None) == []
    with pytest.raises(ValueError, match="the caller's"):  # noqa: PT012 -- the mistake comes after the BEGIN
        async with reads.reading(OURS) as connection:
            await connection.execute("BEGIN")
            message = "the caller's own mistake"
            raise ValueError(message)
    assert await seen(reads, None) == []
    assert await seen(reads, THEIRS) == [THEIRS]


async def test_a_refusal_inside_the_block_keeps_the_connection(reads: Database) -> None:
    async with reads.reading(OURS) as connection:
        process = connection.get_server_pid()
    with pytest.raises(LookupError):
        async with reads.reading(OURS) as connection:
            raise LookupError
    async with reads.reading(OURS) as connection:
        assert connection.get_server_pid() == process


async def test_a_cancelled_read_leaves_the_pool_whole(reads: Database) -> None:
    for _ in range(4):  # twice the pool's size
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), reads.reading(OURS) as connection:
                await connection.fetch("SELECT pg_sleep(30)")
    async with asyncio.timeout(5):
        assert await asyncio.gather(*(seen(reads, OURS) for _ in range(6))) == [[OURS]] * 6


async def test_a_killed_connection_is_replaced(reads: Database, servers: Servers) -> None:
    async with reads.reading(OURS) as first, reads.reading(THEIRS) as second:
        killed = (first, second)
    for one in killed:
        servers.sql(f"SELECT pg_terminate_backend({one.get_server_pid()})")
    await eventually(lambda: all(one.is_closed() for one in killed))
    assert await seen(reads, THEIRS) == [THEIRS]
    assert await seen(reads, OURS) == [OURS]


async def test_a_session_that_the_server_ended_between_two_statements_is_an_outage_and_never_lent_again(
    reads: Database,
) -> None:
    """What asyncpg says then is an error of its own, no InterfaceError: the history check met it as a 500."""
    async with reads.reading(OURS) as connection:
        process = connection.get_server_pid()
    with pytest.raises(Unavailable):
        async with reads.reading(OURS):
            raise asyncpg.InternalClientError("cannot switch to state 13; another operation (2) is in progress")
    async with reads.reading(OURS) as connection:
        assert connection.get_server_pid() != process


async def test_a_full_pool_says_so_in_time(database_url: str) -> None:
    async with open_database(database_url, "hub_read", pool=1) as reads:
        impatient = Database(reads.client, reads.role, 0.3, reads.readers)
        async with reads.connection():
            with pytest.raises(Unavailable):
                async with impatient.connection():
                    pass


@pytest.mark.parametrize("role", ["hub_read", "hub_write"])
async def test_connections_that_a_network_has_forgotten_cost_one_timeout_not_one_each(
    database_url: str, role: Role
) -> None:
    """Half-open: nobody says goodbye, and nothing comes back. New connections work, so the second try does."""
    async with open_proxy(database_url) as proxy, open_database(proxy.url, role, pool=4) as database:
        impatient = Database(database.client, database.role, 1.0, database.readers)

        async def ask() -> int:
            async with impatient.connection() as connection:
                answer: int = await connection.fetchval("SELECT 1 FROM pg_sleep(0.05)")
                return answer

        assert await asyncio.gather(*(ask() for _ in range(4))) == [1] * 4
        proxy.strand()
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await ask()
        async with asyncio.timeout(3):
            assert await asyncio.gather(*(ask() for _ in range(4))) == [1] * 4
        measured(f"4 forgotten connections of {role}, limit 1 s, to 4 answers", time.monotonic() - began)


async def test_a_role_that_reads_cannot_write(reads: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with reads.reading(OURS) as connection:
            await connection.execute("DELETE FROM pharmacies")


async def test_a_connection_that_ended_by_itself_is_told_as_what_it_was(database_url: str) -> None:
    """Its pool has it back by then: to end it once more must not hide what happened, nor keep the others."""

    async def lose(database: Database) -> None:
        async with database.connection() as connection:
            wire = connection._con._transport  # type: ignore[attr-defined]  # what the pool lends stands for it
            asyncio.get_running_loop().call_soon(wire.abort)
            await connection.execute("SELECT pg_sleep(5)")

    async with open_database(database_url, "hub_write", pool=1) as writes:
        with pytest.raises(Unavailable, match="ConnectionDoesNotExistError"):
            await lose(writes)
        async with writes.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1
