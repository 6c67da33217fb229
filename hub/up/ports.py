"""Free TCP ports on the loopback address."""

import random
import socket
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"
# Below Linux's ephemeral range (32768 and up), so that no outgoing connection of a stranger takes one meanwhile.
_RANGE = range(20000, 30000)
_TRIES = 200


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Say whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do it: a connection in TIME_WAIT does not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_ports(wanted: Iterable[int | None]) -> list[int]:
    """Choose as many different free ports as are wanted, each the given one where that is free.

    Args:
        wanted: the port used last time, or None.
    Raises:
        OSError: the loopback address has no free port in the range.
    """
    chosen: list[int] = []
    for port in wanted:
        if port is not None and port not in chosen and is_free(port):
            chosen.append(port)
            continue
        for _ in range(_TRIES):
            candidate = random.choice(_RANGE)  # noqa: S311  spreads instances, guards nothing
            if candidate not in chosen and is_free(candidate):
                chosen.append(candidate)
                break
        else:
            message = f"no free TCP port between {_RANGE.start} and {_RANGE.stop - 1} on {LOOPBACK}"
            raise OSError(message)
    return chosen


def answers(port: int, *, greeting: bytes = b"", reply: bytes = b"") -> bool:
    """Say whether a server accepts connections on this port, and answers the greeting with these first bytes."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            if not greeting:
                return True
            connection.sendall(greeting)
            return connection.recv(len(reply)) == reply
    except OSError:
        return False
