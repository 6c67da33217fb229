"""Many rows in one statement: each column travels as an array, or as one value where all of many rows agree in it.

What the rows of a large window have in common is most of them: their pharmacy, their times, their version, what they leave empty.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hub.storage.database import Connection

_MANY = 16  # from here on it is worth it to look for what rows have in common


class Insertion(NamedTuple):
    """A statement that inserts a few rows, and one for many."""

    few: str
    many: str


def insertion(table: str, columns: Mapping[str, str], conflict: str = "") -> Insertion:
    """Write the statements that `insert_rows` runs.

    Args:
        columns: the types of what is written, by name.
        conflict: their end, where a row may be there already.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = ", ".join(f"${index}::{kind}[]" for index, kind in enumerate(columns.values(), 1))
    values = ", ".join(
        f'CASE cardinality(${index}) WHEN 1 THEN (${index})[1] ELSE r."{name}" END'
        for index, name in enumerate(columns, 1)
    )
    start, end = f'INSERT INTO "{table}" ({names}) SELECT', f"FROM unnest({arrays}) AS r ({names}) {conflict}"
    # The arrays are as long as there are rows; PostgreSQL fills up those of one value with NULL.
    return Insertion(f"{start} * {end}", f"{start} {values} {end}")


async def insert_rows(connection: Connection, insertion: Insertion, columns: Sequence[Sequence[Any]]) -> int:
    """Insert at least one row, given as columns; tell how many were inserted or changed."""
    if len(columns[0]) < _MANY:
        done = await connection.execute(insertion.few, *columns)
    else:
        done = await connection.execute(insertion.many, *map(_once_where_same, columns))
    return int(done.rpartition(" ")[2])


def _once_where_same(values: Sequence[Any]) -> Sequence[Any]:
    first = values[0]
    # The last value alone tells most columns that differ; counting is fast where the values are one object.
    return values[:1] if values[-1] == first and values.count(first) == len(values) else values
