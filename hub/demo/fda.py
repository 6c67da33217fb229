"""How a row of the FDA's NDC Directory becomes a row of a bulk upload.

The directory says what a product is, never what it costs or how much of it is on the shelf. So a mapped row carries a
price of 0.00, which a new item needs, and no quantity: a row that names a quantity is a declared count, and importing
the directory again must not count the shelf as empty.
"""

from collections.abc import Mapping
from typing import Final, TypedDict

NAME_LENGTH: Final = 200
FDA_COLUMNS: Final = frozenset(
    {"package_ndc", "proprietary_name", "dosage_form", "strength", "strength_unit", "labeler"}
)
_FACTS: Final = (
    "product_ndc",
    "product_type",
    "proprietary_name",
    "proprietary_name_suffix",
    "nonproprietary_name",
    "dosage_form",
    "route",
    "labeler",
    "substance",
    "dea_schedule",
    "marketing_category",
    "package_description",
    "marketing_start_date",
)
_MOST_STRENGTHS: Final = 3  # more make the name of a multivitamin unreadable; `extra_data` has them all


class Identifier(TypedDict):
    """One code of a product in a scheme that the hub knows."""

    scheme: str
    value: str


class ImportRow(TypedDict):
    """A row of `POST /api/inventory/bulk`, without `quantity`."""

    sku: str
    name: str
    price: str
    identifiers: list[Identifier]
    extra_data: dict[str, str]


def is_fda_header(columns: list[str]) -> bool:
    """Tell an FDA catalogue from the hub's own import format by the columns of its first line."""
    return set(columns) >= FDA_COLUMNS


def map_fda_row(row: Mapping[str, str]) -> ImportRow:
    """Map one package of the FDA's NDC Directory to a row of a bulk upload.

    The package's NDC is the `sku` and an `ndc` identifier, with its hyphens: without them ten digits do not say where
    labeler, product and package end. Every other fact that is there goes to `extra_data` under the directory's name.

    >>> map_fda_row({"package_ndc": "0002-5337-54", "proprietary_name": "Verzenio", "dosage_form": "TABLET",
    ...              "strength": "150", "strength_unit": "mg/1", "labeler": "Eli Lilly and Company"})["name"]
    'Verzenio 150 mg tablet'

    Raises:
        KeyError: the row has no `package_ndc`.

    """
    ndc = row["package_ndc"].strip()
    facts = {name: value for name in _FACTS if (value := row.get(name, "").strip())}
    strength = strength_text(row.get("strength", ""), row.get("strength_unit", ""))
    if strength:
        facts["strength"] = strength
    return ImportRow(
        sku=ndc,
        name=_name(facts) or ndc,
        price="0.00",
        identifiers=[Identifier(scheme="ndc", value=ndc)],
        extra_data=facts,
    )


def strength_text(amounts: str, units: str) -> str:
    """Join the directory's two parallel lists; `/1` means per piece and is left out.

    >>> strength_text("2.5; 325", "mg/1; mg/1")
    '2.5 mg; 325 mg'
    >>> strength_text(".65", "mL/100mL")
    '0.65 mL/100mL'
    """
    parts = zip(amounts.split(";"), units.split(";"), strict=False)
    return "; ".join(
        f"{_amount(amount.strip())} {unit.strip().removesuffix('/1')}".strip()
        for amount, unit in parts
        if amount.strip()
    )


def _amount(text: str) -> str:
    return f"0{text}" if text.startswith(".") else text


def _name(facts: Mapping[str, str]) -> str:
    strengths = facts.get("strength", "").split("; ")
    strength = " / ".join(strengths) if len(strengths) <= _MOST_STRENGTHS else ""
    brand = f"{facts.get('proprietary_name', '')} {facts.get('proprietary_name_suffix', '')}".strip()
    name = " ".join(part for part in (brand, strength, facts.get("dosage_form", "").lower()) if part)
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1].rstrip() + "…"
