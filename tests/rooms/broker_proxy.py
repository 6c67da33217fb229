"""A wire between the hub and the broker that can be frozen, cut, refused, or made to say something."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

from pamqp import commands as spec
from pamqp import frame


class BrokerProxy:
    """Forwards bytes; every test spoils it in its own way."""

    def __init__(self, url: str, *, port: int = 0) -> None:
        self._target = urlsplit(url)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[bytes] = []
        self.accepted = 0
        self.delay_seconds = 0.0
        self.cut_after: Callable[[], int] | None = None
        """How many bytes each new connection passes on before it breaks, in the middle of whatever that is; None: any number."""

    @property
    def url(self) -> str:
        user = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{user}@127.0.0.1:{self._port}"))

    @property
    def port(self) -> int:
        return self._port

    @property
    def held(self) -> bytes:
        """What came from clients and was not passed on: it is on its way."""
        return b"".join(self._held)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        """Pass nothing on in either direction, as a stopped node would."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def strand(self) -> None:
        """Pass nothing on any more for the connections that are there, without a word to either end; new ones work."""
        self._flowing.clear()
        self._flowing = asyncio.Event()
        self._flowing.set()

    def cut(self) -> None:
        """Drop every connection."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def say_blocked(self, reason: str = "low on memory") -> None:
        """Tell the clients what the broker tells them in an alarm."""
        for client in self._clients:
            client.write(frame.marshal(spec.Connection.Blocked(reason=reason), 0))

    def say_unblocked(self) -> None:
        for client in self._clients:
            client.write(frame.marshal(spec.Connection.Unblocked(), 0))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there_reader, there_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            self._tasks.discard(task)
            return
        self._writers |= {writer, there_writer}
        self._clients.add(writer)
        try:
            async with asyncio.TaskGroup() as group:
                left = _Left(None if self.cut_after is None else self.cut_after())
                group.create_task(self._pass_on(reader, there_writer, self._flowing, self._held, left))
                group.create_task(self._pass_on(there_reader, writer, self._flowing, [], left))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._writers -= {writer, there_writer}
            self._clients.discard(writer)
            for each in (writer, there_writer):
                each.transport.abort()
            self._tasks.discard(task)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        flowing: asyncio.Event,
        held: list[bytes],
        left: "_Left",
    ) -> None:
        while data := await reader.read(65536):
            held.append(data)
            try:
                await flowing.wait()
            finally:
                held.remove(data)
            await asyncio.sleep(self.delay_seconds)  # a slow wire
            writer.write(left.of(data))
            await writer.drain()
            if left.count == 0:
                break
        raise ConnectionResetError


class _Left:
    """How many bytes a connection still passes on, both ways together."""

    def __init__(self, count: int | None) -> None:
        self.count = count

    def of(self, data: bytes) -> bytes:
        if self.count is None:
            return data
        passed = data[: self.count]
        self.count -= len(passed)
        return passed


@asynccontextmanager
async def open_proxy(url: str) -> AsyncIterator[BrokerProxy]:
    proxy = BrokerProxy(url)
    await proxy.start()
    try:
        yield proxy
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await proxy.stop()


async def eventually(check, *, within: float = 5.0) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Wait until `check()` is true."""
    try:
        async with asyncio.timeout(within):
            while not check():
                await asyncio.sleep(0.01)  # a look every 10 ms
    except TimeoutError:
        message = f"not true within {within} s: {check}"
        raise AssertionError(message) from None


def a_free_port() -> int:
    """Name a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
