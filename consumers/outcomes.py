"""What a transaction makes known: operations with their outcome, numbered events, replies, notices, parked messages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from consumers.envelope import SetAside
from consumers.receipts import Given
from hub.domain.command import REJECTED, Command, Receipt
from hub.domain.event import NumberedEvent, routing_key_of
from hub.domain.fields import format_id
from hub.domain.ids import event_id_for, event_ids_for
from hub.domain.integrators import Integrator, IntegratorKey
from hub.domain.operator_keys import OperatorKey
from hub.domain.operators import EndedSession, Operator
from hub.domain.outcome import Accepted, Event, Outcome, Rejected
from hub.domain.pharmacies import ApiKey, Pharmacy
from hub.domain.problem import Problem
from hub.domain.sales import Sale
from hub.domain.sources import Source
from hub.domain.state import Row
from hub.domain.stock import InventoryItem, StockMovement
from hub.messaging.bulk_publisher import Outgoing
from hub.messaging.control import Notice, notice_message
from hub.messaging.parking import Parked, park
from hub.messaging.replies import replies_messages
from hub.messaging.topology import EVENTS, command_queue
from hub.resources import COMMANDS, UNKNOWN
from hub.storage.events import StoredEvent
from hub.storage.operations import Operation, dump_operation

# Of these kinds are nearly all rows of a busy window, and nobody is told of them.
_UNNOTICED = frozenset({InventoryItem, StockMovement, Sale})
PARKED = Problem("parked", "the command could not be applied and was set aside; an operator can replay it").dump()


@dataclass(slots=True)
class Outcomes:
    """Gathers what one transaction decides.

    Args:
        now: the time of the transaction, which every row and event of it bears.
    """

    now: datetime
    changes: list[Row] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    operations: dict[UUID, Operation] = field(default_factory=dict)
    replies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    receipts: list[Given] = field(default_factory=list)
    event_bytes: int = 0

    def finish(self, command: Command, outcome: Outcome, numbers: dict[UUID, int]) -> None:
        """End a command's operation: number its events, answer whoever waits.

        Args:
            numbers: the next event number of each pharmacy; moved on.
        """
        first = problem = resource = kept = None
        happened: Sequence[Event] = ()
        match outcome:
            case Rejected():
                problem = outcome.problem.dump()
            case Accepted():
                resource = outcome.resource
                happened = outcome.events
                kept = resource if outcome.is_kept or not happened else None
        count = count_events(command, outcome)
        if count:
            first = numbers[command.pharmacy_id]
            numbers[command.pharmacy_id] = first + count
        operation = Operation(
            command.operation_id,
            command.pharmacy_id,
            command.type,
            "applied" if problem is None else "rejected",
            command.fingerprint,
            COMMANDS[command.type].resource,
            None if command.type == UNKNOWN else command.resource_id,
            command.accepted_at,
            self.now,
            first,
            count,
            problem,
            kept,
            command.actor,
            command.door,
        )
        self.operations[operation.id] = operation
        if problem is not None and first is not None:
            happened = (_rejection(operation, first),)
        named = zip(happened, event_ids_for(operation.id, count), strict=True)
        stored = [self._number(operation, *one, sequence) for sequence, one in enumerate(named, first or 0)]
        self.events += stored
        self.reply(command.reply_to, operation, stored, resource, receipt=command.receipt)

    def _number(self, operation: Operation, event: Event, event_id: UUID, sequence: int) -> StoredEvent:
        numbered = NumberedEvent(event_id, event, operation.pharmacy_id, operation.id, sequence, self.now)
        body = orjson.dumps(numbered.dump())
        self.event_bytes += len(body)
        return StoredEvent(event_id, operation.pharmacy_id, sequence, event.type, operation.id, self.now, body.decode())

    def reply(
        self,
        queue: str,
        operation: Operation,
        events: Sequence[StoredEvent] = (),
        resource: Mapping[str, Any] | None = None,
        *,
        mismatch: Mapping[str, Any] | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        """Answer whoever waits in a queue; the answers of a window to one queue travel together.

        Args:
            mismatch: the problem of a request that is another one than the operation's.
            receipt: the place in the answer to an AMQP message.
        """
        if not queue:
            return
        links = [{"id": format_id(event.id), "type": event.type, "sequence": event.sequence} for event in events]
        if receipt is not None:
            shown = dump_operation(operation, links)
            if mismatch is not None:  # this message is refused, whatever became of the other one under its id
                shown |= {"status": "rejected", "resource": None, "events": [], "problem": mismatch}
            self.receipts.append(Given(queue, receipt, shown))
            return
        self.replies.setdefault(queue, []).append(
            {
                "operation_id": str(operation.id),
                "status": operation.status,
                "operation": dump_operation(operation, links),
                "resource": resource,
                "version": None if resource is None else resource.get("version"),
                "problem": mismatch or operation.problem,
                "mismatch": mismatch is not None,
            }
        )

    def answer_again(self, command: Command, operation: Operation, events: Sequence[StoredEvent]) -> None:
        """Answer a repeat with the saved outcome; the same id for another request is a mismatch."""
        if not command.reply_to:
            return
        # An operation without fingerprint has an id that only the hub itself can make again.
        if operation.fingerprint not in {"", command.fingerprint}:
            detail = "this Idempotency-Key was used for another request; choose a new one"
            mismatch = Problem("idempotency-mismatch", detail).dump()
            self.reply(command.reply_to, operation, mismatch=mismatch, receipt=command.receipt)
            return
        resource = operation.result
        if events and operation.problem is None and resource is None:
            data = orjson.loads(events[0].body)["data"]
            resource = data[next(name for name in data if name not in {"changed", "movement"})]
        self.reply(command.reply_to, operation, events, resource, receipt=command.receipt)

    def messages(self, repeats: Sequence[StoredEvent], parked: Iterable[Outgoing]) -> list[Outgoing]:
        """Write it all down for the broker: replies first, somebody waits for them.

        Args:
            repeats: events that were numbered before and may never have been published.
            parked: messages for `hub.dead`.
        """
        return [
            *(message for queue, answers in self.replies.items() for message in replies_messages(queue, answers)),
            *parked,
            # Repeats are older than what was just numbered, so a receiver sees doubles but never a gap.
            *map(_event_message, repeats),
            *map(_event_message, self.events),
            *_notices(self.changes),
        ]


def count_events(command: Command, outcome: Outcome) -> int:
    """Count the events of an outcome. A refusal is one only where it came over AMQP: there nobody may be waiting for it."""
    if isinstance(outcome, Accepted):
        return len(outcome.events)
    return int(command.door == "amqp")


def _rejection(operation: Operation, sequence: int) -> Event:
    link = {"id": format_id(event_id_for(operation.id, 0)), "type": REJECTED, "sequence": sequence}
    return Event(
        REJECTED, f"operations/{operation.id}", {"operation": dump_operation(operation, [link]), "changed": {}}
    )


def parked_message(aside: SetAside, failed_at: datetime) -> Outgoing:
    """Write a command that was set aside for `hub.dead`.

    Args:
        failed_at: the same on every repeat, so that the parker keeps one row of it.
    """
    origin = command_queue(aside.partition)
    return park(Parked(aside.body(), aside.reason, origin, failed_at, failed_at, extra=aside.facts()))


def _event_message(event: StoredEvent) -> Outgoing:
    return Outgoing(
        EVENTS,
        routing_key_of(event.pharmacy_id, event.type),
        event.body.encode(),
        content_type="application/cloudevents+json",
        message_id=format_id(event.id),
        headers={
            "sequence": event.sequence,
            "pharmacy_id": format_id(event.pharmacy_id),
        },
        # An event that nobody listens to is in the log; the fan-out and the sockets read it there.
        mandatory=False,
    )


def _notices(changes: Iterable[Row]) -> list[Outgoing]:
    """Tell the gateways whose keys to read again (None: the operators'), whose sessions at the console ended, and whose sources."""
    people: dict[UUID, None] = {}
    whose: dict[UUID | None, None] = {}
    sending: dict[UUID, None] = {}
    for row in changes:
        if type(row) in _UNNOTICED:
            continue
        match row:
            case Source():
                sending[row.pharmacy_id] = None
            case Pharmacy():
                whose[row.id] = None
            case ApiKey():
                whose[row.pharmacy_id] = None
            case OperatorKey() | Integrator() | IntegratorKey():
                whose[None] = None
            case Operator() if row.version > 1:
                people[row.id] = None
            case EndedSession(operator_id=UUID() as operator_id):
                people[operator_id] = None
    ended = [notice_message(Notice("session.ended", {"operator_id": str(person)})) for person in people]
    return (
        ended
        + [
            notice_message(Notice("key.changed", {"pharmacy_id": None if pharmacy_id is None else str(pharmacy_id)}))
            for pharmacy_id in whose
        ]
        + [notice_message(Notice("source.changed", {"pharmacy_id": str(pharmacy_id)})) for pharmacy_id in sending]
    )
