"""Mending deliveries in sets: sent again, recovered, replayed, made up for, cancelled. One statement changes them all.

A delivery that goes out again is `pending`, due now, and begins a new ladder behind the attempts it had; the dispatcher
hands out what is due twice a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, assert_never
from uuid import UUID

import asyncpg
import orjson

from hub import clock
from hub.domain.fields import format_time
from hub.domain.mending import Kind, Mending
from hub.domain.webhook_filter import try_filter
from hub.storage.database import Connection, undoable
from hub.storage.webhooks import CAUSING_SOURCE

PAGE: Final = 250
MOST_LOOKED_INTO: Final = 50_000
"""Events that a filter is tried on, in one command: reading them holds up the writer, about 20 us for each.

One that is larger than 4 kB, or takes more than 100 looks, counts as several.
"""
MOST_ENDED: Final = 10_000
"""Pending deliveries that one command ends, about 0.5 s; those of a closed endpoint that are left the janitor ends."""
MENDING_SECONDS: Final = 3.0
"""What takes longer is refused: it holds up the writer, and beyond the limit of its transaction would be tried for ever."""
_BYTES: Final = 4096
_LOOKS: Final = 100

# In all statements: $1 the pharmacy, $2 the endpoint, $3 and $4 the span of time.
_SPAN: Final = (
    "d.pharmacy_id = $1 AND d.endpoint_id = $2 AND d.created_at >= coalesce($3::timestamptz, '-infinity') "
    "AND d.created_at < coalesce($4::timestamptz, 'infinity')"
)
# Without its event there is nothing to send.
_IN_LOG: Final = "EXISTS (SELECT 1 FROM events e WHERE e.pharmacy_id = d.pharmacy_id AND e.sequence = d.event_sequence)"
# Waiting for its first attempt is no failure; waiting for the next one is.
_FAILED: Final = (
    "(d.status IN ('failed', 'exhausted', 'skipped') OR (d.status = 'pending' AND d.attempts > d.round_start))"
)
_WHICH: Final = {
    "recover": f"{_SPAN} AND {_FAILED} AND {_IN_LOG}",
    "replay": f"{_SPAN} AND {_IN_LOG}",
    "cancel": f"{_SPAN} AND d.status = 'pending'",
    "skip": f"{_SPAN} AND d.status = 'pending'",
}
_AGAIN: Final = "UPDATE webhook_deliveries d SET status = 'pending', round_start = d.attempts, next_attempt_at = {now}, updated_at = {now}"
_END: Final = (
    "UPDATE webhook_deliveries d SET status = {status}, next_attempt_at = NULL, updated_at = $5 WHERE d.id IN ("
    "SELECT d.id FROM webhook_deliveries d WHERE {which} LIMIT $6)"
)
_AT_ONCE: Final = frozenset({"resend", "begin", "enable", "forgive"})  # of one row
_ENDED: Final = {"cancel": "'cancelled'", "skip": "'skipped'"}
_LEFT_BY: Final[Mapping[Kind, Kind]] = {"begin": "cancel", "enable": "skip"}
"""What may have left deliveries pending, of those that open an endpoint."""
_MISSING: Final = (
    "FROM events e WHERE e.pharmacy_id = $1 "  # noqa: S608 -- text of our own
    "AND e.time >= coalesce($3::timestamptz, '-infinity') AND e.time < coalesce($4::timestamptz, 'infinity') "
    "AND (e.type = ANY($5::text[]) OR EXISTS (SELECT 1 FROM unnest($6::text[]) AS prefix WHERE starts_with(e.type, prefix))) "
    # What is said of webhooks themselves was for its moment only.
    "AND NOT starts_with(e.type, 'webhook_endpoint.') AND NOT starts_with(e.type, 'webhook_delivery.') "
    "AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = $2 AND d.event_id = e.id) "
    # What its own source caused was never missed.
    "AND NOT EXISTS (SELECT 1 FROM webhook_endpoints p WHERE p.id = $2 AND p.source_id IS NOT NULL "
    f"AND p.source_id::text = {CAUSING_SOURCE})"
)
_LIMIT: Final = "SELECT set_config('statement_timeout', $1, true)"
# The id follows from endpoint and event as in `hub.domain.ids.derived_id`: SHA-256 over the parts, 0x1f between them, cut to
# 16 bytes with the bits of a UUIDv8.
_DIGEST: Final = (
    r"sha256(uuid_send($2::uuid) || '\x1f'::bytea || 'delivery'::bytea || '\x1f'::bytea || uuid_send(e.id))"
)
_ID: Final = (
    "encode(set_byte(set_byte(substr({d}, 1, 16), 6, (get_byte({d}, 6) & 15) | 128), 8, (get_byte({d}, 8) & 63) | 128), 'hex')::uuid"
).replace("{d}", _DIGEST)
_MAKE: Final = (
    "INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, attempts, "
    f"round_start, next_attempt_at, created_at, updated_at) SELECT {_ID}, $1, $2, e.id, e.sequence, e.type, 'pending', 0, 0, "
    f"$7, $7, $7 {_MISSING}"
)
_ONCE: Final = "ON CONFLICT DO NOTHING"  # of id, or of endpoint and event: a fan-out may make the same
# The fan-out begins behind what is in the log by now.
_BEGIN: Final = (
    "INSERT INTO webhook_cursors AS c (endpoint_id, pharmacy_id, sequence) VALUES ($2, $1, "
    "coalesce((SELECT last_sequence FROM event_sequences WHERE pharmacy_id = $1), 0)) "
    "ON CONFLICT (endpoint_id) DO UPDATE SET sequence = greatest(c.sequence, EXCLUDED.sequence)"
)
# Whoever enables an endpoint says that it is mended: the days of failure begin anew.
_FORGIVE: Final = (
    "UPDATE webhook_health SET failing_since = NULL, failures = 0, warned_percent = 0, open_until = NULL "
    "WHERE pharmacy_id = $1 AND endpoint_id = $2"
)


@dataclass(frozen=True, slots=True)
class Look:
    """A page of what a filter was tried on.

    Args:
        ids: the deliveries, or the events without one, that match.
        looked: how many were looked into, large ones as several.
        after: where the next page begins; None: this was the last.
    """

    ids: list[UUID] = field(default_factory=list)
    looked: int = 0
    after: tuple[datetime, UUID] | None = None


async def mend(connection: Connection, mending: Mending, now: datetime, *, is_late: bool = False) -> int | None:
    """Mend deliveries; call it in the transaction that stores the command's outcome.

    Args:
        is_late: the transaction has no time for sets any more.
    Returns:
        how many deliveries it is about; None: that is more than one command may look into or change, and nothing was done.
    """
    if mending.kind in _LEFT_BY and not is_late:
        await _mend_in_time(connection, replace(mending, kind=_LEFT_BY[mending.kind]), now)
    if mending.kind in _AT_ONCE:
        return await _mend(connection, mending, now)
    return None if is_late else await _mend_in_time(connection, mending, now)


async def _mend_in_time(connection: Connection, mending: Mending, now: datetime) -> int | None:
    usual = await connection.fetchval("SELECT current_setting('statement_timeout')")
    try:
        async with undoable(connection):
            await connection.execute(_LIMIT, f"{MENDING_SECONDS * 1000:.0f}")
            number = await _mend(connection, mending, now)
            await connection.execute(_LIMIT, usual)
    except asyncpg.QueryCanceledError:
        return None
    return number


async def _mend(connection: Connection, mending: Mending, now: datetime) -> int | None:
    if mending.wanted is not None:
        return await _mend_matching(connection, mending, now)
    if mending.is_dry:
        return await _count(connection, mending)
    span = _span(mending)
    match mending.kind:
        case "resend":
            which = f"d.pharmacy_id = $1 AND d.id = $2 AND {_IN_LOG}"
            statement = f"{_AGAIN.format(now='$3')} WHERE {which}"
            done = await connection.execute(statement, mending.pharmacy_id, mending.delivery_id, now)
        case "skip" | "cancel":
            statement = _END.format(status=_ENDED[mending.kind], which=_WHICH[mending.kind])
            done = await connection.execute(statement, *span, now, MOST_ENDED)
        case "recover" | "replay":
            statement = f"{_AGAIN.format(now='$5')} WHERE {_WHICH[mending.kind]}"
            done = await connection.execute(statement, *span, now)
        case "replay-missing":
            done = await connection.execute(f"{_MAKE} {_ONCE}", *span, *_types(mending), now)
        case "begin":
            await connection.execute(_BEGIN, mending.pharmacy_id, mending.endpoint_id)
            done = await connection.execute(_FORGIVE, mending.pharmacy_id, mending.endpoint_id)
        case "enable" | "forgive":
            done = await connection.execute(_FORGIVE, mending.pharmacy_id, mending.endpoint_id)
        case _:
            assert_never(mending.kind)
    return _number(done)


async def try_count(connection: Connection, mending: Mending) -> int | None:
    """Count what a mending without a filter is about; None: that takes too long."""
    try:
        async with undoable(connection):
            await connection.execute(_LIMIT, f"{MENDING_SECONDS * 1000:.0f}")
            return await _count(connection, mending)
    except asyncpg.QueryCanceledError:
        return None


async def _count(connection: Connection, mending: Mending) -> int:
    if mending.kind == "replay-missing":
        found = await connection.fetchval(f"SELECT count(*) {_MISSING}", *_span(mending), *_types(mending))
    else:
        which = _WHICH[mending.kind]
        found = await connection.fetchval(f"SELECT count(*) FROM webhook_deliveries d WHERE {which}", *_span(mending))  # noqa: S608 -- text of our own
    return int(found)


async def look(connection: Connection, mending: Mending, after: tuple[datetime, UUID] | None) -> Look:
    """Try a mending's filter on the next page of events."""
    place = after or (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
    if mending.kind == "replay-missing":
        records = await connection.fetch(
            f"SELECT e.id, e.time, e.id, e.body {_MISSING} AND (e.time, e.id) > ($7, $8) ORDER BY e.time, e.id LIMIT {PAGE}",
            *_span(mending),
            *_types(mending),
            *place,
        )
    else:
        records = await connection.fetch(
            "SELECT d.id, d.created_at, d.id, e.body, d.event_id, d.event_type, d.event_sequence, d.status, d.attempts, "  # noqa: S608 -- as above
            "d.last_status_code, d.last_error FROM webhook_deliveries d "
            "JOIN events e ON e.pharmacy_id = d.pharmacy_id AND e.sequence = d.event_sequence "
            f"WHERE {_SPAN} AND (d.created_at, d.id) > ($5, $6) ORDER BY d.created_at, d.id LIMIT {PAGE}",
            *_span(mending),
            *place,
        )
    found: list[UUID] = []
    looked = 0
    for record in records:
        is_wanted, looks = try_filter(mending.wanted, _document(record))
        looked += 1 + len(record[3]) // _BYTES + looks // _LOOKS
        if is_wanted:
            found.append(record[0])
    last = (records[-1][1], records[-1][2]) if len(records) == PAGE else None
    return Look(found, looked, last)


def _document(record: Any) -> dict[str, Any]:  # noqa: ANN401 -- an asyncpg record
    """Tell an event, and its delivery where there is one, as one object; no two members have one name."""
    event: dict[str, Any] = orjson.loads(record[3])
    if len(record) > 4:  # noqa: PLR2004 -- the columns of an event without a delivery
        names = ("event_id", "event_type", "event_sequence", "status", "attempts", "last_status_code", "last_error")
        event |= zip(names, (str(record[4]), *record[5:]), strict=True)
        event["created_at"] = format_time(record[1])
    return event


async def _mend_matching(connection: Connection, mending: Mending, now: datetime) -> int | None:
    ids: list[UUID] = []
    until = clock.monotonic() + MENDING_SECONDS
    page = await look(connection, mending, None)
    looked = page.looked
    ids += page.ids
    while page.after is not None:
        page = await look(connection, mending, page.after)
        looked += page.looked
        ids += page.ids
        if looked > MOST_LOOKED_INTO or clock.monotonic() > until:
            return None
    if mending.is_dry or not ids:
        return len(ids)
    if mending.kind == "replay-missing":
        statement = f"{_MAKE} AND e.id = ANY($8::uuid[]) {_ONCE}"
        return _number(await connection.execute(statement, *_span(mending), *_types(mending), now, ids))
    return _number(await connection.execute(f"{_AGAIN.format(now='$1')} WHERE d.id = ANY($2::uuid[])", now, ids))


def _span(mending: Mending) -> tuple[UUID, UUID, datetime | None, datetime | None]:
    return mending.pharmacy_id, mending.endpoint_id, mending.since, mending.until


def _types(mending: Mending) -> tuple[Sequence[str], Sequence[str]]:
    """Part exact types from beginnings."""
    exact = [one for one in mending.event_types if not one.endswith("*")]
    return exact, [one[:-1] for one in mending.event_types if one.endswith("*")]


def _number(status: str) -> int:
    """Read the rows out of what PostgreSQL says of a statement: `UPDATE 3`, `INSERT 0 3`."""
    return int(status.rpartition(" ")[2])
