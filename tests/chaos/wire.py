"""A wire between processes of the hub and their servers, in a process of its own: `python -m tests.chaos.wire 5000=URL ...`.

SIGUSR1: the connections that are there pass nothing on any more, and nobody is told. SIGUSR2: they are reset.
"""

import asyncio
import signal
import sys
from functools import partial

import uvloop

from tests.rooms.broker_proxy import BrokerProxy


async def main(wires: list[str]) -> None:
    """Pass on, for ever."""
    proxies = []
    for wire in wires:
        port, _, url = wire.partition("=")
        proxies.append(BrokerProxy(url, port=int(port)))
        await proxies[-1].start()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, partial(_each, proxies, BrokerProxy.strand))
    loop.add_signal_handler(signal.SIGUSR2, partial(_each, proxies, BrokerProxy.cut))
    await asyncio.Event().wait()


def _each(proxies: list[BrokerProxy], spoil: object) -> None:
    assert callable(spoil)
    for proxy in proxies:
        spoil(proxy)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
