"""Promise 1: what was accepted is never lost; where it could not be kept, the answer is a 503 that names its operation.

Red when: a publish that nobody confirmed counts as accepted, the operation of a key is not the same in the next gateway
process, or a command that comes again is applied again.
"""

import asyncio
import time
from functools import partial
from operator import le
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from hub.messaging.topology import COMMANDS, command_queue, partition_of
from hub.settings import Settings
from tests.conftest import Servers
from tests.kit.builders import an_item
from tests.kit.gateway import GatewayStage, TestKey, running_gateway, start_gateway
from tests.kit.http import assert_problem
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.promises.outages import (
    HUNG_SECONDS,
    Clients,
    Hub,
    Written,
    all_applied,
    assert_once,
    clients_writing,
    measured,
)

CLIENTS = 16
RECOVERED_SECONDS = 15.0
WRITES_BETWEEN_DEATHS = 60
REPEATED_SECONDS = 60.0


async def test_every_202_is_applied_though_rabbitmq_was_killed_among_16_clients(hub: Hub) -> None:
    """SIGKILL and a restart under load: 202s are applied once, 503s carry their operation's id, nobody hangs."""
    servers, stage = hub
    async with clients_writing(stage, clients=CLIENTS, pharmacies=CLIENTS // 2) as clients:
        await clients.more(300)
        servers.kill_rabbitmq()
        await _refused(clients, CLIENTS)
        await asyncio.to_thread(servers.start_rabbitmq)
        healed = time.monotonic()
        await clients.more(1)
        measured("rabbitmq heal to 202", time.monotonic() - healed)
        await clients.more(100)
    await all_applied(stage.settings, clients.written, within=RECOVERED_SECONDS)
    seconds = time.monotonic() - healed
    measured("RabbitMQ killed to restarted, longest time without a 202", clients.written.gap_seconds)
    measured("rabbitmq heal to applied", seconds)
    assert seconds < RECOVERED_SECONDS
    assert clients.written.slowest_seconds < HUNG_SECONDS
    await assert_once(stage.writes, clients.written, [key.pharmacy_id for key in clients.keys])


async def _refused(clients: Clients, count: int) -> None:
    async def refused() -> int:
        return len(clients.written.refused)

    await eventually(refused, lambda found: found >= count)


def _pharmacy_in(partition: int, partitions: int) -> UUID:
    while partition_of(found := uuid4(), partitions) != partition:
        pass
    return found


@pytest.mark.parametrize("lost", [0, 5])
async def test_a_partition_without_its_queue_is_503_and_its_neighbours_are_202(
    settings: Settings, servers: Servers, lost: int
) -> None:
    """An unroutable command is never a 202; when the binding is back, so is the partition."""
    vhost = urlsplit(settings.amqp_url.get_secret_value()).path.removeprefix("/")
    way = f"/api/bindings/{vhost}/e/{COMMANDS}/q/{command_queue(lost)}"
    async with running_gateway(settings) as stage:
        keys = [await stage.add_key(_pharmacy_in(number, settings.partitions)) for number in range(settings.partitions)]
        async with stage.writes.transaction() as connection:
            await connection.execute(
                "INSERT INTO pharmacies (id, created_at, updated_at, version, name, is_active, settings) "
                "SELECT id, now(), now(), 1, 'Corner', true, '{}' FROM unnest($1::uuid[]) AS id",
                [key.pharmacy_id for key in keys],
            )

        async def statuses() -> list[int]:
            answers = [
                await stage.client.post("/api/inventory/", json=an_item(uuid4().hex), headers=key.headers)
                for key in keys
            ]
            for answer in answers:
                if answer.status_code == 503:
                    problem = assert_problem(answer, 503)
                    assert answer.headers["operation-id"] == problem["operation_id"]
            return [answer.status_code for answer in answers]

        everywhere = [202] * settings.partitions
        await eventually(statuses, lambda seen: seen == everywhere)
        servers.management("DELETE", f"{way}/{lost}")
        assert await statuses() == [503 if number == lost else 202 for number in range(settings.partitions)]
        servers.management("POST", way, {"routing_key": str(lost)})
        began = time.monotonic()
        await eventually(statuses, lambda seen: seen == everywhere)
        measured("a partition's queue bound again, to a 202 in every partition", time.monotonic() - began)


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
                        stage.process = start_gateway(settings, port)
                        await eventually(accepted, partial(le, goal), within=60)
                        measured("a gateway killed and started again, start to a 202", time.monotonic() - began)
                finally:
                    crowd.stopped = True
            assert crowd.repeats > 0
            await all_applied(settings, crowd.written, within=10)
            await assert_once(stage.writes, crowd.written)
