"""Items: their fields, their skus, and the conditions under which a quantity is set."""

from typing import Any

import pytest

from hub.domain.inventory import needs_condition
from hub.domain.stock import InventoryItem
from tests.kit.builders import (
    CORNER,
    HARBOUR,
    NOON,
    History,
    Json,
    a_command,
    a_sale,
    an_adjustment,
    an_item,
    an_order,
    id_of,
)


def a_history(**members: Any) -> tuple[History, Json]:
    history = History()
    return history, history.accept("inventory.create", an_item(**members))


def test_a_first_quantity_is_an_opening_movement() -> None:
    history, item = a_history(quantity=7)
    (movement,) = history.movements
    assert (movement.delta, movement.quantity_after, movement.reason) == (7, 7, "opening")
    assert movement.occurred_at == NOON
    assert item["quantity"] == item["available"] == 7
    assert item["reserved"] == 0
    assert history.types() == ["inventory.created"]
    assert history.last_event()["data"] == {"inventory": item, "changed": {}}
    assert history.last_event()["subject"] == f"inventory/{item['id']}"


def test_an_item_without_stock_has_no_movement_and_its_defaults() -> None:
    history = History()
    item = history.accept("inventory.create", {"sku": "a", "name": "b", "price": "1"})
    assert history.movements == []
    assert (item["quantity"], item["price"], item["extra_data"]) == (0, "1.00", {})
    assert (item["identifiers"], item["low_stock_threshold"], item["version"]) == ([], None, 1)


def test_a_sku_is_unique_in_its_pharmacy_only() -> None:
    history, _ = a_history(sku="A")
    problem = history.refuse("inventory.create", an_item("A"))
    assert (problem.slug, problem.status, problem.errors[0].pointer) == ("duplicate", 409, "#/sku")
    history.accept("inventory.create", an_item("A"), pharmacy=HARBOUR)


def test_two_items_of_one_window_cannot_share_a_sku() -> None:
    history = History()
    first, second = (a_command("inventory.create", an_item("A")) for _ in range(2))
    outcomes = history.settle([first, second])
    assert [type(outcome).__name__ for outcome in outcomes] == ["Accepted", "Rejected"]


def test_a_sku_in_nfd_is_the_same_sku_as_in_nfc() -> None:
    history, item = a_history(sku="Caf\u00e9")
    assert item["sku"] == "Caf\u00e9"
    assert history.refuse("inventory.create", an_item("Cafe\u0301")).slug == "duplicate"


@pytest.mark.parametrize("verb", ["replace", "update", "adjust", "delete"])
@pytest.mark.parametrize("whose", ["nobody's", "a stranger's", "a deleted one"])
def test_what_is_not_there_is_not_found(verb: str, whose: str) -> None:
    history, item = a_history(quantity=0)
    if whose == "a deleted one":
        history.accept("inventory.delete", of=id_of(item))
    of = NOBODY if whose == "nobody's" else id_of(item)
    body = {"replace": an_item(), "update": {"name": "x"}, "adjust": an_adjustment(), "delete": {}}[verb]
    pharmacy = HARBOUR if whose == "a stranger's" else CORNER
    problem = history.refuse(f"inventory.{verb}", body, of=of, pharmacy=pharmacy)
    assert (problem.slug, problem.status) == ("not-found", 404)


NOBODY = id_of({"id": "00000000-0000-7000-8000-000000000001"})


@pytest.mark.parametrize("verb", ["replace", "update", "adjust", "delete"])
def test_a_stale_if_match_is_a_412_that_tells_the_version(verb: str) -> None:
    history, item = a_history(quantity=0)
    body = {"replace": an_item(quantity=3), "update": {"name": "x"}, "adjust": an_adjustment(), "delete": {}}[verb]
    problem = history.refuse(f"inventory.{verb}", body, of=id_of(item), if_match=(2, 3))
    assert (problem.slug, problem.status, problem.extra["version"]) == ("precondition-failed", 412, 1)
    history.accept(f"inventory.{verb}", body, of=id_of(item), if_match=(7, 1))


def test_if_match_star_matches_whatever_version_there_is() -> None:
    history, item = a_history()
    assert history.accept("inventory.update", {"name": "B"}, of=id_of(item), if_match="*")["name"] == "B"


@pytest.mark.parametrize("type_", ["inventory.update", "inventory.replace"])
def test_if_match_star_compares_nothing_so_a_quantity_needs_more(type_: str) -> None:
    history, item = a_history()
    body = {"quantity": 3} if type_ == "inventory.update" else an_item(item["sku"], quantity=3)
    assert history.refuse(type_, body, of=id_of(item), if_match="*").slug == "precondition-required"
    expecting = body | {"expected_quantity": item["quantity"]}
    assert history.accept(type_, expecting, of=id_of(item), if_match="*")["quantity"] == 3


@pytest.mark.parametrize(
    ("body", "if_match", "status"),
    [
        ({"quantity": 3}, None, 428),
        ({"quantity": 3}, (1,), 200),
        ({"quantity": 3, "expected_quantity": 10}, None, 200),
        ({"quantity": 3, "expected_quantity": 9}, None, 409),
        ({"quantity": 3, "expected_quantity": 9}, (1,), 409),
        ({"quantity": 3, "expected_quantity": 10}, (2,), 412),
        ({"name": "x", "expected_quantity": 9}, None, 409),
        ({"name": "x"}, None, 200),
    ],
)
@pytest.mark.parametrize("verb", ["update", "replace"])
def test_a_quantity_is_set_only_by_who_knows_the_one_before(
    verb: str, body: Json, if_match: tuple[int, ...] | None, status: int
) -> None:
    history, item = a_history(quantity=10)
    sent = body if verb == "update" else {"sku": "PZN1", "name": "Aspirin 500 mg", "price": "4.99"} | body
    command = a_command(f"inventory.{verb}", sent, of=id_of(item), if_match=if_match)
    assert needs_condition(command.body, if_match) is (status == 428)
    if status == 200:
        history.settle([command])
        assert history.item(item["id"])["quantity"] == body.get("quantity", 10)
    else:
        problem = history.refuse(f"inventory.{verb}", sent, of=id_of(item), if_match=if_match)
        assert problem.status == status
        if status == 409:
            assert problem.slug == "stale-quantity"
            assert problem.extra == {"expected_quantity": 9, "quantity": 10}


def test_a_negative_quantity_can_be_expected() -> None:
    history, item = a_history(quantity=1)
    history.accept("inventory.adjust", an_adjustment(-4, "sold"), of=id_of(item))
    changed = history.accept("inventory.update", {"quantity": 0, "expected_quantity": -3}, of=id_of(item))
    assert changed["quantity"] == 0


def test_a_patch_of_quantity_and_name_is_one_count_and_one_event() -> None:
    history, item = a_history(quantity=10)
    history.accept("inventory.update", {"quantity": 4, "name": "New", "expected_quantity": 10}, of=id_of(item))
    assert history.types() == ["inventory.created", "inventory.adjusted"]
    data = history.last_event()["data"]
    assert data["changed"] == {"quantity": 10, "available": 10, "name": "Aspirin 500 mg"}
    assert (data["inventory"]["name"], data["inventory"]["version"]) == ("New", 2)
    assert (data["movement"]["reason"], data["movement"]["delta"], data["movement"]["quantity_after"]) == (
        "count",
        -6,
        4,
    )
    assert data["movement"]["operation_id"] == history.last_event()["causationid"]


def test_a_patch_touches_only_what_it_names() -> None:
    history, item = a_history(
        extra_data={"a": 1, "b": {"c": 2}}, identifiers=[{"scheme": "pzn", "value": "03752864"}], low_stock_threshold=2
    )
    after = history.accept("inventory.update", {"extra_data": {"a": None, "b": {"d": 3}}, "price": "5"}, of=id_of(item))
    assert after == item | {
        "extra_data": {"b": {"c": 2, "d": 3}},
        "price": "5.00",
        "version": 2,
        "updated_at": after["updated_at"],
    }
    assert history.last_event()["data"]["changed"] == {"extra_data": {"a": 1, "b": {"c": 2}}, "price": "4.99"}


@pytest.mark.parametrize(("member", "empty"), [("extra_data", {}), ("identifiers", []), ("low_stock_threshold", None)])
def test_null_in_a_patch_takes_the_member_away(member: str, empty: object) -> None:
    history, item = a_history(extra_data={"a": 1}, identifiers=[{"scheme": "own", "value": "1"}], low_stock_threshold=2)
    assert history.accept("inventory.update", {member: None}, of=id_of(item))[member] == empty


def test_a_put_sets_everything_but_a_quantity_it_leaves_out() -> None:
    history, item = a_history(extra_data={"a": 1}, low_stock_threshold=2, identifiers=[{"scheme": "own", "value": "1"}])
    after = history.accept("inventory.replace", {"sku": "B", "name": "N", "price": "1"}, of=id_of(item))
    assert (after["sku"], after["extra_data"], after["low_stock_threshold"], after["identifiers"]) == (
        "B",
        {},
        None,
        [],
    )
    assert after["quantity"] == 10
    assert history.types()[-1] == "inventory.updated"


@pytest.mark.parametrize("body", [{}, {"name": "Aspirin 500 mg"}, {"price": "4.99"}, {"extra_data": {}}])
def test_nothing_changed_is_no_event_and_no_version(body: Json) -> None:
    history, item = a_history()
    assert history.accept("inventory.update", body, of=id_of(item)) == item
    assert history.types() == ["inventory.created"]


def test_true_is_another_value_than_one() -> None:
    history, item = a_history(extra_data={"cold": 1})
    assert history.accept("inventory.update", {"extra_data": {"cold": True}}, of=id_of(item))["extra_data"] == {
        "cold": True
    }
    assert history.last_event()["data"]["changed"] == {"extra_data": {"cold": 1}}


def test_a_renamed_sku_frees_the_old_one_and_takes_the_new_one() -> None:
    history, item = a_history(sku="A")
    other = history.accept("inventory.create", an_item("B"))
    assert history.refuse("inventory.update", {"sku": "B"}, of=id_of(item)).slug == "duplicate"
    rename, again, free = (
        a_command("inventory.update", {"sku": "C"}, of=id_of(item)),
        a_command("inventory.create", an_item("C")),
        a_command("inventory.create", an_item("A")),
    )
    outcomes = history.settle([rename, again, free])
    assert [type(outcome).__name__ for outcome in outcomes] == ["Accepted", "Rejected", "Accepted"]
    assert history.item(other["id"])["sku"] == "B"


def test_a_deleted_item_is_written_off_gone_and_its_sku_free() -> None:
    history, item = a_history(quantity=6)
    assert history.accept("inventory.delete", of=id_of(item)) == {}
    assert (history.movements[-1].delta, history.movements[-1].reason) == (-6, "correction")
    event = history.last_event()
    assert (event["type"], event["data"]["inventory"]["quantity"], event["data"]["changed"]) == (
        "inventory.deleted",
        0,
        {"quantity": 6, "available": 6},
    )
    assert history.refuse("sale.record", a_sale()).slug == "unknown-item"
    again = history.accept("inventory.create", an_item())
    assert again["id"] != item["id"]


def test_in_one_window_a_sku_is_free_again_after_a_delete() -> None:
    history, item = a_history()
    outcomes = history.settle(
        [
            a_command("inventory.delete", of=id_of(item)),
            a_command("inventory.create", an_item()),
            a_command("inventory.create", an_item()),
        ]
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["Accepted", "Accepted", "Rejected"]
    assert sum(row.deleted_at is None for row in history.of_kind(InventoryItem)) == 1


def test_an_item_that_open_orders_hold_is_not_deleted() -> None:
    history, item = a_history()
    order = history.accept("order.place", an_order())
    history.accept("order.transition", {"status": "confirmed"}, of=id_of(order))
    problem = history.refuse("inventory.delete", of=id_of(item))
    assert (problem.slug, problem.status, problem.extra) == ("reserved", 409, {"reserved": 2})
    history.accept("order.cancel", of=id_of(order))
    history.accept("inventory.delete", of=id_of(item))


def test_a_negative_rest_is_written_off_upwards() -> None:
    history, item = a_history(quantity=1)
    history.accept("inventory.adjust", an_adjustment(-4, "sold"), of=id_of(item))
    history.accept("inventory.delete", of=id_of(item))
    assert history.movements[-1].delta == 3
