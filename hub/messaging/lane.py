"""One ordered, confirmed way to the broker: a channel of its own, one batch in flight, all frames in one write.

Uses aiormq's internals (`confirmations`, `delivery_tag`, `write_queue`), hence the pinned version.
"""

import asyncio
from collections.abc import Sequence

from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from aiormq.exceptions import DeliveryError, PublishError

from hub.clock import monotonic, new_id
from hub.faults import Unavailable
from hub.messaging.connection import HubConnection, close_soon, within
from hub.messaging.frames import Outgoing, publish_frames

OPEN_SECONDS = 1.0  # opening a channel is also the probe: a host that does not answer in this time is frozen
ATTEMPTS = 2  # a Nack is a full queue or a channel that still asks a dead leader: a new channel tells which


class NoConfirm(Unavailable):
    """The broker took the frames and said nothing in time."""


class _Countdown:
    """Stands for every delivery tag of a batch in aiormq's table of confirms; the last one sets the one future."""

    __slots__ = ("_future", "_left")

    def __init__(self, future: asyncio.Future[None], count: int) -> None:
        self._future = future
        self._left = count

    def done(self) -> bool:
        return self._future.done()

    def cancelled(self) -> bool:
        return True  # aiormq then logs a late confirm at debug level

    def set_result(self, _: object) -> None:
        self._left -= 1
        if not self._left and not self._future.done():
            self._future.set_result(None)

    def set_exception(self, error: BaseException) -> None:
        if not self._future.done():
            self._future.set_exception(error)


class Lane:
    """A channel that is replaced when it misbehaves. Not for two callers at once: order and tags depend on it."""

    def __init__(self, connection: HubConnection, name: str) -> None:
        """Open nothing yet; `name` is what a fault calls this lane."""
        self._connection = connection
        self._name = name
        self._channel: Channel | None = None

    async def send(self, messages: Sequence[Outgoing], seconds: float) -> None:
        """Publish in order and return when the broker has confirmed all of them.

        A Nack repeats the whole batch once on a new channel, in order.

        Raises:
            Unavailable: no confirm. What is on its way may still arrive: the outcome is unknown.
        """
        until = monotonic() + seconds
        fault = Unavailable(self._name, "the broker refused the message")
        for _ in range(ATTEMPTS):
            channel = await self._open_channel(until - monotonic())
            error = await self._write(channel, messages, until)
            if error is None:
                return
            fault = self._explain(error, seconds)
            fault.__cause__ = error
            if not isinstance(error, PublishError):
                self._drop(channel)
            if not isinstance(error, DeliveryError) or isinstance(error, PublishError):
                break
        raise fault

    async def _open_channel(self, seconds: float) -> Channel:
        fault = self._connection.fault()
        if fault is not None:
            raise fault
        underlay = self._connection.underlay
        if underlay is None:  # it went away this very moment
            raise Unavailable("rabbitmq", "there is no connection; the hub reconnects by itself, retry")
        channel = self._channel
        if channel is not None and channel.connection is underlay and not channel.is_closed:
            return channel
        self._channel = None
        opening = underlay.channel(publisher_confirms=True, on_return_raises=True)
        try:
            opened = await within(max(0.05, min(OPEN_SECONDS, seconds)), opening, self._name)
        except Unavailable as unavailable:
            if isinstance(unavailable.__cause__, TimeoutError) and self._connection.fault() is None:
                await self._connection.abandon(underlay)
            raise
        assert isinstance(opened, Channel)
        self._channel = opened
        return opened

    async def _write(self, channel: Channel, messages: Sequence[Outgoing], until: float) -> BaseException | None:
        future: asyncio.Future[None] = channel.create_future()
        countdown = _Countdown(future, len(messages))
        out: list[bytes] = []
        confirmations, returnable = channel.confirmations, channel.message_id_delivery_tag
        frame_bytes, number, tag = channel.max_content_size, channel.number, channel.delivery_tag
        for message in messages:
            tag += 1
            message_id = message.message_id
            if message.mandatory:
                message_id = message_id or new_id().hex
                returnable[message_id] = tag
            confirmations[tag] = countdown  # type: ignore[assignment]
            publish_frames(out, number, frame_bytes, message, message_id)
        channel.delivery_tag = tag
        frame = ChannelFrame(payload=b"".join(out), should_close=False)
        try:
            try:
                channel.write_queue.put_nowait(frame)
            except asyncio.QueueFull:
                await within(max(0.05, until - monotonic()), channel.write_queue.put(frame), self._name)
        except BaseException as error:
            # The tags count on, the frames did not go out: this channel can confirm nothing any more.
            self._drop(channel)
            if isinstance(error, Unavailable):
                return error.__cause__
            raise
        # `wait` neither cancels nor raises: a CancelledError here is really ours, never aiormq's.
        await asyncio.wait((future,), timeout=max(0.05, until - monotonic()))
        returnable.clear()
        if not future.done():
            return TimeoutError()
        return asyncio.CancelledError() if future.cancelled() else future.exception()

    def _explain(self, error: BaseException, seconds: float) -> Unavailable:
        again = "whether it was stored is unknown, retry with the same Idempotency-Key"
        match error:
            case TimeoutError():
                return NoConfirm(self._name, f"no confirm within {seconds:.3g} s; {again}")
            case PublishError():
                return Unavailable(self._name, "no queue takes the message; run `hub topology apply`")
            case DeliveryError():
                return Unavailable(self._name, "the broker refused the message (queue full, or no leader yet); retry")
            case _:
                reason = str(error) or type(error).__name__
                return Unavailable(self._name, f"the connection broke before the confirm ({reason}); {again}")

    def _drop(self, channel: Channel) -> None:
        if self._channel is channel:
            self._channel = None
        close_soon(channel)
