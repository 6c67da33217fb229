"""Orders and stock as vendors have them: recorded whatever they are, never older over newer, nothing new no event."""

import json
from typing import Any
from uuid import UUID

import pytest

from hub.domain.ids import derived_id
from hub.domain.translation import hops_of
from tests.kit.builders import History, Json, an_item, id_of

SOURCE, CAUSE = UUID(int=7), UUID(int=8)
ORDER = derived_id("a vendor's order")


def news(revision: int | None = 1, **members: Any) -> Json:
    return {
        "source_id": str(SOURCE), "causation_id": str(CAUSE), "revision": revision, "order_reference": "#1",
        "items": [a_line()], "total_amount": "9.00", "status": "confirmed",
    } | members  # fmt: skip


def a_line(quantity: int = 2, sku: str = "PZN1") -> Json:
    return {"sku": sku, "name": "Tea", "quantity": quantity, "unit_price": "2.50"}


@pytest.fixture
def shop() -> tuple[History, UUID]:
    history = History()
    return history, id_of(history.accept("inventory.create", an_item()))


def held(history: History, item_id: UUID) -> tuple[int, int]:
    item = history.item(item_id)
    return item["quantity"], item["reserved"]


def test_the_first_news_of_an_order_places_it_as_external(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    order = history.accept("order.mirror", news(), of=ORDER)
    assert (order["source"], order["status"], order["total_amount"]) == ("external", "confirmed", "9.00")
    assert order["extra_data"]["mirror"] == {
        "source_id": str(SOURCE), "causation_id": str(CAUSE), "hops": 0, "revision": 1, "version": 1, "status": "confirmed",
    }  # fmt: skip
    assert held(history, item_id) == (10, 2)
    assert history.types()[1:] == ["order.placed"]


def test_news_in_the_wrong_order_leave_the_newer(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    history.accept("order.mirror", news(5, status="completed"), of=ORDER)
    assert held(history, item_id) == (8, 0)
    stays = history.accept("order.mirror", news(4, status="pending"), of=ORDER)
    assert stays["status"] == "completed"
    assert history.types()[1:] == ["order.placed"]


def test_an_order_follows_its_vendor_through_any_states(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    for revision, (status, expected) in enumerate(
        [
            ("pending", (10, 0)),
            ("confirmed", (10, 2)),
            ("on_hold", (10, 2)),
            ("cancelled", (10, 0)),
            ("completed", (8, 0)),
        ]
    ):
        order = history.accept("order.mirror", news(revision, status=status), of=ORDER)
        assert (order["status"], held(history, item_id)) == (status, expected)
    assert history.types()[1:] == ["order.placed", *["order.status_changed"] * 4]


def test_items_change_while_nothing_was_handed_over_as_one_event(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    history.accept("order.mirror", news(), of=ORDER)
    version = history.item(item_id)["version"]
    order = history.accept("order.mirror", news(2, items=[a_line(5), a_line(1, "PZN2")]), of=ORDER)
    assert (order["status"], order["version"]) == ("confirmed", 2)
    assert [(line["sku"], line["reserved"]) for line in order["items"]] == [("PZN1", 5), ("PZN2", 0)]
    assert (held(history, item_id), history.item(item_id)["version"]) == ((10, 5), version + 1)
    assert history.types()[1:] == ["order.placed", "order.updated"]
    changed = history.last_event()["data"]["changed"]
    assert [line["quantity"] for line in changed["items"]] == [2]
    both = history.accept("order.mirror", news(3, items=[a_line(4)], status="completed"), of=ORDER)
    assert (both["status"], held(history, item_id)) == ("completed", (6, 0))
    assert history.types()[3:] == ["order.status_changed"]
    late = history.accept("order.mirror", news(4, items=[a_line(1)], total_amount="2.50", status="completed"), of=ORDER)
    assert (late["items"][0]["supplied"], late["total_amount"], held(history, item_id)) == (4, "2.50", (6, 0))


def test_an_order_on_hold_keeps_what_it_held_when_its_items_change(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    history.accept("order.mirror", news(), of=ORDER)
    history.accept("order.mirror", news(2, status="on_hold"), of=ORDER)
    order = history.accept("order.mirror", news(3, status="on_hold", items=[a_line(3)]), of=ORDER)
    assert (order["status"], order["held_from"], held(history, item_id)) == ("on_hold", "confirmed", (10, 3))


def test_nothing_new_is_no_event_whatever_caused_it(shop: tuple[History, UUID]) -> None:
    history, _ = shop
    order = history.accept("order.mirror", news(), of=ORDER)
    again = news(2, causation_id=str(UUID(int=99)), hops=3)
    same = order | {"extra_data": {"mirror": order["extra_data"]["mirror"] | {"revision": 2}}}
    assert history.accept("order.mirror", again, of=ORDER) == same
    for silent in (2, 1, None):
        assert history.accept("order.mirror", again | {"revision": silent}, of=ORDER) == same
    assert history.types()[1:] == ["order.placed"]


def test_news_that_change_nothing_are_newer_than_older_ones_all_the_same(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    for revision in (1, 3):
        history.accept("order.mirror", news(revision), of=ORDER)
    assert history.accept("order.mirror", news(2, status="cancelled"), of=ORDER)["status"] == "confirmed"
    version = history.item(item_id)["version"]
    assert history.accept("inventory.mirror", count(10, None), of=item_id)["extra_data"] == {}
    history.accept("inventory.mirror", count(10, 100), of=item_id)
    item = history.accept("inventory.mirror", count(7, 50), of=item_id)
    assert (item["quantity"], item["version"]) == (10, version)
    assert item["extra_data"]["mirror"] == {
        "source_id": str(SOURCE), "causation_id": str(CAUSE), "hops": 0, "revision": 100, "version": version,
    }  # fmt: skip
    # Another source counts by revisions of its own.
    history.accept("inventory.mirror", count(10, 7, source_id=str(UUID(int=9))), of=item_id)
    assert history.accept("inventory.mirror", count(7, 99), of=item_id)["quantity"] == 10
    assert history.accept("inventory.mirror", count(7, 101), of=item_id)["quantity"] == 7
    assert history.types()[1:] == ["order.placed", "inventory.adjusted"]


def test_what_another_hub_noted_of_an_order_is_not_noted_here(shop: tuple[History, UUID]) -> None:
    history, _ = shop
    theirs: Json = {"extra_data": {"a": 1, "mirror": {"source_id": str(UUID(int=9)), "hops": 5, "revision": 77}}}
    order = history.accept("order.mirror", news(**theirs), of=ORDER)
    assert order["extra_data"]["mirror"]["source_id"] == str(SOURCE)
    assert history.accept("order.mirror", news(1, **theirs), of=ORDER) == order


def test_news_without_a_revision_do_not_make_older_ones_new(shop: tuple[History, UUID]) -> None:
    history, _ = shop
    history.accept("order.mirror", news(5), of=ORDER)
    gone = history.accept("order.mirror", news(None, status="cancelled"), of=ORDER)
    assert (gone["status"], gone["extra_data"]["mirror"]["revision"]) == ("cancelled", 5)
    assert history.accept("order.mirror", news(4), of=ORDER)["status"] == "cancelled"


def test_an_order_may_come_without_its_lines_and_get_them_later(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    bare = {name: value for name, value in news().items() if name not in {"items", "total_amount"}}
    order = history.accept("order.mirror", bare, of=ORDER)
    assert (order["items"], order["total_amount"]) == ([], "0.00")
    after = history.accept("order.mirror", news(2), of=ORDER)
    assert (after["total_amount"], held(history, item_id)) == ("9.00", (10, 2))


def test_an_order_of_the_hubs_own_is_left_alone(shop: tuple[History, UUID]) -> None:
    history, _ = shop
    own = history.accept("order.place", {"order_reference": "#1", "items": [a_line()]})
    assert history.refuse("order.mirror", news(), of=ORDER).slug == "duplicate"
    assert history.refuse("order.mirror", news(), of=id_of(own)).slug == "immutable"


def count(quantity: int, revision: int | None = 1, **members: Any) -> Json:
    return {
        "source_id": str(SOURCE), "causation_id": str(CAUSE), "revision": revision, "quantity": quantity,
    } | members  # fmt: skip


def test_a_vendors_count_is_a_movement_that_names_its_cause(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    history.accept("order.mirror", news(), of=ORDER)
    after = history.accept("inventory.mirror", count(7, basis="available"), of=item_id)
    assert (after["quantity"], after["reserved"], after["available"]) == (9, 2, 7)
    movement = history.last_event()["data"]["movement"]
    assert (movement["reason"], movement["delta"], movement["reference_uri"]) == (
        "count",
        -1,
        f"/api/webhook-events/{CAUSE}/",
    )
    assert history.accept("inventory.mirror", count(9), of=item_id)["version"] == after["version"]
    assert history.accept("inventory.mirror", count(5, 0), of=item_id)["quantity"] == 9
    assert history.accept("inventory.mirror", count(5, 2), of=item_id)["quantity"] == 5
    assert history.refuse("inventory.mirror", count(5), of=UUID(int=1)).slug == "not-found"


def told_hops(history: History) -> int:
    """Say what who hears of the last change takes it for."""
    return hops_of(json.loads(json.dumps(history.last_event(), default=str)))


def test_a_change_of_the_hubs_own_begins_its_hops_anew(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    history.accept("inventory.mirror", count(7, hops=7), of=item_id)
    assert told_hops(history) == 8
    history.accept("inventory.adjust", {"delta": 1, "reason": "found"}, of=item_id)
    assert told_hops(history) == 0
    # What comes in and changes nothing is no consequence of it either.
    history.accept("inventory.mirror", count(8, 2, hops=7), of=item_id)
    history.accept("inventory.update", {"name": "N"}, of=item_id)
    assert told_hops(history) == 0
    history.accept("inventory.mirror", count(9, 3, hops=2), of=item_id)
    assert told_hops(history) == 3
    history.accept("order.mirror", news(hops=6), of=ORDER)
    assert told_hops(history) == 7
    history.accept("order.transition", {"status": "preparing"}, of=ORDER)
    assert told_hops(history) == 0
    history.accept("order.mirror", news(2, hops=7, total_amount="8.00"), of=ORDER)
    assert told_hops(history) == 8


def at(location: str, quantity: int, revision: int | None = 1, **members: Any) -> Json:
    return count(quantity, revision, location=location, **members)


def test_what_the_locations_of_a_vendor_count_is_added_up(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    both: Json = {"locations": ["A", "B"]}
    stock = [
        history.accept("inventory.mirror", body, of=item_id)["quantity"]
        for body in (at("A", 5, 20, **both), at("B", 3, 10, **both), at("B", 4, 11, **both), at("A", 9, 19, **both))
    ]
    # Each location has revisions of its own: the last one is older news of A.
    assert stock == [5, 8, 9, 9]
    note = history.item(item_id)["extra_data"]["mirror"]
    assert note["counts"] == {str(SOURCE): {"A": {"quantity": 5, "revision": 20}, "B": {"quantity": 4, "revision": 11}}}
    # What is no location of this pharmacy any more does not count.
    assert history.accept("inventory.mirror", at("A", 5, 21, locations=["A"]), of=item_id)["quantity"] == 5
    history.accept("order.mirror", news(), of=ORDER)
    assert history.accept("inventory.mirror", at("B", 1, 12, basis="available"), of=item_id)["available"] == 6


def test_units_that_go_from_one_location_to_another_are_counted_at_both(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    for body in (at("A", 6), at("B", 4)):
        history.accept("inventory.mirror", body, of=item_id)
    version = history.item(item_id)["version"]
    # Nothing new of the sum, with and without a revision; what the location counts is remembered all the same.
    history.accept("inventory.adjust", {"quantity": 9, "reason": "count"}, of=item_id)
    history.accept("inventory.mirror", at("A", 5, 2), of=item_id)
    history.accept("inventory.adjust", {"quantity": 7, "reason": "count"}, of=item_id)
    item = history.accept("inventory.mirror", at("B", 2, None), of=item_id)
    assert (item["quantity"], item["version"]) == (7, version + 2)
    assert history.accept("inventory.mirror", at("A", 6, 3), of=item_id)["quantity"] == 8
    assert history.accept("inventory.mirror", at("B", 9, 0), of=item_id)["quantity"] == 8


def test_each_source_has_locations_of_its_own_and_of_no_more_than_a_hundred(shop: tuple[History, UUID]) -> None:
    history, item_id = shop
    history.accept("inventory.mirror", at("A", 5), of=item_id)
    other: Json = {"source_id": str(UUID(int=9))}
    assert history.accept("inventory.mirror", at("A", 7, **other), of=item_id)["quantity"] == 7
    assert history.accept("inventory.mirror", at("B", 1, **other), of=item_id)["quantity"] == 8
    assert history.accept("inventory.mirror", at("B", 1), of=item_id)["quantity"] == 6
    for number in range(98):
        history.accept("inventory.mirror", at(f"more {number}", 0), of=item_id)
    problem = history.refuse("inventory.mirror", at("one more", 1), of=item_id)
    assert (problem.slug, problem.errors[0].pointer) == ("validation", "#/location")
    assert history.accept("inventory.mirror", at("B", 2, 2), of=item_id)["quantity"] == 7


@pytest.mark.parametrize(
    "note", [5, {"counts": 5}, {"counts": {str(SOURCE): 5}}, {"counts": {str(SOURCE): {"A": 5, "B": {"quantity": "x"}}}}, {"revision": "x"}], ids=str
)  # fmt: skip
def test_whatever_a_client_wrote_into_the_note_stops_no_news(shop: tuple[History, UUID], note: Any) -> None:
    history, item_id = shop
    history.accept(
        "inventory.update", {"extra_data": {"mirror": note if note == 5 else {"source_id": str(SOURCE)} | note}}, of=item_id
    )  # fmt: skip
    assert history.accept("inventory.mirror", count(10, 0), of=item_id)["quantity"] == 10
    assert history.accept("inventory.mirror", at("A", 3, 0), of=item_id)["quantity"] == 3
