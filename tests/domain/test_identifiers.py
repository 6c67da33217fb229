"""Codes of products: the form and the check digit are checked, the code is kept as sent."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.domain.identifiers import Identifier, is_gtin, is_ndc, is_pzn
from tests.kit.builders import History, an_item

LAWS = settings.get_profile("laws")
DEMO = Path(__file__).parents[2] / "hub" / "demo"


@pytest.mark.parametrize("code", ["96385074", "300676382302", "0368682065107", "00304720400301", "4006381333931"])
def test_a_gtin_with_its_check_digit_is_one(code: str) -> None:
    assert is_gtin(code)


@pytest.mark.parametrize(
    "code",
    [
        "96385075",
        "300676382303",
        "9638507",
        "963850740",
        "9638 5074",
        "\u0669\u0666385074",
        "",
        "003047204003010",
        "96385074\n",
    ],
)
def test_a_gtin_without_its_form_or_digit_is_none(code: str) -> None:
    assert not is_gtin(code)


@LAWS
@given(st.sampled_from([7, 11, 12, 13]).flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size)))
def test_exactly_one_check_digit_makes_a_gtin(digits: str) -> None:
    assert sum(is_gtin(f"{digits}{check}") for check in range(10)) == 1


@LAWS
@given(st.text("0123456789", min_size=13, max_size=13), st.integers(0, 12), st.integers(1, 9))
def test_a_mistyped_digit_is_no_gtin(digits: str, place: int, shift: int) -> None:
    code = next(f"{digits}{check}" for check in range(10) if is_gtin(f"{digits}{check}"))
    wrong = code[:place] + str((int(code[place]) + shift) % 10) + code[place + 1 :]
    assert not is_gtin(wrong)


@pytest.mark.parametrize(
    "code",
    ["0002-0800-01", "50580-488-10", "68682-0651-0", "00002-0800-01", "00002080001", "123456-7890-12", "123456789012"],
)
def test_an_ndc_has_a_layout_or_all_its_digits(code: str) -> None:
    assert is_ndc(code)


@pytest.mark.parametrize(
    "code", ["0002080001", "0002-080-01", "00002-08000-1", "0002-0800-0", "2-0800-01", "0002-0800-01\n", ""]
)
def test_ten_digits_without_hyphens_are_no_ndc(code: str) -> None:
    assert not is_ndc(code)


@pytest.mark.parametrize("code", ["03752864", "PZN-03752864", "PZN03752864", "3752864"])
def test_a_pzn_with_its_check_digit_is_one(code: str) -> None:
    assert is_pzn(code)


@pytest.mark.parametrize("code", ["03752865", "0375286", "PZN 03752864", "pzn-03752864", "103752864", "", "0375286x"])
def test_a_pzn_without_its_form_or_digit_is_none(code: str) -> None:
    assert not is_pzn(code)


@LAWS
@given(st.text("0123456789", min_size=7, max_size=7))
def test_at_most_one_check_digit_makes_a_pzn(digits: str) -> None:
    remainder = sum(int(digit) * weight for weight, digit in enumerate(digits, 1)) % 11
    assert [check for check in range(10) if is_pzn(f"{digits}{check}")] == ([remainder] if remainder < 10 else [])


@pytest.mark.parametrize(
    ("scheme", "value"),
    [("gtin", "96385074"), ("ndc", "0002-0800-01"), ("pzn", "PZN-03752864"), ("own_code", "anything")],
)
def test_an_identifier_is_kept_as_sent(scheme: str, value: str) -> None:
    code = {"scheme": scheme, "value": value}
    assert History().accept("inventory.create", an_item(identifiers=[code]))["identifiers"] == [code]


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("gtin", "96385075"),
        ("ndc", "0002080001"),
        ("pzn", "03752865"),
        ("GTIN", "96385074"),
        ("", "1"),
        ("9x", "1"),
        ("a-b", "1"),
        ("x" * 33, "1"),
        ("own", ""),
        ("own", "x" * 129),
        ("gtin\n", "96385074"),
    ],
)
def test_an_identifier_that_does_not_fit_is_refused(scheme: str, value: str) -> None:
    with pytest.raises(ValidationError):
        Identifier(scheme=scheme, value=value)


def test_an_item_has_at_most_fifty_identifiers() -> None:
    code = {"scheme": "own", "value": "1"}
    assert len(History().accept("inventory.create", an_item(identifiers=[code] * 50))["identifiers"]) == 50
    with pytest.raises(ValidationError):
        History().accept("inventory.create", an_item(identifiers=[code] * 51))


def test_every_code_of_the_demo_catalogue_is_one() -> None:
    rows = csv.DictReader((DEMO / "catalogue.csv").read_text().splitlines())
    codes = [Identifier(**code) for row in rows for code in json.loads(row["identifiers"])]
    assert {code.scheme for code in codes} >= {"ndc"}
