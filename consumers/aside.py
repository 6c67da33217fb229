"""What else the writer says and stores of a command: a parked one that is replayed, deliveries mended, a line of the audit log."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

import orjson

from consumers.processing import OwnCommand
from hub.domain.audit import AuditEntry, is_audited
from hub.domain.command import Command
from hub.domain.ids import HUB_ID, derived_id
from hub.domain.mirror_note import MIRROR
from hub.domain.outcome import Accepted, Outcome, Rejected, refuse
from hub.domain.parked import ParkedMessage
from hub.domain.problem import FieldError
from hub.domain.state import Row
from hub.messaging.bulk_publisher import Outgoing
from hub.messaging.topology import COMMANDS
from hub.storage.operations import Operation


def replayed(changes: Iterable[Row]) -> list[ParkedMessage]:
    """Name the parked messages that these changes replay."""
    return [row for row in changes if isinstance(row, ParkedMessage) and row.replayed_at is not None]


def replay_messages(parked: Iterable[ParkedMessage]) -> list[Outgoing]:
    """Send parked commands to the end of their partitions: what came in meanwhile was applied before."""
    found = []
    for message in parked:
        assert message.partition is not None, "the rule refuses what came from elsewhere"
        body = message.payload
        if body.lstrip()[:1] == b"{":
            body = b"[" + body + b"]"  # one command; a whole message goes as it is
        found.append(Outgoing(COMMANDS, str(message.partition), body))
        found += _settled_behind(message)
    return found


def _settled_behind(message: ParkedMessage) -> list[Outgoing]:
    """Have the received webhook that a replayed command was made of looked at again, once that is applied.

    It was left unprocessed when the command was set aside. In the same partition, so after it.
    """
    try:
        command = orjson.loads(message.payload)
        body, noted = command["body"], command["body"].get("extra_data") or {}
        webhook_id = UUID(body.get("causation_id") or noted[MIRROR]["causation_id"])
        is_made_of_one = command["door"] == "webhook"
    except (AttributeError, KeyError, TypeError, ValueError):
        return []
    if not is_made_of_one or message.pharmacy_id is None or message.replayed_at is None:
        return []
    again = OwnCommand(
        message.pharmacy_id, "webhook_event.reprocess", webhook_id, derived_id(message.id, "reprocess"), {}
    )
    return [again.message(message.replayed_at, 1)._replace(routing_key=str(message.partition))]


def mended(outcome: Accepted, number: int | None) -> Outcome:
    """Say what a command comes to, once it is known how many deliveries it is about.

    Args:
        number: None: it is about too much for one command, and nothing was done.
    """
    mending = outcome.mending
    assert mending is not None
    if number is None and mending.is_told:  # what a closed endpoint leaves behind the janitor ends
        detail = "this is about more than one command may look into or change; narrow it with `since` and `until`"
        return refuse("validation", detail, FieldError("#/since", "too-many", detail))
    if not number and mending.otherwise is not None:
        return Rejected(mending.otherwise)
    return replace(outcome, resource={"matched": number}) if mending.is_told else outcome


def audit_entries(finished: Iterable[tuple[Operation, str]]) -> list[AuditEntry]:
    """Make the lines of the audit log for those of these operations that are audited, each with its origin."""
    return [
        AuditEntry(
            # The time is part of it: a command that was parked and is replayed has two lines.
            derived_id(operation.id, "audit", operation.finished_at.isoformat()),
            None if operation.pharmacy_id == HUB_ID else operation.pharmacy_id,
            operation.actor,
            operation.type,
            operation.resource_type
            if operation.resource_id is None
            else f"{operation.resource_type}/{operation.resource_id}",
            operation.finished_at,
            origin or operation.door,
            operation.status,
        )
        for operation, origin in finished
        if is_audited(operation.actor, operation.door, operation.type)
    ]


def contradictions(told_twice: Iterable[tuple[Command, Operation]]) -> list[AuditEntry]:
    """Make the lines of the audit log for webhooks that came again under the same id with another body: the first one stands."""
    return [
        AuditEntry(
            # A redelivery of the second one is the same line.
            derived_id(operation.id, "contradiction", command.fingerprint),
            command.pharmacy_id,
            command.actor,
            command.type,
            f"{operation.resource_type}/{operation.resource_id}",
            command.accepted_at,
            command.origin or command.door,
            "rejected",
        )
        for command, operation in told_twice
        if command.door == "webhook" and command.fingerprint != operation.fingerprint
    ]
