"""JSON from outside: what is no JSON is a 400, what is never stored a 422, the rest is taken as it is."""

import json
import time
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.json_input import InvalidText, MalformedJson, parse_json

LAWS = settings.get_profile("laws")
DEEP = 32


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{}{}",
        b"{} x",
        b'{"a":1,}',
        b"[1,]",
        b"// a\n{}",
        b"{'a':1}",
        b"{a:1}",
        b"[1 2]",
        b'{"a"}',
        b"nul",
        b"NaN",
        b"[Infinity]",
        b'{"a":-Infinity}',
        b"1e400",
        b"-1e400",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"0x1",
        b"1" * 5001,
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'{"a":"\xff"}',
        b'"\xed\xa0\x80"',
        b'"a\x00b"',
        b'"a\nb"',
        b'"\\x41"',
        b'"\\u12"',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"c":2,"b":1}}',
        b'{"a":1,"\\u0061":2}',
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"[" * 1_000 + b"]" * 1_000,
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_is_no_json_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_json(raw)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("raw", "pointer", "code"),
    [
        (b'{"name":"a\\u0000b"}', "#/name", "nul"),
        (b'{"a\\u0000":1}', "#/a\\u0000", "nul"),
        (b'{"x":{"y":[1,{"z":"\\u0000"}]}}', "#/x/y/1/z", "nul"),
        (b'"\\u0000"', "#", "nul"),
        (b'{"a":"\\ud800"}', "#/a", "surrogate"),
        (b'{"a":"\\uDFFF\\ud83d"}', "#/a", "surrogate"),
        (b'{"\\ud800":1}', "#/?", "surrogate"),
        (b'["ok","\\ude00\\ud83d"]', "#/1", "surrogate"),
        (b'{"a~b/c":"' + b"x" * 10_001 + b'"}', "#/a~0b~1c", "string_too_long"),
        (b'{"a":["' + "\u00e9".encode() * 10_001 + b'"]}', "#/a/0", "string_too_long"),
        (b"9223372036854775808", "#", "integer_range"),
        (b'{"q":-9223372036854775808}', "#/q", "integer_range"),
        (b'{"q":10000000000000000000000}', "#/q", "integer_range"),
        (b"1" * 4000, "#", "integer_range"),
        (b'{"a":[0.5,1e22]}', "#/a/1", "number_range"),
        (b"1e308", "#", "number_range"),
        (b"-9223372036854775808.0", "#", "number_range"),
        (b'{"a":5e-324}', "#/a", "number_range"),
        (b'{"a":-1e-41}', "#/a", "number_range"),
        (b'{"a":0.' + b"0" * 40 + b"1}", "#/a", "number_range"),
        (b'{"a":"\\u0000","b":1e22}', "#/a", "nul"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_never_stored_is_named_by_its_pointer(raw: bytes, pointer: str, code: str) -> None:
    with pytest.raises(InvalidText) as caught:
        parse_json(raw)
    assert (caught.value.pointer, caught.value.code) == (pointer, code)
    caught.value.pointer.encode()


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "true",
        "[]",
        '"x"',
        "{}",
        '{"__proto__":{"a":1},"constructor":2}',
        '"{{7*7}}"',
        '"${jndi:ldap://x}"',
        '"\' OR 1=1--"',
        '"<script>"',
        '"\\ud83d\\ude00"',
        '"\\\\u0000"',
        "9223372036854775807",
        "-9223372036854775807",
        "[" * DEEP + "]" * DEEP,
        '"' + "[" * 500 + '"',
        '{"a":' * (DEEP - 1) + "[]" + "}" * (DEEP - 1),
        "9.2e18",
        "[1e-40,0.1,5.551115123125783e-17,-0.0,0e-300,0.10000000000000000000000000000000000000000000000000001]",
        "-0",
        "[1.5,1E2]",
        '"' + "x" * 10_000 + '"',
        '{"a":[true,false,null,1.5,"x"],"long":1234567890123456789}',
        ' {"a" : 1}\n',
    ],
    ids=lambda text: text[:24],
)
def test_the_rest_is_taken_as_it_is(text: str) -> None:
    assert parse_json(text.encode()) == json.loads(text)


def test_a_pointer_into_a_huge_key_stays_short() -> None:
    with pytest.raises(InvalidText) as caught:
        parse_json(b'{"' + b"k" * 9_000 + b'":"\\u0000"}')
    assert len(caught.value.pointer) == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b"[" + b"1," * 499_999 + b"1]",
        b'"' + b"x" * 1_000_000 + b'"',
        b"{" + b",".join(b'"%d":1' % number for number in range(10_000)) + b"}",
    ],
    ids=["nested", "a long list", "a long string", "many keys"],
)
def test_a_hostile_megabyte_is_answered_soon(raw: bytes) -> None:
    started = time.perf_counter()
    with suppress(MalformedJson, InvalidText):
        parse_json(raw)
    assert time.perf_counter() - started < 2  # a tenth of it on a quiet machine


NUMBERS = st.floats(-(2.0**62), 2.0**62).map(lambda number: number if abs(number) > 1e-20 else 0.0)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | NUMBERS
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=4), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@LAWS
@given(VALUES, st.booleans())
def test_every_good_document_comes_back_whole(value: Any, ascii_only: bool) -> None:  # noqa: FBT001 -- a strategy
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@LAWS
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_taken_in_both_forms_or_in_neither_and_is_short_in_both(number: float) -> None:
    """PostgreSQL shows numbers without an exponent: what it shows can be sent again, and is no longer than a line."""
    plain = format(Decimal(repr(number)), "f").removesuffix(".0")
    answers: list[Any] = []
    for text in (repr(number), plain):
        try:
            answers.append(float(parse_json(text.encode())))
        except InvalidText:
            answers.append(None)
    assert answers[0] == answers[1]
    if answers[0] is not None:
        assert answers == [number, number]
        assert len(plain) <= len("-0.") + 40


@LAWS
@given(st.binary(max_size=40))
def test_bytes_are_read_or_refused_and_never_break_the_reader(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except (MalformedJson, InvalidText):
        return
    assert value == json.loads(raw)


@pytest.mark.parametrize("value", [b"0", b"[]", b"{}", b'""', b'{"a":1}', b"[[]]"])
def test_more_values_than_a_body_may_have_are_refused_in_no_time(value: bytes) -> None:
    took: list[float] = []
    for _ in range(3):
        began = time.process_time()
        with pytest.raises(MalformedJson, match="more than 50,000 values"):
            parse_json(b"[" + b",".join([value] * (1_000_000 // len(value))) + b"]")
        took.append(time.process_time() - began)
    assert min(took) < 0.3  # 10 to 40 ms where nobody else is at work


def test_commas_and_braces_in_texts_are_no_values() -> None:
    texts = [",[{" * 3_000, '\\"' * 3_000] * 10
    assert parse_json(json.dumps(texts).encode()) == texts
    assert len(parse_json(b"[" + b"0," * 49_000 + b"0]")) == 49_001
