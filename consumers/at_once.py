"""Deliveries that only go into a window are handed over where their frames are read.

aiormq starts a task for each delivery, aio-pika another one inside of it, and FastStream takes it through its middlewares:
together most of what a process did for a message that it only puts aside for the next window.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiormq import spec
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel

Take = Callable[[DeliveredMessage], None]

log = structlog.get_logger("consumers")

_in_a_task = Channel._on_deliver_frame  # noqa: SLF001 -- where a delivery is whole and has no task yet


def at_once(take: Take) -> Callable[[Any], Awaitable[None]]:
    """Make a callback for FastStream and aio-pika to pass on, on which aiormq finds `take`: it may not wait for anything."""

    async def consume(_message: object) -> None:
        message = "deliveries were to be handed over at once"
        raise AssertionError(message)

    consume.take_at_once = take  # type: ignore[attr-defined]
    return consume


def hand_over_at_once() -> None:
    """Let this process do so (aiormq and aio-pika are pinned, and this is under test)."""
    Channel._on_deliver_frame = _on_deliver_frame  # type: ignore[method-assign]  # noqa: SLF001 -- as above


async def _on_deliver_frame(self: Channel, frame: spec.Basic.Deliver) -> None:
    # What aiormq has for a consumer is aio-pika's function with the callback as its first argument, a partial.
    callback = next(iter(getattr(self.consumers.get(frame.consumer_tag or ""), "args", ())), None)
    take: Take | None = getattr(callback, "take_at_once", None)
    if take is None:
        await _in_a_task(self, frame)
        return
    header = await self._Channel__get_content_header()  # type: ignore[attr-defined]
    message = await self._read_content(frame, header)
    try:
        take(message)
    except Exception:  # it stays unacked, as after a task that broke; raised here it would end the channel
        log.exception("delivery.broke", routing_key=message.routing_key)
