"""Promise 7: one dead endpoint, one that drips, one socket that nobody reads: the others' events come as before.

Measured as a ratio within one run, since the machine of a test is never at rest.

Red when: an endpoint may hold all places of its queue, the frames of one socket wait for another's, or a delivery is
acknowledged to the broker before what came of it is committed.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
from websockets.asyncio.client import connect

from hub import clock
from hub.domain.ids import default_endpoint_id
from hub.messaging.topology import deliver_queue
from hub.security.signatures import derive_webhook_secret
from hub.security.vault import Vault, endpoint_aad
from hub.settings import Settings
from tests.kit.builders import an_item
from tests.kit.consumers import running_consumers
from tests.kit.door import TestDoor, open_test_door
from tests.kit.endpoints import calling, open_desk
from tests.kit.gateway import running_gateway
from tests.kit.processes import consumers_process
from tests.kit.receiver import Received, Receiver, open_receiver
from tests.kit.wait import eventually
from tests.promises.outages import measured

GOOD = 3
EVENTS = 12
FLOOD = 80
RATIO, GRACE_SECONDS = 4.0, 2.0
WAITING_TO_NOTE = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
    "AND query LIKE 'INSERT INTO webhook_attempts%'"
)


@asynccontextmanager
async def an_endpoint_that_never_answers(*, drips: bool) -> AsyncIterator[str]:
    """Take calls and say nothing, or a byte now and then."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(65536)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" if drips else b"")
            while True:
                await asyncio.sleep(0.2)  # a byte now and then
                writer.write(b"." if drips else b"")
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()


def _in_one_queue(count: int) -> list[UUID]:
    """Find pharmacies whose endpoints share a queue of deliveries."""
    found: dict[str, list[UUID]] = {}
    while True:
        pharmacy_id = uuid4()
        together = found.setdefault(deliver_queue(default_endpoint_id(pharmacy_id)), [])
        together.append(pharmacy_id)
        if len(together) == count:
            return together


async def _give_endpoint(door: TestDoor, settings: Settings, pharmacy_id: UUID, url: str) -> str:
    operation_id = clock.new_id()
    key = settings.secret_key.get_secret_value()
    secret = derive_webhook_secret(key, operation_id)
    sealed = Vault(key).encrypt_text(secret, endpoint_aad(default_endpoint_id(pharmacy_id)))
    outcome = await door.send(
        pharmacy_id, "pharmacy.update", {"webhook_url": url}, operation_id=operation_id, resource_id=pharmacy_id,
        minted={"webhook_secret": sealed},
    )  # fmt: skip
    assert outcome["status"] == "applied", outcome
    return secret


async def _events(door: TestDoor, pharmacy_id: UUID, count: int) -> None:
    for number in range(count):
        body = {"sku": f"{uuid4()}", "name": f"Item {number}", "price": "1.00"}
        await door.send(pharmacy_id, "inventory.create", body)


async def _lag(door: TestDoor, good: list[tuple[UUID, Receiver]]) -> float:
    """Let each good pharmacy have some events; gives the longest time from an event to its call, in seconds."""
    before = [len(receiver.calls) for _, receiver in good]
    lags: list[float] = []

    def note(call: Received) -> int:
        lags.append((clock.now() - datetime.fromisoformat(orjson.loads(call.body)["time"])).total_seconds())
        return 204

    for _, receiver in good:
        receiver.answer = note
    await asyncio.gather(*(_events(door, pharmacy_id, EVENTS) for pharmacy_id, _ in good))
    for (_, receiver), count in zip(good, before, strict=True):
        await receiver.wait_for(count + EVENTS, within=60)
    return max(lags)


async def test_a_dead_and_a_dripping_endpoint_cost_the_others_of_their_queue_nothing(settings: Settings) -> None:
    """Both have 80 events to be called for, each call lasts to its limit of 20 s; the others' lag stays what it was."""
    settings = settings.model_copy(
        update={"webhooks_allow_networks": (ip_network("127.0.0.0/8"),), "webhooks_ladder_seconds": (60.0,)}
    )
    pharmacies = _in_one_queue(GOOD + 2)
    owner = await asyncpg.connect(settings.database_url.get_secret_value())
    await owner.execute(
        "INSERT INTO pharmacies (id, created_at, updated_at, version, name, is_active, settings) "
        "SELECT id, now(), now(), 1, 'Corner', true, '{}' FROM unnest($1::uuid[]) AS id",
        pharmacies,
    )
    await owner.close()
    async with running_consumers(settings), open_test_door(settings) as door, AsyncExitStack() as stack:
        dead = await stack.enter_async_context(an_endpoint_that_never_answers(drips=False))
        dripping = await stack.enter_async_context(an_endpoint_that_never_answers(drips=True))
        good = [(one, await stack.enter_async_context(open_receiver())) for one in pharmacies[:GOOD]]
        for pharmacy_id, receiver in good:
            receiver.secrets.add(await _give_endpoint(door, settings, pharmacy_id, receiver.url))
            await receiver.wait_for(1, within=30)
        calm = await _lag(door, good)
        for pharmacy_id, url in zip(pharmacies[GOOD:], (dead, dripping), strict=True):
            await _give_endpoint(door, settings, pharmacy_id, url)
        await asyncio.gather(*(_events(door, one, FLOOD) for one in pharmacies[GOOD:]))
        troubled = await _lag(door, good)
    measured("longest lag of 3 endpoints, alone", calm)
    measured("longest lag of the same beside a dead and a dripping one", troubled)
    assert troubled < RATIO * calm + GRACE_SECONDS, (calm, troubled)


async def test_a_socket_that_nobody_reads_costs_its_neighbours_nothing(settings: Settings) -> None:
    """Same pharmacy, same events of 64 kB: one socket stops reading, the other gets all of them as fast as before."""
    count, size = 60, 65_536
    async with running_gateway(settings) as stage:
        key = await stage.add_key()
        options: dict[str, Any] = {"additional_headers": key.headers, "proxy": None, "max_size": None}
        url = f"{stage.ws_url}/ws/events"

        async with connect(url, **options) as reader:
            await reader.recv()

            async def seconds() -> float:
                began = time.monotonic()
                await stage.happen(key.pharmacy_id, count, size=size)
                async with asyncio.timeout(60):
                    for _ in range(count):
                        await reader.recv()
                return time.monotonic() - began

            await seconds()
            calm = await seconds()
            async with connect(url, **options, max_queue=1) as slow:
                await slow.recv()
                slow.transport.pause_reading()
                troubled = max(await seconds(), await seconds())
                slow.transport.abort()
    measured("60 events of 64 kB to a socket, alone", calm)
    measured("the same beside a socket that nobody reads", troubled)
    assert troubled < RATIO * calm + GRACE_SECONDS, (calm, troubled)


async def test_killed_between_the_200_and_the_ack_the_same_id_and_bytes_come_again(settings: Settings) -> None:
    settings = calling(settings, 60.0)
    async with (
        open_test_door(settings) as door,
        open_desk(settings) as desk,
        open_receiver(desk.secrets) as receiver,
        open_desk(settings) as watch,
    ):
        with consumers_process(settings) as consumers:
            pharmacy = await door.open_pharmacy()
            endpoint = await desk.add(pharmacy, receiver.url, ("inventory.created",))
            # Nobody can note an attempt: the deliverer has its 200 and waits in its transaction.
            async with desk.connection.transaction():
                await desk.connection.execute("LOCK TABLE webhook_attempts IN SHARE MODE")
                await door.send(pharmacy, "inventory.create", an_item())
                await receiver.wait_for(1, within=20)
                # Watched from outside: within a transaction PostgreSQL shows who waits as it was at the first look.
                await eventually(lambda: watch.connection.fetchval(WAITING_TO_NOTE), lambda count: count == 1)
                consumers.kill()
            assert await desk.deliveries(endpoint, "status, attempts") == [("pending", 0)]
            consumers.restart()
            began = time.monotonic()
            # Not the schedule but the broker brings it back: the lease would last 45 s.
            first, second = await receiver.wait_for(2, within=20)
            measured(
                "the deliverer killed after a 200, start of the next one to the second call", time.monotonic() - began
            )
            assert first.body == second.body
            assert first.headers["webhook-id"] == second.headers["webhook-id"]
            for call in (first, second):
                endpoint.verify(call)
            await eventually(
                lambda: desk.deliveries(endpoint, "status, attempts"), lambda rows: rows == [("delivered", 1)]
            )
