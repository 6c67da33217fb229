"""Sales: facts of the till. They are recorded, never refused for lack of stock, and voided instead of erased."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from hub.domain.command import Command, Rule
from hub.domain.fields import format_id, format_money, format_time, merge_patch, same_json
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, overlong, refuse
from hub.domain.problem import FieldError
from hub.domain.sale_bodies import RecordSale, ReplaceSale, SaleLine, UpdateSale, VoidSale
from hub.domain.state import Ref, State
from hub.domain.stock import Act, InventoryItem, Reason, StockMovement, move, out_of_range, threshold_events, too_late
from hub.domain.versions import current


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale; its lines hold the items' ids and skus as they were, and the quantity that was left."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    lines: list[dict[str, Any]]
    total_price: Decimal
    sale_time: datetime
    reference: str | None
    status: str
    extra_data: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int


def dump_sale(sale: Sale) -> dict[str, Any]:
    """Represent a sale in both forms: its lines, and flat; the flat item is null where there are several lines."""
    only = sale.lines[0] if len(sale.lines) == 1 else {}
    return {
        "id": format_id(sale.id),
        "pharmacy_id": format_id(sale.pharmacy_id),
        "lines": sale.lines,
        "sku": only.get("sku"),
        "inventory_item": only.get("inventory_item"),
        "quantity": sum(line["quantity"] for line in sale.lines),
        "total_price": format_money(sale.total_price),
        "sale_time": format_time(sale.sale_time),
        "reference": sale.reference,
        "status": sale.status,
        "extra_data": sale.extra_data,
        "created_at": format_time(sale.created_at),
        "updated_at": format_time(sale.updated_at),
        "version": sale.version,
    }


def _subject(sale: Sale) -> str:
    return f"sales/{format_id(sale.id)}"


def touch_lines(lines: Iterable[SaleLine]) -> Iterable[Ref]:
    """Name the items that the lines speak of."""
    for line in lines:
        if line.sku is not None:
            yield Ref(InventoryItem, "sku", line.sku)
        else:
            assert line.inventory_item is not None
            yield Ref(InventoryItem, "id", line.inventory_item)


def _touch_record(command: Command) -> Iterable[Ref]:
    body = command.body
    assert isinstance(body, RecordSale)
    return touch_lines(body.all_lines())


def _touch_sale(command: Command) -> Iterable[Ref]:
    yield Ref(Sale, "id", command.resource_id)


def _record(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, RecordSale)
    return record(state, command, command.resource_id, body)


def record(state: State, command: Command, sale_id: UUID, body: RecordSale) -> Outcome:
    """Decide one sale: every line of a known item, the quantities of one item summed before it moves."""
    if (refusal := too_late("#/sale_time", body.sale_time, command)) is not None:
        return refusal
    lines = body.all_lines()
    items = [_item_of(state, line) for line in lines]
    unknown = [
        _unknown(index, line, flat=body.lines is None)
        for index, (line, item) in enumerate(zip(lines, items, strict=True))
        if item is None
    ]
    if unknown:
        return refuse(
            "unknown-item", "the sale names an item that this pharmacy does not list; nothing was recorded", *unknown
        )
    sale_time = body.sale_time or command.accepted_at
    sold: dict[UUID, int] = {}
    by_id: dict[UUID, InventoryItem] = {}
    for line, item in zip(lines, items, strict=True):
        assert item is not None
        by_id[item.id] = item
        sold[item.id] = sold.get(item.id, 0) + line.quantity
    moved = _move_all(
        state,
        by_id,
        {item_id: -units for item_id, units in sold.items()},
        Reason.SOLD,
        Act(command.operation_id, sale_time),
    )
    if isinstance(moved, Rejected):
        return moved
    sale = Sale(
        id=sale_id,
        pharmacy_id=state.pharmacy_id,
        sale_time=sale_time,
        reference=body.reference,
        status="recorded",
        lines=[
            {
                "sku": moved.after[item.id].sku,
                "inventory_item": format_id(item.id),
                "quantity": line.quantity,
                "total_price": format_money(line.total_price),
                "quantity_after": moved.after[item.id].quantity,
            }
            for line, item in zip(lines, items, strict=True)
            if item is not None
        ],
        total_price=sum((line.total_price for line in lines), Decimal(0)),
        extra_data=body.extra_data,
        created_at=state.now,
        updated_at=state.now,
        version=1,
    )
    event = Event("sale.recorded", _subject(sale), {"sale": dump_sale(sale), "changed": {}})
    return Accepted((sale, *moved.changes), (event, *moved.events), dump_sale(sale))


def _item_of(state: State, line: SaleLine) -> InventoryItem | None:
    if line.sku is not None:
        return state.find_by(InventoryItem, "sku", line.sku)
    assert line.inventory_item is not None
    return state.find(InventoryItem, line.inventory_item)


def _unknown(index: int, line: SaleLine, *, flat: bool) -> FieldError:
    name = "sku" if line.sku is not None else "inventory_item"
    pointer = f"#/{name}" if flat else f"#/lines/{index}/{name}"
    return FieldError(pointer, "unknown_item", f"there is no item {line.sku or line.inventory_item}")


@dataclass(frozen=True, slots=True)
class _Moved:
    after: dict[UUID, InventoryItem]
    changes: tuple[InventoryItem | StockMovement, ...]
    events: tuple[Event, ...]


def _move_all(
    state: State, items: Mapping[UUID, InventoryItem], deltas: Mapping[UUID, int], reason: Reason, act: Act
) -> _Moved | Rejected:
    after: dict[UUID, InventoryItem] = {}
    changes: list[InventoryItem | StockMovement] = []
    events: list[Event] = []
    for item_id, delta in deltas.items():
        item = items[item_id]
        if (refusal := out_of_range(item, delta, "#/quantity")) is not None:
            return refusal
        after[item_id], movement = move(item, delta, reason, act, state.now)
        changes += (after[item_id], movement)
        events += threshold_events(item, after[item_id])
    return _Moved(after, tuple(changes), tuple(events))


def _revise(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, ReplaceSale | UpdateSale)
    sale = current(state, command, Sale, "sale")
    if isinstance(sale, Rejected):
        return sale
    fixed = _fixed_fields(sale, body)
    if fixed:
        errors = [FieldError(f"#/{name}", "immutable", "it was recorded and stays") for name in fixed]
        return refuse(
            "immutable", "a recorded sale changes only in reference and extra_data; void it and record another", *errors
        )
    whole = isinstance(body, ReplaceSale)
    values: dict[str, Any] = {}
    if whole or "reference" in body.model_fields_set:
        values["reference"] = body.reference
    if whole:
        values["extra_data"] = body.extra_data
    elif "extra_data" in body.model_fields_set:
        values["extra_data"] = {} if body.extra_data is None else merge_patch(sale.extra_data, body.extra_data)
    after = replace(sale, **values)
    if (refusal := overlong("extra_data", sale.extra_data, after.extra_data)) is not None:
        return refusal
    if after == sale and same_json(after.extra_data, sale.extra_data):
        return Accepted((), (), dump_sale(sale))
    after = replace(after, updated_at=state.now, version=sale.version + 1)
    data = {"sale": dump_sale(after), "changed": changed(dump_sale(sale), dump_sale(after))}
    return Accepted((after,), (Event("sale.updated", _subject(after), data),), dump_sale(after))


def _fixed_fields(sale: Sale, body: ReplaceSale | UpdateSale) -> list[str]:
    """Name the recorded fields that the body would change."""
    recorded = dump_sale(sale)
    # A null in a merge patch takes a member away, which is a change; in a PUT it is a member left out.
    taken_away = {
        name for name in body.model_fields_set if isinstance(body, UpdateSale) and getattr(body, name) is None
    }
    differing = ["lines"] if "lines" in taken_away else []
    if body.lines is not None:
        same = len(body.lines) == len(sale.lines) and all(
            line.quantity == stored["quantity"]
            and format_money(line.total_price) == stored["total_price"]
            and (line.sku is None or line.sku == stored["sku"])
            and (line.inventory_item is None or str(line.inventory_item) == stored["inventory_item"])
            for line, stored in zip(body.lines, sale.lines, strict=True)
        )
        if not same:
            differing.append("lines")
    flat = {
        "sku": body.sku,
        "quantity": body.quantity,
        "inventory_item": None if body.inventory_item is None else str(body.inventory_item),
        "total_price": None if body.total_price is None else format_money(body.total_price),
        "sale_time": None if body.sale_time is None else format_time(body.sale_time),
    }
    return differing + [
        name for name, value in flat.items() if value != recorded[name] and (value is not None or name in taken_away)
    ]


def _void(state: State, command: Command) -> Outcome:
    sale = current(state, command, Sale, "sale")
    if isinstance(sale, Rejected):
        return sale
    if sale.status == "voided":
        return Accepted((), (), None)
    returned: dict[UUID, int] = {}
    for line in sale.lines:
        item_id = UUID(line["inventory_item"])
        returned[item_id] = returned.get(item_id, 0) + line["quantity"]
    state.need(Ref(InventoryItem, "id", item_id) for item_id in returned)
    # An item taken off the list was written off; what comes back has no shelf to stand on.
    items = {item_id: item for item_id in returned if (item := state.find(InventoryItem, item_id)) is not None}
    act = Act(command.operation_id, command.accepted_at, note="sale voided", reference_uri=f"/api/sales/{sale.id}/")
    moved = _move_all(state, items, {item_id: returned[item_id] for item_id in items}, Reason.CORRECTION, act)
    if isinstance(moved, Rejected):
        return moved
    lines = [
        line
        | {
            "quantity_after": moved.after[item_id].quantity
            if (item_id := UUID(line["inventory_item"])) in moved.after
            else None
        }
        for line in sale.lines
    ]
    after = replace(sale, status="voided", lines=lines, updated_at=state.now, version=sale.version + 1)
    data = {"sale": dump_sale(after), "changed": changed(dump_sale(sale), dump_sale(after))}
    return Accepted((after, *moved.changes), (Event("sale.voided", _subject(after), data), *moved.events), None)


RULES = (
    Rule("sale.record", RecordSale, _record, "sales", _touch_record),
    Rule("sale.replace", ReplaceSale, _revise, "sales", _touch_sale),
    Rule("sale.update", UpdateSale, _revise, "sales", _touch_sale),
    Rule("sale.void", VoidSale, _void, "sales", _touch_sale),
)
