"""Own feeds: which there are, and up to where events belong to one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hub.domain.feeds import EventQueue
from hub.storage.database import Connection
from hub.storage.tables import TABLES


async def find_feed(connection: Connection, pharmacy_id: UUID) -> EventQueue | None:
    """Find a pharmacy's feed."""
    found = await find_feed_even_removed(connection, pharmacy_id)
    return None if found is None or found.deleted_at is not None else found


async def find_feed_even_removed(connection: Connection, pharmacy_id: UUID) -> EventQueue | None:
    """Find what is known of a pharmacy's feed, the time of its end included."""
    table = TABLES[EventQueue]
    record: Any = await connection.fetchrow(
        f"SELECT {table.select} FROM event_queues t WHERE t.pharmacy_id = $1",  # noqa: S608 -- names of our own
        pharmacy_id,
    )
    found: EventQueue | None = None if record is None else table.read(record)
    return found


async def list_feeds_of_any_pharmacy(connection: Connection) -> Sequence[EventQueue]:
    """Read every feed, for the process that makes their queues anew on a broker that lost them."""
    table = TABLES[EventQueue]
    query = f"SELECT {table.select} FROM event_queues t WHERE t.deleted_at IS NULL"  # noqa: S608 -- as above
    records: Sequence[Any] = await connection.fetch(query)
    return [table.read(record) for record in records]


async def find_last_routed(connection: Connection, pharmacy_id: UUID, types: Sequence[str]) -> int:
    """Find the number of the pharmacy's last event that these types take; 0: there was none."""
    query = "SELECT sequence FROM events WHERE pharmacy_id = $1"
    arguments: list[Any] = [pharmacy_id]
    if "*" not in types:
        query += " AND (type = ANY($2::text[]) OR split_part(type, '.', 1) || '.*' = ANY($2::text[]))"
        arguments.append(list(types))
    last: int | None = await connection.fetchval(f"{query} ORDER BY sequence DESC LIMIT 1", *arguments)
    return last or 0
