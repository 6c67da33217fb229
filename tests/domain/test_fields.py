"""The types of fields: what each takes, what it makes of it, and what it refuses."""

import json
import sys
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hub.domain.fields import (
    Amount,
    Delta,
    Name,
    Quantity,
    Reference,
    Text,
    Time,
    Units,
    format_money,
    format_time,
    merge_patch,
    same_json,
)

MAX = 2_147_483_647
AMOUNT, QUANTITY, UNITS, DELTA, REFERENCE, NAME, TEXT, TIME = (
    TypeAdapter[Any](kind) for kind in (Amount, Quantity, Units, Delta, Reference, Name, Text, Time)
)

LAWS = settings.get_profile("laws")
MERGE_PATCH = json.loads((Path(__file__).parents[1] / "vectors" / "merge_patch.json").read_text())["cases"]


def read(kind: TypeAdapter[Any], raw: str) -> Any:
    """Read JSON as the HTTP door does; a writer reads the same without `strict`, which must agree."""
    value = kind.validate_json(raw, strict=True)
    assert kind.validate_python(json.loads(raw)) == value
    return value


def refuses(kind: TypeAdapter[Any], raw: str) -> bool:
    results = []
    for at_the_door in (True, False):
        try:
            kind.validate_json(raw, strict=True) if at_the_door else kind.validate_python(json.loads(raw))
        except ValidationError:
            results.append(True)
        else:
            results.append(False)
    assert results[0] == results[1], "the door and the writer disagree"
    return results[0]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("9.99", "9.99"),
        ("9", "9.00"),
        ("9.9", "9.90"),
        ("0", "0.00"),
        ("-0", "0.00"),
        ("-0.00", "0.00"),
        ("007.10", "7.10"),
        ("9999999999.99", "9999999999.99"),
    ],
)
def test_money_is_exact_with_two_decimals(text: str, stored: str) -> None:
    assert format_money(read(AMOUNT, json.dumps(text))) == stored


@pytest.mark.parametrize(
    "raw",
    [
        '"NaN"',
        '"Infinity"',
        '"1E+999999"',
        '"1_000"',
        '"\u0661\u0662"',
        '" 1"',
        '"1 "',
        '"+1"',
        '"1.005"',
        '"-1"',
        '"-0.01"',
        '"1."',
        '".5"',
        '"10000000000"',
        '""',
        '"1\\n"',
        '"1,5"',
        "1",
        "1.5",
        "true",
        "null",
        "[]",
        "{}",
        '"\uff11"',
    ],
)
def test_what_is_no_amount_is_refused(raw: str) -> None:
    assert refuses(AMOUNT, raw)


@LAWS
@given(st.decimals(min_value=0, max_value=Decimal("9999999999.99"), places=2))
def test_an_amount_survives_the_way_through_text(value: Decimal) -> None:
    assert read(AMOUNT, json.dumps(format_money(value))) == value


@pytest.mark.parametrize(("kind", "least"), [(QUANTITY, 0), (UNITS, 1), (DELTA, -MAX)])
def test_quantities_are_whole_numbers_in_bounds(kind: TypeAdapter[int], least: int) -> None:
    assert read(kind, str(least)) == least
    assert read(kind, str(MAX)) == MAX
    assert refuses(kind, str(least - 1))
    for raw in ("1.0", "1e0", "true", '"1"', "null", "[]", "{}", str(MAX + 1), str(2**63), str(10**22)):
        assert refuses(kind, raw), raw


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("PZN-1", "PZN-1"),
        (" a b ", " a b "),
        ("Caf\u00e9", "Caf\u00e9"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("\uff11", "\uff11"),
        ("\U0001f48a", "\U0001f48a"),
        ("x" * 128, "x" * 128),
        ("\U0001f48a" * 128, "\U0001f48a" * 128),
        ("{{7*7}}", "{{7*7}}"),
        ("' OR 1=1--", "' OR 1=1--"),
        ("<script>", "<script>"),
        ("\u2167", "\u2167"),
    ],
)
def test_a_reference_is_kept_as_nfc(sent: str, stored: str) -> None:
    assert read(REFERENCE, json.dumps(sent)) == stored


@pytest.mark.parametrize(
    "sent",
    [
        "",
        " ",
        "\u00a0",
        "\u3000\u2003",
        "a\n",
        "\u00e9\n",
        "a\tb",
        "a\x00",
        "\u00e9\x7f",
        "a\u200db",
        "a\u202eb",
        "\u2028\u00e9",
        "\u2029\u00e9",
        "\ufeffa",
        "\u00ada",
        "\u00e9\U000e0041",
        "x" * 129,
        "\u00e9" * 129,
        "\u0958" * 65,
    ],
)
def test_a_blank_invisible_or_long_reference_is_refused(sent: str) -> None:
    assert refuses(REFERENCE, json.dumps(sent))


def test_no_control_format_or_line_separator_character_gets_into_a_reference() -> None:
    hidden = [
        chr(point)
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) in {"Cc", "Cf", "Zl", "Zp"}
    ]
    assert len(hidden) > 200
    assert [
        f"{ord(character):x}" for character in hidden if not refuses(REFERENCE, json.dumps(f"\u00e9{character}x"))
    ] == []


def test_the_served_pattern_takes_and_refuses_the_same() -> None:
    served = REFERENCE.json_schema()
    assert (served["minLength"], served["maxLength"]) == (1, 128)
    assert "\\u202e" in served["pattern"]
    money = AMOUNT.json_schema()["pattern"]
    assert money.startswith("^")
    assert money.endswith("$")


@pytest.mark.parametrize(("kind", "empty"), [(NAME, True), (TEXT, False)])
def test_text_has_at_most_ten_thousand_characters(kind: TypeAdapter[str], empty: bool) -> None:  # noqa: FBT001 -- a table
    assert read(kind, json.dumps("\U0001f48a" * 10_000))
    assert refuses(kind, json.dumps("x" * 10_001))
    assert refuses(kind, '""') is empty
    assert refuses(kind, "1")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-11-24T12:00:00Z", "2026-11-24T12:00:00.000000Z"),
        ("2026-11-24t12:00:00z", "2026-11-24T12:00:00.000000Z"),
        ("2026-11-24T12:00:00.5+02:00", "2026-11-24T10:00:00.500000Z"),
        ("2026-11-24T12:00:00-00:00", "2026-11-24T12:00:00.000000Z"),
        ("2026-11-24T12:00:00.1234567Z", "2026-11-24T12:00:00.123456Z"),
        ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000000Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"),
    ],
)
def test_a_time_is_kept_in_utc(sent: str, stored: str) -> None:
    assert format_time(read(TIME, json.dumps(sent))) == stored


@pytest.mark.parametrize(
    "raw",
    [
        '"2026-02-30T00:00:00Z"',
        '"2026-01-01T24:00:00Z"',
        '"0000-01-01T00:00:00Z"',
        '"10000-01-01T00:00:00Z"',
        '"294277-01-01T00:00:00Z"',
        '"2026-01-01T00:00:00"',
        '"2026-01-01T00:00:00+25:00"',
        '"2026-01-01T00:00:60Z"',
        '"2026-01-01"',
        '"2026-01-01T00:00Z"',
        '"2026-01-01 00:00:00Z"',
        '"2026-01-01T00:00:00+0100"',
        '"1700000000"',
        '"9999-12-31T23:59:59-01:00"',
        '"0001-01-01T00:00:00+01:00"',
        '"1899-12-31T23:59:59Z"',
        '"2026-13-01T00:00:00Z"',
        '"\u0662026-01-01T00:00:00Z"',
        "1700000000",
        "1.5",
        "true",
        "null",
        '""',
        "[]",
    ],
)
def test_what_is_no_instant_is_refused(raw: str) -> None:
    assert refuses(TIME, raw)


@LAWS
@given(st.datetimes(min_value=datetime(1901, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-1439, 1439))  # noqa: DTZ001 -- made aware below
def test_a_time_survives_the_way_through_text(naive: datetime, minutes: int) -> None:
    value = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert read(TIME, json.dumps(value.isoformat())) == value
    assert format_time(value.astimezone(UTC)) == format_time(read(TIME, json.dumps(format_time(value.astimezone(UTC)))))


@LAWS
@given(st.datetimes(min_value=datetime(1900, 1, 1)), st.datetimes(min_value=datetime(1900, 1, 1)))  # noqa: DTZ001 -- as above
def test_times_sort_as_their_text(left: datetime, right: datetime) -> None:
    assert (left < right) == (format_time(left) < format_time(right))


def test_a_time_that_is_one_already_is_taken() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert TIME.validate_python(now) is not None
    assert AMOUNT.validate_python(Decimal("1.00")) == Decimal("1.00")


@pytest.mark.parametrize("case", MERGE_PATCH, ids=lambda case: json.dumps(case["patch"]))
def test_a_merge_patch_does_what_rfc_7396_shows(case: dict[str, Any]) -> None:
    before = json.dumps(case["original"])
    assert merge_patch(case["original"], case["patch"]) == case["result"]
    assert json.dumps(case["original"]) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@LAWS
@given(JSON, JSON)
def test_a_merge_patch_twice_is_once(target: object, patch: object) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1, True),
        (1, True, False),
        (0, False, False),
        ({"a": [1]}, {"a": [True]}, False),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        (None, None, True),
        ("1", 1, False),
        (1, 1.0, False),
    ],
)
def test_json_values_are_the_same_only_with_their_types(left: object, right: object, same: bool) -> None:  # noqa: FBT001 -- a table
    assert same_json(left, right) is same
