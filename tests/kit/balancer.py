"""A small balancer before gateways: a new connection goes to one that says it is ready, as a proxy in production does."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import httpx

_PROBE_SECONDS = 0.3


class Balancer:
    """Forwards connections; looks at `/health/ready` of each gateway three times a second."""

    def __init__(self, ports: Iterable[int]) -> None:
        """Know the gateways' ports; nobody is ready yet."""
        self._ports = tuple(ports)
        self._turn = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self.ready: set[int] = set()
        self.url = ""

    async def probe(self) -> None:
        """Look again and again who is ready."""
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            while True:
                for port in self._ports:
                    try:
                        answer = await client.get(
                            f"http://127.0.0.1:{port}/health/ready", headers={"Connection": "close"}
                        )
                    except httpx.TransportError:
                        self.ready.discard(port)
                        continue
                    if answer.status_code == 200:
                        self.ready.add(port)
                    else:
                        self.ready.discard(port)
                await asyncio.sleep(_PROBE_SECONDS)  # a balancer's own pace

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on to a gateway that is ready, to the end of both."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ports = [port for port in self._ports if port in self.ready]
        try:
            if ports:
                there, back = await asyncio.open_connection("127.0.0.1", ports[next(self._turn) % len(ports)])
                await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        finally:
            writer.close()
            self._tasks.discard(task)

    def end(self) -> None:
        """Drop what is open."""
        for task in self._tasks:
            task.cancel()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def open_balancer(ports: Iterable[int]) -> AsyncIterator[Balancer]:
    """Balance between gateways on loopback ports."""
    balancer = Balancer(ports)
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", 0)
    balancer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    probing = asyncio.create_task(balancer.probe())
    try:
        yield balancer
    finally:
        probing.cancel()
        server.close()
        balancer.end()
        await asyncio.gather(probing, return_exceptions=True)
