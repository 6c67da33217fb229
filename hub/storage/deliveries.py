"""Deliveries at work: handed out when they are due, loaded for an attempt, written back after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.domain.webhook_health import Health
from hub.storage.database import Connection
from hub.storage.models import load_json
from hub.storage.webhooks import LEASE


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery with the bytes of its event. `round_start` is the attempt after which its ladder began."""

    id: UUID
    pharmacy_id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_sequence: int
    event_type: str
    attempts: int
    round_start: int
    status: str
    created_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class CalledEndpoint:
    """What an attempt needs of an endpoint. `secret`, `auth` and the secrets of `previous_secrets` are ciphertext."""

    id: UUID
    pharmacy_id: UUID
    version: int
    is_open: bool
    url: str
    secret: str
    previous_secrets: Sequence[Mapping[str, str]]
    auth: str | None
    headers: Mapping[str, str]
    ordered: bool
    timeout_seconds: int
    ladder_seconds: tuple[float, ...] | None
    throttle_per_second: int | None
    health: Health


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt and what it makes of its delivery.

    Args:
        request_headers: JSON of what was sent, secrets left out.
        error_class: the word for why there is no answer; None where there is one.
        delivery_status: what the delivery is from now on.
    """

    attempt_id: UUID
    delivery: DueDelivery
    at: datetime
    address: str | None
    request_headers: str
    status_code: int | None
    error: str | None
    error_class: str | None
    duration_ms: int
    response_body: str
    delivery_status: str
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Head:
    """The first delivery of an ordered endpoint that is not settled; what comes after it waits."""

    endpoint_id: UUID
    delivery_id: UUID
    sequence: int
    next_attempt_at: datetime | None
    is_repeated: bool


async def load_due(
    connection: Connection, delivery_ids: Sequence[UUID], most_bytes: int
) -> tuple[list[DueDelivery], list[tuple[UUID, UUID]]]:
    """Load deliveries with the bytes of their events: of each endpoint what fits in so many, in order, but one at least.

    Returns:
        those, and pairs of endpoint and delivery for those that did not fit.
    """
    records = await connection.fetch(
        "SELECT d.id, d.pharmacy_id, d.endpoint_id, d.event_id, d.event_sequence, d.event_type, d.attempts, d.round_start, d.status, "
        "d.created_at, CASE WHEN sum(octet_length(e.body)) OVER so_far <= $2 OR row_number() OVER so_far = 1 THEN e.body END AS body "
        "FROM webhook_deliveries d "
        "JOIN events e ON e.pharmacy_id = d.pharmacy_id AND e.sequence = d.event_sequence WHERE d.id = ANY($1::uuid[]) "
        "WINDOW so_far AS (PARTITION BY d.endpoint_id ORDER BY d.event_sequence, d.id ROWS UNBOUNDED PRECEDING)",
        delivery_ids,
        most_bytes,
    )
    return (
        [DueDelivery(**{**one, "body": one["body"].encode()}) for one in records if one["body"] is not None],
        [(one["endpoint_id"], one["id"]) for one in records if one["body"] is None],
    )


async def load_endpoints(connection: Connection, endpoint_ids: Sequence[UUID]) -> list[CalledEndpoint]:
    """Load endpoints as they are now, with how the calls to them go."""
    records = await connection.fetch(
        "SELECT p.id, p.pharmacy_id, p.version, p.enabled AND p.deleted_at IS NULL, p.url, p.secret, p.previous_secrets, p.auth, "
        "p.headers, p.ordered, p.timeout_seconds, p.ladder_seconds, p.throttle_per_second, "
        "h.failing_since, coalesce(h.failures, 0), coalesce(h.warned_percent, 0), h.open_until, h.last_success_at, h.last_failure_at "
        "FROM webhook_endpoints p LEFT JOIN webhook_health h ON h.endpoint_id = p.id WHERE p.id = ANY($1::uuid[])",
        endpoint_ids,
    )
    return [_endpoint(tuple(record)) for record in records]


def _endpoint(record: tuple[Any, ...]) -> CalledEndpoint:
    ladder = None if record[11] is None else tuple(float(step) for step in load_json(record[11])) or None
    return CalledEndpoint(
        record[0],
        record[1],
        record[2],
        record[3],
        record[4],
        record[5],
        load_json(record[6]),
        record[7],
        load_json(record[8]),
        record[9],
        record[10],
        ladder,
        record[12],
        Health(*record[13:19]),
    )


async def find_heads(connection: Connection, endpoint_ids: Sequence[UUID]) -> list[Head]:
    """Find the first unsettled delivery of each of these endpoints; one with none is left out."""
    records = await connection.fetch(
        "SELECT k.id, d.id, d.event_sequence, d.next_attempt_at, d.attempts > d.round_start FROM unnest($1::uuid[]) AS k(id) "
        "CROSS JOIN LATERAL (SELECT id, event_sequence, next_attempt_at, attempts, round_start FROM webhook_deliveries "
        "WHERE endpoint_id = k.id AND status = 'pending' ORDER BY event_sequence LIMIT 1) d",
        endpoint_ids,
    )
    return [Head(*record) for record in records]


async def save_attempts(connection: Connection, attempted: Sequence[Attempted]) -> None:
    """Write attempts and what they make of their deliveries; one that was settled meanwhile stays as it is."""
    numbers = [one.delivery.attempts + 1 for one in attempted]
    await connection.execute(
        "INSERT INTO webhook_attempts (id, pharmacy_id, delivery_id, number, at, status_code, error, duration_ms, response_body, "
        "address, request_headers, error_class) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], "
        "$5::timestamptz[], $6::int[], $7::text[], $8::int[], $9::text[], $10::text[], $11::jsonb[], $12::text[]) "
        "ON CONFLICT (delivery_id, number) DO NOTHING",
        [one.attempt_id for one in attempted],
        [one.delivery.pharmacy_id for one in attempted],
        [one.delivery.id for one in attempted],
        numbers,
        [one.at for one in attempted],
        [one.status_code for one in attempted],
        [one.error for one in attempted],
        [one.duration_ms for one in attempted],
        [one.response_body for one in attempted],
        [one.address for one in attempted],
        [one.request_headers for one in attempted],
        [one.error_class for one in attempted],
    )
    await connection.execute(
        # Its endpoint may have been disabled meanwhile, perhaps because of this very attempt.
        "UPDATE webhook_deliveries d SET status = CASE WHEN d.status = 'pending' OR r.status = 'delivered' "
        "OR (d.status = 'skipped' AND r.status = 'exhausted') THEN r.status ELSE d.status END, "
        "attempts = r.attempts, next_attempt_at = CASE WHEN d.status = 'pending' THEN r.next_attempt_at END, "
        "last_status_code = r.status_code, last_error = r.error_class, updated_at = r.at "
        "FROM unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::int[], $6::timestamptz[], $7::text[]) "
        "AS r(id, status, attempts, next_attempt_at, status_code, at, error_class) WHERE d.id = r.id AND d.attempts = r.attempts - 1",
        [one.delivery.id for one in attempted],
        [one.delivery_status for one in attempted],
        numbers,
        [one.next_attempt_at for one in attempted],
        [one.status_code for one in attempted],
        [one.at for one in attempted],
        [one.error_class for one in attempted],
    )


async def save_health(connection: Connection, health: Mapping[tuple[UUID, UUID], Health]) -> None:
    """Store how the calls to endpoints go, by (endpoint, pharmacy)."""
    rows = list(health.values())
    await connection.execute(
        "INSERT INTO webhook_health AS h (endpoint_id, pharmacy_id, failing_since, failures, warned_percent, open_until, "
        "last_success_at, last_failure_at) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::int[], $5::int[], "
        "$6::timestamptz[], $7::timestamptz[], $8::timestamptz[]) ON CONFLICT (endpoint_id) DO UPDATE SET "
        "failing_since = EXCLUDED.failing_since, failures = EXCLUDED.failures, warned_percent = EXCLUDED.warned_percent, "
        "open_until = EXCLUDED.open_until, last_success_at = EXCLUDED.last_success_at, last_failure_at = EXCLUDED.last_failure_at",
        [endpoint_id for endpoint_id, _ in health],
        [pharmacy_id for _, pharmacy_id in health],
        [one.failing_since for one in rows],
        [one.failures for one in rows],
        [one.warned_percent for one in rows],
        [one.open_until for one in rows],
        [one.last_success_at for one in rows],
        [one.last_failure_at for one in rows],
    )


async def put_off(connection: Connection, until: Mapping[UUID, datetime]) -> None:
    """Put deliveries back into the schedule without an attempt, each until its time."""
    await connection.execute(
        "UPDATE webhook_deliveries d SET next_attempt_at = r.until FROM unnest($1::uuid[], $2::timestamptz[]) AS r(id, until) "
        "WHERE d.id = r.id AND d.status = 'pending'",
        list(until),
        list(until.values()),
    )


async def skip(connection: Connection, delivery_ids: Sequence[UUID], now: datetime) -> None:
    """End deliveries whose endpoint is closed: they can be replayed, unless it is deleted or not there at all."""
    await connection.execute(
        "UPDATE webhook_deliveries d SET status = CASE WHEN EXISTS (SELECT FROM webhook_endpoints p WHERE p.id = d.endpoint_id "
        "AND p.deleted_at IS NULL) THEN 'skipped' ELSE 'cancelled' END, next_attempt_at = NULL, updated_at = $2 "
        "WHERE d.id = ANY($1::uuid[]) AND d.status = 'pending'",
        delivery_ids,
        now,
    )


async def find_due_endpoints(connection: Connection, now: datetime) -> list[UUID]:
    """Find the endpoints that have something due and may be called; costs one step in an index for each that has any."""
    records = await connection.fetch(
        "WITH RECURSIVE waiting AS ((SELECT endpoint_id FROM webhook_deliveries WHERE status = 'pending' ORDER BY endpoint_id LIMIT 1) "
        "UNION ALL SELECT (SELECT d.endpoint_id FROM webhook_deliveries d WHERE d.status = 'pending' "
        "AND d.endpoint_id > w.endpoint_id ORDER BY d.endpoint_id LIMIT 1) FROM waiting w WHERE w.endpoint_id IS NOT NULL) "
        "SELECT w.endpoint_id FROM waiting w LEFT JOIN webhook_health h ON h.endpoint_id = w.endpoint_id "
        "WHERE w.endpoint_id IS NOT NULL AND (h.open_until IS NULL OR h.open_until <= $1) AND EXISTS ("
        "SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = w.endpoint_id AND d.status = 'pending' AND d.next_attempt_at <= $1)",
        now,
    )
    return [record[0] for record in records]


async def claim_due(connection: Connection, now: datetime, quotas: Mapping[UUID, int]) -> list[tuple[UUID, UUID]]:
    """Take what is due of these endpoints, at most so many each, for one lease: pairs of endpoint and delivery.

    What has waited longest comes first. Two dispatchers take different ones.
    """
    records: Sequence[Any] = await connection.fetch(
        "UPDATE webhook_deliveries d SET next_attempt_at = $4 FROM unnest($2::uuid[], $3::int[]) AS k(endpoint_id, quota) "
        "CROSS JOIN LATERAL (SELECT id FROM webhook_deliveries o WHERE o.endpoint_id = k.endpoint_id AND o.status = 'pending' "
        "AND o.next_attempt_at <= $1 ORDER BY o.next_attempt_at, o.event_sequence LIMIT k.quota FOR UPDATE SKIP LOCKED) due "
        "WHERE d.id = due.id RETURNING d.endpoint_id, d.id, d.event_sequence",
        now,
        list(quotas),
        list(quotas.values()),
        now + LEASE,
    )
    return [(record[0], record[1]) for record in sorted(records, key=lambda record: record[2])]
