"""Waiting on conditions: the failure tells the last value seen."""

import asyncio
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
