"""What clients do to their stock: create, change, adjust, count and remove items, one by one or in bulk."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, merge_patch, same_json
from hub.domain.ids import derived_id
from hub.domain.inventory_bodies import AdjustItem, CreateItem, RemoveItem, ReplaceItem, UpdateItem, UpsertItem
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, overlong, refuse
from hub.domain.problem import FieldError
from hub.domain.state import Ref, State
from hub.domain.stock import (
    FACTS_OF_THE_TILL,
    Act,
    InventoryItem,
    Reason,
    StockMovement,
    adjusted,
    dump_item,
    move,
    out_of_range,
    subject_of,
    too_late,
)
from hub.domain.versions import current

_NEEDED = frozenset({"name", "price"})


def _duplicate(sku: str) -> Rejected:
    detail = f"this pharmacy has another item with the sku {sku!r}"
    return refuse("duplicate", detail, FieldError("#/sku", "duplicate", detail))


def _touch_sku(command: Command) -> Iterable[Ref]:
    body = command.body
    assert isinstance(body, CreateItem)
    yield Ref(InventoryItem, "sku", body.sku)


def _touch_item(command: Command) -> Iterable[Ref]:
    yield Ref(InventoryItem, "id", command.resource_id)
    body = command.body
    if isinstance(body, ReplaceItem | UpdateItem) and body.sku:
        yield Ref(InventoryItem, "sku", body.sku)


def _create(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, CreateItem)
    if state.find_by(InventoryItem, "sku", body.sku) is not None:
        return _duplicate(body.sku)
    return _open_item(state, command, command.resource_id, body)


def _open_item(state: State, command: Command, item_id: UUID, body: CreateItem | UpsertItem) -> Accepted:
    item = InventoryItem(
        id=item_id,
        pharmacy_id=state.pharmacy_id,
        sku=body.sku,
        name=body.name,
        quantity=body.quantity,
        reserved=0,
        price=body.price,
        extra_data=body.extra_data,
        identifiers=[code.model_dump() for code in body.identifiers],
        low_stock_threshold=body.low_stock_threshold,
        created_at=state.now,
        updated_at=state.now,
        version=1,
    )
    view = dump_item(item)
    event = Event("inventory.created", subject_of(item), {"inventory": view, "changed": {}})
    if not item.quantity:
        return Accepted((item,), (event,), view)
    opening = StockMovement(
        id=derived_id(command.operation_id, "movement", item.id, 0),
        pharmacy_id=state.pharmacy_id,
        item_id=item.id,
        operation_id=command.operation_id,
        delta=item.quantity,
        quantity_after=item.quantity,
        reason=Reason.OPENING.value,
        note="",
        reference_uri=None,
        occurred_at=command.accepted_at,
        recorded_at=state.now,
    )
    return Accepted((item, opening), (event,), view)


def needs_condition(body: Body, if_match: object) -> bool:
    """Tell whether a PUT or PATCH names a quantity but nothing to compare with (428): it could lose an update.

    `If-Match: *` compares nothing: any version there is satisfies it (RFC 9110, 13.1.1).
    """
    return (
        isinstance(body, ReplaceItem | UpdateItem)
        and "quantity" in body.model_fields_set
        and body.expected_quantity is None
        and if_match in {None, "*"}
    )


def _revise(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, ReplaceItem | UpdateItem)
    item = current(state, command, InventoryItem, "inventory item")
    if isinstance(item, Rejected):
        return item
    if needs_condition(body, command.if_match):
        return refuse(
            "precondition-required", "send If-Match or expected_quantity with a quantity, or adjust by a delta"
        )
    if body.expected_quantity is not None and body.expected_quantity != item.quantity:
        return refuse(
            "stale-quantity",
            f"the quantity is {item.quantity}, not {body.expected_quantity}; read it and try again",
            expected_quantity=body.expected_quantity,
            quantity=item.quantity,
        )
    after = _with_fields(item, body)
    if (refusal := overlong("extra_data", item.extra_data, after.extra_data)) is not None:
        return refusal
    if after.sku != item.sku and state.find_by(InventoryItem, "sku", after.sku) is not None:
        return _duplicate(after.sku)
    counted = body.quantity if "quantity" in body.model_fields_set else item.quantity
    return _revised(state, command, item, after, counted)


def _with_fields(item: InventoryItem, body: ReplaceItem | UpdateItem | UpsertItem) -> InventoryItem:
    named = body.model_fields_set if isinstance(body, UpdateItem | UpsertItem) else set(type(body).model_fields)
    values: dict[str, Any] = {
        name: getattr(body, name) for name in ("sku", "name", "price", "low_stock_threshold") if name in named
    }
    if "extra_data" in named:
        values["extra_data"] = (
            merge_patch(item.extra_data, body.extra_data or {}) if isinstance(body, UpdateItem) else body.extra_data
        )
        if isinstance(body, UpdateItem) and body.extra_data is None:
            values["extra_data"] = {}
    if "identifiers" in named:
        values["identifiers"] = [code.model_dump() for code in body.identifiers or ()]
    return replace(item, **values)


def _revised(state: State, command: Command, item: InventoryItem, after: InventoryItem, counted: int) -> Outcome:
    """Settle a change of fields, of the quantity, or of both as one event."""
    delta = counted - item.quantity
    if (refusal := out_of_range(item, delta, "#/quantity")) is not None:
        return refusal
    if delta:
        act = Act(command.operation_id, command.accepted_at)
        after, movement = move(after, delta, Reason.COUNT, act, state.now)
        return adjusted(item, after, movement)
    if after == item and same_json(after.extra_data, item.extra_data):
        return Accepted((), (), dump_item(item))
    after = replace(after, updated_at=state.now, version=item.version + 1)
    event = Event(
        "inventory.updated",
        subject_of(after),
        {"inventory": dump_item(after), "changed": changed(dump_item(item), dump_item(after))},
    )
    return Accepted((after,), (event,), dump_item(after))


def _adjust(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, AdjustItem)
    item = current(state, command, InventoryItem, "inventory item")
    if isinstance(item, Rejected):
        return item
    if (refusal := too_late("#/occurred_at", body.occurred_at, command)) is not None:
        return refusal
    delta = (body.delta or 0) if body.quantity is None else body.quantity - item.quantity
    if not delta:
        return Accepted((), (), dump_item(item))
    pointer = "#/delta" if body.quantity is None else "#/quantity"
    if (refusal := out_of_range(item, delta, pointer)) is not None:
        return refusal
    if delta < 0 and item.quantity + delta < 0 and body.reason not in FACTS_OF_THE_TILL:
        return refuse(
            "insufficient-stock",
            f"{item.quantity} are on the shelf, {-delta} cannot leave it; count it first",
            lines=[{"sku": item.sku, "requested": -delta, "available": item.quantity}],
        )
    act = Act(command.operation_id, body.occurred_at or command.accepted_at, body.note, body.reference_uri)
    after, movement = move(item, delta, body.reason, act, state.now)
    return adjusted(item, after, movement)


def _remove(state: State, command: Command) -> Outcome:
    item = current(state, command, InventoryItem, "inventory item")
    if isinstance(item, Rejected):
        return item
    if item.reserved:
        return refuse(
            "reserved", f"open orders hold {item.reserved} of it; complete or cancel them first", reserved=item.reserved
        )
    after = item
    changes: tuple[InventoryItem | StockMovement, ...] = ()
    if item.quantity:
        act = Act(command.operation_id, command.accepted_at, note="written off with the item")
        after, movement = move(item, -item.quantity, Reason.CORRECTION, act, state.now)
        changes = (movement,)
    after = replace(after, deleted_at=state.now, updated_at=state.now, version=item.version + 1)
    data = {"inventory": dump_item(after), "changed": changed(dump_item(item), dump_item(after))}
    return Accepted((after, *changes), (Event("inventory.deleted", subject_of(after), data),), None)


def upsert(state: State, command: Command, row_id: UUID, body: UpsertItem) -> Outcome:
    """Decide one row of a bulk upload; `row_id` becomes the item's id when the sku is new."""
    item = state.find_by(InventoryItem, "sku", body.sku)
    if item is not None:
        counted = body.quantity if "quantity" in body.model_fields_set else item.quantity
        return _revised(state, command, item, _with_fields(item, body), counted)
    if not body.model_fields_set >= _NEEDED:
        missing = sorted(_NEEDED - body.model_fields_set)
        errors = [FieldError(f"#/{name}", "missing", f"a new item needs a {name}") for name in missing]
        return refuse("validation", f"{body.sku!r} is a new item and lacks {' and '.join(missing)}", *errors)
    return _open_item(state, command, row_id, body)


RULES = (
    Rule("inventory.create", CreateItem, _create, "inventory", _touch_sku),
    Rule("inventory.replace", ReplaceItem, _revise, "inventory", _touch_item),
    Rule("inventory.update", UpdateItem, _revise, "inventory", _touch_item),
    Rule("inventory.adjust", AdjustItem, _adjust, "inventory", _touch_item),
    Rule("inventory.delete", RemoveItem, _remove, "inventory", _touch_item),
)
