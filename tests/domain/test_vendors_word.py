"""Whose word counts where an order stands: a vendor's when it says something new, and never against what was done here since."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.ids import derived_id
from hub.domain.order_states import ENDED, OrderStatus
from tests.kit.builders import History, Json, an_item, an_order_line, id_of, move_order

SOURCE, CAUSE = UUID(int=7), UUID(int=8)
ORDER = derived_id("a vendor's order")
VENDOR, HERE = "vendor", "here"
OPEN = ("pending", "confirmed", "preparing", "ready")


class Shop:
    """A pharmacy with one item, ten units of it, and an order that a vendor mirrors."""

    def __init__(self) -> None:
        self.history = History()
        self.item_id = id_of(self.history.accept("inventory.create", an_item()))
        self.revision = 0

    def tell(self, status: str | None, **members: Any) -> Json:
        """Let the vendor tell of the order."""
        self.revision += 1
        body = {
            "source_id": str(SOURCE), "causation_id": str(CAUSE), "revision": self.revision, "order_reference": "#1",
            "items": [an_order_line()],
        }  # fmt: skip
        said = {} if status is None else {"status": status}
        return self.history.accept("order.mirror", body | said | members, of=ORDER)

    def go(self, steps: Sequence[tuple[str, str]]) -> Json:
        """Let the vendor and the pharmacy take steps; the order after the last."""
        after: Json = {}
        for who, status in steps:
            after = self.tell(status) if who == VENDOR else move_order(self.history, ORDER, status)
        return after

    @property
    def reserved(self) -> int:
        return int(self.history.item(self.item_id)["reserved"])


@pytest.mark.parametrize("here", ["preparing", "ready", "on_hold", "completed", "cancelled", "rejected", "expired"])
def test_a_vendor_that_says_again_what_it_said_moves_nothing(here: str) -> None:
    shop = Shop()
    before = shop.go([(VENDOR, "confirmed"), (HERE, here)])
    again = shop.tell("confirmed", total_amount="4.00")
    assert (again["status"], again["reason"], again["total_amount"]) == (here, "r", "4.00")
    assert (again["items"], again["held_from"]) == (before["items"], before["held_from"])
    assert shop.history.types()[-1] == "order.updated"
    longer = shop.tell("confirmed", items=[an_order_line(quantity=3)])
    assert longer["status"] == here
    assert shop.reserved == (3 if here in {"preparing", "ready", "on_hold"} else 0)


@pytest.mark.parametrize(
    ("steps", "stands"),
    [
        # Paid for after the pharmacy began.
        ([(VENDOR, "pending"), (HERE, "preparing"), (VENDOR, "confirmed")], "preparing"),
        ([(VENDOR, "pending"), (HERE, "completed"), (VENDOR, "confirmed")], "completed"),
        ([(VENDOR, "pending"), (HERE, "cancelled"), (VENDOR, "confirmed")], "cancelled"),
        ([(VENDOR, "pending"), (HERE, "on_hold"), (VENDOR, "confirmed")], "on_hold"),
        # Further than here.
        ([(VENDOR, "pending"), (HERE, "confirmed"), (VENDOR, "ready")], "ready"),
        # The vendor takes back what it said itself.
        ([(VENDOR, "ready"), (VENDOR, "confirmed")], "confirmed"),
        ([(VENDOR, "cancelled"), (VENDOR, "confirmed")], "confirmed"),
        ([(VENDOR, "confirmed"), (HERE, "cancelled"), (VENDOR, "cancelled"), (VENDOR, "confirmed")], "confirmed"),
        ([(VENDOR, "ready"), (HERE, "preparing"), (VENDOR, "ready")], "preparing"),
        # A hold of the vendor's stops, and its end leads back to where the pharmacy was.
        ([(VENDOR, "confirmed"), (HERE, "preparing"), (VENDOR, "on_hold")], "on_hold"),
        ([(VENDOR, "confirmed"), (HERE, "preparing"), (VENDOR, "on_hold"), (VENDOR, "confirmed")], "preparing"),
        ([(VENDOR, "pending"), (VENDOR, "on_hold"), (VENDOR, "confirmed")], "confirmed"),
        ([(VENDOR, "on_hold"), (VENDOR, "confirmed")], "confirmed"),
        ([(VENDOR, "confirmed"), (HERE, "completed"), (VENDOR, "on_hold")], "completed"),
        ([(VENDOR, "completed"), (VENDOR, "on_hold"), (VENDOR, "confirmed")], "completed"),
        # An end is an end, also where it was said before; of two ends the one that was said last.
        *[([(VENDOR, "confirmed"), (HERE, "ready"), (VENDOR, end.value)], end.value) for end in sorted(ENDED)],
        ([(VENDOR, "cancelled"), (HERE, "confirmed"), (VENDOR, "cancelled")], "cancelled"),
        ([(VENDOR, "completed"), (HERE, "cancelled"), (VENDOR, "completed")], "cancelled"),
        ([(VENDOR, "confirmed"), (HERE, "completed"), (VENDOR, "cancelled")], "cancelled"),
    ],
    ids=str,
)  # fmt: skip
def test_a_vendors_word_moves_an_order_when_it_is_new_and_undoes_nothing_of_the_pharmacys(
    steps: list[tuple[str, str]], stands: str
) -> None:
    assert Shop().go(steps)["status"] == stands


def test_a_vendor_that_does_not_say_where_an_order_stands_said_what_it_said_before() -> None:
    shop = Shop()
    shop.tell("confirmed")
    assert shop.tell(None, total_amount="3.00")["extra_data"]["mirror"]["status"] == "confirmed"
    move_order(shop.history, ORDER, "preparing")
    assert shop.tell(None)["status"] == shop.tell("confirmed")["status"] == "preparing"


def test_a_word_that_moved_nothing_is_remembered_without_an_event() -> None:
    shop = Shop()
    before = shop.go([(VENDOR, "pending"), (HERE, "preparing")])
    after = shop.tell("confirmed")
    assert (after["version"], after["extra_data"]["mirror"]["status"]) == (before["version"], "confirmed")
    assert shop.history.types()[-1] == "order.status_changed"
    # Without a revision, too, and where a client has wiped the note.
    assert shop.tell("ready", revision=None)["status"] == "ready"
    shop.history.accept("order.update", {"status": "completed", "extra_data": {"mirror": None}}, of=ORDER)
    assert shop.tell("confirmed", revision=None)["extra_data"]["mirror"]["status"] == "confirmed"
    assert shop.history.accept("order.update", {}, of=ORDER)["status"] == "completed"


@pytest.mark.parametrize("note", [None, 5, {"source_id": str(SOURCE)}, {"source_id": str(SOURCE), "status": ["x"]}], ids=str)  # fmt: skip
def test_where_nobody_knows_what_the_vendor_said_before_it_moves_an_order_on_only(note: Any) -> None:
    for here, said, stands in (
        ("preparing", "confirmed", "preparing"),
        ("confirmed", "ready", "ready"),
        ("ready", "completed", "completed"),
    ):
        shop = Shop()
        shop.go([(VENDOR, "pending"), (HERE, here)])
        shop.history.accept("order.replace", {"order_reference": "#1", "items": [an_order_line()], "extra_data": {"mirror": note}}, of=ORDER)  # fmt: skip
        assert shop.tell(said)["status"] == stands


STATES = [status.value for status in OrderStatus]
STEPS = st.lists(st.tuples(st.sampled_from([VENDOR, HERE]), st.sampled_from(STATES)), max_size=8)


@given(STEPS, st.lists(st.integers(1, 4), min_size=1, max_size=3))
@settings(settings.get_profile("laws"), max_examples=200)
def test_no_update_of_a_vendor_that_says_nothing_new_moves_what_the_pharmacy_moved_on(
    steps: list[tuple[str, str]], quantities: list[int]
) -> None:
    shop = Shop()
    shop.go([(VENDOR, "pending"), *steps])
    said = shop.history.rows[_row(shop)].extra_data["mirror"]["status"]
    for here in OPEN[1:]:
        move_order(shop.history, ORDER, here)
        if OrderStatus(said) in ENDED:
            continue
        for quantity in quantities:
            assert shop.tell(said, items=[an_order_line(quantity=quantity)])["status"] == here


@given(STEPS, st.sampled_from(OPEN[1:]), st.sampled_from(OPEN))
@settings(settings.get_profile("laws"), max_examples=200)
def test_no_word_for_an_open_order_leads_back_behind_where_the_pharmacy_moved_it(
    steps: list[tuple[str, str]], here: str, said: str
) -> None:
    shop = Shop()
    shop.go([(VENDOR, "pending"), *steps])
    if shop.history.rows[_row(shop)].extra_data["mirror"]["status"] != here:
        move_order(shop.history, ORDER, here)
        assert OPEN.index(shop.tell(said)["status"]) >= OPEN.index(here)


def _row(shop: Shop) -> Any:
    return next(key for key in shop.history.rows if key[1] == ORDER)
