"""The shelf: items, and the ledger of movements that explains every quantity."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from hub.domain.command import Command
from hub.domain.fields import MAX_QUANTITY, format_id, format_money, format_time
from hub.domain.ids import derived_id
from hub.domain.outcome import Accepted, Event, Rejected, changed, refuse
from hub.domain.problem import FieldError

FUTURE_TOLERANCE = timedelta(hours=1)


class Reason(StrEnum):
    """Why a quantity changed."""

    OPENING = "opening"
    RECEIVED = "received"
    SOLD = "sold"
    DISPENSED = "dispensed"
    RETURN_IN = "return_in"
    RETURN_OUT = "return_out"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    COUNT = "count"
    FOUND = "found"
    MISSING = "missing"
    STOLEN = "stolen"
    DAMAGED = "damaged"
    EXPIRED = "expired"
    DESTROYED = "destroyed"
    CORRECTION = "correction"


FACTS_OF_THE_TILL = frozenset({Reason.SOLD, Reason.DISPENSED})
"""The goods have left whatever the books say: these may take a quantity below zero."""


@dataclass(frozen=True, slots=True)
class InventoryItem:
    """An item: what is on the shelf, and how much of it open orders hold."""

    UNIQUE: ClassVar[tuple[str, ...]] = ("sku",)

    id: UUID
    pharmacy_id: UUID
    sku: str
    name: str
    quantity: int
    reserved: int
    price: Decimal
    extra_data: Mapping[str, Any]
    identifiers: list[dict[str, str]]
    low_stock_threshold: int | None
    created_at: datetime
    updated_at: datetime
    version: int
    deleted_at: datetime | None = None

    @property
    def available(self) -> int:
        """What an order may still reserve."""
        return self.quantity - self.reserved


@dataclass(frozen=True, slots=True)
class StockMovement:
    """A line of the ledger; never changed."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    item_id: UUID
    operation_id: UUID
    delta: int
    quantity_after: int
    reason: str
    note: str
    reference_uri: str | None
    occurred_at: datetime
    recorded_at: datetime


def dump_item(item: InventoryItem) -> dict[str, Any]:
    """Represent an item as clients see it."""
    return {
        "id": format_id(item.id),
        "pharmacy_id": format_id(item.pharmacy_id),
        "sku": item.sku,
        "name": item.name,
        "quantity": item.quantity,
        "reserved": item.reserved,
        "available": item.available,
        "price": format_money(item.price),
        "extra_data": item.extra_data,
        "identifiers": item.identifiers,
        "low_stock_threshold": item.low_stock_threshold,
        "created_at": format_time(item.created_at),
        "updated_at": format_time(item.updated_at),
        "version": item.version,
    }


def dump_movement(movement: StockMovement) -> dict[str, Any]:
    """Represent a movement as clients see it."""
    return {
        "id": format_id(movement.id),
        "delta": movement.delta,
        "quantity_after": movement.quantity_after,
        "reason": movement.reason,
        "note": movement.note,
        "reference_uri": movement.reference_uri,
        "occurred_at": format_time(movement.occurred_at),
        "recorded_at": format_time(movement.recorded_at),
        "operation_id": format_id(movement.operation_id),
    }


def subject_of(item: InventoryItem) -> str:
    """Name the item as the subject of an event."""
    return f"inventory/{format_id(item.id)}"


@dataclass(frozen=True, slots=True)
class Act:
    """What a movement is part of: the operation, when it happened, and what the client says of it."""

    operation_id: UUID
    occurred_at: datetime
    note: str = ""
    reference_uri: str | None = None


def move(
    item: InventoryItem, delta: int, reason: Reason, act: Act, now: datetime, *, reserved: int = 0
) -> tuple[InventoryItem, StockMovement]:
    """Change a quantity and write the line of the ledger that explains it.

    Several lines of one sale or order on one sku are summed first: one movement says what one act did to one item.

    Args:
        reserved: change of the reservation that goes with it.
    """
    after = replace(
        item,
        quantity=item.quantity + delta,
        reserved=item.reserved + reserved,
        updated_at=now,
        version=item.version + 1,
    )
    movement = StockMovement(
        id=derived_id(act.operation_id, "movement", item.id, item.version),
        pharmacy_id=item.pharmacy_id,
        item_id=item.id,
        operation_id=act.operation_id,
        delta=delta,
        quantity_after=after.quantity,
        reason=reason.value,
        note=act.note,
        reference_uri=act.reference_uri,
        occurred_at=act.occurred_at,
        recorded_at=now,
    )
    return after, movement


def adjusted(before: InventoryItem, after: InventoryItem, movement: StockMovement) -> Accepted:
    """Tell of an item that moved by itself, and of the thresholds it crossed."""
    data = {
        "inventory": dump_item(after),
        "movement": dump_movement(movement),
        "changed": changed(dump_item(before), dump_item(after)),
    }
    event = Event("inventory.adjusted", subject_of(after), data)
    return Accepted((after, movement), (event, *threshold_events(before, after)), dump_item(after))


def threshold_events(before: InventoryItem, after: InventoryItem) -> tuple[Event, ...]:
    """Say once that a quantity went below zero, or that what is available fell to the item's threshold."""
    events = []
    if before.quantity >= 0 > after.quantity:
        events.append("inventory.stock_negative")
    threshold = after.low_stock_threshold
    if threshold is not None and before.available > threshold >= after.available:
        events.append("inventory.stock_low")
    if not events:
        return ()
    data = {"inventory": dump_item(after), "changed": changed(dump_item(before), dump_item(after))}
    return tuple(Event(name, subject_of(after), data) for name in events)


def too_late(pointer: str, occurred_at: datetime | None, command: Command) -> Rejected | None:
    """Refuse a time more than an hour ahead of the hub's; the past is allowed."""
    if occurred_at is None or occurred_at <= command.accepted_at + FUTURE_TOLERANCE:
        return None
    detail = "the time is more than an hour ahead; check the sender's clock"
    return refuse("validation", detail, FieldError(pointer, "future", detail))


def out_of_range(item: InventoryItem, delta: int, pointer: str) -> Rejected | None:
    """Refuse a movement, or the quantity after it, that the hub cannot hold."""
    quantity = item.quantity + delta
    if max(abs(quantity), abs(delta)) <= MAX_QUANTITY:
        return None
    detail = f"the quantity would go by {delta} to {quantity}; both must stay within ±{MAX_QUANTITY}"
    return refuse("validation", detail, FieldError(pointer, "quantity_range", detail))
