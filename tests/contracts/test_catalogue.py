"""What Tortoise and aerich cannot see: the database's own catalogue, its walls under attack, and the models' drift."""

import importlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from hub.settings import Settings
from hub.storage.database import credentials_of
from tests.kit.full_tables import fill_table
from tests.kit.processes import environment_of

walls = importlib.import_module("migrations.models.1_20261124000100_pre_walls")
doors = importlib.import_module("migrations.models.3_20261124000300_pre_doors")
TENANT = {**walls.TENANT, **doors.TENANT}
EVERY_TABLE = {*TENANT, *walls.HUB, *doors.HUB}
SECRET = sorted({*walls.SECRET.items(), *((table, column) for table in doors.SECRET for column in doors.SECRET[table])})


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(**credentials_of(database_url))
    yield connection
    await connection.close()


async def _as(owner: asyncpg.Connection, role: str, pharmacy_id: str = "") -> None:
    await owner.execute(f"SET ROLE {role}")
    await owner.execute("SELECT set_config('app.pharmacy_id', $1, false)", pharmacy_id)


async def test_every_table_has_its_constraints_and_indexes(owner: asyncpg.Connection) -> None:
    constraints = {
        row[0]
        for row in await owner.fetch("SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace")
    }
    indexes = {row[0] for row in await owner.fetch("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")}
    for line in (walls.CONSTRAINTS + doors.CONSTRAINTS).splitlines():
        if "ADD CONSTRAINT" in line:
            assert line.split("ADD CONSTRAINT ")[1].split()[0] in constraints
    for line in (walls.INDEXES + doors.INDEXES).splitlines():
        if "INDEX" in line:
            assert line.split("INDEX ")[1].split()[0] in indexes
    partial = await owner.fetchval("SELECT indexdef FROM pg_indexes WHERE indexname = 'inventory_items_sku'")
    assert partial.endswith("WHERE (deleted_at IS NULL)"), "an index with a condition that Tortoise writes holds no row"


async def test_every_table_is_known_to_the_walls(owner: asyncpg.Connection) -> None:
    tables = {
        row[0]
        for row in await owner.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace"
        )
    }
    assert tables - {"aerich"} == EVERY_TABLE
    walled = {
        row[0] for row in await owner.fetch("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    }
    assert walled >= set(TENANT)


@pytest.mark.parametrize("role", ["hub_read", "hub_read_all"])
@pytest.mark.parametrize("table", sorted(EVERY_TABLE))
async def test_the_gateways_roles_change_nothing(owner: asyncpg.Connection, role: str, table: str) -> None:
    await _as(owner, role, str(uuid4()))
    column = TENANT.get(table, "id")
    for attack in (
        f"DELETE FROM {table}",
        f"UPDATE {table} SET {column} = {column}",
        f"TRUNCATE {table}",
        f"INSERT INTO {table} DEFAULT VALUES",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(attack)


@pytest.mark.parametrize("table", walls.APPEND_ONLY)
async def test_the_writers_role_only_adds_to_the_ledger_and_the_audit_log(
    owner: asyncpg.Connection, table: str
) -> None:
    await _as(owner, "hub_write")
    for attack in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id", f"TRUNCATE {table}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(attack)


async def test_a_pharmacys_role_sees_its_own_rows_only_and_none_when_nobody_said_whose(
    owner: asyncpg.Connection,
) -> None:
    mine, other = uuid4(), uuid4()
    for pharmacy in (mine, other):
        await owner.execute("INSERT INTO event_sequences (pharmacy_id, last_sequence) VALUES ($1, 1)", pharmacy)
    await _as(owner, "hub_read", str(mine))
    assert [row[0] for row in await owner.fetch("SELECT pharmacy_id FROM event_sequences")] == [mine]
    await _as(owner, "hub_read")
    assert await owner.fetch("SELECT pharmacy_id FROM event_sequences") == []


@pytest.mark.parametrize("table", sorted(TENANT))
async def test_no_row_of_another_is_seen_in_any_table_whatever_is_asked(owner: asyncpg.Connection, table: str) -> None:
    await fill_table(owner, table, 300)
    column = TENANT[table]
    ((mine, count),) = await owner.fetch(f"SELECT {column}, count(*) FROM {table} GROUP BY 1 ORDER BY 2, 1 LIMIT 1")
    assert 0 < count < 300
    await _as(owner, "hub_read", str(mine))
    for attack in (
        f"SELECT {column} FROM {table}",
        f"SELECT {column} FROM {table} WHERE {column} <> '{mine}' OR true",
    ):
        assert [row[0] for row in await owner.fetch(attack)] == [mine] * count
    await owner.execute("SET row_security = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.fetch(f"SELECT {column} FROM {table}")


@pytest.mark.parametrize(("table", "column"), SECRET)
async def test_a_pharmacys_role_never_reads_a_hash_or_a_ciphertext(
    owner: asyncpg.Connection, table: str, column: str
) -> None:
    await _as(owner, "hub_read", str(uuid4()))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.fetch(f"SELECT {column} FROM {table}")


def test_aerich_finds_no_difference_between_models_and_migrations(settings: Settings, data_dir: Path) -> None:
    # In a process of its own: aerich and Tortoise keep global state.
    script = (
        "import asyncio, shutil, sys; from pathlib import Path; from aerich import Command;"
        "from hub.settings import load_settings; from hub.storage.database import tortoise_config;"
        "from hub.storage.migrate import LOCATION;"
        "copy = Path(sys.argv[1]) / 'migrations'; shutil.copytree(LOCATION, copy);"
        "before = sorted(p.name for p in (copy / 'models').glob('*.py'));"
        "\nasync def main():\n"
        "    async with Command(tortoise_config=tortoise_config(load_settings()), app='models', location=str(copy)) as command:\n"
        "        await command.migrate('drift', no_input=True)\n"
        "asyncio.run(main())\n"
        "after = sorted(p.name for p in (copy / 'models').glob('*.py'))\n"
        "print(sorted(set(after) - set(before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(data_dir)],
        env=environment_of(settings),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]", done.stdout
