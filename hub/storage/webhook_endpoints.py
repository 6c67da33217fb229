"""Reading endpoints beyond their lists: what they want, their public key, and how the calls to them go."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.storage.database import Connection
from hub.storage.models import load_json


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """What an endpoint wants, and how it is verified."""

    pharmacy_id: UUID
    event_types: tuple[str, ...]
    event_filter: Mapping[str, Any] | None
    public_key: str | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """How the calls to an endpoint go; see `gateway.view_webhooks.EndpointStatistics`."""

    deliveries: dict[str, int]
    attempts: int
    delivered: int
    p50_ms: int | None
    p95_ms: int | None
    oldest_pending_at: datetime | None
    failing_since: datetime | None
    failures: int
    open_until: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None


async def find_endpoint(connection: Connection, pharmacy_id: UUID, endpoint_id: UUID) -> KnownEndpoint | None:
    """Find an endpoint of a pharmacy; a deleted one is not found."""
    record = await connection.fetchrow(
        "SELECT pharmacy_id, event_types, event_filter, public_key FROM webhook_endpoints "
        "WHERE pharmacy_id = $1 AND id = $2 AND deleted_at IS NULL",
        pharmacy_id,
        endpoint_id,
    )
    if record is None:
        return None
    wanted = None if record[2] is None else load_json(record[2])
    return KnownEndpoint(UUID(int=record[0].int), tuple(load_json(record[1])), wanted, record[3])


async def read_statistics(connection: Connection, pharmacy_id: UUID, endpoint_id: UUID, since: datetime) -> Statistics:
    """Count the deliveries made since then, and the attempts of these."""
    states = await connection.fetch(
        "SELECT status, count(*) FROM webhook_deliveries WHERE pharmacy_id = $1 AND endpoint_id = $2 AND created_at >= $3 "
        "GROUP BY status",
        pharmacy_id,
        endpoint_id,
        since,
    )
    attempts: Any = await connection.fetchrow(
        "SELECT count(*), count(*) FILTER (WHERE a.status_code BETWEEN 200 AND 299), "
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY a.duration_ms), percentile_disc(0.95) WITHIN GROUP (ORDER BY a.duration_ms) "
        "FROM webhook_deliveries d JOIN webhook_attempts a ON a.delivery_id = d.id "
        "WHERE d.pharmacy_id = $1 AND d.endpoint_id = $2 AND d.created_at >= $3",
        pharmacy_id,
        endpoint_id,
        since,
    )
    oldest = await connection.fetchval(
        "SELECT min(created_at) FROM webhook_deliveries WHERE pharmacy_id = $1 AND endpoint_id = $2 AND status = 'pending'",
        pharmacy_id,
        endpoint_id,
    )
    health: Any = await connection.fetchrow(
        "SELECT failing_since, failures, open_until, last_success_at, last_failure_at FROM webhook_health "
        "WHERE pharmacy_id = $1 AND endpoint_id = $2",
        pharmacy_id,
        endpoint_id,
    )
    health = health or (None, 0, None, None, None)
    figures = [{record[0]: record[1] for record in states}, *attempts, oldest, *health]
    return Statistics(**dict(zip((column.name for column in fields(Statistics)), figures, strict=True)))
