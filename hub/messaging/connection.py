"""One connection to one of several broker hosts: rotates, never hangs, and tells what is wrong with it."""

import asyncio
import os
import zlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import aiormq
from aio_pika import RobustConnection
from aiormq.abc import AbstractChannel, AbstractConnection, ChannelFrame
from aiormq.channel import Channel
from aiormq.exceptions import AuthenticationError, InvalidFrameError, ProbableAuthenticationError
from pamqp import commands as spec
from yarl import URL

from hub.faults import SettingsError, Unavailable
from hub.messaging.wire import GatheringFactory

CONNECT_SECONDS = 3.0  # a frozen node accepts TCP and then says nothing; aiormq alone would wait 60 s
RECONNECT_SECONDS = 0.5
HEARTBEAT_SECONDS = 8
ABANDON_SECONDS = 0.2
CLOSE_SECONDS = 3.0

T = TypeVar("T")


class HubConnection(RobustConnection):
    """A connection that reconnects by itself, to the next host each time.

    Publishers and listeners open their own channels on `underlay` and open them anew when it changed. aio-pika's
    robust channels are not used: one of them that cannot be restored tears the whole connection down again.
    """

    def __init__(self, urls: Sequence[str], *, name: str) -> None:
        """Remember the hosts; every process and connection starts at another one, or one node would carry them all."""
        hosts = [URL(url).update_query(heartbeat=HEARTBEAT_SECONDS, name=name) for url in urls]
        start = zlib.crc32(f"{name} {os.getpid()}".encode()) % len(hosts)
        self._hosts = hosts[start:] + hosts[:start]
        self._attempts = 0
        self.last_error: Exception | None = None
        super().__init__(self._hosts[0], reconnect_interval=RECONNECT_SECONDS, fail_fast=False)
        self.kwargs["transport_factory"] = GatheringFactory()

    @property
    def hosts(self) -> int:
        """Count the hosts that can be tried."""
        return len(self._hosts)

    @property
    def underlay(self) -> AbstractConnection | None:
        """Hand out the open aiormq connection, or None while there is none."""
        if self.transport is None or not self.connected.is_set():
            return None
        underlay = self.transport.connection
        return underlay if underlay.is_opened else None

    def fault(self) -> Unavailable | None:
        """Say at once, without I/O, why nothing can be published now; None when something can."""
        underlay = self.underlay
        if underlay is None:
            return Unavailable("rabbitmq", "there is no connection; the hub reconnects by itself, retry")
        if _is_blocked(underlay):
            detail = "the broker takes no messages (memory or disk alarm); free memory or disk on its machine"
            return Unavailable("rabbitmq", detail, after_seconds=5.0)
        return None

    async def abandon(self, underlay: AbstractConnection) -> None:
        """Give up a connection whose host does not answer, so that the next host is tried; ends within 0.2 s."""
        if self.transport is not None and self.transport.connection is underlay:
            self.connected.clear()
        # The farewell to a frozen host never ends; what matters is that its socket is closed.
        with suppress(Unavailable):
            await within(ABANDON_SECONDS, underlay.close(), "rabbitmq")

    async def _RobustConnection__connect_transport(self) -> None:  # noqa: N802 -- the mangled name of aio-pika's method
        """Rotate the host before each attempt: aio-pika takes one address only (pinned version, under test)."""
        self.url = self._hosts[self._attempts % len(self._hosts)]
        self._attempts += 1
        try:
            await super()._RobustConnection__connect_transport()  # type: ignore[misc]
        except Exception as error:
            self.last_error = error
            raise
        self.last_error = None


@asynccontextmanager
async def open_connection(urls: Sequence[str], *, name: str, wait_seconds: float = 5.0) -> AsyncIterator[HubConnection]:
    """Connect to the first host that answers and stay connected.

    A broker that is down is no reason to stop: after `wait_seconds` the connection is handed out all the same, keeps
    trying, and `fault()` says so (reads survive the broker, docs/architecture.md).

    Args:
        urls: `amqp://user:password@host:port/vhost`, one per host.
        name: what the broker's list of connections shows.
        wait_seconds: how long the first connection may take.
    Raises:
        SettingsError: no address, or the broker refuses the user or the vhost.
    """
    if not urls:
        message = "HUB_AMQP_URL is empty: give amqp://user:password@host:port/"
        raise SettingsError(message)
    connection = HubConnection(urls, name=name)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_seconds):
                await connection.connect(timeout=CONNECT_SECONDS)
        _refuse_wrong_address(connection.last_error)
        yield connection
    finally:
        with suppress(Unavailable):
            await within(CLOSE_SECONDS, connection.close(), "rabbitmq")


def _refuse_wrong_address(error: Exception | None) -> None:
    if isinstance(error, AuthenticationError | ProbableAuthenticationError):
        message = f"HUB_AMQP_URL is wrong: RabbitMQ refuses its user or password ({error})"
        raise SettingsError(message) from error
    if isinstance(error, InvalidFrameError):  # how aiormq tells of a connection that is closed while it is opened
        message = (
            "HUB_AMQP_URL is wrong: RabbitMQ closes the connection while it is opened; "
            "the vhost must exist and its user may have no more connections than its limit"
        )
        raise SettingsError(message) from error


async def within(seconds: float, awaitable: Awaitable[T], what: str) -> T:
    """Wait for something of aiormq's: it ends in time, and whatever breaks is `Unavailable`.

    Raises:
        Unavailable: it took too long, the broker refused, or the connection went away. The cause is `__cause__`.
    """
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except TimeoutError as error:
        detail = f"no answer within {seconds:.3g} s"
        raise Unavailable(what, detail) from error
    except asyncio.CancelledError as error:
        # aiormq wakes its waiters with CancelledError when it drops a connection: nobody cancelled this task.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        detail = "the connection was dropped"
        raise Unavailable(what, detail) from error
    except Exception as error:  # aiormq rejects late callers with a bare Exception
        raise Unavailable(what, str(error) or type(error).__name__) from error


def close_soon(channel: AbstractChannel) -> None:
    """Say goodbye without waiting: aiormq's reader takes the answer, whenever it comes."""
    if channel.is_closed or not isinstance(channel, Channel):
        return
    farewell = spec.Channel.Close(reply_code=200, reply_text="no longer needed", class_id=0, method_id=0)
    with suppress(asyncio.QueueFull):
        channel.write_queue.put_nowait(ChannelFrame.marshall(channel_number=channel.number, frames=[farewell]))


def _is_blocked(underlay: AbstractConnection) -> bool:
    # `ready()` is aiormq's only public view of Connection.Blocked, and it waits. One step of it tells the same
    # without a task or a timer: it either ends at once or would wait.
    step = aiormq.Connection.ready(underlay)  # type: ignore[arg-type]
    try:
        step.send(None)
    except StopIteration:
        return False
    except RuntimeError:  # it would wait, and the thread that asks (metrics, health) has no loop to wait on
        return True
    step.close()
    return True
