"""Orders: the whole state table, and what each move does to stock."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from hub.domain import order_bodies
from hub.resources import COMMANDS
from tests.kit.builders import (
    HARBOUR,
    History,
    Json,
    a_command,
    a_line,
    a_sale,
    an_adjustment,
    an_item,
    an_order,
    an_order_line,
    id_of,
)
from tests.kit.builders import a_shop_with_an_order as a_shop
from tests.kit.builders import move_order as move

STATES = ("pending", "confirmed", "preparing", "ready", "on_hold", "completed", "cancelled", "rejected", "expired")

# domain.md 2.1, written down again: from -> to -> what happens to the two units that the order is about.
TABLE: dict[str, dict[str, str]] = {
    "pending": {"confirmed": "reserve", "on_hold": "", "rejected": "", "cancelled": ""},
    "confirmed": {"preparing": "", "on_hold": "", "cancelled": "release", "rejected": "release"},
    "preparing": {"ready": "", "on_hold": "", "cancelled": "release"},
    "ready": {"completed": "consume", "preparing": "", "cancelled": "release", "expired": "release"},
    "on_hold from pending": {"pending": "", "cancelled": "", "rejected": ""},
    "on_hold from confirmed": {"confirmed": "", "cancelled": "release", "rejected": "release"},
    "on_hold from preparing": {"preparing": "", "cancelled": "release", "rejected": "release"},
    "completed": {},
    "cancelled": {},
    "rejected": {},
    "expired": {},
}
WAYS: dict[str, list[str]] = {
    "pending": [],
    "confirmed": ["confirmed"],
    "preparing": ["confirmed", "preparing"],
    "ready": ["confirmed", "preparing", "ready"],
    "on_hold from pending": ["on_hold"],
    "on_hold from confirmed": ["confirmed", "on_hold"],
    "on_hold from preparing": ["confirmed", "preparing", "on_hold"],
    "completed": ["confirmed", "preparing", "ready", "completed"],
    "cancelled": ["cancelled"],
    "rejected": ["rejected"],
    "expired": ["confirmed", "preparing", "ready", "expired"],
}
HOLDS = {"confirmed", "preparing", "ready", "on_hold from confirmed", "on_hold from preparing"}


def test_an_order_begins_as_pending_and_holds_nothing() -> None:
    history, item_id, order_id = a_shop()
    placed = history.last_event()
    assert placed["type"] == "order.placed"
    assert placed["subject"] == f"orders/{order_id}"
    assert (placed["data"]["order"]["status"], placed["data"]["order"]["total_amount"]) == ("pending", "5.00")
    assert placed["data"]["order"]["items"] == [
        {
            "sku": "PZN1",
            "name": "Aspirin",
            "quantity": 2,
            "unit_price": "2.50",
            "inventory_item": None,
            "reserved": 0,
            "supplied": 0,
            "short": False,
        },
    ]
    assert history.item(item_id)["reserved"] == 0


@pytest.mark.parametrize("target", STATES)
@pytest.mark.parametrize("start", TABLE)
def test_an_order_moves_only_along_the_table(start: str, target: str) -> None:
    history, item_id, order_id = a_shop()
    move(history, order_id, *WAYS[start])
    status = start.partition(" ")[0]
    before = history.item(item_id)
    assert before["reserved"] == (2 if start in HOLDS else 0)
    seen = len(history.types())
    if target == status:
        history.accept("order.transition", {"status": target}, of=order_id)
        assert len(history.types()) == seen
        assert history.item(item_id) == before
        return
    if target not in TABLE[start]:
        problem = history.refuse("order.transition", {"status": target}, of=order_id)
        assert (problem.slug, problem.status) == ("invalid-transition", 409)
        assert problem.extra == {
            "from": status,
            "to": target,
            "allowed": sorted(TABLE[start], key=STATES.index),
        }
        return
    after = move(history, order_id, target)
    reserved = 2 if start in HOLDS else 0
    quantity = 10
    match TABLE[start][target]:
        case "reserve":
            reserved = 2
        case "release":
            reserved = 0
        case "consume":
            reserved, quantity = 0, 8
    item = history.item(item_id)
    assert (item["reserved"], item["quantity"], item["available"]) == (reserved, quantity, quantity - reserved)
    assert after["items"][0]["reserved"] == reserved
    assert after["items"][0]["supplied"] == (2 if target == "completed" else 0)
    assert after["held_from"] == (status if target == "on_hold" else None)
    assert (after["status"], after["reason"]) == (target, "r")
    event = history.last_event()
    assert (event["type"], event["data"]["order"]) == ("order.status_changed", after)
    assert event["data"]["changed"]["status"] == status
    assert len(history.types()) == seen + 1


@pytest.mark.parametrize("way", ["UpdateOrder", "ReplaceOrder"])
def test_a_reason_without_the_status_it_explains_is_refused_not_ignored(way: str) -> None:
    model, body = getattr(order_bodies, way), an_order() if way == "ReplaceOrder" else {"extra_data": {"a": 1}}
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body | {"reason": "r"})
    assert [(fault["loc"], fault["type"]) for fault in refused.value.errors()] == [(("reason",), "order_reason")]
    for harmless in (body, body | {"reason": ""}, body | {"reason": "r", "status": "on_hold"}):
        model.model_validate(harmless)


@pytest.mark.parametrize("way", ["update", "replace", "transition"])
def test_every_way_of_naming_a_status_moves_the_order(way: str) -> None:
    history, _, order_id = a_shop(order_reference="R")
    body: Json = {"status": "confirmed", "reason": "r"} | (an_order(order_reference="R") if way == "replace" else {})
    after = history.accept(f"order.{way}", body, of=order_id)
    assert (after["status"], after["reason"], after["version"]) == ("confirmed", "r", 2)
    assert history.refuse(f"order.{way}", body | {"status": "completed"}, of=order_id).slug == "invalid-transition"


@pytest.mark.parametrize("start", TABLE)
def test_delete_cancels_where_that_is_legal(start: str) -> None:
    history, item_id, order_id = a_shop()
    move(history, order_id, *WAYS[start])
    if start in {"completed", "rejected", "expired"}:
        assert history.refuse("order.cancel", of=order_id).slug == "invalid-transition"
        return
    events = len(history.types())
    assert history.accept("order.cancel", of=order_id) == {}
    assert history.item(item_id)["reserved"] == 0
    assert len(history.types()) == events + (start != "cancelled")


def test_completing_books_one_movement_that_names_the_order() -> None:
    history, item_id, order_id = a_shop(order_reference="R7")
    move(history, order_id, "confirmed", "preparing", "ready", "completed")
    movement = history.movements[-1]
    assert (movement.delta, movement.quantity_after, movement.reason, movement.note) == (-2, 8, "sold", "R7")
    assert movement.reference_uri == f"/api/orders/{order_id}/"
    assert history.types()[2:] == ["order.status_changed"] * 4
    assert history.item(item_id)["version"] == 3


def test_a_short_order_is_refused_with_numbers_and_nothing_is_reserved() -> None:
    history = History()
    items = [
        history.accept("inventory.create", an_item(sku, quantity=units))
        for sku, units in (("A", 5), ("B", 1), ("C", 9))
    ]
    lines = [an_order_line("A", 3), an_order_line("B", 2), an_order_line("A", 4), an_order_line("C", 9)]
    order = history.accept("order.place", an_order(lines))
    problem = history.refuse("order.transition", {"status": "confirmed"}, of=id_of(order))
    assert (problem.slug, problem.status) == ("insufficient-stock", 409)
    # The two lines of A are summed: 7 of 5.
    assert problem.extra["lines"] == [
        {"sku": "A", "requested": 7, "available": 5},
        {"sku": "B", "requested": 2, "available": 1},
    ]
    assert [history.item(item["id"])["reserved"] for item in items] == [0, 0, 0]


def test_two_lines_of_one_sku_hold_their_sum() -> None:
    history, item_id, order_id = a_shop(items=[an_order_line(quantity=3), an_order_line(quantity=4)])
    move(history, order_id, "confirmed")
    assert (history.item(item_id)["reserved"], history.item(item_id)["version"]) == (7, 2)
    move(history, order_id, "preparing", "ready", "completed")
    assert history.movements[-1].delta == -7
    assert history.item(item_id)["quantity"] == 3


def test_orders_of_one_window_cannot_hold_the_same_unit_twice() -> None:
    history, item_id, first = a_shop(quantity=3)
    second = id_of(history.accept("order.place", an_order()))
    outcomes = history.settle([a_command("order.transition", {"status": "confirmed"}, of=of) for of in (first, second)])
    assert [type(outcome).__name__ for outcome in outcomes] == ["Accepted", "Rejected"]
    assert history.item(item_id)["reserved"] == 2


def test_an_unknown_sku_is_allowed_until_confirm() -> None:
    history = History()
    order = history.accept("order.place", an_order([an_order_line("new"), an_order_line("newer")]))
    history.accept("inventory.create", an_item("newer"))
    problem = history.refuse("order.transition", {"status": "confirmed"}, of=id_of(order))
    assert (problem.slug, [error.pointer for error in problem.errors]) == ("unknown-item", ["#/items/0/sku"])
    history.accept("inventory.create", an_item("new"))
    move(history, id_of(order), "confirmed")


def test_a_sale_may_sell_what_an_order_holds_and_the_order_still_completes() -> None:
    history, item_id, order_id = a_shop(quantity=2)
    move(history, order_id, "confirmed")
    history.accept("sale.record", a_sale([a_line(quantity=2)]))
    assert history.item(item_id)["available"] == -2
    move(history, order_id, "preparing", "ready", "completed")
    assert (history.item(item_id)["quantity"], history.item(item_id)["reserved"]) == (-2, 0)
    assert history.types()[-1] == "inventory.stock_negative"


def test_a_renamed_item_still_holds_for_its_orders() -> None:
    history, item_id, order_id = a_shop()
    move(history, order_id, "confirmed")
    history.accept("inventory.update", {"sku": "NEW"}, of=item_id)
    other = history.accept("inventory.create", an_item())
    move(history, order_id, "preparing", "ready", "completed")
    assert (history.item(item_id)["quantity"], history.item(other["id"])["quantity"]) == (8, 10)


def test_a_reference_is_unique_in_its_pharmacy_only() -> None:
    history, _, order_id = a_shop(order_reference="R")
    problem = history.refuse("order.place", an_order(order_reference="R"))
    assert (problem.slug, problem.errors[0].pointer) == ("duplicate", "#/order_reference")
    history.accept("order.place", an_order(order_reference="R"), pharmacy=HARBOUR)
    other = history.accept("order.place", an_order(order_reference="S"))
    assert history.refuse("order.update", {"order_reference": "R"}, of=id_of(other)).slug == "duplicate"
    assert history.accept("order.update", {"order_reference": "T"}, of=order_id)["order_reference"] == "T"
    history.accept("order.update", {"order_reference": "R"}, of=id_of(other))


def test_a_cancelled_order_keeps_its_reference() -> None:
    history, _, order_id = a_shop(order_reference="R")
    history.accept("order.cancel", of=order_id)
    assert history.refuse("order.place", an_order(order_reference="R")).slug == "duplicate"


def test_items_change_only_in_pending() -> None:
    history, item_id, order_id = a_shop(order_reference="R")
    after = history.accept("order.update", {"items": [an_order_line(quantity=4)]}, of=order_id)
    assert (after["items"][0]["quantity"], after["total_amount"]) == (4, "10.00")
    assert history.last_event()["type"] == "order.updated"
    assert set(history.last_event()["data"]["changed"]) == {"items", "total_amount"}
    moved = move(history, order_id, "confirmed")
    problem = history.refuse("order.update", {"items": [an_order_line(quantity=5)]}, of=order_id)
    assert (problem.slug, problem.errors[0].pointer) == ("immutable", "#/items")
    # The same items again are no change, and they keep what they hold.
    assert history.accept("order.update", {"items": [an_order_line(quantity=4)]}, of=order_id) == moved
    assert history.item(item_id)["reserved"] == 4


def test_a_patch_may_change_the_items_and_confirm_in_one_event() -> None:
    history, item_id, order_id = a_shop()
    after = history.accept("order.update", {"items": [an_order_line(quantity=5)], "status": "confirmed"}, of=order_id)
    assert (after["status"], after["items"][0]["reserved"], after["version"]) == ("confirmed", 5, 2)
    assert history.item(item_id)["reserved"] == 5
    assert history.types()[2:] == ["order.status_changed"]
    assert set(history.last_event()["data"]["changed"]) == {"status", "items", "total_amount"}


def test_a_patch_merges_extra_data_and_a_put_replaces_it() -> None:
    history, _, order_id = a_shop(order_reference="R", extra_data={"a": 1, "b": 2})
    after = history.accept("order.update", {"extra_data": {"a": None, "b": True}}, of=order_id)
    assert after["extra_data"] == {"b": True}
    assert history.accept("order.update", {"extra_data": {"b": 1}}, of=order_id)["extra_data"] == {"b": 1}
    assert history.accept("order.update", {"extra_data": None}, of=order_id)["extra_data"] == {}
    history.accept("order.update", {"extra_data": {"z": 1}, "source": "shop"}, of=order_id)
    after = history.accept("order.replace", an_order(order_reference="R"), of=order_id)
    assert (after["extra_data"], after["source"], after["status"]) == ({}, "shop", "pending")
    events = len(history.types())
    assert history.accept("order.replace", an_order(order_reference="R"), of=order_id) == after
    assert len(history.types()) == events


@pytest.mark.parametrize("verb", ["update", "replace", "transition", "cancel"])
def test_what_is_not_there_is_not_found_and_what_is_stale_is_a_412(verb: str) -> None:
    history, _, order_id = a_shop()
    body: Json = {"update": {}, "replace": an_order(), "transition": {"status": "confirmed"}, "cancel": {}}[verb]
    assert history.refuse(f"order.{verb}", body, of=UUID(int=7)).slug == "not-found"
    assert history.refuse(f"order.{verb}", body, of=order_id, pharmacy=HARBOUR).slug == "not-found"
    problem = history.refuse(f"order.{verb}", body, of=order_id, if_match=(2,))
    assert (problem.slug, problem.extra) == ("precondition-failed", {"version": 1})


@pytest.mark.parametrize(
    "body",
    [
        an_order(total_amount="5.01"),
        an_order(status="confirmed"),
        an_order([]),
        an_order([an_order_line()] * 501),
        an_order([an_order_line(quantity=0)]),
        an_order([an_order_line(unit_price="-1")]),
        an_order(order_reference=" "),
        an_order(status="lost", source="external"),
        an_order([an_order_line(quantity=2_147_483_647, unit_price="9.99")]),
        an_order([an_order_line(quantity=2_147_483_647, unit_price="9.99")], source="external"),
        an_order(total_amount="-1"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(body: Json) -> None:
    with pytest.raises(ValidationError):
        COMMANDS["order.place"].body.model_validate(body)


def test_a_total_that_is_not_the_sum_is_refused_on_change_too() -> None:
    history, _, order_id = a_shop(total_amount="5.00")
    for body in ({"total_amount": "5.01"}, {"items": [an_order_line(quantity=2_147_483_647)] * 3}):
        problem = history.refuse("order.update", body, of=order_id)
        assert (problem.slug, problem.errors[0].pointer) == ("validation", "#/total_amount")
    both = {"items": [an_order_line(quantity=3)], "total_amount": "7.50"}
    assert history.accept("order.update", both, of=order_id)["total_amount"] == "7.50"


def test_an_order_beyond_what_a_quantity_holds_is_refused() -> None:
    history, item_id, order_id = a_shop(quantity=2)
    move(history, order_id, "confirmed", "preparing", "ready")
    history.accept("inventory.adjust", an_adjustment(-2, "sold"), of=item_id)
    history.accept("inventory.adjust", an_adjustment(-2_147_483_646, "sold"), of=item_id)
    assert history.refuse("order.transition", {"status": "completed"}, of=order_id).errors[0].code == "quantity_range"
