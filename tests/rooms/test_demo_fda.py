"""Rows of the FDA's directory become rows of a bulk upload."""

import doctest

import pytest

import hub.demo.fda
from hub.demo.fda import is_fda_header, map_fda_row, strength_text


def a_row(**changes: str) -> dict[str, str]:
    """Build the directory's row of a tablet, with some columns changed."""
    row = {
        "package_ndc": "31722-191-05",
        "product_ndc": "31722-191",
        "product_type": "HUMAN PRESCRIPTION DRUG",
        "proprietary_name": "Oxycodone and Acetaminophen",
        "proprietary_name_suffix": "",
        "nonproprietary_name": "Oxycodone and Acetaminophen",
        "dosage_form": "TABLET",
        "route": "ORAL",
        "labeler": "Camber Pharmaceuticals, Inc.",
        "substance": "OXYCODONE HYDROCHLORIDE; ACETAMINOPHEN",
        "strength": "2.5; 325",
        "strength_unit": "mg/1; mg/1",
        "dea_schedule": "CII",
        "marketing_category": "ANDA",
        "package_description": "500 TABLET in 1 BOTTLE (31722-191-05)",
        "marketing_start_date": "20131211",
    }
    return row | changes


def test_the_documented_examples_are_true() -> None:
    assert doctest.testmod(hub.demo.fda).failed == 0


def test_a_package_is_known_by_its_ndc_with_hyphens() -> None:
    mapped = map_fda_row(a_row())
    assert mapped["sku"] == "31722-191-05"
    assert mapped["identifiers"] == [{"scheme": "ndc", "value": "31722-191-05"}]


def test_a_name_says_brand_strength_and_form() -> None:
    assert map_fda_row(a_row())["name"] == "Oxycodone and Acetaminophen 2.5 mg / 325 mg tablet"
    assert map_fda_row(a_row(proprietary_name="HyperRAB", proprietary_name_suffix="S/D"))["name"].startswith(
        "HyperRAB S/D "
    )


def test_a_name_leaves_out_the_strengths_of_a_long_list() -> None:
    mapped = map_fda_row(a_row(strength="1; 2; 3; 4", strength_unit="mg/1; mg/1; mg/1; mg/1"))
    assert mapped["name"] == "Oxycodone and Acetaminophen tablet"
    assert mapped["extra_data"]["strength"] == "1 mg; 2 mg; 3 mg; 4 mg"


def test_a_name_is_never_longer_than_200_characters() -> None:
    name = map_fda_row(a_row(proprietary_name="x" * 300))["name"]
    assert len(name) == 200
    assert name.endswith("…")


def test_a_package_without_any_name_is_named_by_its_ndc() -> None:
    assert map_fda_row({"package_ndc": "0002-0800-01"})["name"] == "0002-0800-01"


def test_no_quantity_is_named_so_that_a_second_import_counts_nothing() -> None:
    mapped = map_fda_row(a_row())
    assert mapped["price"] == "0.00"
    assert "quantity" not in mapped


def test_facts_that_are_missing_are_left_out() -> None:
    facts = map_fda_row(a_row(dea_schedule="", route=" "))["extra_data"]
    assert {"dea_schedule", "route", "proprietary_name_suffix"}.isdisjoint(facts)
    assert facts["labeler"] == "Camber Pharmaceuticals, Inc."


@pytest.mark.parametrize(
    ("amounts", "units", "text"),
    [
        ("", "", ""),
        ("150", "mg/1", "150 mg"),
        ("50", "mg/30mL", "50 mg/30mL"),
        (".65", "mL/100mL", "0.65 mL/100mL"),
        ("20000", "[PNU]/mL", "20000 [PNU]/mL"),
        ("5", "", "5"),
    ],
)
def test_a_strength_is_written_as_on_a_label(amounts: str, units: str, text: str) -> None:
    assert strength_text(amounts, units) == text


def test_an_fda_file_is_known_by_its_columns() -> None:
    assert is_fda_header(list(a_row()))
    assert not is_fda_header(["sku", "name", "quantity", "price", "identifiers", "extra_data"])
