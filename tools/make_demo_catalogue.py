#!/usr/bin/env python3
"""Make import files from an FDA catalogue (columns as in hub/demo/README.md).

    make_demo_catalogue.py fda.csv                   writes hub/demo/catalogue.csv, the demo's 200 products
    make_demo_catalogue.py fda.csv --all import.csv  converts every row, without prices and quantities

The choice of the 200, their prices and their quantities follow from the SHA-256 of the NDC, so the same input makes the
same file on every machine.
"""

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from hub.demo.fda import ImportRow, map_fda_row  # noqa: E402 (the tool runs without an installed hub)

DEMO = REPOSITORY / "hub/demo/catalogue.csv"
# product types of the directory and how many products of each a corner pharmacy's shelf shows
QUOTAS = {"HUMAN PRESCRIPTION DRUG": 130, "HUMAN OTC DRUG": 70}
SHELF_FORMS = (
    "TABLET",
    "CAPSULE",
    "CREAM",
    "OINTMENT",
    "GEL",
    "LIQUID",
    "SOLUTION",
    "SYRUP",
    "SUSPENSION",
    "PATCH",
    "SPRAY",
)
DEMO_FACTS = ("nonproprietary_name", "dosage_form", "strength", "labeler", "product_type")
LONGEST_DEMO_NAME = 60


def chance(ndc: str, purpose: str) -> int:
    """Draw a number that depends on nothing but the NDC and what it is for."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{ndc}".encode()).digest()[:6])


def invented_quantity(ndc: str) -> int:
    """Invent a shelf quantity, 5 to 120."""
    return 5 + chance(ndc, "quantity") % 116


def invented_price(ndc: str) -> str:
    """Invent a price, 2.49 to 89.49."""
    return f"{2 + chance(ndc, 'price') % 88}.49"


def choose(rows: Iterable[Mapping[str, str]]) -> Iterator[ImportRow]:
    """Choose the demo's products: one package of a product, one product of a name, forms that stand on a shelf."""
    wanted = dict(QUOTAS)
    names: set[str] = set()
    for row in sorted(rows, key=lambda row: chance(row["package_ndc"], "choice")):
        name = row["proprietary_name"].casefold()
        mapped = map_fda_row(row)
        on_shelf = row["dosage_form"].startswith(SHELF_FORMS) and mapped["extra_data"].get("strength")
        if (
            not wanted.get(row["product_type"])
            or not on_shelf
            or name in names
            or len(mapped["name"]) > LONGEST_DEMO_NAME
        ):
            continue
        wanted[row["product_type"]] -= 1
        names.add(name)
        yield mapped


def write_demo(rows: Iterable[ImportRow], file: IO[str]) -> int:
    """Write the demo's rows with invented prices and quantities, sorted by name."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("sku", "name", "quantity", "price", "identifiers", "extra_data"))
    chosen = sorted(rows, key=lambda row: (row["name"].casefold(), row["sku"]))
    for row in chosen:
        facts = {name: row["extra_data"][name] for name in DEMO_FACTS if name in row["extra_data"]}
        sku = row["sku"]
        cells = (sku, row["name"], invented_quantity(sku), invented_price(sku), dump(row["identifiers"]), dump(facts))
        writer.writerow(cells)
    return len(chosen)


def write_all(rows: Iterable[ImportRow], file: IO[str]) -> int:
    """Write every row with what the directory says and nothing invented."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("sku", "name", "price", "identifiers", "extra_data"))
    count = 0
    for row in rows:
        writer.writerow((row["sku"], row["name"], row["price"], dump(row["identifiers"]), dump(row["extra_data"])))
        count += 1
    return count


def dump(value: object) -> str:
    """Write the JSON of a cell."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    """Read the catalogue named on the command line and write the file asked for."""
    parser = argparse.ArgumentParser(description="Make import files from an FDA catalogue.")
    parser.add_argument("catalogue", type=Path, help="CSV with the columns named in hub/demo/README.md")
    parser.add_argument("--all", dest="target", type=Path, metavar="FILE", help="convert every row into FILE")
    arguments = parser.parse_args()
    with arguments.catalogue.open(encoding="utf-8-sig", newline="") as source:
        rows = list(csv.DictReader(source))
    target = arguments.target or DEMO
    with target.open("w", encoding="utf-8", newline="") as file:
        count = write_all(map(map_fda_row, rows), file) if arguments.target else write_demo(choose(rows), file)
    print(f"{count} products in {target}")


if __name__ == "__main__":
    main()
