"""Receipts that were asked for where none may go: nothing is written there, and the audit log says who asked."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from hub import clock
from hub.domain.audit import AuditEntry
from hub.messaging.audit import audit_message
from hub.messaging.frames import Outgoing

ACTION: Final = "receipt.refused"
QUIET_SECONDS: Final = 60.0
"""For so long a sender who goes on asking has one line: a flood of messages is none of lines."""
_SHOWN: Final = 64


class Stray(NamedTuple):
    """A message whose `reply_to` is no direct reply-to.

    Args:
        sender: who is counted as one.
        actor: as commands call their sender; `unknown` where the message speaks for nobody.
    """

    sender: str
    actor: str
    pharmacy_id: UUID | None
    reply_to: str
    message_id: str


class Strays:
    """Remembers whose were told."""

    def __init__(self) -> None:
        """Have told of nobody."""
        self._quiet_until: dict[str, float] = {}

    def tell(self, found: Sequence[Stray]) -> list[Outgoing]:
        """Write the lines for the janitor: one for each sender and minute."""
        now = clock.monotonic()
        self._quiet_until = {sender: until for sender, until in self._quiet_until.items() if until > now}
        entries = []
        for one in found:
            if one.sender not in self._quiet_until:
                self._quiet_until[one.sender] = now + QUIET_SECONDS
                entries.append(_line(one))
        return [audit_message(entries, {})] if entries else []


def _line(one: Stray) -> AuditEntry:
    return AuditEntry(
        clock.new_id(),
        one.pharmacy_id,
        one.actor,
        ACTION,
        f"reply_to/{one.reply_to[:_SHOWN]}",
        clock.now(),
        f"amqp {one.message_id[:_SHOWN]}",
        "rejected",
    )
