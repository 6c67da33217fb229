"""The ceiling of the database: `unnest` upserts by asyncpg, one connection, nothing else."""

import uuid
from time import monotonic

import asyncpg

from benchmarks.postgres import Postgres

DATABASE = "raw"
ROWS_IN_A_STATEMENT = 500
TABLE = """
CREATE TABLE items (
    id uuid PRIMARY KEY, pharmacy_id uuid NOT NULL, sku text NOT NULL, name text NOT NULL, quantity integer NOT NULL,
    price numeric(12, 2) NOT NULL, extra_data jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (pharmacy_id, sku))
"""
UPSERT = """
INSERT INTO items (id, pharmacy_id, sku, name, quantity, price)
SELECT i, $2, s, n, q, p::numeric
FROM unnest($1::uuid[], $3::text[], $4::text[], $5::int[], $6::text[]) AS t(i, s, n, q, p)
ON CONFLICT (pharmacy_id, sku)
DO UPDATE SET name = excluded.name, quantity = excluded.quantity, price = excluded.price, updated_at = now()
"""


async def create_raw(postgres: Postgres) -> None:
    """Make the table, in a database of its own."""
    await postgres.execute("postgres", f"CREATE DATABASE {DATABASE}")
    await postgres.execute(DATABASE, TABLE)


async def upsert_raw(postgres: Postgres, rows: int) -> float:
    """Upsert new rows for a new pharmacy, 500 a transaction; hand back the seconds."""
    pharmacy = uuid.uuid4()
    connection = await asyncpg.connect(postgres.url(DATABASE))
    try:
        statement = await connection.prepare(UPSERT)
        began = monotonic()
        for start in range(0, rows, ROWS_IN_A_STATEMENT):
            numbers = range(start, min(start + ROWS_IN_A_STATEMENT, rows))
            await statement.fetch(
                [uuid.uuid4() for _ in numbers], pharmacy, [f"R{number:06d}" for number in numbers],
                ["Paracetamol 500 mg, 20 tablets"] * len(numbers), [10] * len(numbers), ["3.90"] * len(numbers),
            )  # fmt: skip
        return monotonic() - began
    finally:
        await connection.close()
