"""What a list may be asked, and the SQL that answers: keyset pages, never an offset.

A parameter that is unknown, empty, malformed, out of range or sent twice is an error that names it; nothing is clamped.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from hub.storage.parameter_kinds import BOOLEAN, Kind, one_of

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
PAGE_BYTES = 4 * 1_048_576
"""A page ends before it holds more than this, if it holds anything at all."""
COUNT_CAP = 10_000
MANY = {"plain": 300_000, "costly": 100_000}
"""Rows of a table that are read whole in about 0.1 s, by what is done with each: a comparison; a search, or an order."""
MAX_PARAMETERS = 30
MAX_QUERY_TEXT = 200

INDEXED = frozenset({"created_at", "updated_at"})
"""Orders that every table has an index for, whoever's the rows are."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a parameter: its name, a stable code, a sentence."""

    name: str
    code: str
    detail: str


class WrongParameters(ValueError):
    """A request's parameters cannot be answered: 400, naming each."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{fault.name}: {fault.detail}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Filter:
    """A parameter that narrows a list.

    Args:
        kind: what its value is.
        condition: SQL over the row `t`, `{}` being the value.
        help: for the OpenAPI document.
        everywhere: a further condition, true of every row, with which an index finds this value in all pharmacies; `true`
            where it does so by itself.
        cost: of looking at one row.
    """

    kind: Kind
    condition: str
    help: str = ""
    everywhere: str = ""
    cost: Literal["plain", "costly"] = "plain"


@dataclass(frozen=True, slots=True)
class Sort:
    """An order: the SQL expression over `t`, its type, and how to read its value from an item as shown.

    It is never NULL. Where the item does not show it, `read` is None and the query selects it beside the item.
    """

    expression: str
    kind: str
    read: Callable[[Mapping[str, Any]], Any] | None


@dataclass(frozen=True, slots=True)
class Parent:
    """What a list hangs on: without that row there is no list (404)."""

    listing: str
    column: str


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """One kind of list.

    Args:
        name: its key in `LISTINGS`.
        table: the table of the rows `t`.
        noun: what one of them is called in a 404.
        item: SQL text that makes the JSON of a row.
        scope: the column that says whose a row is.
        alive: SQL condition that every shown row meets.
        sorts: the orders by name; `sort=-name` is the other way round.
        is_sortable: False where there is one order only, which no parameter changes.
        tie: the unique column that ends every order.
        versioned: an item shows its `version`, which is its `ETag`.
        wide: the shown columns that may be long: JSON, and text from outside.
    """

    name: str
    table: str
    noun: str
    item: str
    filters: Mapping[str, Filter]
    sorts: Mapping[str, Sort]
    default_sort: str
    scope: str = "pharmacy_id"
    alive: str = "true"
    tie: str = "id"
    tie_kind: str = "uuid"
    is_sortable: bool = True
    parent: Parent | None = None
    versioned: bool = True
    wide: tuple[str, ...] = ()

    def most_rows(self, names: Iterable[str], sort: str) -> int | None:
        """Say of how many rows at most a list of all pharmacies may be narrowed and ordered so: it reads the whole table.

        None: of any number, an index finds them.
        """
        order = sort.removeprefix("-")
        read = [self.filters[name] for name in names]
        if any(one.everywhere for one in read):
            return None  # they are few, whatever else is asked of them
        if order not in INDEXED | {self.default_sort.removeprefix("-")} or any(one.cost == "costly" for one in read):
            return MANY["costly"]
        return MANY["plain"] if read else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A list's parameters, read.

    Args:
        values: the filters' values by name, in the order of names.
        words: the same as they were sent: what a cursor is bound to.
        cursor: as sent, unread.
    """

    limit: int = DEFAULT_LIMIT
    sort: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    words: Sequence[tuple[str, str]] = ()
    cursor: str | None = None
    counted: bool = False

    @property
    def binding(self) -> str:
        """Name what a cursor of this list is good for: the same filters and the same order, any limit."""
        return f"{self.sort}?{self.words!r}"


def parse_wanted(listing: Listing, pairs: Sequence[tuple[str, str]]) -> Wanted:
    """Read the parameters of a request for a list.

    Raises:
        WrongParameters: names every one that cannot be answered.
    """
    if not pairs:
        return Wanted(sort=listing.default_sort)
    faults: list[Fault] = []
    seen: dict[str, str] = {}
    for name, text in pairs:
        if name in seen:
            faults.append(Fault(name, "repeated", "it is given more than once"))
        seen[name] = text
    values: dict[str, Any] = {}
    for name in sorted(seen):
        try:
            values[name] = _parse(listing, name, seen[name])
        except WrongParameters as error:
            faults += error.faults
    if faults:
        raise WrongParameters(*faults)
    filters = {name: value for name, value in values.items() if name in listing.filters}
    return Wanted(
        limit=values.get("limit", DEFAULT_LIMIT),
        sort=values.get("sort", listing.default_sort),
        values=filters,
        words=[(name, seen[name]) for name in filters],
        cursor=values.get("cursor"),
        counted=values.get("count", False),
    )


def _parse(listing: Listing, name: str, text: str) -> Any:  # noqa: ANN401 -- a value of the parameter's kind
    kind = kind_of(listing, name)
    if kind is None:
        raise WrongParameters(Fault(name, "unknown", "this list knows " + ", ".join(parameters_of(listing))))
    value = None if text == "" or "\x00" in text else kind.parse(text)
    if value is None:
        raise WrongParameters(Fault(name, "malformed", f"it is {kind.wants}"))
    return value


LIMIT = Kind(
    "int8",
    lambda text: int(text) if re.fullmatch("[1-9][0-9]{0,2}", text) and int(text) <= MAX_LIMIT else None,
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    f"a whole number from 1 to {MAX_LIMIT}",
)
_CURSOR = Kind("text", lambda text: text, {}, "what `next` had")


@lru_cache(512)
def kind_of(listing: Listing, name: str) -> Kind | None:
    """Name the kind of a list's parameter; None: it has no such parameter."""
    match name:
        case "limit":
            return LIMIT
        case "cursor":
            return _CURSOR
        case "count":
            return BOOLEAN
        case "sort":
            return one_of(sort_words(listing)) if listing.is_sortable else None
        case _:
            wanted = listing.filters.get(name)
            return None if wanted is None else wanted.kind


def sort_words(listing: Listing) -> list[str]:
    """Name the values of `sort`."""
    return [sign + name for name in listing.sorts for sign in ("", "-")]


def parameters_of(listing: Listing) -> list[str]:
    """Name all parameters of a list."""
    return sorted({"limit", "cursor", "count", *(["sort"] if listing.is_sortable else []), *listing.filters})
