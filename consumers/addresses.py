"""Where connections may go: names are looked up once, and every address is checked when its socket is opened."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from hub.security.destinations import Network, refuse_address

LOOKUPS: Final = 64  # of names at the same time; one name is looked up once

_addresses: ContextVar[list[str] | None] = ContextVar("addresses", default=None)


def noting_addresses() -> list[str]:
    """Begin a list of the addresses that this task connects to; the last one is the one that was spoken with."""
    noted: list[str] = []
    _addresses.set(noted)
    return noted


def note_address(address: str) -> None:
    """Add an address to the task's list."""
    noted = _addresses.get()
    if noted is not None:
        noted.append(address)


class RefusedAddress(OSError):
    """A connection was not opened, because its address is none that a webhook may reach."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Where connections may go: the networks, and whether public addresses count too."""

    allow_networks: Sequence[Network]
    only_allowed: bool

    def check(self, address: str) -> None:
        """Let an address pass.

        Raises:
            RefusedAddress: no webhook may reach it.
        """
        refused = refuse_address(address, self.allow_networks, only_allowed=self.only_allowed)
        if refused:
            raise RefusedAddress(refused)

    def open_socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Open the socket to connect to one address. The last gate, and the only one for an address in the URL."""
        family, kind, protocol, _, place = info
        self.check(str(place[0]))
        note_address(str(place[0]))
        return socket.socket(family, kind, protocol)

    def choose(self, addresses: Sequence[str]) -> Sequence[str]:
        """Choose among a name's addresses: those in the allowed networks if there are any, else all or none.

        A public name with one forbidden address is refused whole: nobody has such a name by accident. But `localhost`
        often has an IPv6 address beside the one that the operator allowed.
        """
        own = [address for address in addresses if not refuse_address(address, self.allow_networks, only_allowed=True)]
        for address in own or addresses:
            self.check(address)
        return own or addresses


class Resolver(AbstractResolver):
    """Looks names up in daemon threads: a name server that hangs holds up neither others nor the end of the process."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._slots = asyncio.Semaphore(LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look a name up; what comes back is numeric and was checked.

        Raises:
            RefusedAddress: one of its addresses is none that a webhook may reach.
        """
        async with self._slots:
            found = await _look_up(host, port, family)
        chosen = set(self._gate.choose([str(place[0]) for _, place in found]))
        return [
            ResolveResult(hostname=host, host=str(place[0]), port=port, family=kind, proto=0, flags=_NUMERIC)
            for kind, place in found
            if str(place[0]) in chosen
        ]

    async def close(self) -> None:
        """Nothing stays open between look-ups."""


_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_Found = list[tuple[socket.AddressFamily, tuple[object, ...]]]


async def _look_up(host: str, port: int, family: socket.AddressFamily) -> _Found:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Found] = loop.create_future()

    def settle(found: _Found | OSError | UnicodeError) -> None:
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        outcome: _Found | OSError | UnicodeError
        try:
            infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            outcome = [(info[0], tuple(info[4])) for info in infos]
        except (OSError, UnicodeError) as error:
            outcome = error
        with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits for the answer
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=ask, name=f"look-up-{host}", daemon=True).start()
    return await answer
