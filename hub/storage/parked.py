"""Messages that were set aside, as rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.domain import parked
from hub.storage.database import Connection
from hub.storage.tables import TABLES, Table


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """A message nobody could apply: where it came from, why, and its bytes."""

    id: UUID
    pharmacy_id: UUID | None
    operation_id: UUID | None
    origin: str
    reason: str
    payload: bytes
    parked_at: datetime


async def save_parked(connection: Connection, messages: Sequence[ParkedMessage]) -> None:
    """Keep parked messages; one that is kept already stays as it is."""
    await connection.executemany(
        "INSERT INTO parked_messages (id, pharmacy_id, operation_id, origin, reason, payload, parked_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
        [
            (one.id, one.pharmacy_id, one.operation_id, one.origin, one.reason, one.payload, one.parked_at)
            for one in messages
        ],
    )


async def count_waiting(connection: Connection) -> int:
    """Count the parked messages that nobody has replayed or discarded, up to 1,000."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM (SELECT 1 FROM parked_messages WHERE replayed_at IS NULL AND discarded_at IS NULL LIMIT 1000) w"
    )
    return count


async def find_parked(connection: Connection, parked_id: UUID) -> parked.ParkedMessage | None:
    """Find a parked message with its payload, whosever it is, for operators."""
    table: Table[parked.ParkedMessage] = TABLES[parked.ParkedMessage]
    record = await connection.fetchrow(
        f'SELECT {table.select} FROM "{table.name}" t WHERE t.id = $1',  # noqa: S608 -- names of our own
        parked_id,
    )
    return None if record is None else table.read(tuple(record))
