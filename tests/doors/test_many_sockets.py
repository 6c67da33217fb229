"""Two thousand sockets lose their gateway at once and come back at once: each has every event, none twice."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from hub.settings import Settings
from tests.kit.gateway import GatewayStage, TestKey, running_gateway, start_gateway
from tests.kit.wait import eventually
from tests.promises.outages import measured

SOCKETS, PHARMACIES = 2_000, 8
EVENTS = 5  # of each pharmacy, in each of the three acts
BACK_SECONDS = 15.0


class _Listener:
    """A client that comes back with the number of the last event that it has."""

    def __init__(self, stage: GatewayStage, key: TestKey) -> None:
        self.sequence = 0
        self.is_ready = False
        self.tries = 0
        self._url = f"{stage.ws_url}/ws/events"
        self._key = key

    async def listen(self, is_there: asyncio.Event) -> None:
        while True:
            await is_there.wait()
            self.tries += 1
            with suppress(OSError, TimeoutError, ConnectionClosed, InvalidHandshake):
                await self._follow()
            self.is_ready = False
            await asyncio.sleep(0.2)  # who is refused comes again a little later

    async def _follow(self) -> None:
        where = f"{self._url}?after={self.sequence}"
        async with connect(where, additional_headers=self._key.headers, proxy=None, open_timeout=60) as socket:
            async for text in socket:
                frame = orjson.loads(text)
                self.is_ready = self.is_ready or frame["type"] == "ready"
                if frame["type"] == "event":
                    assert frame["event"]["sequence"] == self.sequence + 1
                    self.sequence += 1


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_two_thousand_sockets_that_come_back_at_once_have_every_event_within_15_seconds(
    settings: Settings,
) -> None:
    """The gateway is killed; what happens meanwhile is in the log, and comes before what happens later."""
    async with running_gateway(settings) as stage:
        keys = [await stage.add_key() for _ in range(PHARMACIES)]
        listeners = [_Listener(stage, keys[number % PHARMACIES]) for number in range(SOCKETS)]
        is_there = asyncio.Event()
        is_there.set()
        async with asyncio.TaskGroup() as group:
            listening = [group.create_task(one.listen(is_there)) for one in listeners]
            began = time.monotonic()
            await eventually(lambda: _ready(listeners), lambda count: count == SOCKETS, within=60)
            measured(f"{SOCKETS} sockets, the first to the last one ready", time.monotonic() - began)
            await _happen(stage, keys)
            await eventually(lambda: _at(listeners, EVENTS), lambda count: count == SOCKETS, within=60)
            is_there.clear()
            stage.process.kill()
            await stage.process.wait()
            await eventually(lambda: _ready(listeners), lambda count: count == 0, within=60)
            await _happen(stage, keys)
            stage.process = start_gateway(settings, int(stage.url.rpartition(":")[2]))
            await eventually(lambda: _is_ready(stage), bool, within=60)
            is_there.set()
            began = time.monotonic()
            await eventually(lambda: _at(listeners, 2 * EVENTS), lambda count: count == SOCKETS, within=60)
            seconds = time.monotonic() - began
            measured(f"{SOCKETS} sockets that come back at once, to all of them having all", seconds)
            began = time.monotonic()
            await _happen(stage, keys)
            await eventually(lambda: _at(listeners, 3 * EVENTS), lambda count: count == SOCKETS, within=60)
            measured(
                f"{EVENTS} events of each of {PHARMACIES} pharmacies to {SOCKETS} sockets", time.monotonic() - began
            )
            for task in listening:
                task.cancel()
        assert seconds < BACK_SECONDS
        assert max(one.tries for one in listeners) <= 4


async def _happen(stage: GatewayStage, keys: Sequence[TestKey]) -> None:
    for key in keys:
        await stage.happen(key.pharmacy_id, EVENTS)


async def _ready(listeners: Sequence[_Listener]) -> int:
    return sum(one.is_ready for one in listeners)


async def _at(listeners: Sequence[_Listener], sequence: int) -> int:
    return sum(one.sequence == sequence for one in listeners)


async def _is_ready(stage: GatewayStage) -> bool:
    with suppress(httpx.TransportError):
        return (await stage.client.get("/health/ready")).status_code == 200
    return False
