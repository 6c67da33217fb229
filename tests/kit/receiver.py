"""A receiver of webhooks on loopback that answers as it is told and remembers what came."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

Answer = int | tuple[int, Mapping[str, str]]


@dataclass(slots=True)
class Received:
    """One call: headers with their names in lower case, and when it came (a clock that never goes back)."""

    headers: dict[str, str]
    body: bytes
    path: str = "/hook"
    at: float = 0.0

    @property
    def event(self) -> dict[str, Any]:
        """The event in it."""
        event: dict[str, Any] = orjson.loads(self.body)
        return event


@dataclass(slots=True)
class Receiver:
    """Where it listens, what came, and what it answers: a status, or a status and headers, at once or after a wait."""

    url: str = ""
    calls: list[Received] = field(default_factory=list)
    answer: Callable[[Received], Answer] = lambda _: 204
    seconds: Callable[[Received], float] = lambda _: 0.0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_for(self, count: int, within: float = 15.0, path: str | None = None) -> list[Received]:
        """Wait until so many calls came, to one path if named."""
        async with asyncio.timeout(within):
            while len(self.at(path)) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.at(path)

    def at(self, path: str | None) -> list[Received]:
        """List what came to a path; None: to any."""
        return [call for call in self.calls if path is None or call.path == path]


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    """Listen on a free loopback port; any path takes a POST."""
    receiver = Receiver()

    async def handle(request: web.Request) -> web.Response:
        call = Received(
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
            request.path,
            time.monotonic(),
        )
        receiver.calls.append(call)
        receiver.arrived.set()
        answer = receiver.answer(call)
        await asyncio.sleep(receiver.seconds(call))  # as slow as it was told to be
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        return web.Response(status=status, headers=headers)

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()
