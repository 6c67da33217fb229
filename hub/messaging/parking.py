"""Messages set aside: what is written to `hub.dead`, and how the parker reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.faults import Poison
from hub.messaging.frames import HeaderValue, Outgoing
from hub.messaging.topology import DEAD, DEFAULT_EXCHANGE

REASON_CHARACTERS = 2000  # headers travel in one frame


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that was set aside.

    Attributes:
        body: its bytes, untouched.
        reason: why nothing can be done with it.
        origin: the queue it came from.
        first_failed_at: aware; equal to `last_failed_at` unless it failed before.
        extra: short facts for the operator, e.g. `operation_id`, `pharmacy_id`, `type`.
    """

    body: bytes
    reason: str
    origin: str
    first_failed_at: datetime
    last_failed_at: datetime
    content_type: str = "application/json"
    message_id: str | None = None
    extra: Mapping[str, str] | None = None


def park(parked: Parked) -> Outgoing:
    """Write a parked message for `BulkPublisher`: confirm it before the original is acked."""
    headers: dict[str, HeaderValue] = {
        "hub-reason": parked.reason[:REASON_CHARACTERS],
        "hub-origin": parked.origin,
        "hub-first-failed-at": parked.first_failed_at.isoformat(),
        "hub-last-failed-at": parked.last_failed_at.isoformat(),
        **{f"hub-x-{name}": value[:REASON_CHARACTERS] for name, value in (parked.extra or {}).items()},
    }
    return Outgoing(
        DEFAULT_EXCHANGE,
        DEAD,
        parked.body,
        content_type=parked.content_type,
        message_id=parked.message_id,
        headers=headers,
    )


def read_parked(body: bytes, headers: Mapping[str, Any], *, message_id: str | None, content_type: str | None) -> Parked:
    """Read back what `park` wrote.

    Raises:
        Poison: it was not written by `park`.
    """
    try:
        return Parked(
            body=body,
            reason=str(headers["hub-reason"]),
            origin=str(headers["hub-origin"]),
            first_failed_at=datetime.fromisoformat(str(headers["hub-first-failed-at"])),
            last_failed_at=datetime.fromisoformat(str(headers["hub-last-failed-at"])),
            content_type=content_type or "application/octet-stream",
            message_id=message_id,
            extra={name[6:]: str(value) for name, value in headers.items() if name.startswith("hub-x-")} or None,
        )
    except (KeyError, ValueError) as error:
        reason = f"a message in {DEAD} without the hub's headers: {error}"
        raise Poison(reason) from error
