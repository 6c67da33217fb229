"""Types of values in a query string: what fits, how it is read, and how the OpenAPI document says it."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,9})")
_MAX_INTEGER = 2_147_483_647
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MONEY = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,2})?")
TIME_PATTERN = (
    r"(?:19|[2-9][0-9])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:[Zz]|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"
)
_TIME = re.compile(TIME_PATTERN)


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of value in a query string.

    Args:
        sql: PostgreSQL's name of it.
        parse: text to value; None: it does not fit.
        schema: the JSON Schema of what fits.
        wants: what fits, for the sentence of a refusal.
    """

    sql: str
    parse: Callable[[str], Any]
    schema: Mapping[str, Any]
    wants: str


def _integer(text: str) -> int | None:
    value = int(text) if _INTEGER.fullmatch(text) else None
    return value if value is not None and -_MAX_INTEGER <= value <= _MAX_INTEGER else None


def _time(text: str) -> datetime | None:
    if not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


INTEGER = Kind(
    "int8",
    _integer,
    {"type": "integer", "minimum": -_MAX_INTEGER, "maximum": _MAX_INTEGER},
    f"a whole number within ±{_MAX_INTEGER}",
)
IDENTIFIER = Kind(
    "uuid", lambda text: UUID(text) if _UUID.fullmatch(text) else None, {"type": "string", "format": "uuid"}, "a UUID"
)
BOOLEAN = Kind("bool", {"true": True, "false": False}.get, {"type": "boolean"}, "`true` or `false`")
MONEY = Kind(
    "numeric",
    lambda text: Decimal(text) if _MONEY.fullmatch(text) else None,
    {"type": "string", "pattern": f"^{_MONEY.pattern}$"},
    "an amount such as 9.99",
)
TIME = Kind(
    "timestamptz",
    _time,
    {"type": "string", "format": "date-time", "pattern": f"^{TIME_PATTERN}$"},
    "an RFC 3339 time with its zone (write + as %2B)",
)


def text_of(length: int) -> Kind:
    """Make the kind of a text of 1 to `length` characters; it is compared as NFC, as it is stored."""
    return Kind(
        "text",
        lambda text: unicodedata.normalize("NFC", text) if len(text) <= length else None,
        {"type": "string", "minLength": 1, "maxLength": length, "pattern": "^[^\\u0000]*$"},
        f"a text of 1 to {length} characters",
    )


def one_of(choices: Iterable[str]) -> Kind:
    """Make the kind of one word of several."""
    words = tuple(choices)
    known = frozenset(words)
    return Kind(
        "text",
        lambda text: text if text in known else None,
        {"type": "string", "enum": list(words)},
        "one of " + ", ".join(words),
    )
