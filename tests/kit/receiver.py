"""A receiver of webhooks on loopback that answers as it is told, remembers what came, and at its end has verified all of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests.kit.signatures import refuse_public_signature

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
    """Where it listens, what came, and what it answers: a status, or a status and headers, at once or after a wait.

    `text` is the body of every answer. `secrets` are those of whoever may call it: `whsec_`, or the public `whpk_`.
    """

    url: str = ""
    calls: list[Received] = field(default_factory=list)
    answer: Callable[[Received], Answer] = lambda _: 204
    seconds: Callable[[Received], float] = lambda _: 0.0
    text: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    secrets: set[str] = field(default_factory=set)

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

    def verify(self) -> None:
        """Verify every call that came, with the independent library; raises if one is not genuine."""
        forged = [(call.path, call.headers) for call in self.calls if not any(_fits(call, one) for one in self.secrets)]
        assert not forged, f"of {len(self.calls)} calls {len(forged)} do not verify, the first is {forged[0]}"


def _fits(call: Received, secret: str) -> bool:
    if secret.startswith("whpk_"):  # the library knows `v1` only
        return refuse_public_signature(call.headers, call.body, secret) is None
    try:
        Webhook(secret).verify(call.body, call.headers)
    except WebhookVerificationError:
        return False
    return True


@asynccontextmanager
async def open_receiver(secrets: set[str] | None = None) -> AsyncIterator[Receiver]:
    """Listen on a free loopback port; any path takes a POST. Whatever came by the end has to be genuine.

    Args:
        secrets: of those who may call, to be added to while it listens; None: a set of its own.
    """
    receiver = Receiver(secrets=set() if secrets is None else secrets)

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
        return web.Response(status=status, headers=headers, text=receiver.text)

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
        receiver.verify()
    finally:
        await runner.cleanup()
