"""What goes on in the hub just now: the figures of the console's overview and of an operation's timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.storage.database import Connection

MOST_COUNTED = 10_000
"""Beyond this a count of what waits says "more than": nobody needs to know, and counting would take long."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What was applied in a few seconds.

    Args:
        at: when they begin, in seconds since 1970.
        lag_p50, lag_p99: from acceptance to commit, in milliseconds.
    """

    at: int
    applied: int
    refused: int
    lag_p50: float
    lag_p99: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits or is stuck now.

    Args:
        overdue: deliveries due for more than a minute.
        parked: messages that wait for a decision.
    """

    pending: int
    overdue: int
    parked: int


@dataclass(frozen=True, slots=True)
class FailingEndpoint:
    """A webhook endpoint whose calls fail."""

    id: UUID
    pharmacy_id: UUID
    url: str
    failing_since: datetime
    failures: int


async def moments(connection: Connection, pharmacy_id: UUID | None, since: datetime, step_seconds: int) -> list[Moment]:
    """Count what ended since a time, in steps; of one pharmacy, or of all for operators."""
    owner = "true" if pharmacy_id is None else "pharmacy_id = $3"
    records = await connection.fetch(
        "SELECT (floor(extract(epoch FROM finished_at) / $2) * $2)::int8 AS at, "  # noqa: S608 -- names of our own
        "count(*) FILTER (WHERE status = 'applied'), count(*) FILTER (WHERE status <> 'applied'), "
        "percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - accepted_at) * 1000) "
        f"FROM operations WHERE {owner} AND finished_at >= $1 AND status <> 'pending' GROUP BY 1 ORDER BY 1",
        since,
        step_seconds,
        *([] if pharmacy_id is None else [pharmacy_id]),
    )
    return [Moment(at, applied, refused, lags[0], lags[1]) for at, applied, refused, lags in records]


async def calls(connection: Connection, pharmacy_id: UUID | None, since: datetime) -> tuple[int, int]:
    """Count webhook calls since a time: those that were answered well, and the others."""
    owner = "true" if pharmacy_id is None else "pharmacy_id = $2"
    record = await connection.fetchrow(
        "SELECT count(*) FILTER (WHERE status_code BETWEEN 200 AND 299), "  # noqa: S608 -- names of our own
        "count(*) FILTER (WHERE status_code IS NULL OR status_code NOT BETWEEN 200 AND 299) "
        f"FROM webhook_attempts WHERE {owner} AND at >= $1",
        since,
        *([] if pharmacy_id is None else [pharmacy_id]),
    )
    assert record is not None
    return record[0], record[1]


async def waiting(connection: Connection, pharmacy_id: UUID | None) -> Waiting:
    """Count what waits; parked messages are the operators' business only."""
    owner = "true" if pharmacy_id is None else "pharmacy_id = $1"
    arguments = [] if pharmacy_id is None else [pharmacy_id]

    async def count(table: str, condition: str) -> int:
        found: int = await connection.fetchval(
            f"SELECT count(*) FROM (SELECT FROM {table} WHERE {owner} AND {condition} LIMIT {MOST_COUNTED + 1}) AS found",  # noqa: S608 -- as above
            *arguments,
        )
        return found

    return Waiting(
        await count("webhook_deliveries", "status = 'pending'"),
        await count("webhook_deliveries", "status = 'pending' AND next_attempt_at < now() - interval '60 seconds'"),
        await count("parked_messages", "replayed_at IS NULL AND discarded_at IS NULL") if pharmacy_id is None else 0,
    )


async def failing_endpoints(connection: Connection, pharmacy_id: UUID | None, most: int) -> list[FailingEndpoint]:
    """Name the endpoints that have failed for longest."""
    owner = "true" if pharmacy_id is None else "h.pharmacy_id = $2"
    records = await connection.fetch(
        "SELECT e.id, e.pharmacy_id, e.url, h.failing_since, h.failures FROM webhook_health AS h "  # noqa: S608 -- as above
        "JOIN webhook_endpoints AS e ON e.id = h.endpoint_id "
        f"WHERE {owner} AND h.failing_since IS NOT NULL AND e.deleted_at IS NULL ORDER BY h.failing_since LIMIT $1",
        most,
        *([] if pharmacy_id is None else [pharmacy_id]),
    )
    return [FailingEndpoint(*record) for record in records]


async def deliveries_of_events(
    connection: Connection, pharmacy_id: UUID, event_ids: Sequence[UUID]
) -> list[Mapping[str, Any]]:
    """Find the deliveries of some events of a pharmacy, each with its endpoint's URL."""
    records = await connection.fetch(
        "SELECT d.id, d.pharmacy_id, d.event_id, d.event_type, d.event_sequence, d.status, d.attempts, d.last_status_code, "
        "d.created_at, d.updated_at, d.next_attempt_at, e.url FROM webhook_deliveries AS d "
        "JOIN webhook_endpoints AS e ON e.id = d.endpoint_id WHERE e.pharmacy_id = $1 AND d.event_id = ANY($2::uuid[]) "
        "ORDER BY d.event_sequence, d.created_at LIMIT 200",
        pharmacy_id,
        list(event_ids),
    )
    return [dict(record) for record in records]


async def movements_by_reason(connection: Connection, pharmacy_id: UUID, item_id: UUID) -> list[tuple[str, int, int]]:
    """Sum an item's ledger: reason, number of movements, and what they add up to; the sums are the item's quantity."""
    records = await connection.fetch(
        "SELECT reason, count(*), sum(delta)::int8 FROM stock_movements WHERE item_id = $2 AND pharmacy_id = $1 "
        "GROUP BY reason ORDER BY min(position)",
        pharmacy_id,
        item_id,
    )
    return [(record[0], record[1], record[2]) for record in records]
