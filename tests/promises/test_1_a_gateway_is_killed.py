"""Promise 1, at the door: whoever repeats a write under its key after a gateway died in the middle has written it once.

Red when: the operation of a key is not the same in the next process, or a command that comes again is applied again.
"""

import asyncio
import time
from functools import partial
from operator import le
from uuid import UUID, uuid4

import httpx
import pytest

from hub.settings import Settings
from tests.kit.builders import an_item
from tests.kit.gateway import GatewayStage, TestKey, _start, running_gateway
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.promises.outages import Written, all_applied, assert_once, measured

CLIENTS = 16
WRITES_BETWEEN_DEATHS = 60
REPEATED_SECONDS = 60.0


class _Crowd:
    """Clients that say each write again until they have its receipt, sometimes once more than that."""

    def __init__(self, stage: GatewayStage) -> None:
        self.written = Written()
        self.repeats = 0
        self.stopped = False
        self._stage = stage

    async def write(self, number: int, key: TestKey) -> None:
        while not self.stopped:
            headers = key.headers | {"Idempotency-Key": f'"{uuid4()}"'}
            item = an_item(uuid4().hex)
            operation_id = await self._until_accepted(headers, item)
            if len(self.written.accepted) % 5 == 0:
                assert await self._until_accepted(headers, item) == operation_id
            self.written.accepted.append(operation_id)
            self.written.by_client[number].append(operation_id)

    async def _until_accepted(self, headers: dict[str, str], item: dict[str, object]) -> UUID:
        async with asyncio.timeout(REPEATED_SECONDS):
            while True:
                try:
                    answer = await self._stage.client.post("/api/inventory/", json=item, headers=headers)
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == 202:
                    return UUID(answer.json()["operation_id"])
                assert answer is None or answer.status_code == 503, answer.text
                self.repeats += 1
                await asyncio.sleep(0.1)  # who was not answered comes again a little later


@pytest.mark.parametrize(
    "deaths", [1, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(1200)])], ids=["once", "20 times"]
)
async def test_writes_repeated_over_a_gateway_that_was_killed_are_applied_once(settings: Settings, deaths: int) -> None:
    """SIGKILL among 16 clients: what was under way may have been taken or not; its repeat is the same operation."""
    settings = settings.model_copy(update={"roles": ("writer",), "rate_limit_per_second": 0.0, "rate_limit_burst": 0})
    with consumers_process(settings):
        async with running_gateway(settings) as stage:
            crowd = _Crowd(stage)
            port = int(stage.url.rpartition(":")[2])

            async def accepted() -> int:
                return len(crowd.written.accepted)

            async with asyncio.TaskGroup() as group:
                keys = [await stage.add_key() for _ in range(CLIENTS // 2)]
                for number in range(CLIENTS):
                    group.create_task(crowd.write(number, keys[number // 2]))
                try:
                    for _ in range(deaths):
                        goal = await accepted() + WRITES_BETWEEN_DEATHS
                        await eventually(accepted, partial(le, goal), within=30)
                        stage.process.kill()
                        await stage.process.wait()
                        began, goal = time.monotonic(), await accepted() + 1
                        stage.process = await _start(settings, port)
                        await eventually(accepted, partial(le, goal), within=60)
                        measured("a gateway killed and started again, start to a 202", time.monotonic() - began)
                finally:
                    crowd.stopped = True
            assert crowd.repeats > 0
            await all_applied(settings, crowd.written, within=10)
            await assert_once(stage.writes, crowd.written)
