"""What the entries of lists are made of: filters, orders, searches."""

from typing import Final

from hub.storage.page_sql import contains_text
from hub.storage.paging import MAX_QUERY_TEXT, Filter, Sort
from hub.storage.parameter_kinds import TIME, Kind, text_of

REFERENCE: Final = text_of(128)
_NAME_ORDER: Final = 256
"""Characters of a name that its order goes by; a cursor holds them."""

_BOUNDS: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
ALIVE: Final = "t.deleted_at IS NULL"
EVERY_PHARMACY: Final = "t.pharmacy_id IN (SELECT p.id FROM pharmacies p)"
"""Of every row; an index that begins with the pharmacy is then asked once for each."""
VERSIONED: Final = ("created_at", "updated_at", "version")


def equal(column: str, kind: Kind, text: str = "") -> Filter:
    """Make the filter that a column is this value."""
    return Filter(kind, f"t.{column} = {{}}", text)


def since(column: str) -> Filter:
    """Make the filter that a column is at or after a time."""
    return Filter(TIME, f"t.{column} >= {{}}", f"`{column}` at or after this time.")


def bounds(name: str, expression: str, kind: Kind) -> dict[str, Filter]:
    """Make four filters: above, at least, below, at most."""
    words = {"lt": "below", "lte": "at most", "gt": "above", "gte": "at least"}
    return {
        f"{name}_{suffix}": Filter(kind, f"{expression} {operator} {{}}", f"`{name}` {words[suffix]} this value.")
        for suffix, operator in _BOUNDS.items()
    }


def search(*columns: str) -> dict[str, Filter]:
    """Make `q`: a literal part, in any case, of these text expressions."""
    shown = ", ".join(
        f"`{column.partition('(')[2].partition(')')[0] or column}`".replace("t.", "") for column in columns
    )
    return {
        "q": Filter(
            text_of(MAX_QUERY_TEXT), contains_text(*columns), f"A literal part, in any case, of {shown}.", cost="costly"
        )
    }


def has_one(column: str, member: str) -> str:
    """Make the condition that an element of a JSON column has `{}` as this member."""
    # As a subquery it is built once; a generic plan would build it again for each row.
    return f"t.{column} @> (SELECT jsonb_build_array(jsonb_build_object('{member}', {{}}::text)))"


def in_lines(column: str, *names: str) -> str:
    """Make the condition that a line in a JSON column has `{}` as a literal part of one of these members."""
    inside = contains_text(*(f"(line->>'{name}')" for name in names))
    return f"EXISTS (SELECT 1 FROM jsonb_array_elements(t.{column}) AS line WHERE {inside})"  # noqa: S608 -- names of our own


TIMES: Final = {"created_since": since("created_at"), "updated_since": since("updated_at")}


def _column_sort(column: str, kind: str) -> Sort:
    return Sort(f't."{column}"', kind, lambda item: item[column])


def sorts(**columns: str) -> dict[str, Sort]:
    """Make the orders by time and by these columns, each with its type."""
    return {
        name: _column_sort(name, kind)
        for name, kind in ({"created_at": "timestamptz", "updated_at": "timestamptz"} | columns).items()
    }


BY_NAME: Final = {
    "name": Sort(f'left(t.name, {_NAME_ORDER}) COLLATE "und-x-icu"', "text", lambda item: item["name"][:_NAME_ORDER])
}
