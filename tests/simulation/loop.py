"""An event loop in which no time passes by itself and whose order of tasks follows from a seed."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any


class StandstillError(Exception):
    """Nothing can happen any more: every task waits for another one."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Jumps to the next timer whenever nobody is ready; whoever is ready at the same moment goes in a seeded order.

    Stands on three private methods of asyncio's loop (`_run_once`, `_process_events`, `_write_to_self`).
    """

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self._seconds = 0.0
        self._selector = self

    def time(self) -> float:
        return self._seconds

    def select(self, timeout: float | None) -> Sequence[Any]:
        if timeout is None:
            message = "every task waits for another one"
            raise StandstillError(message)
        self._seconds += timeout
        return ()

    def _process_events(self, _events: Sequence[Any]) -> None:
        """Know no sockets."""

    def _write_to_self(self) -> None:
        """Know no threads."""

    def _run_once(self) -> None:
        ready = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            order = list(ready)
            self._chance.shuffle(order)
            ready.clear()
            ready.extend(order)
        super()._run_once()  # type: ignore[misc]
