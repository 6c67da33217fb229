"""Orders: placed, amended and moved along their state table, with reservations that follow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from hub.domain import reservations
from hub.domain.command import Command, Rule
from hub.domain.fields import format_id, format_money, format_time, merge_patch, same_json
from hub.domain.order_bodies import (
    MAX_TOTAL,
    CancelOrder,
    MoveOrder,
    OrderItem,
    PlaceOrder,
    ReplaceOrder,
    UpdateOrder,
    total_of,
)
from hub.domain.order_states import ENDED, EXTERNAL, NEXT, RESERVING, OrderStatus
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, overlong, refuse
from hub.domain.problem import FieldError
from hub.domain.reservations import OrderLine
from hub.domain.state import Ref, State
from hub.domain.stock import Act, InventoryItem
from hub.domain.versions import current


@dataclass(frozen=True, slots=True)
class Order:
    """An order; `held_from` is the state to which `on_hold` returns."""

    UNIQUE: ClassVar[tuple[str, ...]] = ("order_reference",)

    id: UUID
    pharmacy_id: UUID
    order_reference: str
    items: list[dict[str, Any]]
    total_amount: Decimal
    status: str
    held_from: str | None
    reason: str
    source: str
    extra_data: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int


def dump_order(order: Order) -> dict[str, Any]:
    """Represent an order as clients see it."""
    return {
        "id": format_id(order.id),
        "pharmacy_id": format_id(order.pharmacy_id),
        "order_reference": order.order_reference,
        "items": order.items,
        "total_amount": format_money(order.total_amount),
        "status": order.status,
        "held_from": order.held_from,
        "reason": order.reason,
        "source": order.source,
        "extra_data": order.extra_data,
        "created_at": format_time(order.created_at),
        "updated_at": format_time(order.updated_at),
        "version": order.version,
    }


def _subject(order: Order) -> str:
    return f"orders/{format_id(order.id)}"


def _line(item: OrderItem) -> OrderLine:
    return OrderLine(item.sku, item.name, item.quantity, format_money(item.unit_price))


def _touch_order(command: Command) -> Iterable[Ref]:
    body = command.body
    if isinstance(body, PlaceOrder):
        yield Ref(Order, "order_reference", body.order_reference)
        if body.status is not OrderStatus.PENDING:
            yield from (Ref(InventoryItem, "sku", item.sku) for item in body.items)
    else:
        yield Ref(Order, "id", command.resource_id)
        if isinstance(body, ReplaceOrder | UpdateOrder) and body.order_reference:
            yield Ref(Order, "order_reference", body.order_reference)


def allowed_from(order: Order) -> list[str]:
    """Name the states to which an order may move, in the order of the table."""
    moves = NEXT[OrderStatus(order.status)]
    return [status.value for status in OrderStatus if status in moves or status.value == order.held_from]


def place(state: State, command: Command) -> Outcome:
    """Decide a new order."""
    body = command.body
    assert isinstance(body, PlaceOrder)
    if state.find_by(Order, "order_reference", body.order_reference) is not None:
        return _duplicate(body.order_reference)
    order = Order(
        id=command.resource_id,
        pharmacy_id=state.pharmacy_id,
        order_reference=body.order_reference,
        items=[_line(item).dump() for item in body.items],
        total_amount=total_of(body.items) if body.total_amount is None else body.total_amount,
        status=OrderStatus.PENDING.value,
        held_from=None,
        reason="",
        source=body.source,
        extra_data=body.extra_data,
        created_at=state.now,
        updated_at=state.now,
        version=1,
    )
    moved = _settle_stock(state, command, order, body.status)
    # A pending order holds nothing, an external one takes no more than there is.
    assert isinstance(moved, reservations.Moved)
    order = replace(_with_lines(order, moved), status=body.status.value)
    event = Event("order.placed", _subject(order), {"order": dump_order(order), "changed": {}})
    return Accepted((order, *moved.changes), (event, *moved.events), dump_order(order))


def _duplicate(reference: str) -> Rejected:
    detail = f"this pharmacy has another order with the reference {reference!r}"
    return refuse("duplicate", detail, FieldError("#/order_reference", "duplicate", detail))


def _settle_stock(state: State, command: Command, order: Order, target: OrderStatus) -> reservations.Moved | Rejected:
    """Reserve, consume or release what this move asks for."""
    strict = order.source != EXTERNAL
    if target is OrderStatus.COMPLETED:
        note, uri = order.order_reference, f"/api/orders/{order.id}/"
        act = Act(command.operation_id, command.accepted_at, note=note, reference_uri=uri)
        return reservations.consume(state, _lines(order), act, strict=strict)
    if target in ENDED or (target is OrderStatus.PENDING and not strict):
        return reservations.release(state, _lines(order))
    if target in RESERVING and order.status not in RESERVING and order.held_from not in RESERVING:
        return reservations.reserve(state, _lines(order), strict=strict)
    return reservations.Moved()


def _with_lines(order: Order, moved: reservations.Moved) -> Order:
    return order if moved.lines is None else replace(order, items=[line.dump() for line in moved.lines])


def _lines(order: Order) -> list[OrderLine]:
    return [OrderLine.of(line) for line in order.items]


def revise(state: State, command: Command) -> Outcome:
    """Decide a change of an order, its status perhaps among it."""
    body = command.body
    assert isinstance(body, ReplaceOrder | UpdateOrder)
    order = current(state, command, Order, "order")
    if isinstance(order, Rejected):
        return order
    amended = _amend(state, order, body)
    if isinstance(amended, Rejected):
        return amended
    return _move(state, command, order, amended, body.status, body.reason)


def _amend(state: State, order: Order, body: ReplaceOrder | UpdateOrder) -> Order | Rejected:
    """Apply everything but the status."""
    after = order
    if body.order_reference and body.order_reference != order.order_reference:
        if state.find_by(Order, "order_reference", body.order_reference) is not None:
            return _duplicate(body.order_reference)
        after = replace(after, order_reference=body.order_reference)
    if body.source is not None:
        if (body.source == EXTERNAL) != (order.source == EXTERNAL):
            return refuse(
                "immutable",
                "whether an order is external was settled when it was placed",
                FieldError("#/source", "immutable", "it stays as it was placed"),
            )
        after = replace(after, source=body.source)
    after = _with_extra_data(_amend_items(after, body), body)
    # An external order may come back to `pending` after its goods were handed over: they must not be forgotten.
    if after.items != order.items and (
        order.status != OrderStatus.PENDING or any(line["supplied"] for line in order.items)
    ):
        return refuse(
            "immutable",
            f"items change only while an order is pending and nothing of it was handed over; this one is {order.status}",
            FieldError("#/items", "immutable", "items change only in `pending`"),
        )
    return overlong("extra_data", order.extra_data, after.extra_data) or _wrong_total(after) or after


def _wrong_total(order: Order) -> Rejected | None:
    total = sum((line["quantity"] * Decimal(line["unit_price"]) for line in order.items), Decimal(0))
    if total > MAX_TOTAL:
        detail = f"the items come to {format_money(total)}, more than {format_money(MAX_TOTAL)}"
    elif order.source != EXTERNAL and order.total_amount != total:
        detail = f"`total_amount` is not the sum of the items, which is {format_money(total)}"
    else:
        return None
    return refuse("validation", detail, FieldError("#/total_amount", "total_amount", detail))


def _with_extra_data(order: Order, body: ReplaceOrder | UpdateOrder) -> Order:
    if isinstance(body, ReplaceOrder):
        return replace(order, extra_data=body.extra_data)
    if "extra_data" not in body.model_fields_set:
        return order
    return replace(order, extra_data={} if body.extra_data is None else merge_patch(order.extra_data, body.extra_data))


def _amend_items(order: Order, body: ReplaceOrder | UpdateOrder) -> Order:
    if body.items is not None:
        stored = _lines(order)
        wanted = [_line(item) for item in body.items]
        if [line.ordered for line in stored] != [line.ordered for line in wanted]:
            order = replace(order, items=[line.dump() for line in wanted])
            if body.total_amount is None:
                order = replace(order, total_amount=total_of(body.items))
    if body.total_amount is not None:
        order = replace(order, total_amount=body.total_amount)
    return order


def move_only(state: State, command: Command) -> Outcome:
    """Decide a move of an order."""
    body = command.body
    assert isinstance(body, MoveOrder)
    order = current(state, command, Order, "order")
    if isinstance(order, Rejected):
        return order
    return _move(state, command, order, order, body.status, body.reason)


def _move(
    state: State, command: Command, before: Order, order: Order, target: OrderStatus | None, reason: str
) -> Outcome:
    """Move an amended order to a status, or leave it where it is; one event says all that changed."""
    if target is None or target == order.status:
        if order == before and same_json(order.extra_data, before.extra_data):
            return Accepted((), (), dump_order(order))
        return _accepted("order.updated", before, order, reservations.Moved(), state)
    allowed = allowed_from(order)
    if order.source != EXTERNAL and target.value not in allowed:
        detail = f"an order does not move from {order.status} to {target.value}"
        return refuse(
            "invalid-transition",
            detail,
            FieldError("#/status", "invalid_transition", detail),
            **{"from": order.status, "to": target.value, "allowed": allowed},
        )
    moved = _settle_stock(state, command, order, target)
    if isinstance(moved, Rejected):
        return moved
    held_from = order.status if target is OrderStatus.ON_HOLD else None
    after = replace(order, status=target.value, held_from=held_from, reason=reason)
    return _accepted("order.status_changed", before, after, moved, state)


def _accepted(name: str, before: Order, after: Order, moved: reservations.Moved, state: State) -> Accepted:
    after = replace(_with_lines(after, moved), updated_at=state.now, version=before.version + 1)
    shown = dump_order(after)
    event = Event(name, _subject(after), {"order": shown, "changed": changed(dump_order(before), shown)})
    return Accepted((after, *moved.changes), (event, *moved.events), shown)


def _cancel(state: State, command: Command) -> Outcome:
    order = current(state, command, Order, "order")
    if isinstance(order, Rejected):
        return order
    outcome = _move(state, command, order, order, OrderStatus.CANCELLED, "")
    return replace(outcome, resource=None) if isinstance(outcome, Accepted) else outcome


RULES = (
    Rule("order.place", PlaceOrder, place, "orders", _touch_order),
    Rule("order.replace", ReplaceOrder, revise, "orders", _touch_order),
    Rule("order.update", UpdateOrder, revise, "orders", _touch_order),
    Rule("order.transition", MoveOrder, move_only, "orders", _touch_order),
    Rule("order.cancel", CancelOrder, _cancel, "orders", _touch_order),
)
