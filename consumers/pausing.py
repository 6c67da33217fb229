"""Pauses between tries while a server is away."""

import asyncio

from consumers.pulse import Pulse

_FIRST_SECONDS = 0.05
_LONGEST_SECONDS = 2.0


class Pause:
    """Waits longer each time, up to two seconds: what is held comes back in order and nothing spins.

    Args:
        pulse: of the loop that waits: who holds what it has during an outage is alive.
    """

    def __init__(self, pulse: Pulse) -> None:
        """Begin with the shortest wait."""
        self._seconds = _FIRST_SECONDS
        self._pulse = pulse

    async def wait(self) -> None:
        """Wait, and double the next wait."""
        await asyncio.sleep(self._seconds)
        self._seconds = min(self._seconds * 2, _LONGEST_SECONDS)
        self._pulse.beat()
