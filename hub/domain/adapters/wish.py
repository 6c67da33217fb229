"""What a message means, before the ids of the pharmacy's own rows are known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from hub.domain.fields import MAX_REFERENCE
from hub.domain.mapping import Mapping, decimal_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Untranslatable(Exception):
    """A message says too little to be a command; the sentence stands as its `reason`."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A command to be.

    Args:
        command: `order.mirror`, `inventory.mirror` or `sale.record`.
        key: of an order its id at the vendor's; of stock the article's id or sku there; of a sale nothing.
        body: members of the command's body; a reference to an item is a sku of the pharmacy or an id of the vendor.
        vendor_ids: of an order, for each of its `items`: the id under which the vendor knows the article; None: none that matters.
    """

    command: Literal["order.mirror", "inventory.mirror", "sale.record"]
    key: str
    body: dict[str, Any] = field(default_factory=dict)
    vendor_ids: Sequence[str | None] = ()


def members(value: Any, *names: str) -> dict[str, Any]:  # noqa: ANN401 -- a JSON value
    """Read an object that lies in objects; what is missing is empty."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 -- a JSON value
    """Read a list of objects; anything else in it is left out."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def identifier(value: Any, what: str) -> str:  # noqa: ANN401 -- a JSON value
    """Read a vendor's id.

    Raises:
        Untranslatable: there is none.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or not 0 < len(str(value)) <= MAX_REFERENCE:
        message = f"{what} is missing or no id"
        raise Untranslatable(message)
    return str(value)


def whole(value: Any, what: str) -> int:  # noqa: ANN401 -- a JSON value
    """Read a number of units.

    Raises:
        Untranslatable: it is no whole number.
    """
    number = decimal_of(value)
    if number is None or number != number.to_integral_value():
        message = f"{what} is no whole number"
        raise Untranslatable(message)
    return int(number)


def article_of(mapping: Mapping, vendor: str, sku: Any, *ids: Any) -> tuple[str, str | None]:  # noqa: ANN401 -- JSON values
    """Name the article of a line.

    Args:
        ids: the vendor's, the most exact one first.
    Returns:
        A sku, and the vendor's id of it. As the mapping says, then there is no more to look for; else the vendor's sku; else
        `<vendor>:<id>`, which no item has by chance.

    Raises:
        Untranslatable: the line names no article at all.
    """
    known = [str(one) for one in ids if isinstance(one, str | int) and not isinstance(one, bool) and one]
    for one in known:
        if one in mapping.skus:
            return mapping.skus[one], None
    if isinstance(sku, str) and sku.strip():
        if sku in mapping.skus:
            return mapping.skus[sku], None
        return sku.strip(), known[0] if known else None
    if not known:
        message = "a line names no article"
        raise Untranslatable(message)
    return f"{vendor}:{known[0]}", known[0]


def is_here(mapping: Mapping, location: Any) -> bool:  # noqa: ANN401 -- a JSON value
    """Tell whether a vendor's location is this pharmacy."""
    return not mapping.locations or str(location) in mapping.locations


def counting(mapping: Mapping, location: Any) -> dict[str, Any]:  # noqa: ANN401 -- a JSON value
    """Say at which of the vendor's locations it was counted, and which of them make up the stock."""
    if isinstance(location, bool) or not isinstance(location, str | int) or location == "":
        return {}
    return {"location": str(location)} | ({"locations": mapping.locations} if mapping.locations else {})


def instant(value: Any, *, is_utc: bool = False) -> datetime | None:  # noqa: ANN401 -- a JSON value
    """Read a time of the vendor's; None: it is none.

    Args:
        is_utc: without a zone it is UTC.
    """
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(_to_microseconds(value))
        if at.tzinfo is None:
            return at.replace(tzinfo=UTC) if is_utc else None
        return at.astimezone(UTC)
    except (ValueError, OverflowError):  # in UTC, the first and the last hours of the calendar lie outside of it
        return None


def _to_microseconds(text: str) -> str:
    """Cut the nanoseconds that some vendors write."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"


def revision_of(at: datetime | None) -> int | None:
    """Make a revision of a time: microseconds since 1970.

    >>> revision_of(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return None if at is None or at < _EPOCH else (at - _EPOCH) // timedelta(microseconds=1)


def without_nothing(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Leave out what was not said."""
    return {name: value for name, value in pairs if value is not None}
