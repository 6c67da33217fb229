"""How often somebody may guess: after a few failures each further one costs twice the wait, per name and per address."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from hub import clock

FREE: Final = {"name": 5, "address": 20}
"""Failures that cost nothing: of a user name from one address, and of an address."""

MOST_SECONDS: Final = 300.0
FORGET_SECONDS: Final = 900.0
REMEMBERED: Final = 20_000


class Throttle:
    """Failures of sign-ins, in this process, the oldest forgotten first.

    A name is counted together with the address it was tried from: nobody can lock somebody else out. Where there is no name,
    as with keys, the address alone is counted.
    """

    def __init__(self, monotonic: Callable[[], float] = clock.monotonic) -> None:
        """Know of no failure yet."""
        self._monotonic = monotonic
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_seconds(self, address: str, name: str | None) -> float:
        """Say how long this sign-in has to wait; 0: it may be tried."""
        now = self._monotonic()
        waits = [0.0]
        for kind, key in _keys(address, name):
            count, at = self._failures.get(key, (0, 0.0))
            if now - at < FORGET_SECONDS and count >= FREE[kind]:
                waits.append(at + min(MOST_SECONDS, 2.0 ** (count - FREE[kind])) - now)
        return max(waits)

    def note_failure(self, address: str, name: str | None) -> None:
        """Count a wrong password, code, key or link."""
        now = self._monotonic()
        for _, key in _keys(address, name):
            count, at = self._failures.pop(key, (0, now))
            self._failures[key] = (1 if now - at >= FORGET_SECONDS else count + 1, now)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def note_success(self, address: str, name: str) -> None:
        """Forget the failures of a name from this address; those of the address stay, or one account would pay for all."""
        self._failures.pop(f"name:{name}|{address}", None)


def _keys(address: str, name: str | None) -> Iterable[tuple[str, str]]:
    named = () if name is None else (("name", f"name:{name}|{address}"),)
    return (*named, ("address", f"address:{address}"))
