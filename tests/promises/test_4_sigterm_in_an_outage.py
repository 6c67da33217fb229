"""Promise 4, at the end of a process: SIGTERM ends it within 10 s whatever stands still, and what it held is applied later.

Red when: an end waits for a server that does not answer, or what was not applied is acknowledged on the way out.
"""

import asyncio
import time

import asyncpg
import pytest
from pydantic import SecretStr

from hub import clock
from hub.messaging.topology import command_queue, partition_of
from hub.settings import Settings
from tests.kit.door import open_test_door
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.promises.histories import Wish
from tests.promises.outages import measured
from tests.rooms.broker_proxy import open_proxy
from tests.rooms.broker_reader import count_of

SECONDS = 10.5


@pytest.mark.parametrize("which", ["postgresql", pytest.param("rabbitmq", marks=pytest.mark.long)])
async def test_sigterm_ends_the_consumers_within_10_seconds_though_a_server_stands_still(
    settings: Settings, which: str
) -> None:
    """The wire to one server passes nothing on (half-open: no farewell either) while a window is in hand."""
    pharmacy_id = clock.new_id()
    wishes = [
        Wish(
            clock.new_id(), pharmacy_id, clock.new_id(), "inventory.create",
            {"sku": f"S{number}", "name": "Aspirin", "quantity": 1, "price": "1.00"},
        )
        for number in range(6)
    ]  # fmt: skip
    partition = partition_of(pharmacy_id, settings.partitions)
    owner = await asyncpg.connect(settings.database_url.get_secret_value())

    async def applied() -> list[object]:
        return [row["id"] for row in await owner.fetch("SELECT id FROM operations ORDER BY first_sequence")]

    async def ready() -> int:
        return await count_of(settings.amqp_url.get_secret_value(), command_queue(partition))

    async with (
        open_proxy(settings.database_url.get_secret_value()) as postgresql,
        open_proxy(settings.amqp_url.get_secret_value()) as rabbitmq,
        open_test_door(settings) as door,
    ):
        await owner.execute(
            "INSERT INTO pharmacies (id, created_at, updated_at, version, name, is_active, settings) "
            "VALUES ($1, now(), now(), 1, 'Corner', true, '{}')",
            pharmacy_id,
        )
        proxied = settings.model_copy(
            update={
                "roles": ("writer", "fanout", "deliver", "parker", "janitor"),
                "database_url": SecretStr(postgresql.url),
                "amqp_url": SecretStr(rabbitmq.url),
            }
        )
        wire = {"postgresql": postgresql, "rabbitmq": rabbitmq}[which]
        with consumers_process(proxied) as process:
            await door.publish(partition, wishes[0].envelope())
            await eventually(applied, bool, within=60)
            wire.freeze()
            for wish in wishes[1:]:
                await door.publish(partition, wish.envelope())
            await eventually(ready, lambda count: count == 0)  # they are in hand, or on the wire
            began = time.monotonic()
            process.terminate()
            await asyncio.to_thread(process.wait, 30)
            seconds = time.monotonic() - began
        measured(f"SIGTERM of all roles while {which} stands still, to the end", seconds)
        assert seconds < SECONDS
        wire.thaw()
        wire.cut()
        with consumers_process(settings.model_copy(update={"roles": ("writer",)})):
            found = await eventually(applied, lambda ids: len(ids) == len(wishes), within=60)
        assert found == [wish.operation_id for wish in wishes]
    await owner.close()
