"""Queues that nobody reads, by the broker's own count: what the watchdog of the consumers asks for."""

from collections.abc import Iterable

from aiormq.exceptions import ChannelNotFoundEntity

from hub.faults import Unavailable
from hub.messaging.connection import HubConnection, within

_STEP_SECONDS = 5.0


async def find_unread(connection: HubConnection, queues: Iterable[str]) -> dict[str, str]:
    """Name those of these queues that nobody reads or that are gone, each with what is wrong with it.

    With several readers of a partition the broker counts the active one only (measured on 3.10).

    Raises:
        Unavailable: the broker does not answer; nothing is known then.
    """
    unread: dict[str, str] = {}
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
                    unread[left[-1]] = "nobody reads it"
                left.pop()
            await within(_STEP_SECONDS, channel.close(), "rabbitmq")
        except Unavailable as fault:
            if not isinstance(fault.__cause__, ChannelNotFoundEntity):
                raise
            unread[left.pop()] = "it is gone"  # and the channel with it: the rest is asked on another one
    return unread
