"""JSON from outside: one strict reading for every door.

The stdlib's parser is exact only with these guards: it takes NaN, 1e400, a BOM, duplicate keys and lone surrogates.
"""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

MAX_DEPTH = 32
MAX_TEXT = 10_000
MAX_DECIMALS = 40
MAX_VALUES = 50_000
"""Values in one document, lists and objects counted too: reading them holds up the process for some tens of milliseconds."""
_MAX_INTEGER = 2**63 - 1
_TOO_LARGE = 2.0**63
_SHORT = 1e-23  # a float has 17 digits: from here on they end within 40 places
# \u escapes that need a closer look: NUL and surrogates (a pair is a good character, a lone half is not).
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_OPENING = re.compile(rb"[\[{]")
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class MalformedJson(ValueError):
    """The bytes are not JSON as RFC 8259 has it: 400."""


class InvalidText(ValueError):
    """The JSON holds a value that the hub never stores: 422, with the JSON pointer to it."""

    def __init__(self, pointer: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer
        self.code = code
        self.detail = detail


def parse_json(raw: bytes) -> Any:  # noqa: ANN401 -- a JSON value
    """Read one JSON document.

    Raises:
        MalformedJson: not UTF-8, a BOM, duplicate keys, NaN, Infinity, a number out of range, too deep, too many values.
        InvalidText: NUL, a lone surrogate, a string over 10,000 characters, a number beyond 63 bits or with more than 40
            decimal places, however it is written: PostgreSQL shows it without an exponent, and what it shows can be sent again.
    """
    if raw.startswith(b"\xef\xbb\xbf"):
        message = "the body begins with a byte order mark; send UTF-8 without it"
        raise MalformedJson(message)
    if _has_too_many_values(raw):
        message = f"the body has more than {MAX_VALUES:,} values"
        raise MalformedJson(message)
    is_known_wrong = False
    try:
        text = raw.decode("utf-8")
        try:
            value = _DECODER.decode(text)
        except _OutOfRangeError:
            is_known_wrong = True
            value = _TOLERANT.decode(text)
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8 (byte {error.start})"
        raise MalformedJson(message) from error
    except RecursionError as error:
        message = f"the body is nested deeper than {MAX_DEPTH} levels"
        raise MalformedJson(message) from error
    except MalformedJson:
        raise
    except ValueError as error:
        message = f"the body is not JSON: {error}"
        raise MalformedJson(message) from error
    if is_known_wrong or _needs_a_walk(raw):
        _walk(value, "#", 1)
    return value


def _has_too_many_values(raw: bytes) -> bool:
    if _marks(raw) <= MAX_VALUES:
        return False
    texts = (raw.count(b'"') - raw.count(b'\\"')) // 2
    return texts > 2 * MAX_VALUES or _marks(_TEXT.sub(b"", raw)) > MAX_VALUES  # at most every second text is a name


def _marks(raw: bytes) -> int:
    """Count what begins a value: there are as many values, or one more."""
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _needs_a_walk(raw: bytes) -> bool:
    # Most bodies are short and flat: three scans in C spare them the walk in Python.
    return (
        len(raw) > MAX_TEXT
        or _SUSPICIOUS.search(raw) is not None
        or len(_OPENING.findall(raw)) > MAX_DEPTH
        or _LONG_NUMBER.search(raw) is not None
    )


_LONG_NUMBER = re.compile(rb"[0-9]{19}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        message = f"the key {twice[:80]!r} stands twice in one object"
        raise MalformedJson(message)
    return value


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON number"
    raise MalformedJson(message)


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        message = f"the number {text[:40]} is out of range"
        raise MalformedJson(message)
    return number


class _OutOfRangeError(Exception):
    """A number is not stored; the walk finds out where it stands."""


def _storable(text: str) -> float:
    number = _finite(text)
    if not _is_storable(number):
        raise _OutOfRangeError
    return number


def _is_storable(number: float) -> bool:
    size = abs(number)
    if size >= _SHORT or not size:
        return size < _TOO_LARGE
    places = Decimal(repr(number)).as_tuple().exponent
    return isinstance(places, int) and places >= -MAX_DECIMALS


# Made once: `json.loads` would make one for every body.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_storable)
_TOLERANT = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)


def _walk(value: object, pointer: str, depth: int) -> None:
    match value:
        case str():
            _check_text(value, pointer)
        case int() | float():
            _check_number(value, pointer)
        case dict() | list() if depth > MAX_DEPTH:
            message = f"the body is nested deeper than {MAX_DEPTH} levels"
            raise MalformedJson(message)
        case dict():
            for key, inner in value.items():
                here = f"{pointer}/{_escape(key)}"
                _check_text(key, here)
                _walk(inner, here, depth + 1)
        case list():
            for index, inner in enumerate(value):
                _walk(inner, f"{pointer}/{index}", depth + 1)


def _check_number(number: float, pointer: str) -> None:
    if isinstance(number, int):
        if not -_MAX_INTEGER <= number <= _MAX_INTEGER:
            raise InvalidText(pointer, "integer_range", "an integer has at most 63 bits")
    elif not _is_storable(number):
        detail = (
            f"a number is within 63 bits and has at most {MAX_DECIMALS} decimal places when written without an exponent"
        )
        raise InvalidText(pointer, "number_range", detail)


def _check_text(text: str, pointer: str) -> None:
    if "\x00" in text:
        raise InvalidText(_printable(pointer), "nul", "text may hold any character but NUL (U+0000); take it out")
    if len(text) > MAX_TEXT:
        raise InvalidText(_printable(pointer), "string_too_long", f"text has at most {MAX_TEXT} characters")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidText(
            _printable(pointer),
            "surrogate",
            "text holds half of a character (a lone surrogate); send the whole one, or take it out",
        ) from None


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _printable(pointer: str) -> str:
    return pointer.encode("utf-8", "replace").decode().replace("\x00", "\\u0000")[:200]
