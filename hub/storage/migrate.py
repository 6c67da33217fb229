"""Bring the database to the schema of this release: aerich's migrations, one runner at a time, beside who works with it."""

import asyncio
import time
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from aerich import Command

from hub.faults import SettingsError, Unavailable
from hub.settings import Settings
from hub.storage.database import credentials_of, tortoise_config

LOCATION = Path(__file__).parent.parent.parent / "migrations"
_LOCK = 7_140_001
_PATIENCE_SECONDS = 60.0
# Whoever comes to a table after a statement that waits for it waits as well: reads and writes stand still so long.
_HOLD_UP_SECONDS = 0.5
_PAUSE_SECONDS = 2.0

# Who most likely holds it. The text of a statement is not told: it may quote what is secret.
_OLDEST = """
SELECT format('the oldest open transaction is of %s (process %s, since %s): see that it ends, try again',
              coalesce(nullif(application_name, ''), usename), pid, xact_start::timestamptz(0))
  FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
 ORDER BY xact_start LIMIT 1"""

log = structlog.get_logger("migrate")


async def migrate(settings: Settings) -> list[str]:
    """Apply the migrations that the database lacks and name them. Several at once: one works, the others wait.

    A table that somebody holds (a dump, a forgotten transaction) is waited for half a second at a time, for a minute.

    Raises:
        Unavailable: PostgreSQL does not answer, another runner does not end, or somebody does not leave a table.
        SettingsError: the address is wrong or the user may not create roles.
    """
    credentials = credentials_of(settings.database_url.get_secret_value())
    try:
        connection = await asyncpg.connect(**credentials, timeout=5)
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError) as error:
        raise Unavailable("postgres", f"{type(error).__name__} {error}; is HUB_DATABASE_URL right?") from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        sentence = f"PostgreSQL refuses HUB_DATABASE_URL: {error}"
        raise SettingsError(sentence) from error
    try:
        await _take_lock(connection)
        before = await _applied(connection)
        await _apply(settings, connection)
        return (await _applied(connection))[len(before) :]
    except asyncpg.InsufficientPrivilegeError as error:
        sentence = f"HUB_DATABASE_URL's user may not do that: {error}; it needs CREATEROLE for the hub's roles"
        raise SettingsError(sentence) from error
    finally:
        await connection.close()


async def pending_migrations(settings: Settings) -> list[str]:
    """Name the migrations that the database lacks, without applying them."""
    async with Command(tortoise_config=tortoise_config(settings), app="models", location=str(LOCATION)) as command:
        return await command.heads()


async def _applied(connection: Any) -> list[str]:  # noqa: ANN401 -- an asyncpg connection
    if await connection.fetchval("SELECT to_regclass('aerich')") is None:
        return []
    return [row["version"] for row in await connection.fetch("SELECT version FROM aerich ORDER BY id")]


async def _apply(settings: Settings, connection: Any) -> None:  # noqa: ANN401 -- an asyncpg connection
    config = tortoise_config(settings)
    config["connections"]["default"]["credentials"]["server_settings"] = {
        "application_name": "hub migrate",
        "lock_timeout": f"{_HOLD_UP_SECONDS}s",
    }
    until = time.monotonic() + _PATIENCE_SECONDS
    async with Command(tortoise_config=config, app="models", location=str(LOCATION)) as command:
        while True:
            try:
                await command.upgrade(run_in_transaction=True)
            except asyncpg.LockNotAvailableError as error:
                holder = await connection.fetchval(_OLDEST)
                if time.monotonic() > until:
                    detail = (
                        f"a table that a migration changes did not come free within {_PATIENCE_SECONDS:g} s; {holder}"
                    )
                    raise Unavailable("postgres", detail) from error
                log.warning("migration.held_up", detail=str(error), holder=holder)
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return


async def _take_lock(connection: Any) -> None:  # noqa: ANN401 -- an asyncpg connection
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110 -- the lock is in the database
                await asyncio.sleep(0.1)  # another runner holds it; the time limit is the bound
    except TimeoutError as error:
        detail = (
            f"another runner of migrations did not end within {_PATIENCE_SECONDS:g} s; see what it waits for, try again"
        )
        raise Unavailable("postgres", detail) from error
