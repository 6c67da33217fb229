"""Bring the database to the schema of this release: aerich's migrations, one runner at a time."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
from aerich import Command

from hub.faults import SettingsError, Unavailable
from hub.settings import Settings
from hub.storage.database import credentials_of, tortoise_config

LOCATION = Path(__file__).parent.parent.parent / "migrations"
_LOCK = 7_140_001
_PATIENCE_SECONDS = 60.0


async def migrate(settings: Settings) -> list[str]:
    """Apply the migrations that the database lacks and name them. Several at once: one works, the others wait.

    Raises:
        Unavailable: PostgreSQL does not answer, or another runner does not end.
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
        # aerich takes no lock of its own, and a waiting lock would hang with CREATE INDEX CONCURRENTLY.
        async with Command(tortoise_config=tortoise_config(settings), app="models", location=str(LOCATION)) as command:
            return await command.upgrade(run_in_transaction=True)
    except asyncpg.InsufficientPrivilegeError as error:
        sentence = f"HUB_DATABASE_URL's user may not do that: {error}; it needs CREATEROLE for the hub's roles"
        raise SettingsError(sentence) from error
    finally:
        await connection.close()


async def pending_migrations(settings: Settings) -> list[str]:
    """Name the migrations that the database lacks, without applying them."""
    async with Command(tortoise_config=tortoise_config(settings), app="models", location=str(LOCATION)) as command:
        return await command.heads()


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
