"""Laws over whole histories. Each one was tried against a planted mistake, named in its comment, and turned red."""

import random
from collections import Counter
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.command import Command
from hub.domain.orders import Order, dump_order
from hub.domain.outcome import Accepted, Rejected
from hub.domain.pharmacies import ApiKey, Pharmacy, dump_key, dump_pharmacy
from hub.domain.problem import CATALOGUE
from hub.domain.sales import Sale, dump_sale
from hub.domain.stock import InventoryItem, dump_item
from hub.domain.uploads import Upload
from hub.domain.webhook_events import WebhookEvent, dump_webhook_event
from tests.domain.histories import WHO, Sent, cut, cuts, histories
from tests.domain.oracle import StockOracle
from tests.domain.replay import replay, text_of
from tests.kit.builders import History

LAWS = settings.get_profile("laws")

# domain.md 2.1, written down once more; `on_hold` leads back to where it came from besides.
EDGES = {
    ("pending", "confirmed"),
    ("pending", "on_hold"),
    ("pending", "rejected"),
    ("pending", "cancelled"),
    ("confirmed", "preparing"),
    ("confirmed", "on_hold"),
    ("confirmed", "cancelled"),
    ("confirmed", "rejected"),
    ("preparing", "ready"),
    ("preparing", "on_hold"),
    ("preparing", "cancelled"),
    ("on_hold", "cancelled"),
    ("on_hold", "rejected"),
    ("ready", "completed"),
    ("ready", "preparing"),
    ("ready", "cancelled"),
    ("ready", "expired"),
}
TYPES = {
    "pharmacy.created",
    "pharmacy.updated",
    "pharmacy.deactivated",
    "api_key.created",
    "api_key.revoked",
    "inventory.created",
    "inventory.updated",
    "inventory.adjusted",
    "inventory.deleted",
    "inventory.stock_negative",
    "inventory.stock_low",
    "sale.recorded",
    "sale.updated",
    "sale.voided",
    "order.placed",
    "order.updated",
    "order.status_changed",
    "webhook_event.received",
    "webhook_event.processed",
    "webhook_event.deleted",
}
DUMPS: dict[type[Any], tuple[str, Any]] = {
    InventoryItem: ("inventory", dump_item),
    Sale: ("sales", dump_sale),
    Order: ("orders", dump_order),
    WebhookEvent: ("webhook-events", dump_webhook_event),
    Pharmacy: ("pharmacies", dump_pharmacy),
    ApiKey: ("keys", dump_key),
}


def played(windows: list[list[Command]], **members: Any) -> History:
    history = History(**members)
    for window in windows:
        history.settle(window)
    return history


def one_by_one(sent: list[Sent]) -> list[list[Command]]:
    return [[one.command] for one in sent]


def same(left: History, right: History) -> None:
    assert left.outcomes == right.outcomes
    assert left.rows == right.rows
    assert left.movements == right.movements
    assert left.events == right.events


# Planted: a window's second command sees the rows from before the first (`state.apply` left out of `settle`).
@LAWS
@given(histories, cuts)
def test_a_batch_equals_its_commands_one_by_one(sent: list[Sent], sizes: list[int]) -> None:
    each = played(one_by_one(sent))
    same(played(cut(sent, sizes)), each)
    same(played([[one.command for one in sent]]), each)


# Planted: a movement's id minted by chance; operations not claimed.
@LAWS
@given(histories, cuts, st.randoms(use_true_random=False))
def test_redelivery_changes_nothing(sent: list[Sent], sizes: list[int], chance: random.Random) -> None:
    once = played(cut(sent, sizes))
    twice = played(cut(sent, sizes))
    again = [one.command for one in sent] * 2
    chance.shuffle(again)
    for window in (again[: len(sent)], again[len(sent) :]):
        twice.settle(window)
    same(twice, once)


# Planted: a sale writes no movement for an item that goes below zero.
@LAWS
@given(histories)
def test_the_ledger_sums_up_to_every_quantity_at_every_moment(sent: list[Sent]) -> None:
    history = History()
    sums: Counter[UUID] = Counter()
    for (command,) in one_by_one(sent):
        seen = len(history.movements)
        history.settle([command])
        for movement in history.movements[seen:]:
            sums[movement.item_id] += movement.delta
            assert movement.quantity_after == sums[movement.item_id]
        assert all(row.quantity == sums[row.id] for row in history.of_kind(InventoryItem))
    assert len({movement.id for movement in history.movements}) == len(history.movements)


# Planted: of two lines of one sku only the last is booked (the fold by item removed); the ledger's law stays green.
@LAWS
@given(histories)
def test_stock_is_what_the_accepted_commands_said(sent: list[Sent]) -> None:
    history = History()
    oracles = {pharmacy_id: StockOracle() for pharmacy_id in WHO}
    for command, said in sent:
        is_new = command.operation_id not in history.outcomes
        (outcome,) = history.settle([command])
        if is_new and isinstance(outcome, Accepted):
            oracles[command.pharmacy_id].take(command.type, said, str(command.resource_id))
        alive = [row for row in history.of_kind(InventoryItem, command.pharmacy_id) if row.deleted_at is None]
        stock = {row.sku: (row.quantity, row.reserved) for row in alive}
        assert stock == oracles[command.pharmacy_id].stock(), command.type
    assert all(
        row.quantity == row.reserved == 0 for row in history.of_kind(InventoryItem) if row.deleted_at is not None
    )


# Planted: `on_hold` returns to any state; `pending` may be completed; `completed` may be cancelled.
@LAWS
@given(histories, cuts)
def test_orders_move_only_along_the_edges_of_the_table(sent: list[Sent], sizes: list[int]) -> None:
    history = played(cut(sent, sizes))
    left: dict[str, str] = {}
    for event in (event for log in history.events.values() for event in log if event["type"].startswith("order.")):
        order = event["data"]["order"]
        if order["source"] == "external":
            continue
        if event["type"] == "order.placed":
            assert order["status"] == "pending"
            continue
        before = event["data"]["changed"].get("status", order["status"])
        assert (event["type"] == "order.status_changed") == (before != order["status"])
        if before != order["status"]:
            edge = (before, order["status"])
            assert edge in EDGES or (before == "on_hold" and left[order["id"]] == order["status"]), edge
        if order["status"] == "on_hold" and before != "on_hold":
            left[order["id"]] = before
        if "items" in event["data"]["changed"] and event["type"] == "order.updated":
            assert order["status"] == "pending"


# Planted: a reservation released twice (`release` leaves the lines' `reserved`).
@LAWS
@given(histories)
def test_reserved_is_the_sum_of_what_open_orders_hold(sent: list[Sent]) -> None:
    history = History()
    for window in one_by_one(sent):
        history.settle(window)
        held: Counter[str] = Counter()
        for order in history.of_kind(Order):
            for line in order.items:
                assert line["reserved"] >= 0
                assert line["reserved"] + line["supplied"] <= line["quantity"]
                if line["reserved"]:
                    assert order.status not in {"pending", "completed", "cancelled", "rejected", "expired"}
                    held[line["inventory_item"]] += line["reserved"]
        for item in history.of_kind(InventoryItem):
            assert item.reserved == held[str(item.id)] >= 0


# Planted: `derived_id` without the index in an event's id.
@LAWS
@given(histories, cuts)
def test_events_are_numbered_without_a_gap_and_name_what_caused_them(sent: list[Sent], sizes: list[int]) -> None:
    history = played(cut(sent, sizes))
    applied = {str(operation_id): outcome for operation_id, outcome in history.outcomes.items()}
    for pharmacy_id, log in history.events.items():
        assert [event["sequence"] for event in log] == list(range(1, len(log) + 1))
        assert {event["pharmacyid"] for event in log} <= {str(pharmacy_id)}
        assert {event["type"] for event in log} <= TYPES
        assert all(isinstance(applied[event["causationid"]], Accepted) for event in log)
    ids = [event["id"] for log in history.events.values() for event in log]
    assert len(set(ids)) == len(ids)


# Planted: `order.status_changed` shows the lines from before they were reserved; `consume` leaves the item's `reserved`.
@LAWS
@given(histories, cuts)
def test_the_events_alone_tell_every_row(sent: list[Sent], sizes: list[int]) -> None:
    history = played(cut(sent, sizes))
    for pharmacy_id, log in history.events.items():
        known = replay(log)
        for kind, (route, dump) in DUMPS.items():
            for row in history.of_kind(kind, None if kind is Pharmacy else pharmacy_id):
                subject = f"{route}/{row.id}"
                if subject not in known:
                    assert kind is ApiKey or (
                        kind is Pharmacy and row.id != pharmacy_id
                    )  # a first key comes with its pharmacy
                    continue
                # Stock moved by sales and orders raises an item's version without an event of its own.
                moved = {"version", "updated_at"} if kind is InventoryItem else set()
                shown = {name: value for name, value in dump(row).items() if name not in moved}
                assert text_of(shown) == text_of(
                    {name: value for name, value in known[subject].items() if name not in moved}
                )


# Planted: `changed` of a voided sale names its status only; `changed` compares with `==`, so True hides behind 1; an
# order's update that changes nothing has an event.
@LAWS
@given(histories, cuts)
def test_changed_names_exactly_the_old_values(sent: list[Sent], sizes: list[int]) -> None:
    for log in played(cut(sent, sizes)).events.values():
        replay(log, checks_changed=True)


# Planted: `sale.update` without its `version + 1`.
@LAWS
@given(histories)
def test_a_change_raises_a_version_by_one_and_comes_with_an_event(sent: list[Sent]) -> None:
    history = History()
    for (command,) in one_by_one(sent):
        before, seen = dict(history.rows), len(history.types(command.pharmacy_id))
        (outcome,) = history.settle([command])
        touched = {
            key: row for key, row in history.rows.items() if before.get(key) is not row and hasattr(row, "version")
        }
        if isinstance(outcome, Rejected):
            assert outcome.problem.slug in CATALOGUE
        for key, row in touched.items():
            was = before[key].version if key in before else 0
            assert row.version > was
            assert row.version == was + 1 or command.type.endswith(".import")
            assert row.updated_at == history.now
        if {key[0] for key in touched} - {Upload}:
            assert len(history.types(command.pharmacy_id)) > seen
        elif not touched:
            assert len(history.types(command.pharmacy_id)) == seen


# Planted: `inventory.stock_negative` said by every movement below zero.
@LAWS
@given(histories, cuts)
def test_stock_negative_is_said_once_for_each_crossing(sent: list[Sent], sizes: list[int]) -> None:
    history = played(cut(sent, sizes))
    crossed = Counter(
        (str(movement.operation_id), str(movement.item_id))
        for movement in history.movements
        if movement.quantity_after < 0 <= movement.quantity_after - movement.delta
    )
    said = Counter(
        (event["causationid"], event["data"]["inventory"]["id"])
        for log in history.events.values()
        for event in log
        if event["type"] == "inventory.stock_negative"
    )
    assert said == crossed


# Planted: `merge_patch` writes into the stored object.
@LAWS
@given(histories, cuts)
def test_a_decision_leaves_its_inputs_as_they_are(sent: list[Sent], sizes: list[int]) -> None:
    played(cut(sent, sizes), checks_inputs=True)


# Planted: all pharmacies of a window share one `State`; rows are found whoever owns them.
@LAWS
@given(histories, cuts)
def test_a_pharmacy_never_notices_its_neighbours(sent: list[Sent], sizes: list[int]) -> None:
    together = played(cut(sent, sizes))
    for pharmacy_id in WHO:
        alone = played(cut([one for one in sent if one.command.pharmacy_id == pharmacy_id], sizes))
        assert alone.events.get(pharmacy_id) == together.events.get(pharmacy_id)
        assert all(together.outcomes[operation_id] == outcome for operation_id, outcome in alone.outcomes.items())
        assert all(together.rows[key] == row for key, row in alone.rows.items())
    assert all(row.id in WHO for row in together.of_kind(Pharmacy))
