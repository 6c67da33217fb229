"""Messages set aside: an operator puts one back, or gives it up.

Both run in the scope of the hub, not of a pharmacy: a message that nobody can read has none, and what a pharmacy's log
tells is its own business, not ours.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, Text, format_time
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, refuse
from hub.domain.problem import not_found
from hub.domain.state import Ref, State

_PARTITION = re.compile(r"hub\.commands\.([0-9]{1,3})")


class ReplayParked(Body):
    """Put a parked message back; `reason` is kept with it."""

    reason: Text | None = None


class DiscardParked(Body):
    """Give a parked message up; `reason` is kept with it."""

    reason: Text | None = None


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """A message that was set aside, and what became of it.

    Args:
        pharmacy_id: whose command it is, where that could be told.
        operation_id: the command's operation, likewise.
        origin: the queue it came from.
        reason: why nothing could be done with it.
        payload: its bytes: one command, or a whole message that is no list of commands.
        note: what the operator said when it was replayed or discarded.
    """

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID | None
    operation_id: UUID | None
    origin: str
    reason: str
    payload: bytes
    parked_at: datetime
    replayed_at: datetime | None = None
    discarded_at: datetime | None = None
    note: str | None = None

    @property
    def status(self) -> str:
        """Where it stands: parked, replayed or discarded."""
        if self.replayed_at is not None:
            return "replayed"
        return "parked" if self.discarded_at is None else "discarded"

    @property
    def partition(self) -> int | None:
        """The partition it came from; None where it came from elsewhere."""
        found = _PARTITION.fullmatch(self.origin)
        return None if found is None else int(found[1])


def dump_parked(message: ParkedMessage) -> dict[str, Any]:
    """Represent a parked message to operators, without its payload."""
    return {
        "id": str(message.id),
        "pharmacy_id": None if message.pharmacy_id is None else str(message.pharmacy_id),
        "operation_id": None if message.operation_id is None else str(message.operation_id),
        "origin": message.origin,
        "reason": message.reason,
        "status": message.status,
        "payload_bytes": len(message.payload),
        "parked_at": format_time(message.parked_at),
        "replayed_at": None if message.replayed_at is None else format_time(message.replayed_at),
        "discarded_at": None if message.discarded_at is None else format_time(message.discarded_at),
        "note": message.note,
    }


def _touch(command: Command) -> Iterable[Ref]:
    yield Ref(ParkedMessage, "id", command.resource_id)


def _replay(state: State, command: Command) -> Outcome:
    """Mark it as replayed; the writer makes its operation claimable again and sends its payload once this is committed."""
    body = command.body
    assert isinstance(body, ReplayParked)
    message = state.find(ParkedMessage, command.resource_id)
    if message is None:
        return Rejected(not_found("parked message"))
    if message.replayed_at is not None:
        return Accepted((), (), dump_parked(message))
    if message.discarded_at is not None:
        return refuse("immutable", "this message was discarded; its sender has to send it again")
    if message.partition is None:
        return refuse("immutable", f"only commands are replayed; this came from {message.origin}, so discard it")
    after = replace(message, replayed_at=state.now, note=body.reason)
    return _settled("parked_message.replayed", message, after)


def _discard(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, DiscardParked)
    message = state.find(ParkedMessage, command.resource_id)
    if message is None:
        return Rejected(not_found("parked message"))
    if message.discarded_at is not None:
        return Accepted((), (), dump_parked(message))
    if message.replayed_at is not None:
        return refuse("immutable", "this message was replayed; there is nothing left to discard")
    after = replace(message, discarded_at=state.now, note=body.reason)
    return _settled("parked_message.discarded", message, after)


def _settled(name: str, before: ParkedMessage, after: ParkedMessage) -> Accepted:
    shown = dump_parked(after)
    data = {"parked_message": shown, "changed": changed(dump_parked(before), shown)}
    return Accepted((after,), (Event(name, f"parked/{after.id}", data),), shown)


RULES = (
    Rule("parked.replay", ReplayParked, _replay, "parked", _touch),
    Rule("parked.discard", DiscardParked, _discard, "parked", _touch),
)
