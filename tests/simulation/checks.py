"""What must be true: at every event, reply and ack, and at the end of a seed."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from hub.domain.orders import Order
from hub.domain.stock import InventoryItem, StockMovement
from hub.messaging.frames import Outgoing
from hub.messaging.topology import DEAD
from hub.storage.operations import Operation
from tests.promises.histories import quantities_said
from tests.simulation.doors import Sent

if TYPE_CHECKING:
    from tests.simulation.world import World


def envelopes_of(body: bytes) -> list[dict[str, Any]]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def name_of(message: Outgoing) -> str:
    """Name a message as `ack_is_last` asks for it."""
    if message.routing_key == DEAD:
        headers = message.headers or {}
        return f"dead {headers.get('hub-x-operation_id', message.body.hex())}"
    return message.message_id or ""


def event_is_committed(world: "World", message: Outgoing) -> None:
    event = orjson.loads(message.body)
    pharmacy_id, sequence = UUID(event["pharmacyid"]), event["sequence"]
    stored = world.database.stored.events.get((pharmacy_id, sequence))
    if stored is None or stored.body.encode() != message.body:
        world.fail(f"event {sequence} of {pharmacy_id} was published before its commit")
    said = world.seen.events.setdefault(pharmacy_id, [])
    if sequence > max(said, default=0) + 1:
        world.fail(f"event {sequence} of {pharmacy_id} was published behind {max(said, default=0)}: a gap")
    said.append(sequence)


def reply_is_committed(world: "World", reply: Mapping[str, Any]) -> None:
    operation = world.database.stored.operations.get(UUID(reply["operation_id"]))
    if operation is None or operation.status != reply["status"]:
        world.fail(f"a reply of {reply['operation_id']} says {reply['status']}, which is not stored")


def ack_is_last(world: "World", body: bytes) -> None:
    """An ack comes after the commit of the outcome and after the confirms of all that it has to say."""
    envelopes = envelopes_of(body)
    if not envelopes and f"dead {body.hex()}" not in world.seen.confirmed:
        world.fail("garbage was acked before it was parked")
    stored = world.database.stored
    for envelope in envelopes:
        operation = stored.operations.get(UUID(envelope["operation_id"]))
        if operation is None:
            world.fail(f"{envelope['operation_id']} was acked before its commit")
            continue
        names = [str(stored.events[operation.pharmacy_id, number].id) for number in _numbers(operation)]
        if operation.status == "parked":
            names.append(f"dead {operation.id}")
        if not world.seen.confirmed.issuperset(names):
            world.fail(f"{operation.type} {operation.id} was acked before the confirms of what it says")


def all_is_well(world: "World") -> None:
    """Check a world at rest."""
    stored = world.database.stored
    for operation_id, sent in world.sent.items():
        operation = stored.operations.get(operation_id)
        if operation is None:
            world.fail(f"{sent.wish.type} {operation_id} is lost")
        elif (operation.status == "parked") != sent.is_poison:
            world.fail(f"{sent.wish.type} {operation_id} is {operation.status}, poison: {sent.is_poison}")
    if strangers := stored.operations.keys() - world.sent.keys():
        world.fail(f"operations that nobody sent: {strangers}")
    for pharmacy_id in sorted({sent.wish.pharmacy_id for sent in world.sent.values()}):
        _check_log(world, pharmacy_id)
        _check_stock(world, pharmacy_id)
    _check_replies(world)
    _check_parked(world)


def _numbers(operation: Operation) -> range:
    first = operation.first_sequence or 0
    return range(first, first + operation.event_count)


def _finished(world: "World", pharmacy_id: UUID) -> list[tuple[Sent, Operation]]:
    """Give a pharmacy's operations in the order in which their commands first arrived."""
    stored = world.database.stored.operations
    return [
        (world.sent[one], stored[one])
        for one in world.arrivals
        if one in stored and stored[one].pharmacy_id == pharmacy_id
    ]


def _check_log(world: "World", pharmacy_id: UUID) -> None:
    log = sorted(number for owner, number in world.database.stored.events if owner == pharmacy_id)
    if log != list(range(1, len(log) + 1)):
        world.fail(f"the log of {pharmacy_id} has gaps: {log}")
    if sorted(set(world.seen.events.get(pharmacy_id, ()))) != log:
        world.fail(f"not every event of {pharmacy_id} was published")
    owned = [number for _, operation in _finished(world, pharmacy_id) for number in _numbers(operation)]
    if owned != log:
        world.fail(f"{pharmacy_id} was not applied in the order of arrival: {owned}")


def _check_stock(world: "World", pharmacy_id: UUID) -> None:
    """Compare the rows with what the commands said, and with the ledger."""
    rows = world.database.stored.rows
    applied = [sent.wish for sent, operation in _finished(world, pharmacy_id) if operation.status == "applied"]
    try:
        said = quantities_said(applied)
    except KeyError as error:
        world.fail(f"a command of {pharmacy_id} was applied before what it stands on: {error}")
        return
    ledger: dict[UUID, int] = defaultdict(int)
    for movement in rows.get(StockMovement, {}).values():
        ledger[movement.item_id] += movement.delta
    held: dict[UUID, int] = defaultdict(int)
    for order in rows.get(Order, {}).values():
        for line in order.items:
            if line["reserved"]:
                held[UUID(line["inventory_item"])] += line["reserved"]
    for item in rows.get(InventoryItem, {}).values():
        if item.pharmacy_id == pharmacy_id:
            if not item.quantity == ledger[item.id] == said.get(item.id):
                world.fail(f"item {item.sku}: {item.quantity}, ledger {ledger[item.id]}, commands {said.get(item.id)}")
            if item.reserved != held[item.id]:
                world.fail(f"item {item.sku}: {item.reserved} reserved, orders hold {held[item.id]}")


def _check_replies(world: "World") -> None:
    for sent in world.waiting:
        operation_id = sent.wish.operation_id
        operation = world.database.stored.operations.get(operation_id)
        if operation is None or not sent.is_readable:
            continue
        mismatch = sent.fingerprint != operation.fingerprint
        replies = [one for one in world.seen.replies.get(operation_id, []) if one["mismatch"] is mismatch]
        if not replies:
            world.fail(f"{sent.wish.type} {operation_id} was waited for and not answered, mismatch: {mismatch}")
        for reply in replies:
            if reply["status"] != operation.status or (not mismatch and reply["problem"] != operation.problem):
                world.fail(f"{operation_id} is {operation.status} and was answered {reply['status']}")
            numbers = [link["sequence"] for link in reply["operation"]["events"]]
            if not mismatch and numbers != list(_numbers(operation)):
                world.fail(f"{operation_id} was answered with the events {numbers}")
            # A repeat shows the resource even where the first answer shows none, e.g. of a delete.
            first = next((one["resource"] for one in replies if one["resource"] is not None), None)
            if reply["resource"] not in (None, first):
                world.fail(f"{operation_id} was answered with two different resources")


def _check_parked(world: "World") -> None:
    dead = [name_of(message) for message in world.seen.dead]
    for body in world.garbage:
        if f"dead {body.hex()}" not in dead:
            world.fail(f"garbage {body[:8]!r} was not parked")
    poison = {f"dead {one}" for one, sent in world.sent.items() if sent.is_poison}
    garbage = {f"dead {body.hex()}" for body in world.garbage}
    if missing := poison - set(dead):
        world.fail(f"poison that is not in hub.dead: {missing}")
    if innocent := set(dead) - poison - garbage:
        world.fail(f"parked without being poison: {innocent}")
    # A repeat bears the same time, or the parker would keep two rows of one operation.
    times: dict[str, set[object]] = defaultdict(set)
    for message in world.seen.dead:
        if "hub-x-operation_id" in (message.headers or {}):
            times[name_of(message)].add((message.headers or {})["hub-first-failed-at"])
    for name, different in times.items():
        if len(different) > 1:
            world.fail(f"{name} was parked at {len(different)} different times")
