"""Filters of webhook endpoints: conditions on the members of an event, written as JSON.

`{"type": "sale.recorded", "data.sale.total_price": {"$gte": "100.00"}, "$or": [{...}, {...}]}`: every member of a filter must
hold. A key is a way to a member: names with dots between them, or a JSON pointer where a name has dots itself. A plain value
must be equal; an object holds operators, or goes on deeper. On the way through a list every element counts, and one that fits
is enough; a number names one element. A number also equals, and is compared with, text of the same amount, for money is text.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any, Final

from hub.domain.checking import escape_step
from hub.domain.fields import format_time, same_json
from hub.domain.problem import FieldError

MAX_CONDITIONS: Final = 100
MAX_DEPTH: Final = 12
MAX_CHOICES: Final = 100
MAX_PATH: Final = 256
MAX_LOOKS: Final = 10_000
"""Members, elements and comparisons that a filter may cost for one event: some milliseconds."""
MEMBERS: Final = frozenset(
    (
        *("specversion", "id", "type", "source", "subject", "time", "timestamp", "datacontenttype", "dataschema"),
        *("sequence", "pharmacyid", "causationid", "data"),
    )
)
"""What an event has: a way begins with one of these."""

_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {"$gt": gt, "$gte": ge, "$lt": lt, "$lte": le}
_TESTS: Final = frozenset(("$eq", "$ne", "$in", "$exists", *_ORDER))
_JOINTS: Final = frozenset(("$and", "$or", "$not"))
_DECIMAL: Final = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,6})?")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]{8,16}(?:[Zz]|[+-][0-9]{2}:[0-9]{2})")
_POINTER: Final = "#/filter"
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,5}")


def matches(wanted: Mapping[str, Any] | None, event: Mapping[str, Any]) -> bool:
    """Tell whether an event meets a filter that `filter_faults` has found good; None takes every event.

    >>> sale = {"type": "sale.recorded", "data": {"sale": {"total_price": "99.50", "lines": [{"sku": "A"}, {"sku": "B"}]}}}
    >>> matches({"type": "sale.recorded", "data.sale.total_price": {"$lt": 100}, "data.sale.lines.sku": "B"}, sale)
    True
    >>> matches({"$not": {"data": {"sale": {"lines.0.sku": {"$in": ["A", "C"]}}}}}, sale)
    False
    """
    return try_filter(wanted, event)[0]


def try_filter(wanted: Mapping[str, Any] | None, event: Mapping[str, Any]) -> tuple[bool, int]:
    """Tell as `matches` whether an event meets a filter, and how many looks that took.

    An event that would take more than `MAX_LOOKS` is taken: it is better told than lost, and no filter holds up its neighbours.
    """
    if wanted is None:
        return True, 0
    matching = _Matching()
    try:
        return matching.holds(wanted, [event]), matching.looks
    except _TooMuch:
        return True, MAX_LOOKS


def filter_faults(wanted: object, members: frozenset[str] = MEMBERS) -> list[FieldError]:
    """Name what is wrong with a filter, each fault with its place.

    Args:
        members: the names with which a way may begin.

    >>> [(fault.pointer, fault.code) for fault in filter_faults({"typ": 1, "data.x": {"$gt": True, "$like": "a"}})]
    [('#/filter/typ', 'unknown-path'), ('#/filter/data.x/$gt', 'operand'), ('#/filter/data.x/$like', 'unknown-operator')]
    """
    if not isinstance(wanted, Mapping):
        return [FieldError(_POINTER, "filter", "a filter is an object of conditions")]
    faults = list(_faults(wanted, _POINTER, members, 0))
    conditions = sum(1 for _ in _conditions(wanted))
    if not faults and conditions > MAX_CONDITIONS:
        faults = [
            FieldError(_POINTER, "too-many", f"a filter has at most {MAX_CONDITIONS} conditions, not {conditions}")
        ]
    return faults


# ---- checking


def _faults(
    wanted: Mapping[str, Any], pointer: str, members: frozenset[str] | None, depth: int
) -> Iterator[FieldError]:
    """Walk through a filter; `members` is None below a way, where every name is possible."""
    if depth > MAX_DEPTH:
        yield FieldError(pointer, "too-deep", f"a filter is at most {MAX_DEPTH} levels deep")
        return
    for key, operand in wanted.items():
        place = f"{pointer}/{escape_step(key)}"
        if key in _JOINTS:
            yield from _joint_faults(key, operand, place, members, depth)
        elif key in _TESTS:
            if members is not None:
                yield FieldError(place, "no-path", f"{key} stands behind the name of a member, which it is about")
            else:
                yield from _operand_faults(key, operand, place)
        elif key.startswith("$"):
            known = ", ".join(sorted(_TESTS | _JOINTS))
            yield FieldError(place, "unknown-operator", f"the operators are {known}")
        else:
            yield from _way_faults(key, operand, place, members, depth)


def _joint_faults(
    key: str, operand: object, place: str, members: frozenset[str] | None, depth: int
) -> Iterator[FieldError]:
    if key == "$not":
        parts = [(operand, place)]
    elif isinstance(operand, list) and 0 < len(operand) <= MAX_CHOICES:
        parts = [(part, f"{place}/{index}") for index, part in enumerate(operand)]
    else:
        yield FieldError(place, "operand", f"{key} takes a list of 1 to {MAX_CHOICES} filters")
        return
    for part, where in parts:
        if isinstance(part, Mapping) and part:
            yield from _faults(part, where, members, depth + 1)
        else:
            yield FieldError(where, "operand", f"{key} takes objects of conditions, none of them empty")


def _operand_faults(key: str, operand: object, place: str) -> Iterator[FieldError]:
    if key == "$in" and not (isinstance(operand, list) and 0 < len(operand) <= MAX_CHOICES):
        yield FieldError(place, "operand", f"$in takes a list of 1 to {MAX_CHOICES} values")
    elif key == "$exists" and not isinstance(operand, bool):
        yield FieldError(place, "operand", "$exists takes true or false")
    elif key in _ORDER and (isinstance(operand, bool) or not isinstance(operand, int | float | str)):
        yield FieldError(place, "operand", f"{key} takes a number or a text")


def _way_faults(
    key: str, operand: object, place: str, members: frozenset[str] | None, depth: int
) -> Iterator[FieldError]:
    steps = _steps(key)
    if not all(steps) or len(key) > MAX_PATH:
        detail = f"a way is names with dots between them, or a JSON pointer; at most {MAX_PATH} characters"
        yield FieldError(place, "path", detail)
    elif members is not None and steps[0] not in members:
        yield FieldError(place, "unknown-path", f"it begins with one of {', '.join(sorted(members))}")
    elif isinstance(operand, list):
        yield FieldError(place, "operand", "$in takes one of several values, $eq a list as a whole")
    elif isinstance(operand, Mapping):
        if operand:
            yield from _faults(operand, place, None, depth + 1)
        else:
            yield FieldError(place, "operand", "there is no condition; $exists asks whether it is there")


def _conditions(wanted: object) -> Iterator[object]:
    if isinstance(wanted, Mapping):
        for key, operand in wanted.items():
            if key in _TESTS or not isinstance(operand, Mapping | list):
                yield operand
            else:
                yield from _conditions(operand)
    elif isinstance(wanted, list):
        for part in wanted:
            yield from _conditions(part)


# ---- matching


class _TooMuch(Exception):
    """It would take more looks than an event may."""


@dataclass(slots=True)
class _Matching:
    """One filter tried on one event; every member, element and comparison is a look."""

    looks: int = 0

    def holds(self, wanted: Mapping[str, Any], here: Sequence[Any]) -> bool:
        return all(self._is_met(key, operand, here) for key, operand in wanted.items())

    def _spend(self, looks: int) -> None:
        self.looks += looks
        if self.looks > MAX_LOOKS:
            raise _TooMuch

    def _is_met(self, key: str, operand: Any, here: Sequence[Any]) -> bool:  # noqa: ANN401 -- a JSON value
        match key:
            case "$and":
                return all(self.holds(part, here) for part in operand)
            case "$or":
                return any(self.holds(part, here) for part in operand)
            case "$not":
                return not self.holds(operand, here)
        if key.startswith("$"):
            return self._passes(key, operand, here)
        found = here
        for step in _steps(key):
            found = list(self._inside(found, step))
        return self.holds(operand, found) if isinstance(operand, Mapping) else self._passes("$eq", operand, found)

    def _inside(self, values: Sequence[Any], step: str) -> Iterator[Any]:
        self._spend(1 + len(values))
        for value in values:
            if isinstance(value, Mapping):
                if step in value:
                    yield value[step]
            elif isinstance(value, list):
                if not _INDEX.fullmatch(step):
                    self._spend(len(value))
                    yield from (part[step] for part in value if isinstance(part, Mapping) and step in part)
                elif int(step) < len(value):
                    yield value[int(step)]

    def _passes(self, key: str, operand: Any, values: Sequence[Any]) -> bool:  # noqa: ANN401 -- a JSON value
        if key == "$exists":
            return bool(values) is operand
        self._spend(1 + len(values) + sum(len(value) for value in values if isinstance(value, list)))
        candidates = [*values, *(part for value in values if isinstance(value, list) for part in value)]
        match key:
            case "$eq":
                return any(self._equals(value, operand) for value in candidates)
            case "$ne":
                return not any(self._equals(value, operand) for value in candidates)
            case "$in":
                texts = frozenset(choice for choice in operand if isinstance(choice, str))
                others = [choice for choice in operand if not isinstance(choice, str)]
                self._spend(len(operand) + len(candidates) * len(others))
                return any(
                    (isinstance(value, str) and value in texts) or any(self._equals(value, one) for one in others)
                    for value in candidates
                )
        return any(_compares(value, operand, _ORDER[key]) for value in candidates)

    def _equals(self, value: Any, operand: Any) -> bool:  # noqa: ANN401 -- JSON values
        if isinstance(operand, int | float) and not isinstance(operand, bool):
            amount = _amount(value)
            return amount is not None and amount == _amount(operand)
        if type(value) is not type(operand):
            return False
        self._count(value)
        return same_json(value, operand)

    def _count(self, value: Any) -> None:  # noqa: ANN401 -- a JSON value
        """Count what comparing two lists or objects looks at."""
        if isinstance(value, dict | list):
            self._spend(len(value))
            for part in value.values() if isinstance(value, dict) else value:
                self._count(part)


def _compares(value: Any, operand: Any, is_so: Callable[[Any, Any], bool]) -> bool:  # noqa: ANN401 -- JSON values
    wanted, amount = _amount(operand), _amount(value)
    if wanted is not None and amount is not None:
        return is_so(amount, wanted)
    # Text goes by code points; events have all times in one form, in which that is the order of time.
    return isinstance(value, str) and isinstance(operand, str) and is_so(value, _as_in_events(operand))


def _amount(value: Any) -> int | Decimal | None:  # noqa: ANN401 -- a JSON value
    if isinstance(value, str):
        return Decimal(value) if _DECIMAL.fullmatch(value) else None
    if isinstance(value, float):
        return _decimal(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@lru_cache(1024)
def _decimal(number: float) -> Decimal:
    """Read a number as it was written: 99.95 is the text "99.95", though no binary fraction is."""
    return Decimal(repr(number))


@lru_cache(1024)
def _as_in_events(text: str) -> str:
    """Write a time as events do; any other text stays as it is."""
    if not _TIME.fullmatch(text):
        return text
    try:
        return format_time(datetime.fromisoformat(text.upper()).astimezone(UTC))
    except (ValueError, OverflowError):
        return text


@lru_cache(4096)
def _steps(key: str) -> tuple[str, ...]:
    if key.startswith("/"):
        return tuple(part.replace("~1", "/").replace("~0", "~") for part in key[1:].split("/"))
    return tuple(key.split("."))
