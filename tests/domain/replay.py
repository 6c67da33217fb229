"""A receiver that knows nothing but a pharmacy's events, in order."""

import orjson

from tests.kit.builders import Json

THRESHOLDS = {"inventory.stock_negative", "inventory.stock_low"}


def text_of(value: object) -> bytes:
    """JSON text, for in Python `True == 1`."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def replay(log: list[Json], *, checks_changed: bool = False) -> dict[str, Json]:
    """Build the representations from the events alone, as a receiver does."""
    known: dict[str, Json] = {}
    for event in log:
        data = event["data"]
        after = next(value for name, value in data.items() if name not in {"changed", "movement"})
        before = known.get(event["subject"])
        if checks_changed and event["type"] not in THRESHOLDS:
            differing = {
                name: value
                for name, value in (before or {}).items()
                if text_of(value) != text_of(after[name]) and name not in {"version", "updated_at"}
            }
            assert text_of(data["changed"]) == text_of(differing), event["type"]
            # A pharmacy may be given a new webhook secret and nothing else.
            assert differing or not event["type"].endswith(".updated") or event["type"] == "pharmacy.updated"
            assert before is None or after["version"] > before["version"] or event["subject"].startswith("inventory/")
        known[event["subject"]] = after
        if event["type"] in {"sale.recorded", "sale.voided"}:
            for line in after["lines"]:
                if line["quantity_after"] is not None:
                    _set_stock(known[f"inventory/{line['inventory_item']}"], quantity=line["quantity_after"])
        if event["type"] in {"order.placed", "order.status_changed"}:
            _move_stock(known, (before or {}).get("items", []), after["items"])
    return known


def _set_stock(item: Json, *, quantity: int, reserved: int | None = None) -> None:
    item["quantity"] = quantity
    item["reserved"] = item["reserved"] if reserved is None else reserved
    item["available"] = item["quantity"] - item["reserved"]


def _move_stock(known: dict[str, Json], before: list[Json], after: list[Json]) -> None:
    for lines, sign in ((before, -1), (after, 1)):
        for line in lines:
            if line["inventory_item"] is not None and (line["reserved"] or line["supplied"]):
                item = known[f"inventory/{line['inventory_item']}"]
                _set_stock(item, quantity=item["quantity"], reserved=item["reserved"] + sign * line["reserved"])
    supplied = [line["supplied"] for line in before] + [0] * len(after)
    for line, already in zip(after, supplied, strict=False):
        if line["supplied"] > already:
            item = known[f"inventory/{line['inventory_item']}"]
            _set_stock(item, quantity=item["quantity"] - line["supplied"] + already)
