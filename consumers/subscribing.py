"""How a role hears its queues: subscribed with acks by hand, drained on its own, left in one frame."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from aiormq.abc import DeliveredMessage
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

from consumers.at_once import Take, at_once
from consumers.pulse import Pulse
from consumers.whereabouts import whereabouts
from consumers.window import Delivery, Window
from hub.faults import Unavailable
from hub.messaging.connection import within

_DRAIN_SECONDS = 5.0
_LEAVE_SECONDS = 1.0

log = structlog.get_logger("consumers")


@dataclass(frozen=True, slots=True)
class Role:
    """A role at work.

    Args:
        work: its loop; ends only when it was drained, or broke.
        drain: finishes what was taken, says and acks it, and leaves the queues.
        pulses: the signs of life of its loops.
        queues: what it reads, by the queue's name; the values are FastStream's subscribers.
        waiting: how many messages it has taken in and not begun.
    """

    name: str
    work: "asyncio.Task[None]"
    drain: Callable[[], Awaitable[None]]
    pulses: Sequence[Pulse]
    queues: Mapping[str, Any]
    waiting: Callable[[], int]


def subscribe(broker: RabbitBroker, queue: str, prefetch: int, take: Take) -> Any:  # noqa: ANN401 -- FastStream's subscriber
    """Subscribe to a declared queue on a channel of its own, acks by hand; `take` puts each delivery aside as it is read."""
    subscriber = _subscriber(broker, queue, prefetch)
    callback = at_once(take)
    subscriber(callback)
    subscriber.consume = callback  # FastStream hands its own method on
    return subscriber


def subscribe_one_by_one(broker: RabbitBroker, queue: str, work: Callable[[Any], Awaitable[None]]) -> Any:  # noqa: ANN401 -- as above
    """Subscribe as above; `work` gets one of aio-pika's messages after the other and may take its time."""
    subscriber = _subscriber(broker, queue, 1)
    subscriber(work)
    subscriber.consume = work
    return subscriber


def _subscriber(broker: RabbitBroker, queue: str, prefetch: int) -> Any:  # noqa: ANN401 -- as above
    return broker.subscriber(
        RabbitQueue(queue, declare=False),
        channel=Channel(prefetch_count=prefetch),
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
    )


def a_role(
    name: str,
    loop: Coroutine[Any, Any, None],
    close: Callable[[], None],
    queues: Mapping[str, Any],
    window: Window | None,
    *pulses: Pulse,
) -> Role:
    """Let a role begin.

    Args:
        loop: its work, until `close` tells it to take no more.
        window: what it has taken in; None: it works message by message.
    """
    work = asyncio.create_task(loop, name=name)

    async def drain() -> None:
        close()
        _, undrained = await asyncio.wait([work], timeout=_DRAIN_SECONDS)
        if undrained:
            # Nothing is lost: the broker delivers again what it has in hand.
            log.warning("role.undrained", role=name, seconds=_DRAIN_SECONDS, at=whereabouts(asyncio.all_tasks()))
        # Together: where the broker does not answer, each takes its whole time.
        await asyncio.gather(*map(leave, queues.values()))

    if window is None:
        return Role(name, work, drain, pulses, queues, lambda: 0)
    return Role(name, work, drain, (window.pulse, *pulses), queues, window.__len__)


def delivery_of(message: DeliveredMessage, partition: int) -> Delivery:
    """Make a message something to be acked."""
    assert message.delivery_tag is not None, "only deliveries come here"
    return Delivery(partition, message.channel, message.delivery_tag, message.body)


def into(add: Callable[[Delivery], None], partition: int) -> Take:
    """Give what takes the messages of a queue into a window."""

    def take(message: DeliveredMessage) -> None:
        add(delivery_of(message, partition))

    return take


async def leave(subscriber: Any) -> None:  # noqa: ANN401 -- FastStream's subscriber
    """Leave a queue by closing the channel: consumer gone and window returned in order, in one frame."""
    queue = subscriber._queue_obj  # noqa: SLF001 -- the only way to the channel; FastStream is pinned
    if queue is not None and not queue.channel.is_closed:
        # A broker that does not answer any more gets the window back when the connection ends.
        with suppress(Unavailable):
            await within(_LEAVE_SECONDS, queue.channel.close(), "rabbitmq")


def is_listening(subscriber: Any) -> bool:  # noqa: ANN401 -- FastStream's subscriber
    """Tell whether a subscriber has an open channel."""
    queue = subscriber._queue_obj  # noqa: SLF001 -- as above
    return queue is not None and not queue.channel.is_closed
