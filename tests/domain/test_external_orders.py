"""Orders mirrored from outside: they may be in any state and jump; they take what there is and flag what is short."""

import itertools

import pytest

from tests.kit.builders import (
    History,
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


def test_an_external_order_may_bear_another_total() -> None:
    history, _, order_id = a_shop(source="external", total_amount="4.00")
    assert history.last_event()["data"]["order"]["total_amount"] == "4.00"
    assert history.accept("order.update", {"total_amount": "3.00"}, of=order_id)["total_amount"] == "3.00"
    assert history.accept("order.update", {"items": [an_order_line()]}, of=order_id)["total_amount"] == "3.00"
    assert history.accept("order.update", {"items": [an_order_line(quantity=3)]}, of=order_id)["total_amount"] == "7.50"


def test_whether_an_order_is_external_is_settled_when_it_is_placed() -> None:
    history, _, order_id = a_shop()
    problem = history.refuse("order.update", {"source": "external"}, of=order_id)
    assert (problem.slug, problem.errors[0].pointer) == ("immutable", "#/source")
    assert history.accept("order.update", {"source": "shop"}, of=order_id)["source"] == "shop"


@pytest.mark.parametrize("status", STATES)
def test_an_external_order_is_placed_in_any_state(status: str) -> None:
    history, item_id, order_id = a_shop(source="external", status=status)
    item = history.item(item_id)
    holds = status in {"confirmed", "preparing", "ready"}
    assert (item["reserved"], item["quantity"]) == (2 if holds else 0, 8 if status == "completed" else 10)
    assert history.types()[1:] == ["order.placed"]
    order = history.last_event()["data"]["order"]
    assert (order["status"], order["version"], order["id"]) == (status, 1, str(order_id))


@pytest.mark.parametrize(("start", "target"), list(itertools.permutations(STATES, 2)))
def test_an_external_order_jumps_and_its_stock_follows(start: str, target: str) -> None:
    history, item_id, order_id = a_shop(source="external", status=start)
    after = move(history, order_id, target)
    item = history.item(item_id)
    supplied = 2 if "completed" in {start, target} else 0
    holds = target in {"confirmed", "preparing", "ready"} or (
        target == "on_hold" and start in {"confirmed", "preparing", "ready"}
    )
    assert item["quantity"] == 10 - supplied
    assert item["reserved"] == (2 if holds and not supplied else 0)
    assert after["items"][0]["supplied"] == supplied
    assert not after["items"][0]["short"]


def test_an_external_order_is_never_refused_and_flags_what_is_short() -> None:
    history = History()
    item = history.accept("inventory.create", an_item("A", quantity=5))
    lines = [an_order_line("A", 3), an_order_line("none", 1), an_order_line("A", 4)]
    order = history.accept("order.place", an_order(lines, source="external", status="confirmed"))
    assert [(line["reserved"], line["short"]) for line in order["items"]] == [(3, False), (0, True), (2, True)]
    assert history.item(item["id"])["available"] == 0
    # What came in meanwhile is taken when the order completes.
    history.accept("inventory.adjust", an_adjustment(1), of=id_of(item))
    done = move(history, id_of(order), "completed")
    assert [(line["supplied"], line["short"]) for line in done["items"]] == [(3, False), (0, True), (3, True)]
    assert (history.item(item["id"])["quantity"], history.item(item["id"])["reserved"]) == (0, 0)
    assert history.item(item["id"])["version"] == 4
    assert history.movements[-1].delta == -6


def test_a_completing_external_order_says_once_that_stock_is_low() -> None:
    history = History()
    history.accept("inventory.create", an_item("A", quantity=5, low_stock_threshold=3))
    history.accept("order.place", an_order([an_order_line("A", 4)], source="external", status="completed"))
    assert history.types()[1:] == ["order.placed", "inventory.stock_low"]


def test_an_external_order_takes_nothing_from_a_shelf_below_zero() -> None:
    history, item_id, _ = a_shop(quantity=1)
    history.accept("sale.record", a_sale([a_line(quantity=4)]))
    order = history.accept("order.place", an_order(source="external", status="confirmed"))
    assert (order["items"][0]["reserved"], order["items"][0]["short"]) == (0, True)
    assert history.item(item_id)["reserved"] == 0


def test_a_short_line_goes_on_holding_at_the_item_it_began_with() -> None:
    history, item_id, order_id = a_shop(quantity=1, source="external", status="confirmed")
    history.accept("inventory.update", {"sku": "OLD"}, of=item_id)
    other = history.accept("inventory.create", an_item())
    done = move(history, order_id, "completed")
    assert (history.item(item_id)["reserved"], history.item(item_id)["quantity"]) == (0, 0)
    assert history.item(other["id"])["quantity"] == 10
    assert (done["items"][0]["supplied"], done["items"][0]["short"]) == (1, True)


def test_the_items_of_an_external_order_stay_once_goods_were_handed_over() -> None:
    history, _, order_id = a_shop(source="external", status="completed")
    move(history, order_id, "pending")
    assert history.refuse("order.update", {"items": [an_order_line(quantity=3)]}, of=order_id).slug == "immutable"
    assert move(history, order_id, "completed")["items"][0]["supplied"] == 2
