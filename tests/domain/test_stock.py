"""Stock: counts and adjustments, their bounds, and what is said when it runs low."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from hub.domain.stock import Reason
from hub.resources import COMMANDS
from tests.kit.builders import (
    CORNER,
    NOON,
    History,
    Json,
    an_adjustment,
    an_item,
    an_order,
    an_order_line,
    id_of,
)

TILL = ("sold", "dispensed")
MAX = 2_147_483_647


def a_history(**members: Any) -> tuple[History, Json]:
    history = History()
    return history, history.accept("inventory.create", an_item(**members))


@pytest.mark.parametrize("reason", list(Reason))
def test_an_adjustment_books_its_delta_with_its_reason(reason: Reason) -> None:
    history, item = a_history(quantity=10)
    body = an_adjustment(-4, reason.value, note="n", reference_uri="urn:x", occurred_at="2026-11-23T08:00:00+01:00")
    after = history.accept("inventory.adjust", body, of=id_of(item))
    assert after["quantity"] == 6
    movement = history.last_event()["data"]["movement"]
    assert movement == {
        "id": movement["id"],
        "delta": -4,
        "quantity_after": 6,
        "reason": reason.value,
        "note": "n",
        "reference_uri": "urn:x",
        "occurred_at": "2026-11-23T07:00:00.000000Z",
        "recorded_at": "2026-11-24T12:00:01.000000Z",
        "operation_id": history.last_event()["causationid"],
    }
    assert history.types()[-1] == "inventory.adjusted"


@pytest.mark.parametrize("reason", list(Reason))
def test_only_facts_of_the_till_take_a_quantity_below_zero(reason: Reason) -> None:
    history, item = a_history(quantity=3)
    if reason.value in TILL:
        history.accept("inventory.adjust", an_adjustment(-4, reason.value), of=id_of(item))
        assert history.types()[1:] == ["inventory.adjusted", "inventory.stock_negative"]
    else:
        problem = history.refuse("inventory.adjust", an_adjustment(-4, reason.value), of=id_of(item))
        assert (problem.slug, problem.status) == ("insufficient-stock", 409)
        assert problem.extra["lines"] == [{"sku": "PZN1", "requested": 4, "available": 3}]


def test_goods_may_come_back_to_a_shelf_that_stays_negative() -> None:
    history, item = a_history(quantity=0)
    history.accept("inventory.adjust", an_adjustment(-9, "sold"), of=id_of(item))
    assert history.accept("inventory.adjust", an_adjustment(4), of=id_of(item))["quantity"] == -5


def test_a_count_sets_without_comparing() -> None:
    history, item = a_history(quantity=10)
    after = history.accept("inventory.adjust", an_adjustment(None, "count", quantity=0), of=id_of(item))
    assert after["quantity"] == 0
    assert (history.movements[-1].delta, history.movements[-1].reason) == (-10, "count")


def test_a_count_that_agrees_is_no_event() -> None:
    history, item = a_history(quantity=10)
    assert history.accept("inventory.adjust", an_adjustment(None, "count", quantity=10), of=id_of(item)) == item
    assert history.types() == ["inventory.created"]


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "received"},
        {"reason": "received", "delta": 0},
        {"reason": "count"},
        {"reason": "received", "quantity": 3},
        {"reason": "count", "quantity": 3, "delta": 1},
        {"reason": "count", "quantity": -1},
        {"reason": "lost", "delta": 1},
        {"delta": 1},
        {"reason": "received", "delta": 1.0},
        {"reason": "received", "delta": "1"},
        {"reason": "received", "delta": True},
        {"reason": "received", "delta": MAX + 1},
        {"reason": "received", "delta": 1, "by": "me"},
        {"reason": "received", "delta": 1, "reference_uri": "x" * 2049},
    ],
)
def test_an_adjustment_that_does_not_fit_is_refused(body: Json) -> None:
    with pytest.raises(ValidationError):
        COMMANDS["inventory.adjust"].body.model_validate(body)


def test_an_hour_ahead_is_the_latest_a_movement_may_have_occurred() -> None:
    history, item = a_history()
    late = an_adjustment(1, occurred_at=(NOON + timedelta(hours=1, seconds=1)).isoformat())
    problem = history.refuse("inventory.adjust", late, of=id_of(item))
    assert (problem.slug, problem.errors[0].pointer, problem.errors[0].code) == (
        "validation",
        "#/occurred_at",
        "future",
    )
    history.accept("inventory.adjust", an_adjustment(1, occurred_at="2026-11-24T13:00:00Z"), of=id_of(item))
    history.accept("inventory.adjust", an_adjustment(1, occurred_at="1999-01-01T00:00:00Z"), of=id_of(item))


@pytest.mark.parametrize(("start", "delta"), [(MAX, 1), (MAX - 5, 6), (5, MAX)])
def test_a_quantity_stays_in_its_bounds(start: int, delta: int) -> None:
    history, item = a_history(quantity=start)
    problem = history.refuse("inventory.adjust", an_adjustment(delta), of=id_of(item))
    assert (problem.slug, problem.errors[0].code, problem.errors[0].pointer) == (
        "validation",
        "quantity_range",
        "#/delta",
    )


@pytest.mark.parametrize("verb", ["adjust", "update"])
def test_a_count_further_than_a_movement_reaches_is_refused(verb: str) -> None:
    history, item = a_history(quantity=0)
    history.accept("inventory.adjust", an_adjustment(-MAX, "sold"), of=id_of(item))
    body = {"quantity": 1} | ({"reason": "count"} if verb == "adjust" else {"expected_quantity": -MAX})
    problem = history.refuse(f"inventory.{verb}", body, of=id_of(item))
    assert (problem.errors[0].code, problem.errors[0].pointer) == ("quantity_range", "#/quantity")
    assert history.accept(f"inventory.{verb}", body | {"quantity": 0}, of=id_of(item))["quantity"] == 0


def test_stock_negative_is_said_once_for_each_crossing() -> None:
    history, item = a_history(quantity=1)
    for delta in (-1, -1, -1, 3, -2):
        reason = "sold" if delta < 0 else "received"
        history.accept("inventory.adjust", an_adjustment(delta, reason), of=id_of(item))
    # From 1 to 0, -1 (crossed), -2, 1 and -1 (crossed again).
    negative = [index for index, name in enumerate(history.types()) if name == "inventory.stock_negative"]
    assert negative == [3, 7]
    event = history.events[CORNER][3]
    assert event["data"]["inventory"]["quantity"] == -1
    assert event["data"]["changed"] == {"quantity": 0, "available": 0}
    assert event["causationid"] == history.events[CORNER][2]["causationid"]


def test_stock_low_is_said_when_what_is_available_falls_to_the_threshold() -> None:
    history, item = a_history(quantity=10, low_stock_threshold=4)
    for delta in (-5, -1, -1, 5, -9):
        history.accept("inventory.adjust", an_adjustment(delta, "sold" if delta < 0 else "found"), of=id_of(item))
    # 5, 4 (falls to it), 3, 8, -1 (falls to it, and below zero)
    assert history.types() == [
        "inventory.created",
        "inventory.adjusted",
        "inventory.adjusted",
        "inventory.stock_low",
        "inventory.adjusted",
        "inventory.adjusted",
        "inventory.adjusted",
        "inventory.stock_negative",
        "inventory.stock_low",
    ]


def test_a_reservation_makes_stock_low() -> None:
    history, _ = a_history(quantity=5, low_stock_threshold=3)
    order = history.accept("order.place", an_order([an_order_line(quantity=2)]))
    history.accept("order.transition", {"status": "confirmed"}, of=id_of(order))
    assert history.types()[-2:] == ["order.status_changed", "inventory.stock_low"]
