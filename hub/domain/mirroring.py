"""What the systems of others say of orders and stock: recorded as it is, never blocked, and older news never over newer.

The hub's own background work sends these commands, made of webhooks of sources. The truth lies with the vendor: an order is
`external`, may be in any state and jump, and its items may change while nothing of it was handed over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field

from hub.domain.command import Command, Rule
from hub.domain.fields import (
    MAX_QUANTITY,
    Amount,
    FreeObject,
    Reference,
    Text,
    format_id,
    same_json,
)
from hub.domain.mirror_note import MIRROR, Counts, Json, Mirrored, counts_of, is_older, kept, known_of, newest, noted
from hub.domain.order_bodies import MoveOrder, OrderItem, PlaceOrder, UpdateOrder
from hub.domain.order_states import EXTERNAL, OrderStatus, moved_to
from hub.domain.orders import Order, dump_order, move_only, place, revise
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, refuse
from hub.domain.problem import FieldError, not_found
from hub.domain.reservations import OrderLine
from hub.domain.state import Ref, Row, State
from hub.domain.stock import (
    Act,
    InventoryItem,
    Reason,
    StockMovement,
    adjusted,
    dump_item,
    move,
    out_of_range,
    threshold_events,
)


class MirrorOrder(Mirrored):
    """An order as its vendor has it. What is None was not said and stays as it is."""

    order_reference: Reference
    items: Annotated[list[OrderItem], Field(max_length=500)] | None = None
    total_amount: Amount | None = None
    status: OrderStatus | None = None
    reason: Text = ""
    extra_data: FreeObject = Field(default_factory=dict)


MAX_LOCATIONS: Final = 100
"""Locations of a source that one item remembers: they are shown, and sent, with every event of it."""

Location = Annotated[str, Field(strict=True, min_length=1, max_length=128)]


class MirrorStock(Mirrored):
    """How many the vendor counts: on the shelf, or `available` for sale, which leaves out what open orders hold.

    With a `location` it counts there only, and the stock is the sum of what its locations counted last: of `locations`, where
    those are named.
    """

    quantity: Annotated[int, Field(strict=True, ge=-MAX_QUANTITY, le=MAX_QUANTITY)]
    basis: Literal["on_hand", "available"] = "on_hand"
    occurred_at: datetime | None = None
    location: Location | None = None
    locations: Annotated[list[Location], Field(max_length=MAX_LOCATIONS)] = Field(default_factory=list)


def _touch(command: Command) -> Iterable[Ref]:
    body = command.body
    yield Ref(Order if isinstance(body, MirrorOrder) else InventoryItem, "id", command.resource_id)


def _mirror_order(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, MirrorOrder)
    order = state.find(Order, command.resource_id)
    if order is None:
        return _first_news(state, command, body)
    if order.source != EXTERNAL:
        return refuse("immutable", "an order of the hub's own is not mirrored from elsewhere")
    if is_older(body, known_of(order.extra_data, body)):
        return Accepted((), (), dump_order(order))
    scratch = state.fork()
    changes: list[Row] = []
    for step in _steps(order, body):
        told = replace(command, body=step, if_match=None)
        outcome = (move_only if isinstance(step, MoveOrder) else revise)(scratch, told)
        if isinstance(outcome, Rejected):
            return outcome
        scratch.apply(outcome.changes)
        changes += outcome.changes
    after = scratch.find(Order, order.id)
    assert after is not None
    return _changed(state, order, after, changes, body)


def _first_news(state: State, command: Command, body: MirrorOrder) -> Outcome:
    items = body.items or []
    # Unlike a client's, a vendor's order may come without its lines: the next message may have them.
    wanted = PlaceOrder.model_construct(
        order_reference=body.order_reference,
        source=EXTERNAL,
        items=items,
        total_amount=body.total_amount,
        status=body.status or OrderStatus.PENDING,
        extra_data=noted(body.extra_data, body, 1, status=body.status),
    )
    return place(state, replace(command, body=wanted))


def _steps(order: Order, body: MirrorOrder) -> Sequence[MoveOrder | UpdateOrder]:
    """Go from the order to the vendor's: items change in `pending` only, so a later one goes there and comes back."""
    # What another hub noted of the order is not what this one noted.
    extra_data = {name: value for name, value in body.extra_data.items() if name != MIRROR}
    said: dict[str, Any] = {"order_reference": body.order_reference, "extra_data": extra_data}
    if body.total_amount is not None:
        said["total_amount"] = body.total_amount
    status = moved_to(order.status, order.held_from, body.status, known_of(order.extra_data, body).get("status"))
    lines = [OrderLine.of(line) for line in order.items]
    wanted = None if body.items is None else [(i.sku, i.name, i.quantity, f"{i.unit_price:.2f}") for i in body.items]
    is_amended = wanted is not None and wanted != [line.ordered for line in lines]
    if not is_amended or any(line.supplied for line in lines):
        # What was handed over stays what it was, whatever the vendor makes of the order afterwards.
        return [UpdateOrder.model_construct(**said, status=status, reason=body.reason)]
    amend = UpdateOrder.model_construct(**said, items=body.items)
    if order.status == OrderStatus.PENDING:
        return [amend, _to(status, body.reason)]
    base = OrderStatus(order.held_from or order.status)
    way = [base, OrderStatus(order.status), status]
    return [_to(OrderStatus.PENDING, order.reason), amend, *(_to(step, body.reason or order.reason) for step in way)]


def _to(status: OrderStatus, reason: str) -> MoveOrder:
    return MoveOrder.model_construct(status=status, reason=reason)


def _changed(state: State, before: Order, after: Order, changes: Sequence[Row], body: MirrorOrder) -> Outcome:
    """Make one change and one event of all the steps."""
    after = replace(after, version=before.version, updated_at=before.updated_at)
    if after == before and same_json([after.items, after.extra_data], [before.items, before.extra_data]):
        extra_data = kept(before.extra_data, body, before.version, status=body.status)
        if extra_data is None:
            return Accepted((), (), dump_order(before))
        # Nobody has anything to learn from it, so it is neither an event nor a version.
        after = replace(before, extra_data=extra_data)
        return Accepted((after,), (), dump_order(after))
    after = replace(
        after,
        version=before.version + 1,
        updated_at=state.now,
        extra_data=noted(after.extra_data, body, before.version + 1, status=body.status),
    )
    last: dict[UUID, InventoryItem] = {}
    movements: list[StockMovement] = []
    for row in changes:
        if isinstance(row, InventoryItem):
            last[row.id] = row
        elif isinstance(row, StockMovement):
            movements.append(row)
    items: list[InventoryItem] = []
    events: list[Event] = []
    for item in last.values():
        was = state.find(InventoryItem, item.id)
        assert was is not None
        if (was.quantity, was.reserved) != (item.quantity, item.reserved):
            item = replace(item, version=was.version + 1)  # noqa: PLW2901 -- the same item
            items.append(item)
            events += threshold_events(was, item)
    name = "order.updated" if after.status == before.status else "order.status_changed"
    data = {"order": dump_order(after), "changed": changed(dump_order(before), dump_order(after))}
    event = Event(name, f"orders/{format_id(after.id)}", data)
    return Accepted((after, *items, *movements), (event, *events), dump_order(after))


def _counted(counts: dict[str, Json], body: MirrorStock, revision: int | None) -> dict[str, Json]:
    assert body.location is not None
    counts = counts | {body.location: {"quantity": body.quantity, "revision": revision}}
    return {name: count for name, count in counts.items() if not body.locations or name in body.locations}


def _mirror_stock(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, MirrorStock)
    item = state.find(InventoryItem, command.resource_id)
    if item is None:
        return Rejected(not_found("inventory item"))
    counts = None if body.location is None else counts_of(item.extra_data, body)
    known = known_of(item.extra_data, body) if counts is None else counts.get(body.location or "", {})
    if is_older(body, known):
        return Accepted((), (), dump_item(item))
    quantity = body.quantity
    if counts is not None:
        counts = _counted(counts, body, newest(known, body))
        if len(counts) > MAX_LOCATIONS:
            detail = f"more than {MAX_LOCATIONS} locations count it; name those that are this pharmacy"
            return refuse("validation", detail, FieldError("#/location", "too-many", detail))
        quantity = sum(count["quantity"] for count in counts.values())
    return _set_stock(command, body, item, quantity, counts, state.now)


def _set_stock(
    command: Command, body: MirrorStock, item: InventoryItem, quantity: int, counts: Counts | None, now: datetime
) -> Outcome:
    target = quantity + (item.reserved if body.basis == "available" else 0)
    delta = target - item.quantity
    if not delta:
        extra_data = kept(item.extra_data, body, item.version, counts=counts)
        if extra_data is None:
            return Accepted((), (), dump_item(item))
        # As with orders, neither an event nor a version.
        item = replace(item, extra_data=extra_data)
        return Accepted((item,), (), dump_item(item))
    if (refusal := out_of_range(item, delta, "#/quantity")) is not None:
        return refusal
    act = Act(
        command.operation_id,
        min(body.occurred_at or command.accepted_at, command.accepted_at),
        reference_uri=f"/api/webhook-events/{body.causation_id}/",
    )
    told = replace(item, extra_data=noted(item.extra_data, body, item.version + 1, counts=counts))
    after, movement = move(told, delta, Reason.COUNT, act, now)
    return adjusted(item, after, movement)


RULES = (
    Rule("order.mirror", MirrorOrder, _mirror_order, "orders", _touch),
    Rule("inventory.mirror", MirrorStock, _mirror_stock, "inventory", _touch),
)
