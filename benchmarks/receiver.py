"""A webhook receiver that costs next to nothing: its own process, answers 200, counts each message id once per path.

`GET /` answers `{"distinct", "received", "first", "last"}`, moments of the monotonic clock that all processes share.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import cast

import uvloop

from benchmarks.processes import free_port, open_process, wait_for_port

ROOT = Path(__file__).parent.parent
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
COUNTED_TYPE = b'"sale.recorded"'


class Tally:
    """What has arrived."""

    def __init__(self) -> None:
        self.ids: set[bytes] = set()
        self.received = 0
        self.first = 0.0
        self.last = 0.0

    def add(self, message_id: bytes) -> None:
        """Count one message."""
        self.received += 1
        if message_id not in self.ids:
            self.ids.add(message_id)
            self.last = monotonic()
            self.first = self.first or self.last

    def dump(self) -> bytes:
        """Render the counts."""
        return json.dumps(
            {"distinct": len(self.ids), "received": self.received, "first": self.first, "last": self.last}
        ).encode()


class Connection(asyncio.Protocol):
    """Just enough of HTTP/1.1: requests with Content-Length, one after the other."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.waiting = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's transports do not inherit from asyncio's

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        assert self.transport is not None
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            fields = {}
            for line in self.waiting[:end].split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                fields[name.strip().lower()] = value.strip()
            stop = end + 4 + int(fields.get(b"content-length", b"0"))
            if len(self.waiting) < stop:
                return
            if self.waiting.startswith(b"GET"):
                body = self.tally.dump()
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                self.transport.write(head + body)
            else:
                if COUNTED_TYPE in self.waiting[end:stop]:
                    target = self.waiting.split(b" ", 2)[1]
                    self.tally.add(target + b" " + fields.get(b"webhook-id", b""))
                self.transport.write(ANSWER)
            self.waiting = self.waiting[stop:]


@asynccontextmanager
async def open_receiver(directory: Path) -> AsyncIterator[str]:
    """Start a receiver; hand back its address."""
    port, log = free_port(), directory / "receiver.log"
    async with open_process([sys.executable, "-m", __name__, str(port)], log=log, cwd=ROOT) as process:
        await wait_for_port(process, port, log)
        yield f"http://127.0.0.1:{port}"


async def serve(port: int) -> None:
    """Listen on loopback until ended."""
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(tally), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
