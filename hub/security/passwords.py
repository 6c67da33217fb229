"""Passwords of people: argon2id, in a thread and a few at a time, and the same time for who is not there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

from hub.faults import Unavailable

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LENGTH: Final = (12, 256)
_AT_ONCE: Final = 2
_WAITING: Final = 32
_DIFFERENT: Final = 5


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    # OWASP, Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def _nobodys() -> str:
    return _hasher().hash("the password of nobody")


def refuse_password(password: str, username: str) -> str | None:
    """Say why a new password is too weak, or None. Length is what counts (NIST SP 800-63B, 3.1.1); no signs are asked for.

    >>> refuse_password("short", "ann"), refuse_password("correct horse battery", "ann")
    ('a password has 12 to 256 characters', None)
    """
    fewest, most = LENGTH
    if not fewest <= len(password) <= most:
        return f"a password has {fewest} to {most} characters"
    if len(set(password)) < _DIFFERENT:
        return "this password repeats itself"
    if username and username.lower() in password.lower():
        return "the user name is no part of a password"
    return None


class Passwords:
    """Hashes and compares, never on the event loop and never more than two at once: each takes 19 MiB and 20 ms."""

    def __init__(self) -> None:
        """Have nothing to do yet."""
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Hash a new password.

        Raises:
            Unavailable: too many wait already.
        """
        async with self._turn():
            return await asyncio.to_thread(lambda: _hasher().hash(password))

    async def is_right(self, password: str, stored: str | None) -> bool:
        """Compare a password; without a stored hash the answer is no, and takes as long.

        Raises:
            Unavailable: too many wait already.
        """
        async with self._turn():
            return await asyncio.to_thread(_compare, password, stored)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= _WAITING:
            raise Unavailable("the sign-in", "too many people sign in at once, try again", after_seconds=2.0)
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1


def _compare(password: str, stored: str | None) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(stored or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None
