"""What pydantic finds wrong, said to a person: what is allowed there. Nothing quotes what was sent."""

from collections.abc import Mapping
from typing import Final

from pydantic_core import ErrorDetails

from hub.domain.paths import STEP

_VISIBLE_BUT_COLON: Final = "ASCII letters, digits, signs and spaces, but no colon"
_PRINTABLE: Final = "ASCII letters, digits, signs and spaces only"
_ID: Final = "this is an id such as 01963f0e-7c5a-7b1e-8a44-2f6d0c9b1e55, not a name"
_TIME: Final = "this is a time as RFC 3339 text with its zone, such as 2026-12-31T12:00:00Z"
_HEADER: Final = "a header's name: 1 to 64 ASCII letters, digits or - _ . ! # $ % & ' * + ^ ` | ~"

ALLOWED: Final[Mapping[str, str]] = {
    "^[a-z][a-z0-9_]{0,31}$": "1 to 32 lower-case letters, digits and _; begins with a letter; such as gtin or shelf",
    r"^(\*|[a-z_]{1,32}\.(\*|[a-z_]{1,32}))$": "a type such as sale.recorded, all types of one kind such as sale.*, or * for all",
    r"^([a-z][a-z_]*\.[a-z][a-z_]*|[a-z_]*\*|[a-z][a-z_]*\.[a-z_]*\*)$": (
        "a type such as sale.recorded, the beginning of types such as sale.*, or * for all"
    ),
    r"^[\x20-\x7e]+$": _PRINTABLE,
    r"^[ -~]+$": _PRINTABLE,
    r"^[\x20-\x39\x3b-\x7e]+$": _VISIBLE_BUT_COLON,
    r"^[ -9;-~]+$": _VISIBLE_BUT_COLON,
    r"^[0-9A-Za-z._~+/-]+=*$": "a token: ASCII letters, digits and . _ ~ + / -, with = at its end only",
    f"^[$@]{STEP}{{0,20}}$": "a path: $ or @, then at most 20 steps such as .name, ['a name'], [0], [*] or .*",
    "^[a-z_]{1,64}$": "the name of a field: 1 to 64 lower-case letters and _",
    "^[!-~]*$": "ASCII letters, digits and signs, without spaces",
    "^[!-~]+$": "ASCII letters, digits and signs, without spaces",
    r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$": _HEADER,
    r"^(/([^~/]|~[01])*)*$": "a JSON pointer: /name/name, with ~0 for ~ and ~1 for /; empty for the whole message",
    r"^https?://[!-~]+$": "an address that begins with https:// or http://, in ASCII, without spaces",
}
"""What a pattern of a body allows; of every pattern that pydantic checks."""

SENTENCES: Final[Mapping[str, str]] = {
    "missing": "this is required",
    "extra_forbidden": "there is no such field here",
    "string_type": "this is text",
    "string_too_short": "too short: at least {min_length} characters",
    "string_too_long": "too long: at most {max_length} characters",
    "too_short": "too few: at least {min_length}",
    "too_long": "too many: at most {max_length}",
    "int_type": "this is a whole number",
    "bool_type": "this is true or false",
    "greater_than_equal": "this is {ge} or more",
    "less_than_equal": "this is {le} or less",
    "literal_error": "this is one of {expected}",
    "enum": "this is one of {expected}",
    "union_tag_invalid": "this is one of {expected_tags}, by its {discriminator}",
    "union_tag_not_found": "this needs its {discriminator}",
    "list_type": "this is a list",
    "dict_type": "this is an object",
    "model_type": "this is an object",
    "none_required": "or this is null",
    "uuid_type": _ID,
    "uuid_parsing": _ID,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
}
"""By pydantic's type of a fault, which is its code at the API."""


def sentence_of(fault: ErrorDetails) -> str:
    """Say what is allowed; what the hub's own checks say stays as it is."""
    context = fault.get("ctx", {})
    if fault["type"] == "string_pattern_mismatch":
        return ALLOWED[context["pattern"]]
    if context.get("min_length") == 1:
        return "this must not be empty"
    wanted = SENTENCES.get(fault["type"])
    return fault["msg"] if wanted is None else wanted.format(**context)
