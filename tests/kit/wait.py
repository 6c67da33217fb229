"""Waiting on conditions: the failure tells the last value seen."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], is_right: Callable[[T], bool], *, within: float = 10.0) -> T:
    """Look again and again until the value is right."""
    began = time.monotonic()
    while True:
        value = await look()
        if is_right(value):
            return value
        waited = time.monotonic() - began
        assert waited < within, f"after {within} s the last value seen was {value!r}"
        await asyncio.sleep(_pause(waited))


def until(look: Callable[[], T], is_right: Callable[[T], bool] = bool, *, within: float = 10.0) -> T:
    """Look again and again until the value is right, where no loop runs."""
    began = time.monotonic()
    while not is_right(value := look()):
        waited = time.monotonic() - began
        assert waited < within, f"after {within} s the last value seen was {value!r}"
        time.sleep(_pause(waited))
    return value


def _pause(waited: float) -> float:
    """Look less often the longer it takes: to look costs whom one waits for."""
    return max(0.02, min(waited / 20, 0.25))
