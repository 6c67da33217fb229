"""The rows of a window, the loop that settles it, and how faults of bodies are named."""

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

import hub.domain
from hub.domain.checking import field_errors, pointer_of
from hub.domain.command import Command, Rule, touches_nothing
from hub.domain.inventory_bodies import RemoveItem
from hub.domain.outcome import Accepted, Outcome, changed
from hub.domain.problem import CATALOGUE, FieldError, Problem
from hub.domain.settle import settle, touched
from hub.domain.state import NotLoaded, Ref, State
from hub.domain.stock import InventoryItem
from hub.resources import COMMANDS
from tests.kit.builders import CORNER, HARBOUR, NOON, History, Json, a_command, a_line, a_sale, an_item, an_order, id_of

DOMAIN = Path(hub.domain.__file__).parent


def an_item_row(sku: str = "A") -> InventoryItem:
    history = History()
    row = history.rows[InventoryItem, id_of(history.accept("inventory.create", an_item(sku)))]
    assert isinstance(row, InventoryItem)
    return row


def by_sku(sku: str) -> Ref:
    return Ref(InventoryItem, "sku", sku)


def by_id(row_id: UUID) -> Ref:
    return Ref(InventoryItem, "id", row_id)


def test_what_nobody_loaded_is_not_guessed() -> None:
    state = State(CORNER, NOON)
    item = an_item_row()
    with pytest.raises(NotLoaded, match="InventoryItem id="):
        state.find(InventoryItem, item.id)
    with pytest.raises(NotLoaded, match="InventoryItem sku=A"):
        state.find_by(InventoryItem, "sku", "A")
    state.load({by_id(item.id): None, by_sku("A"): None})
    assert state.find(InventoryItem, item.id) is state.find_by(InventoryItem, "sku", "A") is None


def test_all_that_is_missing_is_named_at_once() -> None:
    state = State(CORNER, NOON)
    item = an_item_row()
    state.load({by_sku("A"): item})
    with pytest.raises(NotLoaded) as caught:
        state.need([by_sku("A"), by_sku("B"), by_id(item.id), by_id(UUID(int=1))])
    assert caught.value.refs == (by_sku("B"), by_id(UUID(int=1)))
    state.need([])


@pytest.mark.parametrize("first", ["id", "sku"])
def test_a_row_has_one_truth_by_whichever_name_it_was_loaded(first: str) -> None:
    state = State(CORNER, NOON)
    item = an_item_row()
    later = replace(item, quantity=3)
    names = [by_id(item.id), by_sku("A")]
    if first == "sku":
        names.reverse()
    state.load({names[0]: item})
    state.apply([later])
    state.load({names[1]: item})
    assert state.find(InventoryItem, item.id) == state.find_by(InventoryItem, "sku", "A") == later


def test_renaming_and_deleting_free_a_name() -> None:
    state = State(CORNER, NOON)
    item = an_item_row()
    state.load({by_sku("A"): item, by_sku("B"): None})
    state.apply([replace(item, sku="B")])
    assert state.find_by(InventoryItem, "sku", "A") is None
    found = state.find_by(InventoryItem, "sku", "B")
    assert found is not None
    gone = replace(found, deleted_at=NOON)
    state.apply([gone])
    assert state.find_by(InventoryItem, "sku", "B") is state.find(InventoryItem, item.id) is None
    assert state.find_even_deleted(InventoryItem, item.id) == gone


def test_a_window_is_settled_with_one_load_when_the_commands_tell_what_they_touch() -> None:
    history = History()
    history.settle([a_command("inventory.create", an_item(sku)) for sku in "AB"])
    history.settle([a_command("sale.record", a_sale([a_line("A"), a_line("B")])), a_command("order.place", an_order())])
    assert history.passes == 2


def test_an_orders_items_are_loaded_in_one_second_go() -> None:
    history = History()
    order = history.accept("order.place", an_order())
    history.passes = 0
    history.refuse("order.transition", {"status": "confirmed"}, of=id_of(order))
    assert history.passes == 2


def test_touched_names_each_row_once_in_its_own_pharmacy() -> None:
    commands = [a_command("sale.record", a_sale(), pharmacy=pharmacy) for pharmacy in (CORNER, CORNER, HARBOUR)]
    assert touched(commands, COMMANDS) == {(CORNER, by_sku("PZN1")), (HARBOUR, by_sku("PZN1"))}
    assert list(touches_nothing(commands[0])) == []


def _rule(name: str, decide: Any) -> dict[str, Rule]:
    return {name: Rule(name, RemoveItem, decide, "inventory")}


def test_a_mistake_of_a_rule_is_not_hidden() -> None:
    def broken(state: State, command: Command) -> Outcome:
        raise ZeroDivisionError

    command = a_command("inventory.delete")
    with pytest.raises(ZeroDivisionError):
        settle([command], _rule("inventory.delete", broken), {}, NOON)


def test_after_a_miss_a_rules_mistake_means_nothing() -> None:
    asked: list[UUID] = []

    def first_asks_then_breaks(state: State, command: Command) -> Outcome:
        if not asked:
            asked.append(command.resource_id)
            state.find(InventoryItem, command.resource_id)
        raise ZeroDivisionError

    commands = [a_command("inventory.delete"), a_command("inventory.delete")]
    outcomes, missing = settle(commands, _rule("inventory.delete", first_asks_then_breaks), {}, NOON)
    assert outcomes == []
    assert missing == {(CORNER, by_id(commands[0].resource_id))}


def test_a_pharmacy_without_rows_has_a_state_of_its_own() -> None:
    def decide(state: State, command: Command) -> Outcome:
        assert state.pharmacy_id == command.pharmacy_id
        return Accepted((), (), None)

    commands = [a_command("inventory.delete", pharmacy=pharmacy) for pharmacy in (CORNER, HARBOUR, CORNER)]
    outcomes, missing = settle(commands, _rule("inventory.delete", decide), {}, NOON)
    assert (len(outcomes), missing) == (3, set())


def test_every_rule_has_its_own_name_and_a_resource() -> None:
    for name, rule in COMMANDS.items():
        assert name == rule.name
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", name)
        # What nobody knows is about nothing.
        assert re.fullmatch(r"[a-z-]+", rule.resource) or name == "command.unknown"


def test_changed_names_old_values_without_bookkeeping() -> None:
    before = {"a": 1, "b": 1, "c": 1, "version": 1, "updated_at": "x"}
    assert changed(before, {"a": 1, "b": 2, "c": True, "version": 2, "updated_at": "y"}) == {"b": 1, "c": 1}


def test_a_problem_is_written_with_all_its_members() -> None:
    problem = Problem("stale-quantity", "d", (FieldError("#/a", "c", "e"),), {"quantity": 3})
    assert problem.dump("/api/operations/1") == {
        "type": "/problems/stale-quantity",
        "title": "The quantity is another one by now",
        "status": 409,
        "detail": "d",
        "instance": "/api/operations/1",
        "errors": [{"pointer": "#/a", "code": "c", "detail": "e"}],
        "quantity": 3,
    }


def test_every_problem_the_domain_speaks_of_is_in_the_catalogue() -> None:
    spoken = {
        node.args[0].value
        for file in DOMAIN.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"refuse", "Problem"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert len(spoken) > 8
    assert spoken <= set(CATALOGUE)


@pytest.mark.parametrize(
    ("command", "body", "pointers"),
    [
        (
            "sale.record",
            {"lines": [a_line(), a_line(quantity=0), {"sku": "a"}]},
            ["#/lines/1/quantity", "#/lines/2/quantity", "#/lines/2/total_price"],
        ),
        ("sale.record", {}, ["#"]),
        ("sale.record", [], ["#"]),
        ("sale.record", None, ["#"]),
        ("inventory.create", {"a~b/c": 1, "price": 1}, ["#/sku", "#/name", "#/price", "#/a~0b~1c"]),
        ("inventory.create", an_item(identifiers=[{"scheme": "gtin", "value": "1"}]), ["#/identifiers/0"]),
        ("inventory.create", an_item(identifiers={}), ["#/identifiers"]),
        ("sale.record", {"lines": [1]}, ["#/lines/0"]),
    ],
)
def test_every_fault_of_a_body_has_its_pointer(command: str, body: object, pointers: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        COMMANDS[command].body.model_validate(body)
    errors = field_errors(caught.value, body)
    assert [error.pointer for error in errors] == pointers
    assert all(error.code and error.detail for error in errors)


@pytest.mark.parametrize(
    ("location", "pointer"),
    [
        # pydantic names the branch of a union on the way; the body has no such member.
        (("lines", "list[Line]", 0, "quantity"), "#/lines/0/quantity"),
        (("lines", 0, "Line", "quantity"), "#/lines/0/quantity"),
        (("lines", 0, 3, "x"), "#/lines/0/x"),
        (("lines", 0, "quantity", "int"), "#/lines/0/quantity"),
        (("lines", 7, "sku"), "#/lines/7"),
        (("lines", "x", "y"), "#/lines"),
        ((), "#"),
    ],
)
def test_a_pointer_leads_only_where_the_body_goes(location: tuple[str | int, ...], pointer: str) -> None:
    fault: Any = {"type": "t", "loc": location, "msg": "m", "input": None}
    assert pointer_of(fault, {"lines": [{"quantity": 0}]}) == pointer


def test_at_most_a_hundred_faults_are_named() -> None:
    body: Json = {"lines": [{}] * 200}
    with pytest.raises(ValidationError) as caught:
        COMMANDS["sale.record"].body.model_validate(body)
    assert len(field_errors(caught.value, body)) == 100


def test_the_domain_reads_no_clock_and_throws_no_dice() -> None:
    # Imports are the linter's business (`.importlinter`); `datetime` and `uuid` may be imported, not asked.
    for file in DOMAIN.glob("*.py"):
        calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)}
        assert not {call for call in calls if call.endswith((".now", ".utcnow", ".today", "uuid4", "uuid1"))}, file.name
