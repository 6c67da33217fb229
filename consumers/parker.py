"""The parker: messages in `hub.dead` become rows that operators list, replay and discard."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

import structlog

from consumers.holding import Hold
from consumers.pulse import Pulse
from hub import clock
from hub.domain.ids import derived_id
from hub.faults import Poison
from hub.messaging.parking import Parked, read_parked
from hub.messaging.topology import INGRESS_QUEUES, ingress_queue
from hub.storage.database import Database
from hub.storage.parked import ParkedMessage, save_parked

EXPIRED = "its expiration ended before it was read"
SET_ASIDE = "RabbitMQ set it aside before it was read"
_INGRESS = frozenset(map(ingress_queue, range(INGRESS_QUEUES)))

log = structlog.get_logger("parker")


async def keep(
    database: Database,
    body: bytes,
    headers: Mapping[str, Any],
    message_id: str | None,
    content_type: str | None,
    *,
    pulse: Pulse,
) -> None:
    """Make a parked message a row, however long the database takes; `pulse` shows that this goes on."""
    pulse.beat()
    try:
        parked = _dead_lettered(body, headers, message_id) or read_parked(
            body, headers, message_id=message_id, content_type=content_type
        )
    except Poison as poison:
        now = clock.now()
        parked = Parked(body, poison.reason, "unknown", now, now, message_id=message_id)
    extra = parked.extra or {}
    row = ParkedMessage(
        derived_id(
            parked.origin, parked.first_failed_at.isoformat(), extra.get("operation_id") or sha256(body).hexdigest()
        ),
        _uuid(extra.get("pharmacy_id")),
        _uuid(extra.get("operation_id")),
        parked.origin,
        parked.reason.replace("\x00", ""),
        parked.body,
        parked.first_failed_at,
    )

    async def save() -> None:
        async with database.transaction() as connection:
            await save_parked(connection, [row])

    await Hold(pulse, log, "parker.held")(save)


def _dead_lettered(body: bytes, headers: Mapping[str, Any], message_id: str | None) -> Parked | None:
    """Tell what RabbitMQ itself set aside, which it marks by `x-death`; None: somebody else did.

    All its other headers are words of its sender, an integrator: were they taken for ours, the message could pass for a command
    of another pharmacy, and a replay would apply it.
    """
    if "x-death" not in headers:
        return None
    now, queue = clock.now(), headers.get("x-first-death-queue")
    reason = EXPIRED if headers.get("x-first-death-reason") == "expired" else SET_ASIDE
    return Parked(body, reason, queue if queue in _INGRESS else "unknown", now, now, message_id=message_id)


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None
