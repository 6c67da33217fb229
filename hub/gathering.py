"""A transport that writes less often: what is written in one turn of the loop leaves together.

uvloop hands every write to the kernel at once. A hub writes often and little: the head and the body of an answer, a message for
each partition, an ack for each channel; each of them was a system call, a packet, and a peer that is woken.
"""

import asyncio
from collections.abc import Iterable
from typing import Any


class GatheringTransport:
    """Keeps what is written until the loop's next turn; everything else is the transport's own."""

    __slots__ = ("_loop", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Keep nothing yet."""
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the transport has
        """Give what is the transport's own."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write in the loop's next turn, together with what else is written until then."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Write several parts."""
        self.write(b"".join(parts))

    def write_eof(self) -> None:
        """Write what waits, and say that it was the last."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Write what waits, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting and not self._transport.is_closing():
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))
