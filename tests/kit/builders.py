"""Bodies and commands that are valid unless told, and `History`: the writer's loop over a dict instead of a database."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson

from hub.domain.command import Command, Rule
from hub.domain.event import NumberedEvent
from hub.domain.ids import derived_id, event_id_for
from hub.domain.outcome import Accepted, Outcome, Rejected
from hub.domain.problem import Problem
from hub.domain.settle import Wanted, settle, touched
from hub.domain.state import Ref
from hub.domain.stock import StockMovement, dump_item
from hub.resources import COMMANDS

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CORNER = derived_id("the pharmacy at the corner")
HARBOUR = derived_id("the pharmacy at the harbour")
_MAX_INT4 = 2_147_483_647
_numbers = count(1)

Json = dict[str, Any]


def a_pharmacy(**members: Any) -> Json:
    """Body of `pharmacy.create`."""
    return {"name": "Corner"} | members


def an_item(sku: str = "PZN1", **members: Any) -> Json:
    """Body of `inventory.create`: ten units."""
    return {"sku": sku, "name": "Aspirin 500 mg", "quantity": 10, "price": "4.99"} | members


def an_adjustment(delta: int | None = 5, reason: str = "received", **members: Any) -> Json:
    """Body of `inventory.adjust`."""
    return ({} if delta is None else {"delta": delta}) | {"reason": reason} | members


def a_line(sku: str | None = "PZN1", quantity: int = 1, **members: Any) -> Json:
    """A line of a sale; `sku=None` where it names an `inventory_item`."""
    return ({} if sku is None else {"sku": sku}) | {"quantity": quantity, "total_price": "4.99"} | members


def a_sale(lines: Sequence[Json] | None = None, **members: Any) -> Json:
    """Body of `sale.record`: one unit of `PZN1`."""
    return {"lines": [a_line()] if lines is None else list(lines)} | members


def an_order_line(sku: str = "PZN1", quantity: int = 2, **members: Any) -> Json:
    """A line of an order, 2.50 a unit."""
    return {"sku": sku, "name": "Aspirin", "quantity": quantity, "unit_price": "2.50"} | members


def an_order(items: Sequence[Json] | None = None, **members: Any) -> Json:
    """Body of `order.place`: two units of `PZN1`, with a reference of its own."""
    lines = [an_order_line()] if items is None else list(items)
    return {"order_reference": f"R{next(_numbers)}", "items": lines} | members


def a_webhook(**members: Any) -> Json:
    """Body of `webhook_event.receive`."""
    return {"event_type": "order.created", "payload": {"id": 1}} | members


MINTED: Mapping[str, str] = {
    "secret": "ciphertext",
    "key_digest": "d" * 64,
    "key_hint": "abcd",
    "webhook_secret": "ciphertext",
}


def a_command(
    type_: str,
    body: object = None,
    *,
    pharmacy: UUID = CORNER,
    of: UUID | None = None,
    number: int | None = None,
    **envelope: Any,
) -> Command:
    """A command as the writer gets it.

    Args:
        body: JSON; parsed as the HTTP door does.
        of: the resource it is about; None for a new one.
        number: makes the operation's id, so that equal numbers are the same operation.
    """
    operation_id = derived_id("operation", next(_numbers) if number is None else f"n{number}")
    members: dict[str, Any] = {"accepted_at": NOON, "minted": MINTED} | envelope
    return Command(
        operation_id=operation_id,
        pharmacy_id=pharmacy,
        type=type_,
        resource_id=derived_id(operation_id, "resource") if of is None else of,
        body=COMMANDS[type_].body.model_validate_json(orjson.dumps({} if body is None else body), strict=True),
        **members,
    )


@dataclass(slots=True)
class History:
    """A hub without servers: what was claimed, the rows, the ledger and the log.

    Windows are settled as the writer settles them: claim, touch, settle until nothing is missing, save, number. Rows come
    back as they would from PostgreSQL: JSON columns as JSON, constraints checked.
    """

    now: datetime = NOON + timedelta(seconds=1)
    rules: Mapping[str, Rule] = field(default_factory=lambda: COMMANDS)
    rows: dict[tuple[type[Any], UUID], Any] = field(default_factory=dict)
    movements: list[StockMovement] = field(default_factory=list)
    outcomes: dict[UUID, Outcome] = field(default_factory=dict)
    events: dict[UUID, list[Json]] = field(default_factory=dict)
    checks_inputs: bool = False
    passes: int = 0

    def settle(self, commands: Sequence[Command]) -> list[Outcome]:
        """Settle one window; what was claimed before gives its first outcome."""
        fresh: dict[UUID, Command] = {}
        for command in commands:
            if command.operation_id not in self.outcomes:
                fresh.setdefault(command.operation_id, command)
        for command, outcome in zip(fresh.values(), self._decide(list(fresh.values())), strict=True):
            self.outcomes[command.operation_id] = outcome
            if isinstance(outcome, Accepted):
                self._number(command, outcome)
        return [self.outcomes[command.operation_id] for command in commands]

    def _decide(self, commands: Sequence[Command]) -> list[Outcome]:
        rows = self._load(touched(commands, self.rules))
        while True:
            before = deepcopy((rows, commands)) if self.checks_inputs else None
            outcomes, missing = settle(commands, self.rules, rows, self.now)
            assert before is None or before == (rows, commands), "a decision changed what it was given"
            self.passes += 1
            if not missing:
                break
            assert not missing & set(rows), "asked twice for the same row"
            rows |= self._load(missing)
        self._save(change for outcome in outcomes if isinstance(outcome, Accepted) for change in outcome.changes)
        return outcomes

    def _load(self, wanted: Iterable[Wanted]) -> dict[Wanted, Any]:
        return {(pharmacy_id, ref): self._find(pharmacy_id, ref) for pharmacy_id, ref in wanted}

    def _find(self, pharmacy_id: UUID, ref: Ref) -> Any:
        if ref.field == "id":
            row = self.rows.get((ref.kind, ref.value))  # type: ignore[arg-type]
            return row if row is not None and _owner(row) in {None, pharmacy_id} else None
        found = [
            row
            for row in self.of_kind(ref.kind)
            if _owner(row) in {None, pharmacy_id} and getattr(row, ref.field) == ref.value and _is_alive(row)
        ]
        assert len(found) <= 1, f"{ref} is not unique"
        return found[0] if found else None

    def _save(self, changes: Iterable[Any]) -> None:
        for change in changes:
            row = _stored(change)
            if isinstance(row, StockMovement):
                assert row.delta, "a movement moves"
                assert row.id not in {movement.id for movement in self.movements[-50:]}, "a movement is written once"
                self.movements.append(row)
            else:
                before = self.rows.get((type(row), row.id))
                assert before is None or _owner(before) == _owner(row), "a row changed hands"
                self.rows[type(row), row.id] = row

    def _number(self, command: Command, outcome: Accepted) -> None:
        log = self.events.setdefault(command.pharmacy_id, [])
        for index, event in enumerate(outcome.events):
            event_id = event_id_for(command.operation_id, index)
            numbered = NumberedEvent(event_id, event, command.pharmacy_id, command.operation_id, len(log) + 1, self.now)
            log.append(orjson.loads(orjson.dumps(numbered.dump())))

    def do(self, type_: str, body: object = None, **envelope: Any) -> Outcome:
        """Settle one command, made as by `a_command`."""
        return self.settle([a_command(type_, body, **envelope)])[0]

    def accept(self, type_: str, body: object = None, **envelope: Any) -> Json:
        """Settle one command that must be accepted, and return the representation of its resource."""
        outcome = self.do(type_, body, **envelope)
        assert isinstance(outcome, Accepted), outcome
        return dict(outcome.resource or {})

    def refuse(self, type_: str, body: object = None, **envelope: Any) -> Problem:
        """Settle one command that must be refused, and return why."""
        before = dict(self.rows)
        outcome = self.do(type_, body, **envelope)
        assert isinstance(outcome, Rejected), outcome
        assert before == self.rows
        return outcome.problem

    def of_kind(self, kind: type[Any], pharmacy_id: UUID | None = None) -> list[Any]:
        """List the rows of one kind, deleted ones too."""
        return [
            row
            for (its_kind, _), row in self.rows.items()
            if its_kind is kind and (pharmacy_id is None or _owner(row) == pharmacy_id)
        ]

    def item(self, item_id: str | UUID) -> Json:
        """Represent an item as it is now."""
        return dump_item(next(row for (_, row_id), row in self.rows.items() if str(row_id) == str(item_id)))

    def types(self, pharmacy_id: UUID = CORNER) -> list[str]:
        """Name the types of a pharmacy's events in order."""
        return [event["type"] for event in self.events.get(pharmacy_id, [])]

    def last_event(self, pharmacy_id: UUID = CORNER) -> Json:
        """Give the newest event of a pharmacy."""
        return self.events[pharmacy_id][-1]


def id_of(resource: Mapping[str, Any]) -> UUID:
    """Read the id of a representation."""
    return UUID(resource["id"])


def a_shop_with_an_order(quantity: int = 10, **members: Any) -> tuple[History, UUID, UUID]:
    """Make a history with one item `PZN1` and one order of two units of it; the item's id and the order's."""
    history = History()
    item = history.accept("inventory.create", an_item(quantity=quantity))
    order = history.accept("order.place", an_order(**members))
    return history, id_of(item), id_of(order)


def move_order(history: History, order_id: UUID, *states: str) -> Json:
    """Move an order through states, with the reason "r"; the order after the last."""
    after: Json = {}
    for state in states:
        after = history.accept("order.transition", {"status": state, "reason": "r"}, of=order_id)
    return after


def _owner(row: Any) -> UUID | None:
    owner: UUID | None = getattr(row, "pharmacy_id", None)
    return owner


def _is_alive(row: Any) -> bool:
    return getattr(row, "deleted_at", None) is None


def _stored(row: Any) -> Any:
    """Write and read a row as PostgreSQL would."""
    values: dict[str, Any] = {}
    for column in fields(row):
        value = getattr(row, column.name)
        if isinstance(value, dict | list):
            values[column.name] = orjson.loads(orjson.dumps(value))
        elif type(value) is int:
            assert abs(value) <= _MAX_INT4, f"{column.name} does not fit into its column"
        elif column.name in {"sku", "reference", "order_reference", "event_type", "source"} and value is not None:
            assert len(value) <= 128, f"{column.name} does not fit into its column"
    assert getattr(row, "reserved", 0) >= 0, "reserved is never negative"
    return replace(row, **values)
