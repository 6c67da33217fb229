"""Reading pages and single rows as JSON text, of one pharmacy or, for operators, of any."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from hub.storage.database import Connection
from hub.storage.lists import LISTINGS
from hub.storage.page_sql import count_statement, exists_statement, one_statement, page_statement, uses_literal_limit
from hub.storage.paging import COUNT_CAP, Listing, Wanted


class After(NamedTuple):
    """The place behind an item: its value of the order and its tie-breaker, as JSON values."""

    value: str | int
    tie: str | int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list.

    Args:
        items: JSON texts.
        after: where the next page begins; None: this is the last.
        count: what the list holds in all, up to the cap; None: nobody asked.
    """

    items: Sequence[str]
    after: After | None = None
    count: int | None = None

    @property
    def is_capped(self) -> bool:
        """Tell that the list holds more than was counted."""
        return self.count is not None and self.count > COUNT_CAP


class Single(NamedTuple):
    """One row as JSON text, and its version where it has one."""

    item: str
    version: int | None


async def list_page(
    connection: Connection,
    pharmacy_id: UUID,
    listing: Listing,
    wanted: Wanted,
    after: After | None,
    parent_id: UUID | None = None,
) -> Page | None:
    """Read a page of a pharmacy's list; None: what the list hangs on is not there."""
    return await _page(connection, [str(pharmacy_id)], listing, wanted, after, parent_id)


async def list_page_of_any_pharmacy(
    connection: Connection, listing: Listing, wanted: Wanted, after: After | None, parent_id: UUID | None = None
) -> Page | None:
    """Read a page of all pharmacies' rows, for operators."""
    return await _page(connection, [], listing, wanted, after, parent_id)


async def estimate_rows_of_any_pharmacy(connection: Connection, listing: Listing) -> int:
    """Say about how many rows a list's table holds, as PostgreSQL counted them last; 0 where it never has."""
    estimate: float = await connection.fetchval(
        "SELECT reltuples FROM pg_class WHERE oid = $1::text::regclass", listing.table
    )
    return max(0, round(estimate))


async def find_one(connection: Connection, pharmacy_id: UUID, listing: Listing, row_id: UUID) -> Single | None:
    """Find a row of a pharmacy as it is shown."""
    return await _one(connection, [str(pharmacy_id), row_id], listing)


async def find_one_of_any_pharmacy(connection: Connection, listing: Listing, row_id: UUID) -> Single | None:
    """Find anyone's row as it is shown, for operators."""
    return await _one(connection, [row_id], listing)


async def _page(
    connection: Connection,
    scope: list[str],
    listing: Listing,
    wanted: Wanted,
    after: After | None,
    parent_id: UUID | None,
) -> Page | None:
    parent = None if listing.parent is None else LISTINGS[listing.parent.listing]
    assert (parent is None) == (parent_id is None), f"the list {listing.name} and its parent do not go together"
    names = tuple(wanted.values)
    known: list[Any] = [*scope, *([] if parent_id is None else [parent_id]), *wanted.values.values()]
    order = listing.sorts[wanted.sort.removeprefix("-")]
    arguments = list(known)
    if after is not None:
        arguments += (_parse_key(order.kind, after.value), _parse_key(listing.tie_kind, after.tie))
    if not uses_literal_limit(wanted.limit):
        arguments.append(wanted.limit + 1)
    write = partial(
        page_statement,
        listing,
        names,
        wanted.sort,
        wanted.limit,
        is_scoped=bool(scope),
        is_continued=after is not None,
        parent=parent,
    )
    records = await connection.fetch(write(), *arguments)
    if listing.wide and any(record[0] is None for record in records[: wanted.limit]):
        # Few pages hold a row longer than its share; only they are asked for again, and end where their bytes do.
        records = await connection.fetch(write(has_long=True), *arguments)
    if not records and parent is not None:
        there = await connection.fetchval(exists_statement(parent, is_scoped=bool(scope)), *scope, parent_id)
        if there is None:
            return None
    count = None
    if wanted.counted:
        count = await connection.fetchval(count_statement(listing, names, is_scoped=bool(scope), parent=parent), *known)
    items = [record[0] for record in takewhile(lambda record: record[0] is not None, records[: wanted.limit])]
    if len(records) == len(items):
        return Page(items, None, count)
    last = records[len(items) - 1]
    if order.read is None:
        return Page(items, After(_dump_key(last[1]), _dump_key(last[2])), count)
    shown = orjson.loads(last[0])
    return Page(items, After(order.read(shown), shown[listing.tie]), count)


def _parse_key(kind: str, value: str | int) -> Any:  # noqa: ANN401 -- what asyncpg takes for that type
    """Read a value of a cursor, which nobody but the hub wrote."""
    match kind:
        case "timestamptz":
            return datetime.fromisoformat(str(value))
        case "uuid":
            return UUID(str(value))
        case "numeric":
            return Decimal(value)
        case _:
            return value


def _dump_key(value: Any) -> str | int:  # noqa: ANN401 -- what asyncpg gives for a key
    return value if isinstance(value, int) else str(value)


async def _one(connection: Connection, arguments: Sequence[str | UUID], listing: Listing) -> Single | None:
    record = await connection.fetchrow(one_statement(listing, is_scoped=len(arguments) > 1), *arguments)
    return None if record is None else Single(record[0], record[1])
