"""A client that asks too much, in a process of its own: `python -m tests.kit.flooding PORT PER_SECOND KEY`.

A line on stdin lets it begin, the next one lets it stop; it then says how many answers of each status it had. It spares the
processors, which it shares with the hub: the same bytes each time, and nothing read of an answer but its status.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence

CONNECTIONS = 64
_TICK_SECONDS = 0.005


class _Wire(asyncio.Protocol):
    """A connection with one request under way at a time."""

    def __init__(self, idle: "deque[_Wire]", seen: Counter[str]) -> None:
        self._idle = idle
        self._seen = seen
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._idle.append(self)

    def data_received(self, data: bytes) -> None:
        # An answer of this size comes in one piece.
        self._seen[data[9:12].decode()] += 1
        self._idle.append(self)

    def send(self, request: bytes) -> None:
        assert isinstance(self._transport, asyncio.WriteTransport)
        self._transport.write(request)


async def _flood(port: int, per_second: float, request: bytes) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    idle: deque[_Wire] = deque()
    seen: Counter[str] = Counter()
    while await lines.readline():
        idle.clear()
        seen.clear()
        wires = [await loop.create_connection(lambda: _Wire(idle, seen), "127.0.0.1", port) for _ in range(CONNECTIONS)]
        stop = asyncio.ensure_future(lines.readline())
        began, sent = time.monotonic(), 0
        while not stop.done():
            due = int((time.monotonic() - began) * per_second)
            while sent < due and idle:
                idle.popleft().send(request)
                sent += 1
            await asyncio.sleep(_TICK_SECONDS)  # its pace
        for transport, _ in wires:
            transport.abort()
        print(json.dumps(seen), flush=True)


def main(arguments: Sequence[str]) -> None:
    """Read the pharmacy's stock."""
    port, per_second, key = arguments
    request = f"GET /api/inventory/ HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key}\r\n\r\n"
    asyncio.run(_flood(int(port), float(per_second), request.encode()))


if __name__ == "__main__":
    main(sys.argv[1:])
