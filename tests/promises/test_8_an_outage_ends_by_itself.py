"""Promise 8: while PostgreSQL is away writes are accepted and reads are a quick 503; afterwards all goes on by itself."""

import asyncio
import time
from pathlib import Path

from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import assert_problem
from tests.kit.wait import eventually
from tests.promises.outages import HUNG_SECONDS, all_applied, assert_once, breakable_hub, clients_writing, measured

OUTAGE_SECONDS = 8.0
READ_SECONDS = 5.0
RECOVERED_SECONDS = 10.0


async def test_writes_are_202_all_through_a_lost_postgresql_and_applied_after_it(data_dir: Path) -> None:
    """Stopped at once under load for 8 s: no write is refused, reads are 503 within 5 s, all is applied once after it."""
    async with breakable_hub(data_dir) as (servers, stage):
        async with clients_writing(stage, clients=8, pharmacies=4) as clients:
            await clients.more(200)
            stopped = time.monotonic()
            await asyncio.to_thread(servers.stop_postgres)
            before = len(clients.written.accepted)
            while time.monotonic() < stopped + OUTAGE_SECONDS:
                await _read_is_refused(stage, clients.keys[0])
                await clients.more(1)
            during = len(clients.written.accepted) - before
            await asyncio.to_thread(servers.start_postgres)
            healed = time.monotonic()
            await eventually(lambda: _read(stage, clients.keys[0]), lambda status: status == 200)
            measured("postgresql heal to read", time.monotonic() - healed)
        await all_applied(stage.settings, clients.written, within=RECOVERED_SECONDS)
        seconds = time.monotonic() - healed
        measured("PostgreSQL away, longest time without a 202", clients.written.gap_seconds)
        measured("postgresql heal to applied", seconds)
        assert during > 0
        assert seconds < RECOVERED_SECONDS
        assert clients.written.refused == []
        assert clients.written.slowest_seconds < HUNG_SECONDS
        await assert_once(stage.writes, clients.written)


async def _read_is_refused(stage: GatewayStage, key: TestKey) -> None:
    began = time.monotonic()
    answer = await stage.client.get("/api/inventory/", headers=key.headers)
    assert time.monotonic() - began < READ_SECONDS
    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1


async def _read(stage: GatewayStage, key: TestKey) -> int:
    return (await stage.client.get("/api/inventory/", headers=key.headers)).status_code
