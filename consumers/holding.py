"""What is held while a server is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from structlog.typing import FilteringBoundLogger

from consumers.pulse import Pulse
from hub.faults import Unavailable

FIRST_SECONDS = 0.05
_LONGEST_SECONDS = 2.0

T = TypeVar("T")


class Hold:
    """Repeats a step until no server that it needs is away: what is held comes back in order, and nothing spins.

    Args:
        pulse: of the loop that waits: who holds what it has during an outage is alive.
        log: where every try that failed is told.
        event: as what, e.g. `writer.held`.
    """

    def __init__(self, pulse: Pulse, log: FilteringBoundLogger, event: str) -> None:
        """Hold nothing yet."""
        self._pulse = pulse
        self._log = log
        self._event = event

    async def __call__(self, step: Callable[[], Awaitable[T]], **held: int) -> T:
        """Take a step, again and again while a server is away, with pauses from 0.05 s up to two seconds.

        Args:
            step: what is repeated whole.
            held: what waits for it, and how many, for the log.
        """
        seconds = FIRST_SECONDS
        while True:
            try:
                return await step()
            except Unavailable as fault:
                self._log.warning(self._event, what=fault.what, detail=fault.detail, **held)
            await asyncio.sleep(seconds)
            seconds = min(seconds * 2, _LONGEST_SECONDS)
            self._pulse.beat()
