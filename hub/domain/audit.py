"""The audit log: who did what, to what, when, from where, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

_OPERATOR = "operator:"
_KINDS = (
    "api_key.",
    "operator_key.",
    "operator.",
    "pharmacy.",
    "parked.",
    "source.",
    "webhook_endpoint.",
    "integrator.",
    "integrator_key.",
    "event_queue.",
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A line of the audit log.

    Args:
        id: made where it happened, so that a repeat adds nothing.
        pharmacy_id: whose data it was about; None: the hub's own, or everybody's.
        actor: `operator:<id>`, `key:<id>`, `source:<id>`, `system`.
        action: a command's type, `<what>.read`, or `receipt.refused`.
        subject: what it was about: `<route>/<id>`, or the path that was read.
        origin: the client's address and the request's id; of the command line the user and the machine.
        outcome: applied, rejected or parked; None for a read.
    """

    id: UUID
    pharmacy_id: UUID | None
    actor: str
    action: str
    subject: str
    at: datetime
    origin: str
    outcome: str | None = None


def is_audited(actor: str, door: str, command: str) -> bool:
    """Tell whether a type of command is audited: whatever an operator or the command line does, and who may come in or hear.

    A till's sale is no matter for the audit: its operation, its event and the ledger say all there is.
    """
    return actor.startswith(_OPERATOR) or door == "cli" or command.startswith(_KINDS)
