"""What must hold for reads and writes while PostgreSQL ails, whatever it has."""

import asyncio
import time

from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import assert_problem
from tests.kit.wait import eventually
from tests.promises.faults import Fault
from tests.promises.outages import HUNG_SECONDS, Hub, all_applied, assert_once, clients_writing, measured

READ_SECONDS = 5.0
# How long PostgreSQL is in trouble, and how long the hub has, from its end, to have applied all that waited.
POSTGRES_OUTAGE_SECONDS, POSTGRES_RECOVERED_SECONDS = 4.0, 10.0


async def endure(hub: Hub, fault: Fault, reads: set[int]) -> None:
    """4 s of it among 4 clients: no write is refused, nothing is parked, all is applied once, at most 10 s after it.

    Args:
        reads: what reads may be answered with meanwhile.
    """
    servers, stage = hub
    async with clients_writing(stage, clients=4, pharmacies=4) as clients:
        await clients.more(20)
        slowest = 0.0
        async with fault(servers):
            began = time.monotonic()
            while time.monotonic() < began + POSTGRES_OUTAGE_SECONDS:
                asked = time.monotonic()
                status = await read(stage, clients.keys[0])
                slowest = max(slowest, time.monotonic() - asked)
                assert status in reads
                await clients.more(1)
                await asyncio.sleep(0.05)  # a client that reads twenty times a second
        healed = time.monotonic()
        await eventually(lambda: read(stage, clients.keys[0]), lambda status: status == 200)
        measured(f"{fault.__name__}: slowest read during it", slowest)
        measured(f"{fault.__name__}: end to a read", time.monotonic() - healed)
    await all_applied(stage.settings, clients.written, within=POSTGRES_RECOVERED_SECONDS)
    measured(f"{fault.__name__}: end to all applied", time.monotonic() - healed)
    assert slowest < READ_SECONDS
    assert time.monotonic() - healed < POSTGRES_RECOVERED_SECONDS
    assert clients.written.refused == []
    assert clients.written.slowest_seconds < HUNG_SECONDS
    await assert_once(stage.writes, clients.written, [key.pharmacy_id for key in clients.keys])


async def read(stage: GatewayStage, key: TestKey) -> int:
    answer = await stage.client.get("/api/inventory/", headers=key.headers)
    if answer.status_code != 200:
        assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1
    return answer.status_code
