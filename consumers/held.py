"""What the deliverer holds: deliveries that were taken up, and endpoints as it knows them."""

import asyncio
from dataclasses import dataclass

from consumers.calling import Calling
from consumers.lanes import Lane
from consumers.settling import Carrier
from hub.storage.deliveries import CalledEndpoint, DueDelivery


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery in this process, and the message that told of it."""

    due: DueDelivery
    carrier: Carrier

    @property
    def sequence(self) -> int:
        """The number of its event."""
        return self.due.event_sequence


def size_of(work: Held) -> int:
    """Give the bytes that a delivery holds in memory."""
    return len(work.due.body)


@dataclass(slots=True)
class Known:
    """An endpoint as this process knows it."""

    lane: Lane[Held]
    endpoint: CalledEndpoint | None = None
    calling: Calling | None = None
    digest: bytes = b""
    timer: asyncio.TimerHandle | None = None
    watch: asyncio.TimerHandle | None = None
