"""The SQL of pages: rows come back as JSON text, made by PostgreSQL, so that no Python runs for each row.

Measured on 50 inventory items: 185 us of PostgreSQL and 55 us of Python, against 80 us and 450 us for rows that become
dataclasses, dictionaries and JSON here. What a row looks like is still said once, by the `dump_*` functions of the
domain: `tests/rooms/test_lists_storage.py` compares both for every kind of row.

A statement that reads for one pharmacy carries the setting of row-level security itself, for itself only, which spares
the round trip that would set it: `own` sets it, and the LATERAL part, which needs `own.id`, cannot run before that (its
LIMIT or aggregate keeps the planner from merging the two). Were it ever to run before, it would see nobody's rows.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from tortoise.fields import JSONField
from tortoise.models import Model

from hub.storage.paging import COUNT_CAP, INDEXED, PAGE_BYTES, Listing

# A literal LIMIT gives PostgreSQL a better plan, but each text is a prepared statement of its own.
_LITERAL_LIMITS = frozenset({50, 100, 500})
_COLUMN = re.compile(r'\bt\."?(\w+)')


def item_of(model: type[Model], members: Iterable[str], **computed: str) -> str:
    """Make the SQL expression that shows a row `t` as JSON text.

    Args:
        members: names of columns, or of what is computed, in the order in which they are shown.
        computed: SQL expressions, each JSON text and never NULL.
    """
    # Literals and expressions in turn: `concat` is faster than a chain of `||`, and its literals cost next to nothing.
    parts: list[str] = []
    literal = "{"
    for position, name in enumerate(members):
        before, expression, behind = ("", computed[name], "") if name in computed else _column(model, name)
        parts += (f"'{literal}{',' if position else ''}\"{name}\":{before}'", expression)
        literal = behind
    return f"concat({', '.join(parts)}, '{literal}}}')"


def _column(model: type[Model], name: str) -> tuple[str, str, str]:
    """Write a column as JSON: what stands before it, the expression, what stands behind."""
    column = model._meta.fields_map[name]  # noqa: SLF001 -- Tortoise has no public way to a model's fields
    place = f't."{name}"'
    kind = column.get_for_dialect("postgres", "SQL_TYPE").lower()
    if isinstance(column, JSONField):
        text, quote = place, ""
    elif kind == "timestamptz":
        text, quote = as_time(place), ""
    elif kind == "text" or kind.startswith("varchar"):
        text, quote = f"to_json({place})", ""
    elif kind == "bool":
        text, quote = f"{place}::text", ""  # `concat` would write `t` and `f`
    else:
        text, quote = place, '"' if kind == "uuid" or kind.startswith("decimal") else ""
    if not column.null:
        return quote, text, quote
    return "", f"""coalesce({f"'{quote}' || {text} || '{quote}'" if quote else f"({text})::text"}, 'null')""", ""


def as_time(expression: str) -> str:
    """Make the SQL that shows a time as `hub.domain.fields.format_time` does, in quotes; the session's time zone is UTC."""
    return f'to_char({expression}, \'\\"YYYY-MM-DD"T"HH24:MI:SS.US"Z"\\"\')'


# What a statement's own pharmacy is: parameter 1, as text.
_OWN = "(SELECT set_config('app.pharmacy_id', $1, true)::uuid AS id OFFSET 0) AS own"


@lru_cache(1024)
def page_statement(
    listing: Listing,
    names: tuple[str, ...],
    sort: str,
    limit: int,
    *,
    is_scoped: bool,
    is_continued: bool,
    parent: Listing | None,
    has_long: bool = False,
) -> str:
    """Write the statement of a page: an item is NULL where it does not fit.

    That is one longer than its share of a page's bytes. With `has_long` it is what stands behind as many bytes as a page
    may have, the first row always fits, and PostgreSQL makes JSON of few rows more than fit.

    Its parameters, in this order: the pharmacy as text (when scoped), the parent's id (where there is one), the filters'
    values in the order of `names`, the sort value and tie value to continue behind (when continued), the limit (when not
    50, 100 or 500; one more row than the limit is asked for).
    """
    order = listing.sorts[sort.removeprefix("-")]
    direction, beyond = ("DESC", "<") if sort.startswith("-") else ("ASC", ">")
    conditions, number = _conditions(listing, names, is_scoped=is_scoped, parent=parent)
    tie = f't."{listing.tie}"'
    if is_continued:
        conditions.append(
            f"({order.expression}, {tie}) {beyond} (${number}::{order.kind}, ${number + 1}::{listing.tie_kind})"
        )
        number += 2
    hidden = "" if order.read else f", {order.expression} AS key, {tie} AS tie"
    amount = str(limit + 1) if limit in _LITERAL_LIMITS else f"${number}::int8"
    ordered = f"ORDER BY {order.expression} {direction}, {tie} {direction}"
    source = f'"{listing.table}" t WHERE {" AND ".join(conditions)} {ordered} LIMIT {amount}'
    kept = "" if order.read else ", key, tie"
    needed = ", ".join(sorted({f't."{name}"' for name in _COLUMN.findall(f"{listing.item} {order.expression} {tie}")}))
    chosen = f"SELECT {needed} FROM {source}"  # noqa: S608 -- names of our own
    if has_long:
        return _scoped(_cut(listing, chosen, ordered, hidden, kept), is_scoped=is_scoped)
    share = PAGE_BYTES // limit
    item = listing.item
    if listing.wide:
        # What is stored is a hint, and costs nothing to ask: no JSON is made of the longest rows.
        item = f"CASE WHEN {_stored(listing)} <= {share} THEN {item} END"
    if not names and parent is None and sort.removeprefix("-") in INDEXED:
        # An index gives the rows in this order: no others are made. 20 us less than below, for what is asked for most.
        made = f"SELECT {item} AS item{hidden} FROM {source}"  # noqa: S608 -- as above
    else:
        # The rows are chosen first and shown afterwards: else PostgreSQL makes the JSON of every row that it sorts, which
        # of a million items takes 4 s instead of 0.3 s.
        made = f"SELECT {item} AS item{hidden} FROM ({chosen}) AS t {ordered}"  # noqa: S608 -- as above
    if listing.wide:
        # OFFSET 0 keeps the item from being made twice, to be measured and to be shown.
        made = (
            f"SELECT CASE WHEN octet_length(item) <= {share} THEN item END AS item{kept} FROM ({made} OFFSET 0) AS made"  # noqa: S608 -- as above
        )
    return _scoped(made, is_scoped=is_scoped)


def _cut(listing: Listing, chosen: str, ordered: str, hidden: str, kept: str) -> str:
    """Write the statement of a page that ends where its bytes do."""
    so_far = f"({ordered} ROWS UNBOUNDED PRECEDING)"
    stored = f"sum({_stored(listing)}) OVER {so_far} - {_stored(listing)} AS stored_before"
    measured = f"SELECT t.*, {stored} FROM ({chosen}) AS t"  # noqa: S608 -- names of our own
    item = f"CASE WHEN t.stored_before <= {PAGE_BYTES} THEN {listing.item} END AS item"
    made = f"SELECT {item}{hidden} FROM ({measured}) AS t {ordered} OFFSET 0"  # noqa: S608 -- as above
    fits = f"sum(octet_length(item)) OVER so_far <= {PAGE_BYTES} OR row_number() OVER so_far = 1"
    return (
        f"SELECT CASE WHEN {fits} THEN item END AS item{kept} FROM ({made}) AS made "  # noqa: S608 -- as above
        "WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)"
    )


def _stored(listing: Listing) -> str:
    return "(" + " + ".join(f'coalesce(pg_column_size(t."{name}"), 0)' for name in listing.wide) + ")"


@lru_cache(256)
def count_statement(listing: Listing, names: tuple[str, ...], *, is_scoped: bool, parent: Listing | None) -> str:
    """Write the statement that counts what a list holds, up to one more than the cap."""
    conditions, _ = _conditions(listing, names, is_scoped=is_scoped, parent=parent)
    return _scoped(
        f'SELECT count(*) AS found FROM (SELECT 1 FROM "{listing.table}" t WHERE {" AND ".join(conditions)} '  # noqa: S608 -- as above
        f"LIMIT {COUNT_CAP + 1}) AS counted",
        is_scoped=is_scoped,
    )


@lru_cache(64)
def one_statement(listing: Listing, *, is_scoped: bool) -> str:
    """Write the statement of one row by its id; parameters: the pharmacy as text (when scoped), the id."""
    version = "t.version" if listing.versioned else "NULL::int4"
    return _scoped(
        f"SELECT {listing.item} AS item, {version} AS version {_by_id(listing, is_scoped=is_scoped)}",
        is_scoped=is_scoped,
    )


@lru_cache(64)
def exists_statement(listing: Listing, *, is_scoped: bool) -> str:
    """Write the statement that tells whether a row is there; parameters as for one row."""
    return _scoped(f"SELECT true AS there {_by_id(listing, is_scoped=is_scoped)}", is_scoped=is_scoped)


def uses_literal_limit(limit: int) -> bool:
    """Tell whether a page of this length has its limit in the statement instead of in a parameter."""
    return limit in _LITERAL_LIMITS


def _scoped(statement: str, *, is_scoped: bool) -> str:
    return f"SELECT found.* FROM {_OWN}, LATERAL ({statement}) AS found" if is_scoped else statement  # noqa: S608 -- as above


def _by_id(listing: Listing, *, is_scoped: bool) -> str:
    scope = f' AND t."{listing.scope}" = own.id' if is_scoped else ""
    return f'FROM "{listing.table}" t WHERE t.id = ${2 if is_scoped else 1}::uuid AND {listing.alive}{scope} LIMIT 1'


def _conditions(
    listing: Listing, names: Iterable[str], *, is_scoped: bool, parent: Listing | None
) -> tuple[list[str], int]:
    """Write the conditions of a list, and the number of the next parameter."""
    # Row-level security says whose rows these are as well: two walls, each enough.
    conditions = [listing.alive, *([f't."{listing.scope}" = own.id'] if is_scoped else [])]
    number = 2 if is_scoped else 1
    if parent is not None:
        assert listing.parent is not None
        alive = parent.alive.replace("t.", "p.")
        owner = f' AND p."{parent.scope}" = own.id' if is_scoped else ""
        conditions += (
            f't."{listing.parent.column}" = ${number}::uuid',
            f'EXISTS (SELECT 1 FROM "{parent.table}" p WHERE p.id = ${number}::uuid AND {alive}{owner})',  # noqa: S608 -- as above
        )
        number += 1
    for name in names:
        wanted = listing.filters[name]
        conditions.append("(" + wanted.condition.replace("{}", f"${number}::{wanted.kind.sql}") + ")")
        if wanted.everywhere and not is_scoped:
            conditions.append(wanted.everywhere)
        number += 1
    return conditions, number


def contains_text(*columns: str) -> str:
    """Make the condition that one of these text expressions holds `{}` as a literal part, whatever its case.

    `strpos` knows no wildcards, so nothing is escaped; ICU knows the case of all letters, the database's own collation
    may know ASCII only. Text that is ASCII goes without ICU, which takes ten times as long. What is sought is folded once:
    as a subquery, since a generic plan would fold a parameter again for each row.
    """
    sought = f"(SELECT {_folded('{}')})"
    return " OR ".join(f"strpos({_folded(column)}, {sought}) > 0" for column in columns)


def _folded(text: str) -> str:
    """Write a text expression in lower case; what is normalised is so once and only where it can differ."""
    plain = text.removeprefix("normalize(").removesuffix(")") if text.startswith("normalize(") else text
    return (
        f'CASE WHEN octet_length({plain}) = char_length({plain}) THEN lower({plain} COLLATE "C") COLLATE "und-x-icu" '
        f'ELSE lower({text} COLLATE "und-x-icu") END'
    )
