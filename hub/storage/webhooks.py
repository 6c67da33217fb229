"""The log spread to endpoints: each event becomes one delivery for each endpoint that wants it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from hub.storage.database import Connection
from hub.storage.models import load_json
from hub.storage.paging import PAGE_BYTES

CAUSING_SOURCE: Final = (
    "coalesce((SELECT substr(o.actor, 8) FROM operations o WHERE o.id = e.operation_id AND starts_with(o.actor, 'source:')), "
    # What is said of a source's own message is its doing as well, whoever says it.
    "CASE WHEN starts_with(e.type, 'webhook_event.') THEN e.body::jsonb #>> '{data,webhook_event,source_id}' END)"
)
"""SQL: the id of the source that caused an event `e`, as text; null where none did, or where its operation is past retention."""

LEASE = timedelta(seconds=45)
"""A delivery that was handed to the broker and is not settled by then is handed out again: longer than any attempt."""


@dataclass(frozen=True, slots=True)
class OpenEndpoint:
    """What the fan-out needs of an endpoint.

    Args:
        event_filter: what an event must be like beside its type; None: anything.
        held_until: before this nobody calls it, so nothing is handed out either.
        sequence: how far the log is spread to it.
        source_id: what this source caused is no news to it.
    """

    id: UUID
    pharmacy_id: UUID
    event_types: tuple[str, ...]
    event_filter: Mapping[str, Any] | None
    held_until: datetime | None
    sequence: int
    source_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """An event that an endpoint wants."""

    id: UUID
    pharmacy_id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_sequence: int
    event_type: str
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as the fan-out reads it; `body` only where somebody looks inside, `source_id` only where somebody asks."""

    pharmacy_id: UUID
    sequence: int
    id: UUID
    type: str
    body: str | None
    source_id: str | None = None


async def find_open_endpoints(connection: Connection, pharmacy_ids: Sequence[UUID]) -> list[OpenEndpoint]:
    """Find the open endpoints of these pharmacies. A new one begins behind what happened before it was made."""
    records = await connection.fetch(
        "SELECT p.id, p.pharmacy_id, p.event_types, p.event_filter, h.open_until, p.source_id::text, coalesce(c.sequence, ("
        "SELECT e.sequence FROM events e WHERE e.pharmacy_id = p.pharmacy_id AND e.time < p.created_at "
        "ORDER BY e.sequence DESC LIMIT 1), 0) "
        "FROM webhook_endpoints p LEFT JOIN webhook_cursors c ON c.endpoint_id = p.id "
        "LEFT JOIN webhook_health h ON h.endpoint_id = p.id "
        "WHERE p.pharmacy_id = ANY($1::uuid[]) AND p.enabled AND p.deleted_at IS NULL",
        pharmacy_ids,
    )
    return [
        OpenEndpoint(
            record[0],
            record[1],
            tuple(load_json(record[2])),
            None if record[3] is None else load_json(record[3]),
            record[4],
            record[6],
            record[5],
        )
        for record in records
    ]


async def find_pharmacies_with_endpoints(connection: Connection) -> list[UUID]:
    """Find every pharmacy that has an open endpoint."""
    records = await connection.fetch(
        "SELECT DISTINCT pharmacy_id FROM webhook_endpoints WHERE enabled AND deleted_at IS NULL"
    )
    return [record[0] for record in records]


async def find_behind(connection: Connection) -> list[UUID]:
    """Find the pharmacies whose log is not spread to the end, whatever was or was not heard of it."""
    records = await connection.fetch(
        "SELECT DISTINCT p.pharmacy_id FROM webhook_endpoints p JOIN event_sequences s ON s.pharmacy_id = p.pharmacy_id "
        "LEFT JOIN webhook_cursors c ON c.endpoint_id = p.id "
        "WHERE p.enabled AND p.deleted_at IS NULL AND coalesce(c.sequence, 0) < s.last_sequence"
    )
    return [record[0] for record in records]


async def read_behind(
    connection: Connection, after: Mapping[UUID, int], limit: int, *, with_bodies: bool, with_causes: bool = False
) -> tuple[list[LoggedEvent], set[UUID]]:
    """Read what comes next in the logs of these pharmacies: at most so many events each, and 4 MiB of bodies in all.

    Args:
        with_bodies: read them whole, for filters; events about webhooks always are.
        with_causes: tell which source caused each.
    Returns:
        the events, one at least where there is one, in the order in which the pharmacies were named, and the pharmacies that
        may have more.
    """
    records = await connection.fetch(
        "SELECT pharmacy_id, sequence, id, type, CASE WHEN fits THEN body END, cause, fits FROM (SELECT *, "  # noqa: S608 -- text of our own
        "coalesce(sum(octet_length(body)) OVER so_far <= $6, true) OR row_number() OVER so_far = 1 AS fits "
        "FROM (SELECT k.turn, k.pharmacy_id, e.sequence, e.id, e.type, CASE WHEN $4 OR e.type LIKE 'webhook\\_endpoint.%' "
        f"OR e.type LIKE 'webhook\\_delivery.%' THEN e.body END AS body, CASE WHEN $5 THEN {CAUSING_SOURCE} END AS cause "
        "FROM unnest($1::uuid[], $2::int8[]) WITH ORDINALITY AS k(pharmacy_id, after, turn) "
        "CROSS JOIN LATERAL (SELECT sequence, id, type, operation_id, body FROM events WHERE pharmacy_id = k.pharmacy_id "
        "AND sequence > k.after ORDER BY sequence LIMIT $3) e) AS behind "
        "WINDOW so_far AS (ORDER BY turn, sequence ROWS UNBOUNDED PRECEDING)) AS measured "
        "ORDER BY turn, sequence",
        list(after),
        list(after.values()),
        limit,
        with_bodies,
        with_causes,
        PAGE_BYTES,
    )
    counts = Counter(record["pharmacy_id"] for record in records)
    more = {pharmacy_id for pharmacy_id, count in counts.items() if count == limit}
    more.update(record["pharmacy_id"] for record in records if not record["fits"])
    return [LoggedEvent(*tuple(record)[:-1]) for record in records if record["fits"]], more


async def move_cursors(connection: Connection, endpoints: Sequence[OpenEndpoint]) -> None:
    """Store how far the log is spread; a cursor never goes back."""
    await connection.execute(
        "INSERT INTO webhook_cursors AS c (endpoint_id, pharmacy_id, sequence) SELECT * FROM "
        "unnest($1::uuid[], $2::uuid[], $3::int8[]) ON CONFLICT (endpoint_id) DO UPDATE "
        "SET sequence = greatest(c.sequence, EXCLUDED.sequence)",
        [one.id for one in endpoints],
        [one.pharmacy_id for one in endpoints],
        [one.sequence for one in endpoints],
    )


async def add_deliveries(connection: Connection, deliveries: Sequence[NewDelivery], now: datetime) -> None:
    """Add deliveries; one of an event for an endpoint that is there already stays as it is.

    Its id follows from both, so it may be met in either index: who names one of them fails on the other when two add at once.

    They are due when their endpoint may be called again; else they are taken as handed out, for one lease.
    """
    await connection.execute(
        "INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, attempts, "
        "next_attempt_at, last_status_code, created_at, updated_at) "
        "SELECT id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, 'pending', 0, coalesce(held_until, $8), NULL, $7, $7 "
        "FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int8[], $6::text[], $9::timestamptz[]) "
        "AS d(id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, held_until) ON CONFLICT DO NOTHING",
        [one.id for one in deliveries],
        [one.pharmacy_id for one in deliveries],
        [one.endpoint_id for one in deliveries],
        [one.event_id for one in deliveries],
        [one.event_sequence for one in deliveries],
        [one.event_type for one in deliveries],
        now,
        now + LEASE,
        [one.held_until for one in deliveries],
    )


async def end_pauses(connection: Connection, pharmacy_ids: Sequence[UUID]) -> None:
    """Let the endpoints of these pharmacies be called now, whatever was held against them."""
    now = await connection.fetch(
        "UPDATE webhook_health SET open_until = NULL WHERE pharmacy_id = ANY($1::uuid[]) AND open_until > now() RETURNING endpoint_id",
        pharmacy_ids,
    )
    if now:
        await connection.execute(
            "UPDATE webhook_deliveries SET next_attempt_at = now() WHERE endpoint_id = ANY($1::uuid[]) AND status = 'pending' "
            "AND attempts = round_start AND next_attempt_at > now()",
            [record[0] for record in now],
        )
