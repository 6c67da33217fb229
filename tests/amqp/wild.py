"""Clients that know no measure: no library lets its user do this."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from pamqp import commands, frame, header

from hub.messaging.server import CHANNEL_MAX
from tests.kit.amqp import Till

_AT_ONCE: Final = 100
_OPEN_OK, _CLOSE = b"\x00\x0a\x00\x29", b"\x00\x0a\x00\x32"
"""How the frames of Connection.OpenOk and Connection.Close begin."""


class Wild:
    """Speaks AMQP by hand."""

    def __init__(self, till: Till, channels: int) -> None:
        """Log in and ask for so many channels; a small buffer fills soon with what is not read."""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", till.stage.broker.amqp_port))
        self._data = b""
        self.socket.sendall(header.ProtocolHeader().marshal())
        self.read(commands.Connection.Start)
        self.say(commands.Connection.StartOk({}, "PLAIN", f"\0{till.id}\0{till.key}", "en_US"))
        self.most_channels: int = self.read(commands.Connection.Tune).channel_max
        self.say(commands.Connection.TuneOk(channels, 131_072, 0))

    def enter(self) -> None:
        """Open the virtual host."""
        self.say(commands.Connection.Open("/"))
        self.read(commands.Connection.OpenOk)

    def say(self, value: Any, channel: int = 0) -> None:
        """Send a frame."""
        self.socket.sendall(frame.marshal(value, channel))

    def read(self, *kinds: type) -> Any:
        """Read a frame, which has to be one of these."""
        while True:
            size, _, value = frame.unmarshal(self._data) if len(self._data) > 7 else (0, 0, None)
            if size and value is not None:
                self._data = self._data[size:]
                assert isinstance(value, kinds), value
                return value
            more = self.socket.recv(65_536)
            if not more:
                message = "the broker ended the connection without a word"
                raise ConnectionResetError(message)
            self._data += more

    def open_channels(self, number: int) -> None:
        """Open so many channels in one go, the first ones of the connection."""
        self.socket.sendall(b"".join(frame.marshal(commands.Channel.Open(), each + 1) for each in range(number)))
        for _ in range(number):
            self.read(commands.Channel.OpenOk)


class Storm:
    """Logs in many times over, and keeps what it gets for as long as it gets it."""

    def __init__(self, till: Till, logins: int) -> None:
        """Be calm yet."""
        self._logins = logins
        self._port = till.stage.broker.amqp_port
        # All in one go: RabbitMQ reads it step by step.
        self._greeting = header.ProtocolHeader().marshal() + b"".join(
            frame.marshal(each, 0)
            for each in (
                commands.Connection.StartOk({}, "PLAIN", f"\0{till.id}\0{till.key}", "en_US"),
                commands.Connection.TuneOk(CHANNEL_MAX, 131_072, 0),
                commands.Connection.Open("/"),
            )
        )
        self._over = threading.Event()
        self.tried = self.let_in = 0

    @contextmanager
    def raging(self) -> Iterator[None]:
        """Let it rage beside the block."""
        thread = threading.Thread(target=lambda: asyncio.run(self._rage()))
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join(120)

    async def _rage(self) -> None:
        turns = asyncio.Semaphore(_AT_ONCE)
        tasks = []
        while self.tried < self._logins and not self._over.is_set():
            await turns.acquire()
            tasks.append(asyncio.create_task(self._log_in(turns)))
            self.tried += 1
        await asyncio.to_thread(self._over.wait)
        for task in tasks:
            task.cancel()
        for fault in await asyncio.gather(*tasks, return_exceptions=True):
            assert fault is None or isinstance(fault, asyncio.CancelledError | OSError), fault

    async def _log_in(self, turns: asyncio.Semaphore) -> None:
        is_in = False
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            with closing(writer):
                writer.write(self._greeting)
                while data := await reader.read(65_536):
                    if not is_in and _OPEN_OK in data:
                        is_in = True
                        turns.release()
                        self.let_in += 1
                    if _CLOSE in data:
                        return
        finally:
            if not is_in:
                turns.release()
