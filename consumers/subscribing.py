"""How a role hears its queues: subscribed with acks by hand, drained on its own, left in one frame."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aio_pika
import structlog
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

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


async def raw(message: Any) -> bytes:  # noqa: ANN401 -- FastStream's message
    """Hand a message's bytes on as they are: FastStream's decoder would fail before our code sees a bad one."""
    body: bytes = message.body
    return body


def subscribe(broker: RabbitBroker, queue: str, prefetch: int, take: Callable[[Any], Awaitable[None]]) -> Any:  # noqa: ANN401 -- FastStream's subscriber
    """Subscribe to a declared queue on a channel of its own, acks by hand; `take` gets aio-pika's message."""
    subscriber = broker.subscriber(
        RabbitQueue(queue, declare=False),
        channel=Channel(prefetch_count=prefetch),
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        decoder=raw,
    )

    async def handle(_body: bytes) -> None:
        message = broker.context.get_local("message")
        assert message is not None
        await take(message.raw_message)

    subscriber(handle)
    return subscriber


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


def delivery_of(message: Any, partition: int) -> Delivery | None:  # noqa: ANN401 -- aio-pika's message
    """Make a message something to be acked; None: its channel is closed."""
    try:
        channel = message.channel
    except aio_pika.exceptions.ChannelInvalidStateError:
        return None  # it closed meanwhile: the broker delivers the message again
    return Delivery(partition, channel, message.delivery_tag, message.body)


def into(add: Callable[[Delivery], None], partition: int) -> Callable[[Any], Awaitable[None]]:
    """Give what takes the messages of a queue into a window."""

    async def take(message: Any) -> None:  # noqa: ANN401 -- aio-pika's message
        delivery = delivery_of(message, partition)
        if delivery is not None:
            add(delivery)

    return take


async def leave(subscriber: Any) -> None:  # noqa: ANN401 -- FastStream's subscriber
    """Leave a queue by closing the channel: consumer gone and window returned in order, in one frame."""
    queue = subscriber._queue_obj  # noqa: SLF001 -- the only way to the channel; FastStream is pinned
    if queue is not None and not queue.channel.is_closed:
        # A broker that does not answer any more gets the window back when the connection ends.
        with suppress(Unavailable):
            await within(_LEAVE_SECONDS, queue.channel.close(), "rabbitmq")


def find_closed(subscriber: Any) -> str | None:  # noqa: ANN401 -- FastStream's subscriber
    """Tell that a subscriber has no open channel, and why as far as it is known; None: it has one."""
    queue = subscriber._queue_obj  # noqa: SLF001 -- as above
    if queue is not None and not queue.channel.is_closed:
        return None
    underlay = None if queue is None else queue.channel._channel  # noqa: SLF001 -- as above
    if underlay is None or not underlay.channel.closing.done() or underlay.channel.closing.cancelled():
        return "its channel is closed here"
    return f"its channel is closed here: {underlay.channel.closing.exception()!r}"
