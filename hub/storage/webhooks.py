"""Deliveries of events to endpoints: made once, due at a time, written back after every attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hub.storage.database import Connection
from hub.storage.models import load_json

LEASE = timedelta(seconds=45)
"""A delivery that was handed to the broker and is not settled by then is handed out again: longer than any attempt."""


@dataclass(frozen=True, slots=True)
class OpenEndpoint:
    """What the fan-out needs of an endpoint; `sequence` is how far the log is spread to it."""

    id: UUID
    pharmacy_id: UUID
    event_types: tuple[str, ...]
    sequence: int


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """An event that an endpoint wants."""

    id: UUID
    pharmacy_id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_sequence: int
    event_type: str


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery and all that an attempt needs; `secret` is ciphertext."""

    id: UUID
    pharmacy_id: UUID
    endpoint_id: UUID
    event_id: UUID
    attempts: int
    status: str
    url: str
    secret: str
    is_open: bool
    body: str


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt and what it makes of its delivery."""

    attempt_id: UUID
    delivery: DueDelivery
    at: datetime
    status_code: int | None
    error: str | None
    duration_ms: int
    response_body: str
    delivery_status: str
    next_attempt_at: datetime | None


async def find_open_endpoints(connection: Connection, pharmacy_ids: Sequence[UUID]) -> list[OpenEndpoint]:
    """Find the open endpoints of these pharmacies. A new one begins behind what happened before it was made."""
    records = await connection.fetch(
        "SELECT p.id, p.pharmacy_id, p.event_types, coalesce(c.sequence, ("
        "SELECT e.sequence FROM events e WHERE e.pharmacy_id = p.pharmacy_id AND e.time < p.created_at "
        "ORDER BY e.sequence DESC LIMIT 1), 0) "
        "FROM webhook_endpoints p LEFT JOIN webhook_cursors c ON c.endpoint_id = p.id "
        "WHERE p.pharmacy_id = ANY($1::uuid[]) AND p.enabled AND p.deleted_at IS NULL",
        pharmacy_ids,
    )
    return [OpenEndpoint(record[0], record[1], tuple(load_json(record[2])), record[3]) for record in records]


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
    connection: Connection, after: Mapping[UUID, int], limit: int
) -> list[tuple[UUID, int, UUID, str]]:
    """Read what comes next in the logs of these pharmacies: (pharmacy, sequence, event, type), at most so many each."""
    records = await connection.fetch(
        "SELECT k.pharmacy_id, e.sequence, e.id, e.type FROM unnest($1::uuid[], $2::int8[]) AS k(pharmacy_id, after) "
        "CROSS JOIN LATERAL (SELECT sequence, id, type FROM events WHERE pharmacy_id = k.pharmacy_id AND sequence > k.after "
        "ORDER BY sequence LIMIT $3) e",
        list(after),
        list(after.values()),
        limit,
    )
    return [tuple(record) for record in records]


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
    """Add deliveries; one of an event for an endpoint that is there already stays as it is."""
    await connection.execute(
        "INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, attempts, "
        "next_attempt_at, last_status_code, created_at, updated_at) "
        "SELECT id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, 'pending', 0, $8, NULL, $7, $7 "
        "FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int8[], $6::text[]) "
        "AS d(id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type) ON CONFLICT (endpoint_id, event_id) DO NOTHING",
        [one.id for one in deliveries],
        [one.pharmacy_id for one in deliveries],
        [one.endpoint_id for one in deliveries],
        [one.event_id for one in deliveries],
        [one.event_sequence for one in deliveries],
        [one.event_type for one in deliveries],
        now,
        now + LEASE,
    )


async def load_due(connection: Connection, delivery_ids: Sequence[UUID]) -> list[DueDelivery]:
    """Load deliveries with their endpoint and event."""
    records = await connection.fetch(
        "SELECT d.id, d.pharmacy_id, d.endpoint_id, d.event_id, d.attempts, d.status, p.url, p.secret, "
        "p.enabled AND p.deleted_at IS NULL, e.body FROM webhook_deliveries d "
        "JOIN webhook_endpoints p ON p.id = d.endpoint_id "
        "JOIN events e ON e.pharmacy_id = d.pharmacy_id AND e.sequence = d.event_sequence WHERE d.id = ANY($1::uuid[])",
        delivery_ids,
    )
    return [DueDelivery(*record) for record in records]


async def save_attempts(connection: Connection, attempted: Sequence[Attempted]) -> None:
    """Write attempts and what they make of their deliveries."""
    await connection.execute(
        "INSERT INTO webhook_attempts (id, pharmacy_id, delivery_id, number, at, status_code, error, duration_ms, response_body) "
        "SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::timestamptz[], $6::int[], $7::text[], $8::int[], "
        "$9::text[]) ON CONFLICT (delivery_id, number) DO NOTHING",
        [one.attempt_id for one in attempted],
        [one.delivery.pharmacy_id for one in attempted],
        [one.delivery.id for one in attempted],
        [one.delivery.attempts + 1 for one in attempted],
        [one.at for one in attempted],
        [one.status_code for one in attempted],
        [one.error for one in attempted],
        [one.duration_ms for one in attempted],
        [one.response_body for one in attempted],
    )
    await connection.execute(
        "UPDATE webhook_deliveries d SET status = r.status, attempts = r.attempts, next_attempt_at = r.next_attempt_at, "
        "last_status_code = r.status_code, updated_at = r.at "
        "FROM unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::int[], $6::timestamptz[]) "
        "AS r(id, status, attempts, next_attempt_at, status_code, at) WHERE d.id = r.id AND d.attempts = r.attempts - 1",
        [one.delivery.id for one in attempted],
        [one.delivery_status for one in attempted],
        [one.delivery.attempts + 1 for one in attempted],
        [one.next_attempt_at for one in attempted],
        [one.status_code for one in attempted],
        [one.at for one in attempted],
    )


async def postpone(connection: Connection, delivery_ids: Sequence[UUID], until: datetime) -> None:
    """Put deliveries off without an attempt."""
    await connection.execute(
        "UPDATE webhook_deliveries SET next_attempt_at = $2 WHERE id = ANY($1::uuid[]) AND status = 'pending'",
        delivery_ids,
        until,
    )


async def skip(connection: Connection, delivery_ids: Sequence[UUID], now: datetime) -> None:
    """End deliveries whose endpoint is closed; they can be replayed."""
    await connection.execute(
        "UPDATE webhook_deliveries SET status = 'skipped', next_attempt_at = NULL, updated_at = $2 "
        "WHERE id = ANY($1::uuid[]) AND status = 'pending'",
        delivery_ids,
        now,
    )


async def claim_due(connection: Connection, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Take deliveries that are due, each for one lease: pairs of delivery and endpoint. Two dispatchers take different ones."""
    records: Sequence[Any] = await connection.fetch(
        "UPDATE webhook_deliveries d SET next_attempt_at = $3 FROM ("
        "SELECT id FROM webhook_deliveries WHERE status = 'pending' AND next_attempt_at <= $1 "
        "ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED) due WHERE d.id = due.id RETURNING d.id, d.endpoint_id",
        now,
        limit,
        now + LEASE,
    )
    return [(record[0], record[1]) for record in records]
