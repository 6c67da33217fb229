"""The demo's catalogue is a valid bulk upload and says nothing that its README does not."""

import csv
import json
import re
from pathlib import Path

from tools import make_demo_catalogue

ROOT = Path(__file__).parents[2]

with (ROOT / "hub/demo/catalogue.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))


def test_it_has_200_products_each_with_its_own_sku_and_name() -> None:
    assert len(ROWS) == len({row["sku"] for row in ROWS}) == len({row["name"] for row in ROWS}) == 200


def test_its_columns_are_those_of_a_bulk_upload() -> None:
    assert list(ROWS[0]) == ["sku", "name", "quantity", "price", "identifiers", "extra_data"]


def test_every_sku_is_a_hyphenated_ndc_of_ten_digits_and_an_identifier() -> None:
    for row in ROWS:
        assert re.fullmatch(r"\d{4}-\d{4}-\d{2}|\d{5}-\d{3}-\d{2}|\d{5}-\d{4}-\d", row["sku"])
        assert json.loads(row["identifiers"]) == [{"scheme": "ndc", "value": row["sku"]}]


def test_prices_and_quantities_are_the_invented_ones() -> None:
    for row in ROWS:
        assert re.fullmatch(r"\d{1,2}\.49", row["price"])
        assert row["price"] == make_demo_catalogue.invented_price(row["sku"])
        assert row["quantity"] == str(make_demo_catalogue.invented_quantity(row["sku"]))


def test_every_product_has_form_strength_and_labeler() -> None:
    assert all({"dosage_form", "strength", "labeler"} <= set(json.loads(row["extra_data"])) for row in ROWS)


def test_the_choice_depends_on_the_input_alone() -> None:
    rows = [
        {
            "package_ndc": f"0001-00{number:02}-01",
            "product_type": "HUMAN OTC DRUG",
            "proprietary_name": f"Name {number % 30}",
            "dosage_form": "TABLET" if number % 3 else "GAS",
            "strength": "5",
            "strength_unit": "mg/1",
        }
        for number in range(90)
    ]
    chosen = list(make_demo_catalogue.choose(rows))
    assert chosen == list(make_demo_catalogue.choose(reversed(rows)))
    assert {row["name"] for row in chosen} == {f"Name {number} 5 mg tablet" for number in range(30) if number % 3}
