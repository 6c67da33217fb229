"""A day in figures, to compare with one's own."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.storage.database import Connection

DELIVERY_STATES = ("pending", "delivered", "failed", "exhausted", "cancelled", "skipped")


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What came of one day.

    Args:
        operations: by status, of the commands taken in on the day.
        events: in the log, of the day.
        deliveries: by status now, of those made on the day.
    """

    operations: dict[str, int]
    events: int
    deliveries: dict[str, int]


async def count_day(connection: Connection, pharmacy_id: UUID, start: datetime) -> DayFigures:
    """Count the day of a pharmacy that begins at `start`."""
    return await _count(connection, pharmacy_id, start)


async def count_day_of_any_pharmacy(connection: Connection, start: datetime) -> DayFigures:
    """Count the day of all pharmacies and of the hub itself, for operators."""
    return await _count(connection, None, start)


async def _count(connection: Connection, pharmacy_id: UUID | None, start: datetime) -> DayFigures:
    # Two texts rather than an OR: a generic plan would read everybody's rows for one pharmacy.
    owner = "true" if pharmacy_id is None else "pharmacy_id = $2"
    arguments = [start] if pharmacy_id is None else [start, pharmacy_id]
    # The last day of the calendar has no next one.
    day = "{} >= $1::timestamptz AND {} < $1::timestamptz + interval '1 day'"
    operations = await connection.fetch(
        f"SELECT status, count(*) FROM operations WHERE {owner} AND {day.format('accepted_at', 'accepted_at')} GROUP BY status",  # noqa: S608 -- names of our own
        *arguments,
    )
    events = await connection.fetchval(
        f"SELECT count(*) FROM events WHERE {owner} AND {day.format('time', 'time')}",  # noqa: S608 -- as above
        *arguments,
    )
    deliveries = await connection.fetch(
        f"SELECT status, count(*) FROM webhook_deliveries WHERE {owner} "  # noqa: S608 -- as above
        f"AND {day.format('created_at', 'created_at')} GROUP BY status",
        *arguments,
    )
    return DayFigures(
        {record[0]: record[1] for record in operations}, events, {record[0]: record[1] for record in deliveries}
    )
