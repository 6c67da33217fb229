"""Rows in columns against PostgreSQL: what all rows agree in travels once, and every row comes out as it was given."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import asyncpg
import pytest

from hub.settings import Settings
from hub.storage.inserting import insert_rows, insertion

GIVEN = insertion("given", {"id": "int4", "number": "int4", "note": "text", "data": "jsonb"})


async def test_rows_come_out_as_they_were_given(settings: Settings) -> None:
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await connection.execute("CREATE TEMP TABLE given (id int4, number int4, note text, data jsonb)")
        patterns = [
            pattern * many
            for rows in (1, 2, 3)
            for many in (1, 6, 20)
            for pattern in product((None, 0, 1), repeat=rows)
        ]
        for pattern in patterns:
            texts = [None if value is None else f'"{value}"' for value in pattern]
            columns: Sequence[Sequence[Any]] = [tuple(range(len(pattern))), pattern, texts, texts]
            await insert_rows(connection, GIVEN, columns)
            found = await connection.fetch("DELETE FROM given RETURNING *")
            assert sorted(map(tuple, found)) == list(zip(*columns, strict=True))
    finally:
        await connection.close()


async def test_a_column_that_takes_no_null_is_not_filled_up(settings: Settings) -> None:
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await connection.execute("CREATE TEMP TABLE given (id int4, number int4 NOT NULL, note text, data jsonb)")
        for numbers, many in product(((1, None, 1), (None, None, None)), (1, 20)):
            with pytest.raises(asyncpg.NotNullViolationError):
                await insert_rows(
                    connection, GIVEN, [range(3 * many), numbers * many, [""] * 3 * many, ["1"] * 3 * many]
                )
    finally:
        await connection.close()
