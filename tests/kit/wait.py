"""Waiting on conditions: the failure tells the last value seen."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], is_right: Callable[[T], bool], *, within: float = 10.0) -> T:
    """Look again and again until the value is right."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        value = await look()
        if is_right(value):
            return value
        assert asyncio.get_running_loop().time() < deadline, f"after {within} s the last value seen was {value!r}"
        await asyncio.sleep(0.02)


def until(look: Callable[[], T], is_right: Callable[[T], bool] = bool, *, within: float = 10.0) -> T:
    """Look again and again until the value is right, where no loop runs."""
    deadline = time.monotonic() + within
    while not is_right(value := look()):
        assert time.monotonic() < deadline, f"after {within} s the last value seen was {value!r}"
        time.sleep(0.02)
    return value
