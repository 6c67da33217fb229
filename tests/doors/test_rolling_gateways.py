"""Two gateways behind a balancer are replaced one after the other, and no client notices.

Red when: readiness stays green after SIGTERM, an answer of a leaving gateway keeps its connection, or sockets are cut
without their 1012.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from operator import le
from uuid import uuid4

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from hub.settings import Settings
from tests.kit.balancer import Balancer, open_balancer
from tests.kit.builders import an_item
from tests.kit.gateway import TestKey, running_gateway, start_gateway
from tests.kit.wait import eventually
from tests.promises.outages import measured
from tests.rooms.broker_proxy import a_free_port

DRAIN_SECONDS = 1.0
STOP_SECONDS = 10.0
CLIENTS = 4


async def test_two_gateways_roll_with_zero_failed_requests_and_sockets_closed_with_1012(settings: Settings) -> None:
    """No client repeats anything: each write is a 202, each read a 200; sockets are told to connect again."""
    settings = settings.model_copy(
        update={"drain_seconds": DRAIN_SECONDS, "rate_limit_per_second": 0.0, "rate_limit_burst": 0}
    )
    answers: Counter[int] = Counter()
    async with running_gateway(settings) as stage:
        key = await stage.add_key()
        first, second = int(stage.url.rpartition(":")[2]), a_free_port()
        processes = {first: stage.process, second: start_gateway(settings, second)}
        try:
            async with open_balancer(processes) as balancer:
                await _until_ready(balancer, {first, second})
                async with asyncio.TaskGroup() as group:
                    stop = asyncio.Event()
                    for _ in range(CLIENTS):
                        group.create_task(_write_and_read(balancer, key, answers, stop))
                    codes = group.create_task(_listen(balancer, key, stop))
                    try:
                        for port in (first, second):
                            before = answers.total()
                            await eventually(_count(answers), partial(le, before + 20), within=20)
                            began = time.monotonic()
                            processes[port].terminate()
                            await asyncio.wait_for(processes[port].wait(), STOP_SECONDS)
                            measured("SIGTERM of a gateway to its end", time.monotonic() - began)
                            assert port not in balancer.ready
                            processes[port] = start_gateway(settings, port)
                            await _until_ready(balancer, {first, second})
                        before = answers.total()
                        await eventually(_count(answers), partial(le, before + 20), within=20)
                    finally:
                        stop.set()
                assert set(answers) == {200, 202}, answers
                assert set(codes.result()) == {1012}
        finally:
            for process in processes.values():
                if process.returncode is None:
                    process.terminate()
                    await asyncio.wait_for(process.wait(), 15)


def _count(answers: "Counter[int]") -> Callable[[], Awaitable[int]]:
    async def total() -> int:
        return answers.total()

    return total


async def _until_ready(balancer: Balancer, ports: set[int]) -> None:
    async def ready() -> set[int]:
        return set(balancer.ready)

    await eventually(ready, lambda found: found == ports, within=30)


async def _write_and_read(balancer: Balancer, key: TestKey, answers: "Counter[int]", stop: asyncio.Event) -> None:
    async with httpx.AsyncClient(base_url=balancer.url, headers=key.headers, timeout=20, trust_env=False) as client:
        while not stop.is_set():
            answers[(await client.post("/api/inventory/", json=an_item(uuid4().hex))).status_code] += 1
            answers[(await client.get("/api/inventory/?limit=1")).status_code] += 1


async def _listen(balancer: Balancer, key: TestKey, stop: asyncio.Event) -> list[int]:
    """Follow the events; say with which codes the socket was closed."""
    codes: list[int] = []
    url = balancer.url.replace("http", "ws", 1) + "/ws/events"
    while not stop.is_set():
        async with connect(url, additional_headers=key.headers, proxy=None) as socket:
            try:
                while not stop.is_set():
                    try:
                        async with asyncio.timeout(0.5):
                            await socket.recv()
                    except TimeoutError:
                        continue
            except ConnectionClosed as closed:
                codes.append(closed.rcvd.code if closed.rcvd is not None else 1006)
    return codes
