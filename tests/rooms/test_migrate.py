"""Who brings the database to the schema of this release: one runner at a time, beside who works with it."""

import asyncio
import shutil
import time
from pathlib import Path

import asyncpg
import pytest
import structlog

from hub.faults import Unavailable
from hub.settings import Settings
from hub.storage import migrate
from tests.promises.outages import measured


async def test_a_runner_that_does_not_end_is_named_and_not_waited_for_longer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_PATIENCE_SECONDS", 0.3)
    other = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await other.execute("SELECT pg_advisory_lock($1)", migrate._LOCK)
        with pytest.raises(Unavailable, match="another runner of migrations did not end"):
            await migrate.migrate(settings)
    finally:
        await other.close()
    assert await migrate.migrate(settings) == []


@pytest.fixture
def one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migration that changes a table of everyday use, after those of this release."""
    location = tmp_path / "migrations"
    shutil.copytree(migrate.LOCATION, location, ignore=shutil.ignore_patterns("__pycache__"))
    last = max((location / "models").glob("*.py"), key=lambda path: int(path.name.partition("_")[0]))
    name = "99_20990101000000_one_more.py"
    state = last.read_text().partition("\nMODELS_STATE")
    change = "ALTER TABLE inventory_items ADD one_more INT;"
    body = f"RUN_IN_TRANSACTION = True\n\n\nasync def upgrade(db):\n    return {change!r}\n\n\nasync def downgrade(db):\n    return ''\n"
    (location / "models" / name).write_text(body + "".join(state[1:]))
    monkeypatch.setattr(migrate, "LOCATION", location)
    return name


async def test_a_migration_that_waits_for_a_table_holds_up_nobody_for_long(settings: Settings, one_more: str) -> None:
    """As beside `pg_dump`. Red when: a waiting ALTER TABLE keeps every read that comes after it waiting as well."""
    url = settings.database_url.get_secret_value()
    dump, client = await asyncpg.connect(url), await asyncpg.connect(url)
    slowest = 0.0
    try:
        holding = dump.transaction()
        await holding.start()
        await dump.fetch("SELECT FROM inventory_items LIMIT 1")
        with structlog.testing.capture_logs() as said:
            migrating = asyncio.create_task(migrate.migrate(settings))
            while len(said) < 2:
                began = time.monotonic()
                await client.fetch("SELECT FROM inventory_items LIMIT 1")
                slowest = max(slowest, time.monotonic() - began)
                assert not migrating.done()
        measured("a read behind a migration that waits for its table, the slowest", slowest)
        assert slowest < 1.5
        assert "the oldest open transaction is of" in said[0]["holder"]
        await holding.rollback()
        assert await asyncio.wait_for(migrating, 20) == [one_more]
        assert await client.fetchval("SELECT count(one_more) FROM inventory_items") == 0
    finally:
        await dump.close()
        await client.close()


async def test_a_table_that_does_not_come_free_is_given_up_and_its_holder_named(
    settings: Settings, one_more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(migrate, "_PAUSE_SECONDS", 0.1)
    dump = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await dump.execute("SET application_name TO 'pg_dump'")
        async with dump.transaction():
            await dump.fetch("SELECT FROM inventory_items LIMIT 1")
            with pytest.raises(Unavailable, match=r"did not come free within 0\.1 s; the oldest open .* of pg_dump"):
                await migrate.migrate(settings)
        assert not await dump.fetchval("SELECT count(*) FROM aerich WHERE version = $1", one_more)
    finally:
        await dump.close()
