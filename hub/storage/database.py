"""Connections to PostgreSQL, under the role that fits the work, and the one translation of its outages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.exceptions import BaseORMException

from hub.faults import SettingsError, Unavailable
from hub.settings import Settings, load_settings
from hub.storage.read_pool import ReadPool

Role = Literal["hub_read", "hub_read_all", "hub_write"]
Connection = asyncpg.Connection

# 08 connection, 40 rollback (deadlock, serialization), 53 resources, 57 operator intervention, 58 system, 55 lock, 25006
# read-only, 25P03 and 25P04 a transaction that stood still for too long (this process was frozen in the middle of it)
_OUTAGES = ("08", "40", "53", "57", "58", "55", "25006", "25P03", "25P04")
_READ_SECONDS = 4.0
_WRITE_SECONDS = 20.0
_CLOSE_SECONDS = 2.0
# What leaves a connection in a state that nobody knows: it is thrown away, since ROLLBACK and RESET would wait for the
# server that just did not answer.
_UNSETTLING = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
)


def is_outage(error: BaseException) -> bool:
    """Tell a database that is away or busy from a command that it refuses: only the first is tried again."""
    seen: set[int] = set()
    fault: BaseException | None = error
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        state = getattr(fault, "sqlstate", None)
        if isinstance(state, str):
            return state.startswith(_OUTAGES)
        if isinstance(fault, asyncpg.InterfaceError):
            # A value that asyncpg cannot write (out of range, a time without zone) is its DataError, an InterfaceError.
            return not isinstance(fault, ValueError)
        # Also what asyncpg says of a session that the server ended between two statements (pg_terminate_backend under load).
        if isinstance(fault, OSError | TimeoutError | Unavailable | asyncpg.InternalClientError):
            return True
        fault = fault.__cause__ or fault.__context__
    return False


def credentials_of(url: str) -> dict[str, Any]:
    """Read a `postgresql://` address.

    Raises:
        SettingsError: it is none.
    """
    parts = urlsplit(url)
    database = parts.path.lstrip("/")
    if parts.scheme not in {"postgres", "postgresql"} or not database:
        sentence = "HUB_DATABASE_URL is no PostgreSQL address: write postgresql://user:password@host:5432/name"
        raise SettingsError(sentence)
    query = dict(parse_qsl(parts.query))
    return {
        "host": query.get("host") or parts.hostname or "127.0.0.1",
        "port": parts.port or 5432,
        "user": unquote(parts.username or "hub"),
        "password": unquote(parts.password) if parts.password else None,
        "database": unquote(database),
    }


def tortoise_config(settings: Settings) -> dict[str, Any]:
    """Describe the database to Tortoise and aerich: the owner's connection, all models."""
    return {
        "connections": {
            "default": {
                "engine": "tortoise.backends.asyncpg",
                "credentials": credentials_of(settings.database_url.get_secret_value()),
            }
        },
        "apps": {
            "models": {
                "models": ["hub.storage.models", "hub.storage.models_outside", "aerich.models"],
                "default_connection": "default",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def __getattr__(name: str) -> dict[str, Any]:
    # The aerich command line wants a module-level dictionary; importing this module must read nothing.
    if name == "TORTOISE_ORM":
        return tortoise_config(load_settings())
    raise AttributeError(name)


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of connections of one role."""

    client: AsyncpgDBClient
    role: Role
    seconds: float
    readers: ReadPool | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection; as `hub_read` it sees nobody's rows.

        Raises:
            Unavailable: none came in time, or PostgreSQL went away.
        """
        if self.readers is not None:
            async with self._lent(None) as connection:
                yield connection
            return
        async with _outages_named(), asyncio.timeout(self.seconds), self.client.acquire_connection() as connection:
            try:
                yield connection
            except BaseException as error:
                if _unsettles(error):
                    with suppress(asyncpg.InterfaceError):  # it ended by itself, and its pool has it back
                        connection.terminate()
                    # Where one got no answer, the others may be as dead: each would cost its time.
                    if (pool := self.client._pool) is not None:  # noqa: SLF001 -- Tortoise's only way to it; pinned
                        await pool.expire_connections()
                raise

    @asynccontextmanager
    async def _lent(self, pharmacy_id: UUID | None) -> AsyncIterator[Connection]:
        assert self.readers is not None
        async with _outages_named(), asyncio.timeout(self.seconds), self.readers.lend(pharmacy_id) as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Borrow a connection inside a transaction: it commits at the end, or nothing happened."""
        async with self.connection() as connection, undoable(connection):
            yield connection

    @asynccontextmanager
    async def reading(self, pharmacy_id: UUID) -> AsyncIterator[Connection]:
        """Borrow a connection that sees one pharmacy's rows: row-level security hides all others (`hub.storage.read_pool`)."""
        async with self._lent(pharmacy_id) as connection:
            yield connection


@asynccontextmanager
async def undoable(connection: Connection) -> AsyncIterator[None]:
    """Undo what is done within when it breaks: a transaction, or a savepoint inside of one."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    except BaseException as error:
        if not _unsettles(error):
            await transaction.rollback()
        raise
    await transaction.commit()


def _unsettles(error: BaseException) -> bool:
    """Tell what may have left a statement on its way, such as a limit of time: its task is cancelled."""
    if isinstance(error, ValueError):  # a value that asyncpg refuses before it sends anything
        return False
    return not isinstance(error, Exception) or isinstance(error, _UNSETTLING)


@asynccontextmanager
async def _outages_named() -> AsyncIterator[None]:
    try:
        yield
    except (*_UNSETTLING, asyncpg.PostgresError, BaseORMException) as error:
        if is_outage(error):
            raise Unavailable("postgres", f"{type(error).__name__}; try again", after_seconds=2.0) from error
        raise


async def _close(client: AsyncpgDBClient) -> None:
    """Say goodbye to PostgreSQL, or go without: a server that stands still would hold up the whole process."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await client.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        if client._pool is not None:  # noqa: SLF001 -- Tortoise's only way to it; pinned
            client._pool.terminate()  # noqa: SLF001 -- as above


@asynccontextmanager
async def open_database(url: str, role: Role, *, pool: int) -> AsyncIterator[Database]:
    """Open a pool of connections under a role. PostgreSQL may be away: the first query says so."""
    seconds = _WRITE_SECONDS if role == "hub_write" else _READ_SECONDS
    credentials = credentials_of(url)
    server_settings = {
        "role": role,
        "application_name": f"pharmacy-hub {role}",
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": str(int(seconds * 1000)),
        "idle_in_transaction_session_timeout": "15000",
        # The locks of a client whose machine or network is gone: PostgreSQL looks after it, and lets go after 25 s.
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "25000",
    }
    client = AsyncpgDBClient(
        **credentials,
        # None is kept open for its own sake: asyncpg would connect beside us in an outage, and log each failure with its traceback.
        minsize=0,
        maxsize=pool,
        connection_name=role,
        timeout=3.0,
        command_timeout=seconds,
        server_settings=server_settings,
    )
    client.connection_name = role
    readers = None
    if role != "hub_write":
        # A plan made anew for each call costs as much as the page it reads; a parallel one takes all cores for one page.
        server_settings |= {"plan_cache_mode": "force_generic_plan", "max_parallel_workers_per_gather": "0"}
        readers = ReadPool(
            pool, {**credentials, "timeout": 3.0, "command_timeout": seconds, "server_settings": server_settings}
        )
    try:
        yield Database(client, role, seconds, readers)
    finally:
        if readers is not None:
            await readers.close()
        await _close(client)
