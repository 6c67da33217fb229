"""Rows in and out in sets: one query per table for a whole window, whatever the number of rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from tortoise.models import Model

from hub.domain.feeds import EventQueue
from hub.domain.holdings import Holdings
from hub.domain.integrators import Integrator, IntegratorKey
from hub.domain.operator_keys import OperatorKey
from hub.domain.operators import EndedSession, Operator
from hub.domain.orders import Order
from hub.domain.parked import ParkedMessage
from hub.domain.pharmacies import ApiKey, Pharmacy
from hub.domain.sales import Sale
from hub.domain.sources import Source
from hub.domain.state import Ref, Row
from hub.domain.stock import InventoryItem, StockMovement
from hub.domain.uploads import Upload, UploadError
from hub.domain.webhook_deliveries import WebhookDelivery
from hub.domain.webhook_events import WebhookEvent
from hub.domain.webhooks import WebhookEndpoint
from hub.faults import TooMuch
from hub.storage import models, models_outside
from hub.storage.database import Connection
from hub.storage.holdings import load_holdings
from hub.storage.inserting import insert_rows, insertion

R = TypeVar("R", bound=Row)

UNBOUNDED: Final = 2**62
_ROW_BYTES: Final = 200  # a row without its JSON, about


class TakenId(Exception):
    """A new row has the id of one that was made long ago.

    Args:
        detail: the ids.
    """

    def __init__(self, ids: Iterable[UUID]) -> None:
        self.detail = ", ".join(map(str, ids))
        super().__init__(f"there are rows of these ids already: {self.detail}")


class Table(Generic[R]):
    """Maps a row of the domain to its table. Columns, types and JSON come from the Tortoise model.

    Args:
        row: the frozen dataclass; its fields are the columns.
        model: the Tortoise model.
        append_only: rows are only ever added.
        by_key: a new row's id follows from its command's key, and keys are forgotten sooner than rows.
        is_hubs: the rows are the hub's own, even where they name a pharmacy.
    """

    def __init__(
        self,
        row: type[R],
        model: type[Model],
        *,
        append_only: bool = False,
        by_key: bool = False,
        is_hubs: bool = False,
    ) -> None:
        self.row = row
        self.name = model._meta.db_table  # noqa: SLF001 -- how Tortoise tells of its models
        self.columns = tuple(field.name for field in fields(row))  # type: ignore[arg-type]
        types = [_sql_type(model, column) for column in self.columns]
        self._json = tuple(kind == "jsonb" for kind in types)
        lengths = {
            column: f'octet_length(t."{column}"::{"text" if kind == "jsonb" else kind})'
            for column, kind in zip(self.columns, types, strict=True)
            if kind in {"jsonb", "bytea"}
        }
        weight = " + ".join(f"coalesce({length}, 0)" for length in lengths.values())
        self._weight = f"sum({weight}) OVER ()" if lengths else "0 * $3::int8"  # each query has the same arguments
        self._light = ", ".join(
            f'CASE WHEN weight <= $3::int8 THEN t."{column}" END' if column in lengths else f't."{column}"'
            for column in self.columns
        )
        # A column that may be NULL holds no JSON null beside it.
        self._nullable = tuple(model._meta.fields_map[column].null for column in self.columns)  # noqa: SLF001 -- as above
        self._values = attrgetter(*self.columns)
        self.select = ", ".join(f't."{column}"' for column in self.columns)
        changes = ", ".join(
            f'"{column}" = EXCLUDED."{column}"'
            for column in self.columns
            if column not in {"id", "pharmacy_id", "created_at"}
        )
        conflict = "" if append_only else f"ON CONFLICT (id) DO UPDATE SET {changes}"
        if by_key:
            conflict += f' WHERE "{self.name}".created_at = EXCLUDED.created_at'
        self._by_key = by_key
        self._insertion = insertion(self.name, dict(zip(self.columns, types, strict=True)), conflict)
        self._scoped = "pharmacy_id" in self.columns and not is_hubs
        self._deletable = "deleted_at" in self.columns

    def read(self, record: Sequence[Any]) -> R:
        """Make a row of a record selected with `select`."""
        return self.row(
            *(
                models.load_json(value) if is_json and value is not None else value
                for value, is_json in zip(record, self._json, strict=True)
            )
        )

    async def save(self, connection: Connection, rows: Sequence[R]) -> None:
        """Insert or update all rows in one statement; the last of several with one id is the one to give.

        Raises:
            TakenId: one of them is new, and has the id of a row that is there.
        """
        columns: list[Sequence[Any]] = list(zip(*map(self._values, rows), strict=True))
        for index, is_json in enumerate(self._json):
            if is_json:
                columns[index] = [
                    None if value is None and self._nullable[index] else models.dump_json(value)
                    for value in columns[index]
                ]
        saved = await insert_rows(connection, self._insertion, columns)
        if self._by_key and saved < len(rows):
            ids, made = columns[self.columns.index("id")], columns[self.columns.index("created_at")]
            taken = (
                f'SELECT t.id FROM "{self.name}" AS t JOIN unnest($1::uuid[], $2::timestamptz[]) AS r(id, created_at) '  # noqa: S608 -- names of our own
                "ON r.id = t.id AND r.created_at <> t.created_at"
            )
            raise TakenId(record[0] for record in await connection.fetch(taken, ids, made))

    async def load(
        self, connection: Connection, wanted: Sequence[tuple[UUID, Ref]], most_bytes: int = UNBOUNDED
    ) -> dict[tuple[UUID, Ref], R | None]:
        """Find all rows asked for, each in its own pharmacy, with one query for each way of naming them.

        Raises:
            TooMuch: their JSON and payloads are longer than `most_bytes`; none of it was read.
        """
        found: dict[tuple[UUID, Ref], R | None] = dict.fromkeys(wanted)
        for field in {ref.field for _, ref in wanted}:
            asked = [(pharmacy_id, ref) for pharmacy_id, ref in wanted if ref.field == field]
            query = self._query_by(field)
            records = await connection.fetch(
                query, [pharmacy_id for pharmacy_id, _ in asked], [ref.value for _, ref in asked], most_bytes
            )
            for record in records:
                if record[0] > most_bytes:
                    raise TooMuch(len(records), self.name)
                row = self.read(record[2:])
                found[record[1], Ref(self.row, field, getattr(row, field))] = row
        return found

    def _query_by(self, field: str) -> str:
        kind = "uuid" if field == "id" else "text"
        owner = "t.pharmacy_id = k.pharmacy_id AND" if self._scoped else ""
        # A deleted item's sku is free again.
        alive = "AND t.deleted_at IS NULL" if self._deletable and field != "id" else ""
        # OFFSET 0 keeps PostgreSQL from joining in another way than name by name. The plan that a connection keeps was made while the
        # table was small, and may compare every row with every name; one that is made for a file's names reads the whole table.
        return (
            f"SELECT weight, owner_id, {self._light} FROM (SELECT k.pharmacy_id AS owner_id, t.*, {self._weight} AS weight "  # noqa: S608 -- names of our own
            f"FROM unnest($1::uuid[], $2::{kind}[]) AS k(pharmacy_id, value) "
            f'CROSS JOIN LATERAL (SELECT * FROM "{self.name}" AS t WHERE {owner} t."{field}" = k.value {alive} OFFSET 0) AS t) AS t'
        )


def _sql_type(model: type[Model], column: str) -> str:
    kind: str = model._meta.fields_map[column].get_for_dialect("postgres", "SQL_TYPE").lower()  # noqa: SLF001 -- as above
    if kind.startswith("varchar"):
        return "text"
    return "numeric" if kind.startswith("decimal") else kind


TABLES: Mapping[type[Any], Table[Any]] = {
    table.row: table
    for table in (
        Table(Pharmacy, models.Pharmacy),
        Table(ApiKey, models.ApiKey),
        Table(OperatorKey, models_outside.OperatorKey),
        Table(Operator, models_outside.Operator),
        Table(EndedSession, models_outside.EndedSession),
        Table(Integrator, models_outside.Integrator),
        Table(IntegratorKey, models_outside.IntegratorKey),
        Table(EventQueue, models_outside.EventQueue),
        Table(WebhookEndpoint, models_outside.WebhookEndpoint),
        Table(InventoryItem, models.InventoryItem, by_key=True),
        Table(StockMovement, models.StockMovement, append_only=True),
        Table(Sale, models.Sale, by_key=True),
        Table(Order, models.Order, by_key=True),
        Table(WebhookEvent, models.WebhookEvent),
        Table(Source, models_outside.Source),
        Table(Upload, models.Upload, by_key=True),
        Table(UploadError, models.UploadError),
        Table(ParkedMessage, models.ParkedMessage, is_hubs=True),
        Table(WebhookDelivery, models_outside.WebhookDelivery),
    )
}
"""Every kind of row the domain changes, in the order in which they are saved."""


async def load_rows(
    connection: Connection, wanted: Iterable[tuple[UUID, Ref]], most_bytes: int = UNBOUNDED
) -> dict[tuple[UUID, Ref], Any]:
    """Find rows of any kind: one query per kind and way of naming.

    Raises:
        TooMuch: what one query would read is more than `most_bytes`; none of it was read.
    """
    by_kind: dict[type[Any], list[tuple[UUID, Ref]]] = {}
    for item in dict.fromkeys(wanted):
        by_kind.setdefault(item[1].kind, []).append(item)
    found: dict[tuple[UUID, Ref], Any] = {}
    if counted := by_kind.pop(Holdings, None):
        found |= await load_holdings(connection, counted)
    for kind, items in by_kind.items():
        if len(items) * _ROW_BYTES > most_bytes:
            raise TooMuch(len(items), TABLES[kind].name)
        found |= await TABLES[kind].load(connection, items, most_bytes)
    return found


async def save_rows(connection: Connection, changes: Iterable[Row]) -> None:
    """Save rows of any kind: one statement per kind; of several versions of a row the last one stands."""
    latest: dict[type[Any], dict[UUID, Row]] = {}
    for row in changes:
        latest.setdefault(type(row), {})[row.id] = row
    for kind, table in TABLES.items():
        rows = latest.get(kind)
        if rows:
            await table.save(connection, list(rows.values()))
