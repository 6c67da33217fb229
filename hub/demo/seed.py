"""The demo pharmacy: made once per installation; every start finds the same one."""

import csv
from dataclasses import dataclass
from importlib.resources import files
from uuid import UUID

import orjson

from hub.domain.ids import derived_id
from hub.door import Door, open_door
from hub.settings import Settings

_ONCE = "demo/1"
_ROWS_A_COMMAND = 200


@dataclass(frozen=True, slots=True)
class DemoInfo:
    """What a first visitor is given."""

    api_key: str
    operator_key: str
    pharmacy_id: str


async def ensure_demo(settings: Settings) -> DemoInfo:
    """Make the demo pharmacy, its stock and an operator's key; a repeat only names them again.

    Raises:
        Unavailable: the broker or the writer does not answer.
    """
    async with open_door(settings) as door:
        pharmacy_id, key = await door.create_pharmacy("Demo Pharmacy", once=f"{_ONCE}/pharmacy")
        operator_key = await door.create_operator_key("demo operator", once=f"{_ONCE}/operator")
        await _stock(door, pharmacy_id)
        return DemoInfo(key, operator_key, str(pharmacy_id))


async def _stock(door: Door, pharmacy_id: UUID) -> None:
    rows = _catalogue()
    upload_id = derived_id(pharmacy_id, _ONCE, "catalogue")
    await door.send(
        "upload.open",
        {"kind": "inventory", "rows": len(rows), "digest": _ONCE},
        pharmacy_id=pharmacy_id,
        operation_id=upload_id,
        resource_id=upload_id,
    )
    for start in range(0, len(rows), _ROWS_A_COMMAND):
        part = [
            {"line": start + index + 2, "row": row} for index, row in enumerate(rows[start : start + _ROWS_A_COMMAND])
        ]
        await door.send(
            "inventory.import",
            {"digest": _ONCE, "rows": part},
            pharmacy_id=pharmacy_id,
            operation_id=derived_id(upload_id, "import", start),
            resource_id=upload_id,
        )


def _catalogue() -> list[dict[str, object]]:
    text = (files("hub.demo") / "catalogue.csv").read_text("utf-8")
    return [
        row
        | {
            "quantity": int(row["quantity"]),
            "identifiers": orjson.loads(row["identifiers"]),
            "extra_data": orjson.loads(row["extra_data"]),
        }
        for row in csv.DictReader(text.splitlines())
    ]
