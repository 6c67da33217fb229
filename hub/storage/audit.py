"""The audit log: lines are only ever added; months are dropped by a function of the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from hub.domain.audit import AuditEntry
from hub.storage.database import Connection

_TEXT_CHARACTERS = 500


async def add_entries(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Add lines; one that is there already stays as it is."""
    await connection.execute(
        "INSERT INTO audit_log (id, pharmacy_id, actor, action, subject, at, origin, outcome) SELECT * FROM "
        "unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::text[]) "
        "ON CONFLICT (at, id) DO NOTHING",
        [one.id for one in entries],
        [one.pharmacy_id for one in entries],
        [one.actor[:64] for one in entries],
        [one.action[:64] for one in entries],
        [_plain(one.subject) for one in entries],
        [one.at for one in entries],
        [_plain(one.origin) for one in entries],
        [one.outcome for one in entries],
    )


async def note_key_uses(connection: Connection, uses: Mapping[UUID, datetime]) -> None:
    """Note when keys were last used; an older time never replaces a younger one."""
    keys = sorted(uses)
    for table in ("api_keys", "operator_keys", "integrator_keys"):
        await connection.execute(
            f"UPDATE {table} k SET last_used_at = u.at FROM unnest($1::uuid[], $2::timestamptz[]) AS u(id, at) "  # noqa: S608 -- names of our own
            "WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)",
            keys,
            [uses[key] for key in keys],
        )


async def keep_audit(connection: Connection, days: int) -> int:
    """Make the months to come and drop those that are older; returns how many were dropped.

    Raises:
        asyncpg.InvalidParameterValueError: fewer than 90 days.
    """
    dropped: int = await connection.fetchval("SELECT hub_keep_audit($1)", days)
    return dropped


def _plain(text: str) -> str:
    return text.replace("\x00", "\ufffd")[:_TEXT_CHARACTERS]
