"""Promise 3: one pharmacy's writes take effect in the order in which they were sent, whichever process applies them."""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from functools import partial
from operator import le, lt
from pathlib import Path
from uuid import UUID, uuid4

import aio_pika
import asyncpg
import httpx
import orjson
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from hub import clock
from hub.messaging.connection import open_connection
from hub.messaging.declaring import bind_ingress, declare_topology
from hub.messaging.topology import INGRESS, INGRESS_QUEUES, ingress_queue, ingress_queue_of, partition_of
from hub.settings import Settings
from tests.kit.door import TestDoor, open_test_door
from tests.kit.processes import Consumers
from tests.kit.wait import eventually
from tests.promises.histories import Wish
from tests.promises.outages import Hub, measured

COMMANDS = 6_000
PHARMACIES = 8
ROLLS = 4
DRAINED_SECONDS = 10.0


async def test_rolling_sigterms_under_a_backlog_keep_every_pharmacys_order(settings: Settings, data_dir: Path) -> None:
    """Two writers, ended in turns while 6,000 commands wait: order as sent, numbers 1 to N, each ends well in 10 s."""
    settings = settings.model_copy(update={"roles": ("writer",), "window_commands": 40, "partition_prefetch": 40})
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    pharmacies = [clock.new_id() for _ in range(PHARMACIES)]
    await connection.execute(
        "INSERT INTO pharmacies (id, created_at, updated_at, version, name, is_active, settings) "
        "SELECT id, now(), now(), 1, 'Corner', true, '{}' FROM unnest($1::uuid[]) AS id",
        pharmacies,
    )
    async with open_test_door(settings) as door:
        sent = dict(
            zip(pharmacies, await asyncio.gather(*(_send(door, settings, one) for one in pharmacies)), strict=True)
        )

    async def applied() -> int:
        found: int = await connection.fetchval("SELECT count(*) FROM operations WHERE status = 'applied'")
        return found

    writers = [Consumers(settings, data_dir / "writer-0.log")]
    try:
        await eventually(applied, bool, within=60)  # the first one holds every partition, the second stands by
        writers.append(Consumers(settings, data_dir / "writer-1.log"))
        for roll in range(ROLLS):
            await eventually(applied, partial(le, 1 + COMMANDS * roll // (ROLLS + 1)), within=60)
            # In turns, but never one that was started a moment ago and has not come to heed signals: it holds nothing.
            ended = next(one for one in (writers[roll % 2], writers[1 - roll % 2]) if _heeds_sigterm(one.pid))
            began = time.monotonic()
            assert await asyncio.to_thread(ended.stop) == 0
            seconds = time.monotonic() - began
            measured(f"SIGTERM {roll + 1} of a writer at {await applied()} of {COMMANDS} commands to its end", seconds)
            assert seconds < DRAINED_SECONDS
            done = await applied()
            assert done < COMMANDS
            ended.restart()
            # The other one may have been started a moment ago: until it has read its code nobody applies anything.
            began = time.monotonic()
            await eventually(applied, partial(lt, done), within=60)
            measured(f"SIGTERM {roll + 1} of a writer, its end to the next command applied", time.monotonic() - began)
        await eventually(applied, lambda found: found == COMMANDS, within=60)
        for pharmacy_id, operations in sent.items():
            await _assert_order(connection, pharmacy_id, operations)
    finally:
        await connection.close()
        for writer in writers:
            await asyncio.to_thread(writer.stop)


def _heeds_sigterm(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


async def _send(door: TestDoor, settings: Settings, pharmacy_id: UUID) -> list[UUID]:
    chance = random.Random(pharmacy_id.int)
    partition = partition_of(pharmacy_id, settings.partitions)
    sent: list[UUID] = []
    while (left := COMMANDS // PHARMACIES - len(sent)) > 0:
        wishes = [
            Wish(
                clock.new_id(), pharmacy_id, clock.new_id(), "inventory.create",
                {"sku": f"S{len(sent) + number}", "name": "Aspirin", "quantity": 1, "price": "1.00"},
            )
            for number in range(min(left, chance.choice((1, 1, 2, 5))))
        ]  # fmt: skip
        await door.door.publisher.publish_batch(partition, [wish.envelope() for wish in wishes])
        sent.extend(wish.operation_id for wish in wishes)
    return sent


async def _assert_order(connection: asyncpg.Connection, pharmacy_id: UUID, sent: Sequence[UUID]) -> None:
    operations = await connection.fetch(
        "SELECT id, first_sequence FROM operations WHERE pharmacy_id = $1 ORDER BY first_sequence", pharmacy_id
    )
    assert [row["id"] for row in operations] == list(sent)
    assert [row["first_sequence"] for row in operations] == list(range(1, len(sent) + 1))
    events = await connection.fetch(
        "SELECT sequence, operation_id, body FROM events WHERE pharmacy_id = $1 ORDER BY sequence", pharmacy_id
    )
    assert [row["operation_id"] for row in events] == list(sent)
    assert [orjson.loads(row["body"])["sequence"] for row in events] == list(range(1, len(sent) + 1))


async def test_a_pharmacys_messages_lie_in_one_queue_whatever_becomes_of_rabbitmq(hub: Hub) -> None:
    """RabbitMQ is killed between two messages: what integrators send later does not overtake by another queue."""
    pharmacies = [clock.new_id() for _ in range(40)]
    servers, stage = hub
    vhost, management = f"ingress-{uuid4().hex}", stage.settings.amqp_management_url
    assert management is not None
    url = stage.settings.amqp_urls[0] + vhost
    async with httpx.AsyncClient(trust_env=False) as client:
        (await client.put(f"{management.get_secret_value()}/api/vhosts/{vhost}")).raise_for_status()
    async with open_connection([url], name="test") as connection:
        await declare_topology(connection, 1)
        await bind_ingress(connection, pharmacies)
    healed = 0.0
    for word in (b"before", b"after"):
        async with await aio_pika.connect(url) as sending:
            ingress = await (await sending.channel()).get_exchange(INGRESS, ensure=False)
            for pharmacy in pharmacies:
                message = aio_pika.Message(word, delivery_mode=2, message_id=str(pharmacy))
                await eventually(partial(_is_taken, ingress, message, str(pharmacy)), bool)
        if word == b"before":
            await asyncio.to_thread(servers.kill_rabbitmq)
            await asyncio.to_thread(servers.start_rabbitmq)
            healed = time.monotonic()
    measured("RabbitMQ killed, heal to the message of each of 40 pharmacies taken", time.monotonic() - healed)
    read = await _read_ingress(url, 2 * len(pharmacies))
    assert read == {str(pharmacy): {ingress_queue_of(pharmacy): [b"before", b"after"]} for pharmacy in pharmacies}


async def _is_taken(ingress: AbstractExchange, message: aio_pika.Message, routing_key: str) -> bool:
    """Publish; a queue that has just started may have no leader yet."""
    try:
        await ingress.publish(message, routing_key)
    except aio_pika.exceptions.DeliveryError:
        return False
    return True


async def _read_ingress(url: str, count: int) -> dict[str, dict[str, list[bytes]]]:
    """Read the queues of ingress: what each pharmacy has in which."""
    found: dict[str, dict[str, list[bytes]]] = {}
    arrived = asyncio.Semaphore(0)

    async def take(queue: str, message: AbstractIncomingMessage) -> None:
        assert message.message_id is not None
        found.setdefault(message.message_id, {}).setdefault(queue, []).append(message.body)
        arrived.release()

    async with await aio_pika.connect(url) as reading:
        channel = await reading.channel()
        for number in range(INGRESS_QUEUES):
            queue = await channel.declare_queue(ingress_queue(number), passive=True)
            await queue.consume(partial(take, queue.name), no_ack=True)
        async with asyncio.timeout(20):
            for _ in range(count):
                await arrived.acquire()
    return found
