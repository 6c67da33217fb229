"""What an order does to stock: it holds units, takes them, or lets them go.

What an item shows as `reserved` is at all times the sum of what the lines of open orders hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

from hub.domain.fields import format_id
from hub.domain.outcome import Event, Rejected, refuse
from hub.domain.problem import FieldError
from hub.domain.state import Ref, State
from hub.domain.stock import Act, InventoryItem, Reason, StockMovement, move, out_of_range, threshold_events


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of an order: what was ordered, what is held for it, what was handed over.

    Args:
        inventory_item: the item that holds for this line, once it holds.
        short: less was held or handed over than ordered (external orders only).
    """

    sku: str
    name: str
    quantity: int
    unit_price: str
    inventory_item: UUID | None = None
    reserved: int = 0
    supplied: int = 0
    short: bool = False

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Self:
        """Read a line as it is stored."""
        item = line["inventory_item"]
        return cls(**(dict(line) | {"inventory_item": None if item is None else UUID(item)}))

    @property
    def ordered(self) -> tuple[str, str, int, str]:
        """What the client asked for."""
        return (self.sku, self.name, self.quantity, self.unit_price)

    def dump(self) -> dict[str, Any]:
        """Write the line as it is stored and shown."""
        return {
            "sku": self.sku,
            "name": self.name,
            "quantity": self.quantity,
            "unit_price": self.unit_price,
            "inventory_item": None if self.inventory_item is None else format_id(self.inventory_item),
            "reserved": self.reserved,
            "supplied": self.supplied,
            "short": self.short,
        }


@dataclass(frozen=True, slots=True)
class Moved:
    """The lines and the items as they are from now on. No `lines`: they stay as they are."""

    lines: Sequence[OrderLine] | None = None
    changes: tuple[InventoryItem | StockMovement, ...] = ()
    events: tuple[Event, ...] = ()


def reserve(state: State, lines: Sequence[OrderLine], *, strict: bool) -> Moved | Rejected:
    """Hold the units of every line; all of them, or (not strict) what there is."""
    items = _items_of(state, lines)
    if strict and (refusal := _refusal(lines, items)) is not None:
        return refusal
    by_id = {item.id: item for item in items if item is not None}
    free = {item.id: max(item.available, 0) for item in by_id.values()}
    held: dict[UUID, int] = {}
    after = []
    for line, item in zip(lines, items, strict=True):
        units = 0 if item is None else min(line.quantity - line.supplied - line.reserved, free[item.id])
        if item is not None and units:
            free[item.id] -= units
            held[item.id] = held.get(item.id, 0) + units
        reserved = line.reserved + units
        after.append(
            replace(
                line,
                inventory_item=item.id if item is not None and reserved else line.inventory_item,
                reserved=reserved,
                short=reserved + line.supplied < line.quantity,
            )
        )
    return _with_reservations(state, by_id, held, after)


def release(state: State, lines: Sequence[OrderLine]) -> Moved:
    """Let go of everything the lines hold."""
    held: dict[UUID, int] = {}
    for line in lines:
        if line.reserved and line.inventory_item is not None:
            held[line.inventory_item] = held.get(line.inventory_item, 0) - line.reserved
    items = _items_by_id(state, held)
    moved = _with_reservations(state, items, held, [replace(line, reserved=0) for line in lines])
    assert isinstance(moved, Moved)
    return moved


def consume(state: State, lines: Sequence[OrderLine], act: Act, *, strict: bool) -> Moved | Rejected:
    """Hand over what the lines hold; an external order also takes what is free, up to what was ordered."""
    if not strict:
        topped_up = reserve(state, lines, strict=False)
        assert isinstance(topped_up, Moved)
        assert topped_up.lines is not None
        reserved_now = {row.id: row for row in topped_up.changes if isinstance(row, InventoryItem)}
        lines = topped_up.lines
    else:
        reserved_now = {}
    taken: dict[UUID, int] = {}
    for line in lines:
        if line.reserved and line.inventory_item is not None:
            taken[line.inventory_item] = taken.get(line.inventory_item, 0) + line.reserved
    items = _items_by_id(state, taken) | {item_id: row for item_id, row in reserved_now.items() if item_id in taken}
    before = _items_by_id(state, taken)
    changes: list[InventoryItem | StockMovement] = []
    events: list[Event] = []
    for item_id, units in taken.items():
        item = items[item_id]
        if (refusal := out_of_range(item, -units, "#/items")) is not None:
            return refusal
        after, movement = move(
            replace(item, version=before[item_id].version), -units, Reason.SOLD, act, state.now, reserved=-units
        )
        changes += (after, movement)
        events += threshold_events(before[item_id], after)
    done = [
        replace(
            line,
            supplied=line.supplied + line.reserved,
            reserved=0,
            short=line.supplied + line.reserved < line.quantity,
        )
        for line in lines
    ]
    return Moved(done, tuple(changes), tuple(events))


def _items_of(state: State, lines: Sequence[OrderLine]) -> list[InventoryItem | None]:
    # What holds for a line already goes on doing so, whatever its sku is by now.
    holding = [line.inventory_item if line.reserved else None for line in lines]
    state.need(
        Ref(InventoryItem, "sku", line.sku) if item_id is None else Ref(InventoryItem, "id", item_id)
        for line, item_id in zip(lines, holding, strict=True)
    )
    return [
        state.find_by(InventoryItem, "sku", line.sku) if item_id is None else state.find(InventoryItem, item_id)
        for line, item_id in zip(lines, holding, strict=True)
    ]


def _items_by_id(state: State, ids: Mapping[UUID, object]) -> dict[UUID, InventoryItem]:
    state.need(Ref(InventoryItem, "id", item_id) for item_id in ids)
    found = {item_id: state.find(InventoryItem, item_id) for item_id in ids}
    # An item is not deleted while an order holds some of it.
    return {item_id: item for item_id, item in found.items() if item is not None}


def _refusal(lines: Sequence[OrderLine], items: Sequence[InventoryItem | None]) -> Rejected | None:
    listed = {line.sku: item for line, item in zip(lines, items, strict=True) if item is not None}
    unknown = [
        FieldError(f"#/items/{index}/sku", "unknown_item", f"there is no item {line.sku!r}")
        for index, line in enumerate(lines)
        if line.sku not in listed
    ]
    if unknown:
        return refuse("unknown-item", "the order names an item that this pharmacy does not list", *unknown)
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    short = [
        {"sku": sku, "requested": units, "available": listed[sku].available}
        for sku, units in wanted.items()
        if listed[sku].available < units
    ]
    if short:
        return refuse(
            "insufficient-stock", f"{len(short)} of {len(wanted)} items are short; nothing was reserved", lines=short
        )
    return None


def _with_reservations(
    state: State, items: Mapping[UUID, InventoryItem], held: Mapping[UUID, int], lines: Sequence[OrderLine]
) -> Moved:
    changes = []
    events: list[Event] = []
    for item_id, units in held.items():
        item = items[item_id]
        after = replace(item, reserved=item.reserved + units, updated_at=state.now, version=item.version + 1)
        changes.append(after)
        events += threshold_events(item, after)
    return Moved(lines, tuple(changes), tuple(events))
