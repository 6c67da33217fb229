"""The types of fields that clients fill in. Each parses once, names its fault, and is exact in the JSON Schema."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

MAX_QUANTITY = 2_147_483_647
MAX_TEXT = 10_000
MAX_REFERENCE = 128
MAX_FREE_BYTES = 65_536
_CENT = Decimal("0.01")
_MONEY = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,2})?")
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
# RFC 3339, 5.6; leap seconds are refused, for the database has none.
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)

# Control, format and line-separator characters, spelled out so that the served pattern says exactly what is refused.
_FORBIDDEN = (
    "\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u180e"
    "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ud800-\\udfff\\ufeff\\ufff9-\\ufffb"
    # Beyond U+FFFF Python and ECMAScript escape differently, so these stand as themselves.
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_REFERENCE = re.compile(f"[^{_FORBIDDEN}]*[^{_FORBIDDEN}\\s][^{_FORBIDDEN}]*")
_REFERENCE_PATTERN = f"^[^{_FORBIDDEN}]*[^{_FORBIDDEN}\\s][^{_FORBIDDEN}]*$"


class Body(BaseModel):
    """What a client sends: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _parse_money(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("money_type", 'send money as a string, for example "9.99"')
    if not _MONEY.fullmatch(value):
        raise PydanticCustomError(
            "money", "this is an amount such as 9.99: at most 10 digits, then at most 2 after a point"
        )
    # Adding 0 turns -0.00 into 0.00.
    return Decimal(value).quantize(_CENT) + 0


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise PydanticCustomError("negative_money", "an amount is never negative")
    return value


def _parse_reference(value: str) -> str:
    if value.isascii():
        if value.isprintable() and not value.isspace():
            return value
    else:
        value = unicodedata.normalize("NFC", value)
        # A few characters are longer in NFC.
        if len(value) > MAX_REFERENCE:
            raise PydanticCustomError(
                "string_too_long", "a reference has at most {max_length} characters", {"max_length": MAX_REFERENCE}
            )
        if _REFERENCE.fullmatch(value):
            return value
    raise PydanticCustomError("reference", "this is not blank, and has no control, format or line-separator characters")


def _bounded_time(value: datetime) -> datetime:
    try:
        if value >= _EARLIEST:
            return value.astimezone(UTC)
    except OverflowError:  # 9999-12-31 west of Greenwich is year 10000 in UTC
        pass
    raise PydanticCustomError("time_range", "a time lies in the years 1900 to 9999 of UTC")


def _parse_time(value: object) -> object:
    # pydantic would take a number for seconds since 1970, and in strict mode no text at all once a validator has seen it.
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:  # the 30th of February
            pass
    raise PydanticCustomError(
        "time_type", "this is a time as RFC 3339 text with its zone, such as 2026-12-31T12:00:00Z"
    )


Amount = Annotated[
    Decimal,
    BeforeValidator(_parse_money),
    AfterValidator(_not_negative),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(-0(\.0{1,2})?|[0-9]{1,10}(\.[0-9]{1,2})?)$", "examples": ["9.99"]}
    ),
]
"""Money that is never negative: text in JSON, two decimals."""

Quantity = Annotated[int, Field(strict=True, ge=0, le=MAX_QUANTITY)]
"""A number of units on a shelf, as declared by a count."""

Units = Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY)]
"""A number of units that changes hands."""

Delta = Annotated[int, Field(strict=True, ge=-MAX_QUANTITY, le=MAX_QUANTITY)]

Reference = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=MAX_REFERENCE),
    AfterValidator(_parse_reference),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128, "pattern": _REFERENCE_PATTERN}),
]
"""A sku or a reference: NFC, not blank, without control, format or line-separator characters."""

Name = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_TEXT)]
Text = Annotated[str, Field(strict=True, max_length=MAX_TEXT)]

Time = Annotated[AwareDatetime, BeforeValidator(_parse_time), AfterValidator(_bounded_time)]
"""An instant of the client's: RFC 3339 with its zone, 1900 to 9999."""


def _refuse_null(value: object) -> object:
    if value is None:
        raise PydanticCustomError("null", "null would take it away, and it cannot be taken away")
    return value


T = TypeVar("T")
NotNull = Annotated[T | SkipJsonSchema[None], BeforeValidator(_refuse_null)]
"""A field of a JSON Merge Patch that may be left out (it is then None), but not be taken away by null."""


def is_too_long(value: Mapping[str, JsonValue]) -> bool:
    """Tell whether data that the hub keeps for others is more than it keeps: 64 KiB as JSON in UTF-8.

    It travels whole in every event of its resource, and is read whole with every command.
    """
    return len(orjson.dumps(value)) > MAX_FREE_BYTES


TOO_LONG: Final = f"all of it together has at most {MAX_FREE_BYTES} bytes as JSON"


def _bounded_object(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if is_too_long(value):
        raise PydanticCustomError("object_too_long", TOO_LONG)
    return value


FreeObject = Annotated[
    dict[str, JsonValue], AfterValidator(_bounded_object), Field(description="At most 64 KiB as JSON in UTF-8.")
]
"""Data that the hub keeps and never reads, at most 64 KiB of it."""


@lru_cache(maxsize=16_384)
def format_id(value: UUID) -> str:
    """Write an id. Every id is written several times, in rows, events and answers, and writing one takes a microsecond."""
    return str(value)


@lru_cache(maxsize=4_096)
def format_time(value: datetime) -> str:
    """Write an aware UTC time as RFC 3339 with six digits of the second, so that text sorts as time does.

    All rows and events of a window bear the same time.
    """
    # `isoformat` takes a tenth of `strftime`, and every command and row writes times; the last six characters are +00:00.
    return value.isoformat(timespec="microseconds")[:-6] + "Z"


def format_money(value: Decimal) -> str:
    """Write money with its two decimals and no exponent."""
    return f"{value:.2f}"


def same_json(left: object, right: object) -> bool:
    """Tell whether two JSON values are the same; unlike `==`, which takes `true` for 1.

    >>> same_json({"a": 1}, {"a": True}), same_json({"a": 1, "b": 2}, {"b": 2, "a": 1})
    (False, True)
    """
    if left is right:
        return True
    return left == right and orjson.dumps(left, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        right, option=orjson.OPT_SORT_KEYS
    )


def merge_patch(target: object, patch: object) -> Any:  # noqa: ANN401 -- a JSON value
    """Apply a JSON Merge Patch (RFC 7396).

    >>> merge_patch({"a": 1, "b": 2}, {"b": None, "c": {"d": None, "e": 1}})
    {'a': 1, 'c': {'e': 1}}
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged
