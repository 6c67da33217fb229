"""Many rows in one statement: each column travels as an array, or as one value where all rows agree in it.

What the rows of a window have in common is most of them: their pharmacy, their times, their version, what they leave empty.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.storage.database import Connection


def insert_statement(table: str, columns: Mapping[str, str]) -> str:
    """Write the statement that `insert_rows` runs.

    Args:
        columns: the types of what is written, by name.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = ", ".join(f"${index}::{kind}[]" for index, kind in enumerate(columns.values(), 1))
    values = ", ".join(
        f'CASE cardinality(${index}) WHEN 1 THEN (${index})[1] ELSE r."{name}" END'
        for index, name in enumerate(columns, 1)
    )
    # The arrays are as long as there are rows; PostgreSQL fills up those of one value with NULL.
    return f'INSERT INTO "{table}" ({names}) SELECT {values} FROM unnest({arrays}) AS r ({names})'  # noqa: S608 -- names of our own


async def insert_rows(connection: Connection, statement: str, columns: Sequence[Sequence[Any]]) -> None:
    """Insert at least one row, given as columns."""
    await connection.execute(statement, *map(_once_where_same, columns))


def _once_where_same(values: Sequence[Any]) -> Sequence[Any]:
    first = values[0]
    # The last value alone tells most columns that differ; counting is fast where the values are one object.
    return values[:1] if values[-1] == first and values.count(first) == len(values) else values
