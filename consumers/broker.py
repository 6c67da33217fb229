"""FastStream's broker, connected to one of several hosts."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from aio_pika import RobustConnection
from aiormq.exceptions import AMQPConnectionError, ChannelInvalidStateError
from faststream.rabbit import RabbitBroker
from yarl import URL

from hub.faults import Unavailable
from hub.messaging.connection import CONNECT_SECONDS, HEARTBEAT_SECONDS, RECONNECT_SECONDS, within
from hub.messaging.lenient import read_leniently
from hub.messaging.wire import GatheringFactory
from hub.settings import Settings

_GRACE_SECONDS = 10.0
_START_SECONDS = 30.0
_CLOSE_SECONDS = 1.0  # a server that stands still would hold up the end of the process
# What subscribing breaks off with when the connection goes away: aiormq also cancels whoever waits.
_CONNECTION_LOST = (AMQPConnectionError, ChannelInvalidStateError, OSError, TimeoutError, asyncio.CancelledError)

log = structlog.get_logger("consumers")


class HubBroker(RabbitBroker):
    """FastStream's broker, which begins anew when its connection goes away among subscribing, and ends for good."""

    def __init__(self, urls: Sequence[str]) -> None:
        """Connect nothing yet."""
        super().__init__(
            urls[0],
            logger=None,
            # FastDepends would halve the rate, and the bodies are parsed by our own code.
            apply_types=False,
            reconnect_interval=RECONNECT_SECONDS,
            fail_fast=False,
            timeout=CONNECT_SECONDS,
            graceful_timeout=_GRACE_SECONDS,
        )
        self._told_to_end = asyncio.Event()
        self._opened: list[Rotating] = []
        # FastStream knows one address: the class of its connection is replaced. Both packages are pinned, this is under test.
        self._connection_kwargs["connection_class"] = _rotating(urls, self._opened)

    async def start(self) -> None:
        """Connect and subscribe, as often as it takes: FastStream's own start breaks off with the connection.

        What was subscribed until then is left, so that every queue is read once, on the connection that stays.
        """
        try:
            while not self._told_to_end.is_set():
                try:
                    await within(_START_SECONDS, super().start(), "rabbitmq")
                except Unavailable as fault:
                    if self._told_to_end.is_set():
                        return
                    if not _is_lost(fault.__cause__):
                        raise
                    log.warning("start.held", what=fault.what, detail=fault.detail)
                    await self._let_go()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._told_to_end.wait(), RECONNECT_SECONDS)
                else:
                    return
        except BaseException:
            self._give_up()
            raise

    async def stop(self, *_: object) -> None:
        """End for good: the queues were left, what came back to them meanwhile goes with its connection in one piece.

        FastStream's own farewell cancels one consumer after the other, which breaks a partition's order.
        """
        self._told_to_end.set()
        await self._let_go()

    async def _let_go(self) -> None:
        self._give_up()
        self._connection = None
        for connection in self._opened:
            with suppress(Unavailable):
                await within(_CLOSE_SECONDS, connection.close(), "rabbitmq")
        self._opened.clear()
        try:
            await within(_CLOSE_SECONDS, super().stop(), "rabbitmq")
        except Unavailable as fault:  # channels whose connection did not take its end in time
            if not _is_lost(fault.__cause__):
                raise
        self._channel = None
        self.config.disconnect()

    def _give_up(self) -> None:
        for connection in self._opened:
            connection.give_up()


class Rotating(RobustConnection):
    """A connection that goes to the next host whenever it connects."""

    def give_up(self) -> None:
        """Never connect again. Otherwise it outlives whoever cancels it, subscribes, and keeps the queues from the next process."""
        self._close_called = True

    async def _on_connected(self) -> None:
        """Restore every channel: none is open on a connection this young, whatever its mark says.

        A channel whose connection ends in the moment in which it was restored is marked as restored after its end was
        noticed, and stays closed for ever (aio-pika 10; pinned, under test).
        """
        for channel in self._RobustConnection__channels:  # type: ignore[attr-defined]
            channel._RobustChannel__restored.clear()  # noqa: SLF001 -- as above
        await super()._on_connected()

    async def _on_connection_close(self, closing: "asyncio.Future[Any]") -> None:
        """Say that it was lost, and by what: the library does not, and an operator wants to know."""
        if not self._close_called:
            error = None if closing.cancelled() else closing.exception()
            log.warning("connection.lost", what="rabbitmq", name="consumers consuming", detail=repr(error))
        await super()._on_connection_close(closing)


def _is_lost(error: BaseException | None) -> bool:
    """Tell a connection that went away: aiormq also rejects who comes late with a bare Exception."""
    return isinstance(error, _CONNECTION_LOST) or type(error) is Exception


def open_broker(settings: Settings) -> HubBroker:
    """Make the broker that the roles subscribe to; nothing is connected yet."""
    read_leniently()
    return HubBroker(settings.amqp_urls)


def _rotating(urls: Sequence[str], opened: list[Rotating]) -> type[Rotating]:
    hosts = [URL(url).update_query(heartbeat=HEARTBEAT_SECONDS, name="consumers consuming") for url in urls]
    attempts = itertools.count()

    class RotatingAmong(Rotating):
        def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- aio-pika's
            super().__init__(*args, **kwargs)
            self.kwargs["transport_factory"] = GatheringFactory()
            opened.append(self)

        async def _RobustConnection__connect_transport(self) -> None:  # noqa: N802 -- the mangled name of aio-pika's method
            self.url = hosts[next(attempts) % len(hosts)]
            await super()._RobustConnection__connect_transport()  # type: ignore[misc]

    return RotatingAmong
