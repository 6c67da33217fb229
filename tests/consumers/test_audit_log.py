"""The audit log: lines are added and never changed, whoever tries; whole months go when they are old enough."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal
from uuid import uuid4

import asyncpg
import pytest

from consumers.janitor import Janitor
from consumers.window import Window
from hub import clock
from hub.domain.audit import AuditEntry
from hub.messaging.audit import audit_message
from hub.messaging.bulk_publisher import Outgoing
from hub.messaging.topology import AUDIT
from hub.settings import Settings
from hub.storage.audit import add_entries, keep_audit
from hub.storage.database import open_database
from tests.kit.consumers import running_consumers
from tests.kit.janitor import DAY, open_janitor_stage
from tests.kit.janitor import JanitorStage as Stage
from tests.kit.wait import eventually


@pytest.fixture(name="stage")
async def _stage(settings: Settings) -> AsyncIterator[Stage]:
    async with open_janitor_stage(settings) as stage:
        yield stage


async def _fill_audit(stage: Stage, *times: datetime) -> None:
    entries = [AuditEntry(uuid4(), None, "system", "x", "y", at, "z") for at in times]
    async with stage.writes.transaction() as connection:
        await add_entries(connection, entries)


async def _audit_times(stage: Stage) -> list[datetime]:
    return [record[0] for record in await stage.owner.fetch("SELECT at FROM audit_log ORDER BY 1")]


async def test_the_audit_log_is_dropped_by_whole_months_that_are_old_enough(stage: Stage) -> None:
    now = clock.now()
    times = [now - 200 * DAY, now - 89 * DAY, now, now + 400 * DAY]
    await _fill_audit(stage, *times)
    # Nobody made a month for the old and the far ones; they wait in the default partition, and are moved.
    assert await stage.owner.fetchval("SELECT count(*) FROM audit_log_default") == 3
    longer = stage.settings.model_copy(update={"audit_retention_days": 300})
    assert (await Janitor(Window(), stage.writes, stage.publisher, longer).work()).months == 0
    assert await _audit_times(stage) == times
    done = await stage.janitor.work()
    assert done.months == 1
    assert await _audit_times(stage) == times[1:]
    assert await stage.owner.fetchval("SELECT count(*) FROM audit_log_default") == 0
    assert (await stage.janitor.work()).months == 0
    await _fill_audit(stage, now + 20 * DAY)
    assert await stage.owner.fetchval("SELECT count(*) FROM audit_log_default") == 0


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "DROP TABLE audit_log",
        "DROP TABLE audit_log_default",
        "DELETE FROM audit_log_default",
        "UPDATE audit_log_default SET actor = 'nobody'",
        "INSERT INTO audit_log_default SELECT * FROM audit_log",
        "ALTER TABLE audit_log DETACH PARTITION audit_log_default",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "CREATE TABLE audit_log_1999_01 PARTITION OF audit_log FOR VALUES FROM ('1999-01-01') TO ('1999-02-01')",
        "SELECT hub_keep_audit(89)",
        "SELECT hub_keep_audit(0)",
        "SELECT hub_keep_audit(NULL)",
        "SELECT hub_audit_month('1999-01-01')",
        "CREATE OR REPLACE FUNCTION audit_log_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    ],
)
async def test_nobody_who_writes_rows_can_change_the_audit_log(stage: Stage, attack: str) -> None:
    at = clock.now() - 60 * DAY
    await _fill_audit(stage, at)
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError)):
        async with stage.writes.transaction() as connection:
            await connection.execute(attack)
    assert await _audit_times(stage) == [at]
    async with open_database(stage.settings.database_url.get_secret_value(), "hub_read", pool=1) as reads:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with reads.reading(uuid4()) as connection:
                await connection.fetch("SELECT * FROM audit_log")


@pytest.mark.parametrize("role", ["hub_read", "hub_read_all"])
async def test_who_only_reads_can_neither_add_a_line_nor_drop_a_month(
    stage: Stage, role: Literal["hub_read", "hub_read_all"]
) -> None:
    async with open_database(stage.settings.database_url.get_secret_value(), role, pool=1) as reads:
        for attack in ("SELECT hub_keep_audit(90)", "INSERT INTO audit_log SELECT * FROM audit_log"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with reads.connection() as connection:
                    await connection.execute(attack)


@pytest.mark.parametrize("attack", ["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"])
async def test_even_the_owner_of_the_tables_changes_no_line_by_mistake(stage: Stage, attack: str) -> None:
    await _fill_audit(stage, clock.now(), clock.now() - 60 * DAY)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await stage.owner.execute(attack)
    async with stage.writes.transaction() as connection:
        await keep_audit(connection, 90)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await stage.owner.execute(attack)
    assert len(await _audit_times(stage)) == 2


async def test_what_gateways_tell_is_written_once_and_junk_is_parked(settings: Settings, stage: Stage) -> None:
    key_id, now = uuid4(), clock.now()
    await stage.add(
        "api_keys", pharmacy_id=uuid4(), created_at=now, updated_at=now, version=1, name="k", digest="d", hint="h", scopes="[]",
        id=key_id,
    )  # fmt: skip
    entry = AuditEntry(uuid4(), None, "operator:x", "parked.read", "/api/parked/\x00", now, "::1 r")
    told = audit_message([entry], {key_id: now})
    older = audit_message([], {key_id: now - DAY})
    settings = settings.model_copy(update={"roles": ("janitor", "parker"), "janitor_seconds": 3600})
    async with running_consumers(settings):
        await stage.publisher.publish([told, Outgoing("", AUDIT, b"junk"), told, older])
        parked = await eventually(
            lambda: stage.owner.fetch("SELECT origin FROM parked_messages"), lambda rows: len(rows) == 1
        )
    assert parked[0]["origin"] == AUDIT
    rows = await stage.owner.fetch("SELECT id, actor, subject, at, outcome FROM audit_log")
    assert [tuple(row) for row in rows] == [(entry.id, "operator:x", "/api/parked/\ufffd", now, None)]
    assert await stage.owner.fetchval("SELECT last_used_at FROM api_keys WHERE id = $1", key_id) == now
