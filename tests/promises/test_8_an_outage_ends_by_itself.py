"""Promise 8: while PostgreSQL is away writes are accepted and reads are a quick 503; afterwards all goes on by itself.

Red when: a window is given up while PostgreSQL is away, keys are asked of PostgreSQL, or a read waits for it.
"""

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.kit.builders import an_item
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import assert_problem
from tests.kit.wait import eventually
from tests.promises.outages import (
    HUNG_SECONDS,
    Clients,
    all_applied,
    applied_of,
    assert_once,
    breakable_hub,
    clients_writing,
    measured,
)

CLIENTS, PAUSE_SECONDS = 8, 0.1
READ_SECONDS = 5.0
WAIT_SECONDS = 2
RECOVERED_SECONDS = 10.0
# What waited has to be applied as well, and the clients go on: a hundredth of a second for each is slow.
BACKLOG_PER_SECOND = 100.0


@pytest.fixture(params=["short", pytest.param("long", marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def outage_seconds(request: pytest.FixtureRequest) -> float:
    """20 s in every run; with `--long` also ten minutes, or `--outage-seconds`."""
    asked: float = request.config.getoption("outage_seconds")
    return asked if request.param == "long" else 20.0


async def test_writes_are_202_all_through_a_lost_postgresql_and_applied_after_it(
    data_dir: Path, outage_seconds: float
) -> None:
    """Stopped at once under load: no write is refused, reads are 503 within 5 s, all is applied after it, once, in order."""
    async with breakable_hub(data_dir) as (servers, stage):
        url = stage.settings.database_url.get_secret_value()
        async with clients_writing(stage, clients=CLIENTS, pharmacies=4, pause_seconds=PAUSE_SECONDS) as clients:
            await clients.more(50)
            before = len(clients.written.accepted)
            await asyncio.to_thread(servers.stop_postgres)
            slowest = await _outage(stage, clients, outage_seconds)
            waiting = clients.written.accepted[before:]
            # Order holds, so these speak for all: to count them all the while would take the machine from the hub.
            last = [*{waiting[-1], *(told[-1] for told in clients.written.by_client.values())}]
            await asyncio.to_thread(servers.start_postgres)
            healed = time.monotonic()
            await eventually(lambda: _read(stage, clients.keys[0]), lambda status: status == 200)
            measured("PostgreSQL lost, heal to a read", time.monotonic() - healed)
            await eventually(lambda: applied_of(url, waiting[:50]), lambda count: count > 0, within=RECOVERED_SECONDS)
            measured("PostgreSQL lost, heal to the first of what waited", time.monotonic() - healed)
            within = RECOVERED_SECONDS + len(waiting) / BACKLOG_PER_SECOND
            await eventually(lambda: applied_of(url, last), lambda count: count == len(last), within=within)
            seconds = time.monotonic() - healed
            rate = len(waiting) / seconds
            measured(f"PostgreSQL lost, heal to all of the {len(waiting)} that waited, {rate:.0f} a second", seconds)
            await eventually(lambda: applied_of(url, waiting), lambda count: count == len(waiting))
        await all_applied(stage.settings, clients.written, within=RECOVERED_SECONDS)
        measured(f"PostgreSQL lost for {outage_seconds:g} s, slowest read", slowest)
        measured("PostgreSQL lost, slowest write", clients.written.slowest_seconds)
        measured("PostgreSQL lost, longest time without a 202", clients.written.gap_seconds)
        assert len(waiting) > outage_seconds * CLIENTS  # each gets through more than once a second
        assert clients.written.refused == []
        assert clients.written.slowest_seconds < HUNG_SECONDS
        await assert_once(stage.writes, clients.written)
        _assert_told_in_one_line_each((data_dir / "consumers.log").read_text().splitlines())


def _assert_told_in_one_line_each(lines: list[str]) -> None:
    """An outage is no bug: the writer says what it holds, and nothing prints a traceback."""
    told = [json.loads(line) for line in lines]
    assert {line["event"] for line in told} == {"writer.held"}
    assert not [line for line in told if "exception" in line]


async def _outage(stage: GatewayStage, clients: Clients, seconds: float) -> float:
    """Read, and write with a wait, until it has lasted long enough; gives the slowest read's time."""
    slowest = 0.0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        slowest = max(slowest, await _read_is_refused(stage, clients.keys[0]))
        await _waited_write_is_taken(stage, clients)
        await clients.more(1)
    return slowest


async def _read_is_refused(stage: GatewayStage, key: TestKey) -> float:
    began = time.monotonic()
    answer = await stage.client.get("/api/inventory/", headers=key.headers)
    seconds = time.monotonic() - began
    assert seconds < READ_SECONDS
    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    return seconds


async def _waited_write_is_taken(stage: GatewayStage, clients: Clients) -> None:
    """Who waits for the outcome waits as long as they said, and has the 202 then."""
    began = time.monotonic()
    headers = {**clients.keys[0].headers, "Prefer": f"wait={WAIT_SECONDS}"}
    answer = await stage.client.post("/api/inventory/", json=an_item(f"WAITED {began}"), headers=headers)
    assert answer.status_code == 202, answer.text
    assert time.monotonic() - began < WAIT_SECONDS + 1
    clients.note(answer)


async def _read(stage: GatewayStage, key: TestKey) -> int:
    return (await stage.client.get("/api/inventory/", headers=key.headers)).status_code
