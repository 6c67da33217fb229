"""What must be true of rows, the ledger and webhooks at the end of a run."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import orjson

from tests.chaos.checks import Findings, Matched
from tests.chaos.evidence import LISTS, Evidence, Json
from tests.domain.replay import replay, text_of
from tests.promises.histories import Wish, quantities_said

_GONE = {"inventory.deleted", "webhook_event.deleted"}
# Stock moved by sales and orders raises an item's version without an event of its own.
_MOVED = {"version", "updated_at"}


def check_model(pairs: Sequence[Matched], findings: Findings) -> None:
    """Who knows nothing but the events, in order, has the rows that the lists show."""
    for pair in pairs:
        kept = pair.kept
        known = replay(orjson.loads(orjson.dumps(kept.log)))  # a receiver changes what it was given
        gone = {event["subject"] for event in kept.log if event["type"] in _GONE}
        expected = {
            subject: one for subject, one in known.items() if subject.partition("/")[0] in LISTS and subject not in gone
        }
        for subject in expected.keys() ^ kept.shown.keys():
            findings.add(
                "model", f"{subject} of {kept.number} is {'not ' * (subject in expected)}shown without an event"
            )
        for subject in expected.keys() & kept.shown.keys():
            if _text(subject, expected[subject]) != _text(subject, kept.shown[subject]):
                findings.add("model", f"{subject} of {kept.number} is not what its events say")


def _text(subject: str, shown: Json) -> bytes:
    if subject.startswith("inventory/"):
        shown = {name: value for name, value in shown.items() if name not in _MOVED}
    return text_of(shown)


def check_ledger(pairs: Sequence[Matched], findings: Findings) -> None:
    """Every quantity is the sum of its movements, and what the applied commands said; every reservation stands in an order."""
    for pair in pairs:
        kept = pair.kept
        try:
            said = quantities_said([_as_applied(told.type, told.body, told.resource_id, event)
                                    for _, told, event in pair.applied() if event["type"] != "command.rejected"])  # fmt: skip
        except KeyError as error:
            findings.add("ledger", f"{kept.number}: a command was applied before what it stands on: {error}")
            continue
        held: dict[UUID, int] = defaultdict(int)
        for subject, order in kept.shown.items():
            if subject.startswith("orders/"):
                for line in order["items"]:
                    if line["reserved"]:
                        held[UUID(line["inventory_item"])] += line["reserved"]
        for item_id, quantity, reserved in kept.items:
            if not quantity == kept.ledger.get(item_id, 0) == said.get(item_id):
                findings.add(
                    "ledger",
                    f"item {item_id} of {kept.number} has {quantity}, its ledger {kept.ledger.get(item_id)}, "
                    f"the commands said {said.get(item_id)}",
                )
            if reserved != held[item_id]:
                findings.add(
                    "ledger", f"item {item_id} of {kept.number}: {reserved} reserved, orders hold {held[item_id]}"
                )


def _as_applied(command: str, body: Json, resource_id: UUID | None, event: Json) -> Wish:
    """Take the command for what was applied; what it made has the id that the event tells."""
    made = {"inventory.create", "sale.record", "order.place"}
    target = UUID(event["subject"].rpartition("/")[2]) if command in made or resource_id is None else resource_id
    return Wish(UUID(event["causationid"]), UUID(event["pharmacyid"]), target, command, body)


def check_webhooks(evidence: Evidence, pairs: Sequence[Matched], findings: Findings) -> None:
    """Every endpoint took what it asked for at least once, nothing else, the same text, signed."""
    by_number = {pair.kept.number: pair for pair in pairs}
    for endpoint in evidence.endpoints:
        kept = by_number[endpoint.pharmacy].kept
        began = 1 + next(at for at, cause in enumerate(kept.causes) if cause == endpoint.operation_id)
        wanted = {
            event["id"]: digest
            for event, digest in zip(kept.log, kept.digests, strict=True)
            if event["sequence"] > began and endpoint.wants(event["type"])
        }
        name = f"the {endpoint.temper} endpoint of {endpoint.pharmacy}"
        for event_id, digest in wanted.items():
            if endpoint.taken.get(event_id, digest) != digest:
                findings.add("webhooks", f"{name} took another text of {event_id}")
        if missing := wanted.keys() - endpoint.taken.keys():
            findings.add("webhooks", f"{name} did not get {len(missing)} of {len(wanted)} events, e.g. {min(missing)}")
        # The event of its own registration may come or not.
        if unwanted := endpoint.taken.keys() - wanted.keys() - {kept.log[began - 1]["id"]}:
            findings.add("webhooks", f"{name} got {len(unwanted)} events that it did not ask for")
        for unverified in endpoint.unverified:
            findings.add("unsigned", f"{name}: {unverified}")
