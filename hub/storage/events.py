"""The log of events, gap-free in each pharmacy."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple
from uuid import UUID

from hub.faults import TooMuch
from hub.storage.database import Connection
from hub.storage.inserting import insert_rows, insertion
from hub.storage.paging import PAGE_BYTES


class StoredEvent(NamedTuple):
    """An event in the log; `body` is the text that every receiver gets."""

    id: UUID
    pharmacy_id: UUID
    sequence: int
    type: str
    operation_id: UUID
    time: datetime
    body: str


class LogPage(NamedTuple):
    """Events of a log in order. `is_full`: it ends at a limit, of events or of bytes, and more may follow."""

    events: list[StoredEvent]
    is_full: bool


_TYPES = {
    "id": "uuid",
    "pharmacy_id": "uuid",
    "sequence": "int8",
    "type": "text",
    "operation_id": "uuid",
    "time": "timestamptz",
    "body": "text",
}
_COLUMNS = ", ".join(_TYPES)
_HEAD = ", ".join(name for name in _TYPES if name != "body")
_APPEND = insertion("events", _TYPES)


async def take_numbers(connection: Connection, counts: Mapping[UUID, int]) -> dict[UUID, int]:
    """Take the next numbers of these pharmacies; the row locks keep them gap-free until the commit.

    Returns:
        the first number taken for each pharmacy.
    """
    ids = sorted(counts)
    records = await connection.fetch(
        "INSERT INTO event_sequences AS s (pharmacy_id, last_sequence) SELECT * FROM unnest($1::uuid[], $2::int8[]) "
        "ON CONFLICT (pharmacy_id) DO UPDATE SET last_sequence = s.last_sequence + EXCLUDED.last_sequence "
        "RETURNING pharmacy_id, last_sequence",
        ids,
        [counts[pharmacy_id] for pharmacy_id in ids],
    )
    return {pharmacy_id: last - counts[pharmacy_id] + 1 for pharmacy_id, last in records}


async def append(connection: Connection, events: Sequence[StoredEvent]) -> None:
    """Add numbered events to the log."""
    await insert_rows(connection, _APPEND, list(zip(*events, strict=True)))


async def find_ranges(
    connection: Connection, ranges: Sequence[tuple[UUID, int, int]], most_bytes: int
) -> list[StoredEvent]:
    """Read runs of events, each (pharmacy, first sequence, count), in order of pharmacy and sequence.

    Raises:
        TooMuch: their bodies are longer than `most_bytes`; none of them was read.
    """
    records = await connection.fetch(
        f"SELECT {_HEAD}, CASE WHEN sum(octet_length(body)) OVER () <= $4::int8 THEN body END AS body "  # noqa: S608 -- names of our own
        "FROM (SELECT e.* FROM unnest($1::uuid[], $2::int8[], $3::int8[]) AS r(pharmacy_id, first, count) "
        "JOIN events e ON e.pharmacy_id = r.pharmacy_id AND e.sequence >= r.first AND e.sequence < r.first + r.count) AS e "
        "ORDER BY pharmacy_id, sequence",
        [pharmacy_id for pharmacy_id, _, _ in ranges],
        [first for _, first, _ in ranges],
        [count for _, _, count in ranges],
        most_bytes,
    )
    if records and records[0]["body"] is None:
        raise TooMuch(len(records), "events")
    return [StoredEvent(*record) for record in records]


async def find_heads(connection: Connection, pharmacy_id: UUID, first: int, count: int) -> list[tuple[UUID, str, int]]:
    """Name a run of events, each by its id, type and sequence; none is read whole."""
    records = await connection.fetch(
        "SELECT id, type, sequence FROM events WHERE pharmacy_id = $1 AND sequence >= $2 AND sequence < $2::int8 + $3::int8 "
        "ORDER BY sequence",
        pharmacy_id,
        first,
        count,
    )
    return [(record[0], record[1], record[2]) for record in records]


_BEHIND = "FROM events WHERE pharmacy_id = $1 AND sequence > $2 AND ($4::text IS NULL OR type = $4) ORDER BY sequence LIMIT $3"
# PostgreSQL knows the length of a text without reading it: what is not sent is not even unpacked.
_SHORT = f"SELECT {_HEAD}, CASE WHEN octet_length(body) <= $5 THEN body END {_BEHIND}"
_LONG = (
    f"SELECT {_HEAD}, CASE WHEN sum(octet_length(body)) OVER so_far <= $5 OR row_number() OVER so_far = 1 THEN body END "  # noqa: S608 -- as above
    f"FROM (SELECT {_COLUMNS} {_BEHIND}) AS page WINDOW so_far AS (ORDER BY sequence ROWS UNBOUNDED PRECEDING)"
)


async def read_log(
    connection: Connection, pharmacy_id: UUID, *, after: int, limit: int, event_type: str | None = None
) -> LogPage:
    """Read a pharmacy's events behind a sequence, in order: at most `limit`, and 4 MiB of bodies, but one at least."""
    wanted = (pharmacy_id, after, limit, event_type)
    # As long as each has no more than its share, their sum needs no look.
    records = await connection.fetch(_SHORT, *wanted, PAGE_BYTES // limit)
    if any(record[-1] is None for record in records):
        records = await connection.fetch(_LONG, *wanted, PAGE_BYTES)
    events = [StoredEvent(*record) for record in takewhile(lambda record: record[-1] is not None, records)]
    return LogPage(events, len(events) < len(records) or len(records) == limit)


async def find_bounds(connection: Connection, pharmacy_id: UUID) -> tuple[int, int]:
    """Find the first sequence that the log still has, and the last one given (0: none yet)."""
    record = await connection.fetchrow(
        "SELECT coalesce((SELECT min(sequence) FROM events WHERE pharmacy_id = $1), "
        "coalesce((SELECT last_sequence FROM event_sequences WHERE pharmacy_id = $1), 0) + 1), "
        "coalesce((SELECT last_sequence FROM event_sequences WHERE pharmacy_id = $1), 0)",
        pharmacy_id,
    )
    assert record is not None
    return record[0], record[1]
