"""Pauses between tries while a server is away."""

import asyncio

_FIRST_SECONDS = 0.05
_LONGEST_SECONDS = 2.0


class Pause:
    """Waits longer each time, up to two seconds: what is held comes back in order and nothing spins."""

    def __init__(self) -> None:
        """Begin with the shortest wait."""
        self._seconds = _FIRST_SECONDS

    async def wait(self) -> None:
        """Wait, and double the next wait."""
        await asyncio.sleep(self._seconds)
        self._seconds = min(self._seconds * 2, _LONGEST_SECONDS)
