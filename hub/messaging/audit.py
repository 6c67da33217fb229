"""What is told for the audit log without a command, and of keys in use: written to `hub.audit` in batches, read by the janitor."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson

from hub.domain.audit import AuditEntry
from hub.faults import Poison
from hub.messaging.frames import Outgoing
from hub.messaging.topology import AUDIT, DEFAULT_EXCHANGE


def audit_message(entries: Sequence[AuditEntry], uses: Mapping[UUID, datetime]) -> Outgoing:
    """Write lines, mostly of what was read, and when keys were last used."""
    body = {
        "entries": [
            {
                "id": str(one.id),
                "pharmacy_id": None if one.pharmacy_id is None else str(one.pharmacy_id),
                "actor": one.actor,
                "action": one.action,
                "subject": one.subject,
                "at": one.at.isoformat(),
                "origin": one.origin,
                "outcome": one.outcome,
            }
            for one in entries
        ],
        "uses": {str(key): at.isoformat() for key, at in uses.items()},
    }
    return Outgoing(DEFAULT_EXCHANGE, AUDIT, orjson.dumps(body))


def read_audit(body: bytes) -> tuple[list[AuditEntry], dict[UUID, datetime]]:
    """Read back what `audit_message` wrote.

    Raises:
        Poison: it was not written by `audit_message`.
    """
    try:
        members = orjson.loads(body)
        entries = [
            AuditEntry(
                UUID(one["id"]),
                None if one["pharmacy_id"] is None else UUID(one["pharmacy_id"]),
                str(one["actor"]),
                str(one["action"]),
                str(one["subject"]),
                _aware(one["at"]),
                str(one["origin"]),
                None if one.get("outcome") is None else str(one["outcome"]),
            )
            for one in members["entries"]
        ]
        uses = {UUID(key): _aware(at) for key, at in members["uses"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"no audit of a gateway: {type(error).__name__}"
        raise Poison(reason) from error
    return entries, uses


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        message = "a time without zone"
        raise ValueError(message)
    return at
