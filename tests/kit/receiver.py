"""A receiver of webhooks on loopback that answers as it is told and remembers what came."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(slots=True)
class Received:
    """One call."""

    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """Where it listens, what came, and what it answers."""

    url: str = ""
    calls: list[Received] = field(default_factory=list)
    answer: Callable[[Received], int] = lambda _: 204
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_for(self, count: int, within: float = 15.0) -> list[Received]:
        """Wait until so many calls came."""
        async with asyncio.timeout(within):
            while len(self.calls) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.calls


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    """Listen on a free loopback port."""
    receiver = Receiver()

    async def handle(request: web.Request) -> web.Response:
        call = Received(dict(request.headers), await request.read())
        receiver.calls.append(call)
        receiver.arrived.set()
        return web.Response(status=receiver.answer(call))

    app = web.Application()
    app.router.add_post("/hook", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()
