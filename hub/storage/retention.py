"""What grows and is cut back: bounded deletes, and the look for what should have happened by now.

Every function works inside its caller's transaction and deletes at most `limit` rows; the caller holds `try_lock`.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.storage.database import Connection
from hub.storage.deliveries import skip
from hub.storage.webhooks import LEASE

_LOCK = 7_140_200


async def try_lock(connection: Connection) -> bool:
    """Take the janitor's lock until the transaction ends; False: another janitor is at work."""
    taken: bool = await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK)
    return taken


async def delete_operations(connection: Connection, before: datetime, limit: int) -> int:
    """Delete operations that ended before this; one that is parked, or pending again, stays."""
    return await _deleted(
        connection,
        "DELETE FROM operations WHERE id IN (SELECT id FROM operations WHERE finished_at < $1 "
        "AND status IN ('applied', 'rejected') LIMIT $2)",
        before,
        limit,
    )


async def delete_events(connection: Connection, before: datetime, limit: int) -> int:
    """Delete events from the beginning of each pharmacy's log, so that what stays has no gap.

    What stays, however old: the last event of a log; whatever an open endpoint's cursor has not passed; whatever has a
    delivery that is not settled, and everything behind it.
    """
    return await _deleted(
        connection,
        "WITH logs AS MATERIALIZED ("
        "SELECT s.pharmacy_id, f.sequence AS first, least(s.last_sequence - 1, ("
        # An endpoint without a cursor begins behind what happened before it was made (`find_open_endpoints`).
        "SELECT min(coalesce(c.sequence, (SELECT e.sequence FROM events e WHERE e.pharmacy_id = p.pharmacy_id "
        "AND e.time < p.created_at ORDER BY e.sequence DESC LIMIT 1), 0)) "
        "FROM webhook_endpoints p LEFT JOIN webhook_cursors c ON c.endpoint_id = p.id "
        "WHERE p.pharmacy_id = s.pharmacy_id AND p.enabled AND p.deleted_at IS NULL), ("
        "SELECT min(d.event_sequence) - 1 FROM webhook_deliveries d "
        "WHERE d.pharmacy_id = s.pharmacy_id AND d.status IN ('pending', 'failed'))) AS upto "
        "FROM event_sequences s CROSS JOIN LATERAL ("
        "SELECT sequence, time FROM events e WHERE e.pharmacy_id = s.pharmacy_id ORDER BY sequence LIMIT 1) f "
        "WHERE f.time < $1), old AS ("
        "SELECT l.pharmacy_id, o.sequence FROM logs l CROSS JOIN LATERAL ("
        "SELECT sequence, bool_and(time < $1) OVER (ORDER BY sequence) AS is_old FROM ("
        "SELECT sequence, time FROM events e WHERE e.pharmacy_id = l.pharmacy_id AND e.sequence <= l.upto "
        "ORDER BY sequence LIMIT $2) beginning) o "
        "WHERE l.first <= l.upto AND o.is_old ORDER BY l.pharmacy_id, o.sequence LIMIT $2) "
        "DELETE FROM events e USING old WHERE e.pharmacy_id = old.pharmacy_id AND e.sequence = old.sequence",
        before,
        limit,
    )


async def delete_deliveries(connection: Connection, before: datetime, limit: int) -> int:
    """Delete deliveries that were settled before this, with their attempts; counts the deliveries."""
    deleted: int = await connection.fetchval(
        "WITH gone AS (DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries "
        "WHERE created_at < $1 AND updated_at < $1 AND status IN ('delivered', 'exhausted', 'cancelled', 'skipped') LIMIT $2) "
        "RETURNING id), attempts AS (DELETE FROM webhook_attempts a USING gone WHERE a.delivery_id = gone.id) "
        "SELECT count(*) FROM gone",
        before,
        limit,
    )
    return deleted


async def end_deliveries(connection: Connection, now: datetime, limit: int) -> int:
    """End what is pending for endpoints that are closed: they may have more than the command that closes them ends."""
    records = await connection.fetch(
        "SELECT d.id FROM webhook_endpoints p CROSS JOIN LATERAL (SELECT id FROM webhook_deliveries d "
        "WHERE d.endpoint_id = p.id AND d.status = 'pending' LIMIT $1) d "
        "WHERE NOT p.enabled OR p.deleted_at IS NOT NULL LIMIT $1",
        limit,
    )
    await skip(connection, [record[0] for record in records], now)
    return len(records)


async def delete_parked(connection: Connection, before: datetime, limit: int) -> int:
    """Delete parked messages that were replayed or discarded before this."""
    return await _deleted(
        connection,
        "DELETE FROM parked_messages WHERE id IN (SELECT id FROM parked_messages "
        "WHERE coalesce(replayed_at, discarded_at) < $1 LIMIT $2)",
        before,
        limit,
    )


async def delete_upload_errors(connection: Connection, before: datetime, limit: int) -> int:
    """Delete the faults of uploads that were done before this; the uploads and their counts stay."""
    return await _deleted(
        connection,
        "DELETE FROM upload_errors WHERE id IN (SELECT f.id FROM uploads u JOIN upload_errors f ON f.upload_id = u.id "
        "WHERE u.updated_at < $1 AND u.applied + u.rejected >= u.rows LIMIT $2)",
        before,
        limit,
    )


@dataclass(frozen=True, slots=True)
class Overdue:
    """Deliveries that should have been handed out by now: how many, and since when the oldest is due."""

    count: int
    since: datetime | None


async def sweep_deliveries(connection: Connection, now: datetime, due_before: datetime) -> Overdue:
    """Count what was due before this and is not taken up; give a time to what waits without one.

    Handing a delivery out again moves its time, so what was never tried since it was made, or opened again, counts by that.
    Not overdue is what waits for its own endpoint: one whose circuit is open or that asked for a pause, one that was
    called since then and works off its backlog, the longest waiting first, and one in order whose next delivery waits on the ladder.
    """
    await connection.execute(
        "UPDATE webhook_deliveries SET next_attempt_at = $1 WHERE status = 'pending' AND next_attempt_at IS NULL", now
    )
    record = await connection.fetchrow(
        "SELECT count(*), min(least(d.next_attempt_at, CASE WHEN d.attempts = d.round_start THEN d.updated_at END)) "
        "FROM webhook_deliveries d WHERE d.status = 'pending' AND d.next_attempt_at <= $3 "
        "AND (d.next_attempt_at < $1 OR (d.attempts = d.round_start AND d.updated_at < $1)) "
        "AND NOT EXISTS (SELECT 1 FROM webhook_health h WHERE h.endpoint_id = d.endpoint_id "
        "AND (h.open_until > $2 OR greatest(h.last_success_at, h.last_failure_at) > $1)) "
        "AND NOT EXISTS (SELECT 1 FROM webhook_endpoints e JOIN webhook_deliveries b ON b.endpoint_id = e.id WHERE e.id = d.endpoint_id "
        "AND e.ordered AND b.status = 'pending' AND b.event_sequence < d.event_sequence AND b.attempts > b.round_start AND b.next_attempt_at > $2)",
        due_before,
        now,
        now + LEASE,
    )
    assert record is not None
    return Overdue(record[0], record[1])


async def find_stale_orders(connection: Connection, before: datetime, limit: int) -> list[tuple[UUID, UUID, int]]:
    """Find orders that are `ready` and were not touched since: (pharmacy, order, version). External ones go by their own rules."""
    records = await connection.fetch(
        "SELECT pharmacy_id, id, version FROM orders WHERE status = 'ready' AND updated_at < $1 AND source <> 'external' "
        "ORDER BY updated_at LIMIT $2",
        before,
        limit,
    )
    return [(record[0], record[1], record[2]) for record in records]


async def _deleted(connection: Connection, statement: str, before: datetime, limit: int) -> int:
    status: str = await connection.execute(statement, before, limit)
    return int(status.rpartition(" ")[2])
