"""The end of a gateway process: first it says so, then it ends its streams and stops taking connections.

A proxy needs a moment to notice that a process is about to go. For `HUB_DRAIN_SECONDS` after SIGTERM or SIGINT the process
serves as before, but `/health/ready` is red and every answer closes its connection, so that the next request goes
elsewhere. Then sockets are closed with 1012, and uvicorn finishes what is in hand. A second signal shortens the wait.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import structlog

from hub.faults import Unavailable

log = structlog.get_logger("gateway")


class Stopping:
    """Whether this process is about to end; see `heeding_signals`."""

    def __init__(self, drain_seconds: float) -> None:
        """Begin as a process that stays."""
        self._drain_seconds = drain_seconds
        self.has_begun = False

    def fault(self) -> Unavailable | None:
        """Say why nothing new should be sent here; None while the process stays."""
        return Unavailable("gateway", "this process is about to end; ask another one") if self.has_begun else None

    @contextmanager
    def heeding_signals(self, end_streams: Callable[[], None]) -> Iterator[None]:
        """Stand before the server's own handlers of SIGTERM and SIGINT while the block runs.

        Uvicorn alone would close its sockets at once, and wait for open streams until its patience ends.
        """
        loop = asyncio.get_running_loop()
        before: dict[signal.Signals, Callable[[int, FrameType | None], object]] = {}

        def end(number: signal.Signals) -> None:
            end_streams()
            before[number](number, None)

        def hear(number: int, _frame: FrameType | None) -> None:
            seconds = 0.0 if self.has_begun else self._drain_seconds
            self.has_begun = True
            loop.call_soon_threadsafe(self._after, seconds, end, signal.Signals(number))

        with suppress(ValueError):  # not the main thread: whoever runs the server there stops it in its own way
            for number in (signal.SIGTERM, signal.SIGINT):
                earlier = signal.getsignal(number)
                # Only a server's own handler is followed; without one, a signal has its usual effect.
                if callable(earlier) and earlier is not signal.default_int_handler:
                    before[number] = earlier
                    signal.signal(number, hear)
        try:
            yield
        finally:
            self.has_begun = True
            for number, earlier in before.items():
                if signal.getsignal(number) is hear:
                    signal.signal(number, earlier)

    @staticmethod
    def _after(seconds: float, end: Callable[[signal.Signals], None], number: signal.Signals) -> None:
        log.info("gateway.stopping", signal=number.name, drain_seconds=seconds)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, end, number)
        else:
            end(number)
