"""Receivers of webhooks: two fail at random in every way, one is slow, one is dead until the end; each call is verified."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

import orjson
from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests.chaos.commands import stranger_in
from tests.chaos.readers import digest_of

Temper = Literal["moody", "slow", "dead"]
_FAILS = 0.12
_FAILURES = (500, 502, 404, 302, "hang", "reset", "stumble")
_HANG_SECONDS = 4.0
_SLOW_SECONDS = 0.4


@dataclass(slots=True)
class Endpoint:
    """A registered address and what came to it.

    Args:
        types: what it asked for.
        operation_id: by which it was registered; what comes behind its event is owed.
        taken: events that were answered with a 2xx, with the digests of their text.
        failures: how often it failed in which way.
        unverified: calls whose signature the other library refuses.
    """

    pharmacy: int
    pharmacy_id: str
    temper: Temper
    types: list[str]
    operation_id: UUID | None = None
    secret: str = ""
    taken: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    unverified: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    waiting: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def wants(self, event_type: str) -> bool:
        """Tell whether it asked for this type."""
        return any(event_type == one or (one.endswith("*") and event_type.startswith(one[:-1])) for one in self.types)

    def verify(self, headers: dict[str, str], body: bytes) -> None:
        """Verify a call; what comes before the secret is known here is verified later."""
        if not self.secret:
            self.waiting.append((headers, body))
            return
        try:
            Webhook(self.secret).verify(body, headers)
        except (WebhookVerificationError, ValueError, orjson.JSONDecodeError) as error:
            self.unverified.append(f"{headers.get('webhook-id')}: {error}")


@dataclass(slots=True)
class Receiver:
    """Where it listens, and its endpoints."""

    url: str
    endpoints: list[Endpoint]
    chance: random.Random
    is_healed: bool = False

    def url_of(self, endpoint: Endpoint) -> str:
        """Name an endpoint's address."""
        return f"{self.url}/{self.endpoints.index(endpoint)}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a call, as moody as its endpoint is."""
        endpoint = self.endpoints[int(request.match_info["number"])]
        endpoint.calls += 1
        body = await request.read()
        if not self.is_healed:
            if endpoint.temper == "dead":
                return web.Response(status=500)
            if endpoint.temper == "slow":
                await asyncio.sleep(_SLOW_SECONDS)
            elif self.chance.random() < _FAILS:
                return await self._fail(request, endpoint)
        text = body.decode()
        if (found := stranger_in(endpoint.pharmacy, text)) is not None:
            endpoint.leaks.append(f"a webhook of pharmacy {endpoint.pharmacy} shows {found}")
        headers = {name.lower(): value for name, value in request.headers.items()}
        endpoint.verify(headers, body)
        endpoint.taken[headers.get("webhook-id", "")] = digest_of(text)
        return web.Response(status=204)

    async def _fail(self, request: web.Request, endpoint: Endpoint) -> web.StreamResponse:
        """Fail in one of the ways of the world: an answer that is no success, none in time, a reset, half an answer."""
        how = self.chance.choice(_FAILURES)
        endpoint.failures[str(how)] += 1
        match how:
            case int():
                return web.Response(status=how)
            case "hang":
                await asyncio.sleep(_HANG_SECONDS)
            case "stumble":
                half = web.StreamResponse(status=200, headers={"Content-Length": "100"})
                with suppress(ConnectionError):  # whoever called may be gone
                    await half.prepare(request)
                    await half.write(b"half")
                _reset(request)
                return half
        _reset(request)
        return web.Response(status=500)


def _reset(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


@asynccontextmanager
async def open_receiver(endpoints: list[Endpoint], seed: int) -> AsyncIterator[Receiver]:
    """Listen on a free port of loopback."""
    receiver = Receiver("", endpoints, random.Random(f"receiver {seed}"))
    app = web.Application()
    app.router.add_post("/{number}", receiver.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield receiver
    finally:
        await runner.cleanup()
