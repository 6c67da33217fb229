"""What the deliverer is told to attempt: messages with deliveries of one endpoint each, first ones and due ones apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from hub.messaging.bulk_publisher import Outgoing
from hub.messaging.topology import deliver_queue

DELIVERIES: Final = 50  # of a message: a message costs the broker and both clients more than the line of a delivery
_DUE, _NEW = "due", "new"


@dataclass(frozen=True, slots=True)
class Handout:
    """Deliveries of one endpoint, in order.

    Args:
        is_due: they come out of the schedule; else the fan-out has just made them.
    """

    endpoint_id: UUID
    is_due: bool
    delivery_ids: Sequence[UUID]


def hand_out(deliveries: Iterable[tuple[UUID, UUID]], *, is_due: bool) -> list[Outgoing]:
    """Write messages for pairs of endpoint and delivery; each endpoint's keep their order."""
    by_endpoint: dict[UUID, list[UUID]] = {}
    for endpoint_id, delivery_id in deliveries:
        by_endpoint.setdefault(endpoint_id, []).append(delivery_id)
    return [
        Outgoing(
            "",
            deliver_queue(endpoint_id),
            "\n".join([f"{endpoint_id} {_DUE if is_due else _NEW}", *map(str, ids[at : at + DELIVERIES])]).encode(),
            content_type="text/plain",
        )
        for endpoint_id, ids in by_endpoint.items()
        for at in range(0, len(ids), DELIVERIES)
    ]


def read_handout(body: bytes) -> Handout | None:
    """Read a message; None: nobody of this hub wrote it."""
    try:
        head, *lines = body.decode().split("\n")
        endpoint_id, _, kind = head.partition(" ")
        return Handout(UUID(endpoint_id), kind == _DUE, [UUID(line) for line in lines])
    except ValueError:
        return None
