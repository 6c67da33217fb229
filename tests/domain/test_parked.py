"""Parked messages: replayed or discarded, each once."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from hub.domain.audit import is_audited
from hub.domain.ids import HUB_ID
from hub.domain.outcome import Accepted, Rejected
from hub.domain.parked import ParkedMessage, dump_parked
from hub.domain.state import Ref, State
from hub.resources import COMMANDS
from tests.kit.builders import NOON, a_command

PARKED = ParkedMessage(uuid4(), uuid4(), uuid4(), "hub.commands.7", "it broke", b"{}", NOON)
LATER = NOON + timedelta(hours=1)


def decide(command: str, row: ParkedMessage | None, body: object = None) -> Accepted | Rejected:
    """Decide a command about a parked message."""
    row_id = PARKED.id if row is None else row.id
    state = State(HUB_ID, LATER)
    state.load({Ref(ParkedMessage, "id", row_id): row})
    return COMMANDS[command].decide(state, a_command(command, body, pharmacy=HUB_ID, of=row_id))


def test_replaying_marks_the_message_and_tells_it_once() -> None:
    done = decide("parked.replay", PARKED, {"reason": "fixed"})
    assert isinstance(done, Accepted)
    after = replace(PARKED, replayed_at=LATER, note="fixed")
    assert (done.changes, done.resource) == ((after,), dump_parked(after))
    (event,) = done.events
    assert (event.type, event.subject) == ("parked_message.replayed", f"parked/{PARKED.id}")
    assert event.data["changed"] == {"status": "parked", "replayed_at": None, "note": None}
    again = decide("parked.replay", after)
    assert again == Accepted((), (), dump_parked(after))


def test_discarding_marks_the_message_and_tells_it_once() -> None:
    done = decide("parked.discard", PARKED)
    assert isinstance(done, Accepted)
    after = replace(PARKED, discarded_at=LATER)
    assert (done.changes, done.events[0].type) == ((after,), "parked_message.discarded")
    assert decide("parked.discard", after) == Accepted((), (), dump_parked(after))


@pytest.mark.parametrize(
    ("command", "row", "slug"),
    [
        ("parked.replay", None, "not-found"),
        ("parked.discard", None, "not-found"),
        ("parked.replay", replace(PARKED, discarded_at=NOON), "immutable"),
        ("parked.discard", replace(PARKED, replayed_at=NOON), "immutable"),
        *(
            ("parked.replay", replace(PARKED, origin=origin), "immutable")
            for origin in ("unknown", "hub.audit", "hub.commands", "hub.commands.", "hub.commands.x", "x.hub.commands.1", "hub.commands.1\n")
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(command: str, row: ParkedMessage | None, slug: str) -> None:
    outcome = decide(command, row)
    assert isinstance(outcome, Rejected)
    assert outcome.problem.slug == slug


@pytest.mark.parametrize("origin", ["unknown", "hub.audit"])
def test_what_came_from_elsewhere_is_discarded_all_the_same(origin: str) -> None:
    assert isinstance(decide("parked.discard", replace(PARKED, origin=origin)), Accepted)


@pytest.mark.parametrize(
    ("actor", "door", "command", "expected"),
    [
        ("operator:1", "http", "sale.record", True),
        ("system", "cli", "sale.record", True),
        ("key:1", "http", "api_key.create", True),
        ("key:1", "http", "pharmacy.update", True),
        ("system", "system", "parked.replay", True),
        ("key:1", "http", "sale.record", False),
        ("source:1", "webhook", "webhook_event.receive", False),
        ("system", "system", "order.transition", False),
    ],
)
def test_the_audit_takes_what_operators_do_and_who_may_come_in(
    actor: str, door: str, command: str, *, expected: bool
) -> None:
    assert is_audited(actor, door, command) is expected
