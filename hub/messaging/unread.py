"""Queues that nobody reads, by the broker's own count: what the watchdog of the consumers asks for."""

from collections.abc import Iterable
from dataclasses import dataclass

from aiormq.exceptions import ChannelNotFoundEntity

from hub.faults import Unavailable
from hub.messaging.connection import HubConnection, within

_STEP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Unread:
    """A queue without a reader, by the broker's count.

    Args:
        waiting: how many messages lie in it; None: the queue is gone.
    """

    waiting: int | None

    @property
    def is_certain(self) -> bool:
        """Tell whether it is so: a quorum queue that is too busy to answer in 250 ms is said to have no reader and no message.

        (`rabbit_quorum_queue:stat/2`; RabbitMQ 3.10 to 4.)
        """
        return self.waiting != 0

    def __str__(self) -> str:
        """Say what is wrong with it."""
        return "it is gone" if self.waiting is None else f"nobody reads it, and {self.waiting} messages wait"


async def find_unread(connection: HubConnection, queues: Iterable[str]) -> dict[str, Unread]:
    """Name those of these queues that nobody reads or that are gone.

    With several readers of a partition the broker counts the active one only (measured on 3.10).

    Raises:
        Unavailable: the broker does not answer; nothing is known then.
    """
    unread: dict[str, Unread] = {}
    left = list(queues)
    while left:
        underlay = connection.underlay
        if underlay is None:
            raise Unavailable("rabbitmq", "there is no connection to ask on")
        channel = await within(_STEP_SECONDS, underlay.channel(publisher_confirms=False), "rabbitmq")
        try:
            while left:
                asking = channel.queue_declare(left[-1], passive=True)
                declared = await within(_STEP_SECONDS, asking, "rabbitmq")
                if not declared.consumer_count:
                    unread[left[-1]] = Unread(declared.message_count or 0)
                left.pop()
            await within(_STEP_SECONDS, channel.close(), "rabbitmq")
        except Unavailable as fault:
            if not isinstance(fault.__cause__, ChannelNotFoundEntity):
                raise
            unread[left.pop()] = Unread(None)  # and the channel with it: the rest is asked on another one
    return unread
