"""The SQL of pages: rows come back as JSON text, made by PostgreSQL, so that no Python runs for each row.

Measured on 50 inventory items: 180 us of PostgreSQL and 55 us of Python, against 80 us and 450 us for rows that become
dataclasses, dictionaries and JSON here. What a row looks like is still said once, by the `dump_*` functions of the
domain: `tests/rooms/test_lists_storage.py` compares both for every kind of row.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from tortoise.fields import JSONField
from tortoise.models import Model

from hub.storage.paging import COUNT_CAP, Listing

# A literal LIMIT gives PostgreSQL a better plan, but each text is a prepared statement of its own.
_LITERAL_LIMITS = frozenset({50, 100, 500})


def item_of(model: type[Model], members: Iterable[str], **computed: str) -> str:
    """Make the SQL expression that shows a row `t` as JSON text.

    Args:
        members: names of columns, or of what is computed, in the order in which they are shown.
        computed: SQL text expressions, each JSON text and never NULL.
    """
    parts = []
    for position, name in enumerate(members):
        expression = computed.get(name) or _column(model, name)
        parts.append(f"""'{"," if position else "{"}"{name}":' || {expression}""")
    return " || ".join(parts) + " || '}'"


def _column(model: type[Model], name: str) -> str:
    column = model._meta.fields_map[name]  # noqa: SLF001 -- Tortoise has no public way to a model's fields
    place = f't."{name}"'
    if isinstance(column, JSONField):
        text = f"{place}::text"
    else:
        kind = column.get_for_dialect("postgres", "SQL_TYPE").lower()
        if kind == "timestamptz":
            text = as_time(place)
        elif kind == "uuid" or kind.startswith("decimal"):
            text = f"""'"' || {place} || '"'"""
        elif kind == "text" or kind.startswith("varchar"):
            text = f"to_json({place})::text"
        else:
            text = f"{place}::text"
    return f"coalesce({text}, 'null')" if column.null else text


def as_time(expression: str) -> str:
    """Make the SQL that shows a time as `hub.domain.fields.format_time` does, in quotes; the session's time zone is UTC."""
    return f"to_char({expression}, '\\\"YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"\\\"')"


@lru_cache(1024)
def page_statement(
    listing: Listing, names: tuple[str, ...], sort: str, limit: int, *, is_scoped: bool, is_continued: bool, parent: Listing | None
) -> str:
    """Write the statement of a page.

    Its parameters, in this order: the pharmacy (when scoped), the parent's id (where there is one), the filters' values
    in the order of `names`, the sort value and tie value to continue behind (when continued), the limit (when not 50,
    100 or 500; one more row than the limit is asked for).
    """
    order = listing.sorts[sort.removeprefix("-")]
    direction, beyond = ("DESC", "<") if sort.startswith("-") else ("ASC", ">")
    conditions, number = _conditions(listing, names, is_scoped=is_scoped, parent=parent)
    if is_continued:
        conditions.append(
            f'({order.expression}, t."{listing.tie}") {beyond} (${number}::{order.kind}, ${number + 1}::{listing.tie_kind})'
        )
        number += 2
    hidden = "" if order.read else f', {order.expression}, t."{listing.tie}"'
    amount = str(limit + 1) if limit in _LITERAL_LIMITS else f"${number}::int8"
    return (
        f'SELECT {listing.item}{hidden} FROM "{listing.table}" t WHERE {" AND ".join(conditions)} '  # noqa: S608 -- names of our own
        f'ORDER BY {order.expression} {direction}, t."{listing.tie}" {direction} LIMIT {amount}'
    )


@lru_cache(256)
def count_statement(listing: Listing, names: tuple[str, ...], *, is_scoped: bool, parent: Listing | None) -> str:
    """Write the statement that counts what a list holds, up to one more than the cap."""
    conditions, _ = _conditions(listing, names, is_scoped=is_scoped, parent=parent)
    return (
        f'SELECT count(*) FROM (SELECT 1 FROM "{listing.table}" t WHERE {" AND ".join(conditions)} '  # noqa: S608 -- as above
        f"LIMIT {COUNT_CAP + 1}) AS counted"
    )


@lru_cache(64)
def one_statement(listing: Listing, *, is_scoped: bool) -> str:
    """Write the statement of one row by its id: parameters id, and the pharmacy when scoped."""
    version = "t.version" if listing.versioned else "NULL::int4"
    scope = f' AND t."{listing.scope}" = $2::uuid' if is_scoped else ""
    return f'SELECT {listing.item}, {version} FROM "{listing.table}" t WHERE t.id = $1::uuid AND {listing.alive}{scope}'  # noqa: S608 -- as above


@lru_cache(64)
def exists_statement(listing: Listing, *, is_scoped: bool) -> str:
    """Write the statement that tells whether a row is there: parameters as for one row."""
    scope = f' AND t."{listing.scope}" = $2::uuid' if is_scoped else ""
    return f'SELECT true FROM "{listing.table}" t WHERE t.id = $1::uuid AND {listing.alive}{scope}'  # noqa: S608 -- as above


def uses_literal_limit(limit: int) -> bool:
    """Tell whether a page of this length has its limit in the statement instead of in a parameter."""
    return limit in _LITERAL_LIMITS


def _conditions(
    listing: Listing, names: Iterable[str], *, is_scoped: bool, parent: Listing | None
) -> tuple[list[str], int]:
    conditions = [listing.alive]
    number = 1
    if is_scoped:
        # Row-level security says so too: two walls, each enough.
        conditions.append(f't."{listing.scope}" = ${number}::uuid')
        number += 1
    if parent is not None:
        assert listing.parent is not None
        alive = parent.alive.replace("t.", "p.")
        owner = f' AND p."{parent.scope}" = $1::uuid' if is_scoped else ""
        conditions.append(
            f't."{listing.parent.column}" = ${number}::uuid '
            f'AND EXISTS (SELECT 1 FROM "{parent.table}" p WHERE p.id = ${number}::uuid AND {alive}{owner})'  # noqa: S608 -- as above
        )
        number += 1
    for name in names:
        wanted = listing.filters[name]
        conditions.append("(" + wanted.condition.replace("{}", f"${number}::{wanted.kind.sql}") + ")")
        number += 1
    return conditions, number


def contains_text(*columns: str) -> str:
    """Make the condition that one of these text expressions holds `{}` as a literal part, whatever its case.

    `strpos` knows no wildcards, so nothing is escaped; ICU knows the case of all letters, the database's own collation
    may know ASCII only.
    """
    return " OR ".join(
        f'''strpos(lower({column} COLLATE "und-x-icu"), lower({{}} COLLATE "und-x-icu")) > 0''' for column in columns
    )
