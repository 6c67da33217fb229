"""Promise 1: what was accepted is never lost; where it could not be kept, the answer is a 503 that names its operation."""

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest

from hub.messaging.topology import COMMANDS, command_queue, partition_of
from hub.settings import Settings
from tests.conftest import Servers
from tests.kit.builders import an_item
from tests.kit.gateway import running_gateway
from tests.kit.http import assert_problem
from tests.kit.wait import eventually
from tests.promises.outages import Clients, all_applied, assert_once, breakable_hub, clients_writing, measured

RECOVERED_SECONDS = 15.0


async def test_every_202_is_applied_though_rabbitmq_was_killed_among_16_clients(data_dir: Path) -> None:
    """SIGKILL and a restart under load: 202s are applied once, 503s carry their operation's id, nobody hangs."""
    async with breakable_hub(data_dir) as (servers, stage):
        async with clients_writing(stage, clients=16, pharmacies=8) as clients:
            await clients.more(300)
            servers.kill_rabbitmq()
            await _refused(clients, 16)
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
        assert clients.written.slowest_seconds < 6
        await assert_once(stage.writes, clients.written)


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
        await eventually(statuses, lambda seen: seen == everywhere)
