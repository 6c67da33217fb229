"""A key that asks ten times what it may (reliability, row B67): what is too much is refused early, and then late.

What the key may ask is work like any client's. So its neighbours are measured alone, beside the key while it keeps to its limit,
and beside the key while it asks ten times as much, in turns within one run. All clients share the processors with the hub, and
so does whatever else the machine does; what the gateway itself uses is counted in its own seconds of processor.
"""

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hub.settings import Settings
from tests.kit.gateway import GatewayStage, TestKey, running_gateway
from tests.promises.outages import counted

NEIGHBOURS = 4
TURNS = 8
SECONDS = 2.0
PACE_SECONDS = 0.04
EVENT = {"event_type": "x", "payload": {}}
RATIO, GRACE_SECONDS = 1.2, 0.005
PROCESSOR_RATIO = 1.35


class Flood:
    """A client that asks so often, while it is let."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Let it wait."""
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    async def begin(self) -> None:
        """Let it ask."""
        self._stdin.write(b"\n")
        await self._stdin.drain()

    async def end(self) -> Counter[str]:
        """Stop it; gives how many answers of each status it had."""
        await self.begin()
        return Counter(json.loads(await self._stdout.readline()))


@asynccontextmanager
async def a_flood(live: GatewayStage, key: TestKey, per_second: float) -> AsyncIterator[Flood]:
    """Start such a client."""
    port = live.url.rpartition(":")[2]
    arguments = ("-m", "tests.kit.flooding", port, str(per_second), key.text)
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=PIPE, stdout=PIPE)
    try:
        yield Flood(process)
    finally:
        process.kill()
        await process.wait()


def _processor(live: GatewayStage) -> float:
    """Read how many seconds of processor the gateway has used."""
    fields = Path(f"/proc/{live.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _cost(live: GatewayStage, flood: Flood | None) -> tuple[float, Counter[str]]:
    """Let time go by with a flood or none; gives the gateway's seconds of processor, and the answers."""
    before = _processor(live)
    if flood is not None:
        await flood.begin()
    await asyncio.sleep(3 * SECONDS)  # so long it is looked at
    seen = Counter[str]() if flood is None else await flood.end()
    return _processor(live) - before, seen


async def _ask(live: GatewayStage, key: TestKey, until: float) -> list[float]:
    """Read and write in turns, one after the other; gives how long each took."""
    took: list[float] = []
    while (began := time.monotonic()) < until:
        if len(took) % 2:
            answer = await live.client.get("/api/inventory/", headers=key.headers)
        else:
            answer = await live.client.post("/api/webhook-events/", json=EVENT, headers=key.headers)
        took.append(time.monotonic() - began)
        assert answer.status_code in {200, 202}, answer.text
        await asyncio.sleep(max(0.0, PACE_SECONDS - took[-1]))  # the neighbours' own pace
    return took


async def _p95(live: GatewayStage, keys: list[TestKey], flood: Flood | None) -> float:
    """Measure the neighbours for a while."""
    if flood is not None:
        await flood.begin()
    until = time.monotonic() + SECONDS
    took = sorted(one for each in await asyncio.gather(*(_ask(live, key, until) for key in keys)) for one in each)
    if flood is not None:
        await flood.end()
    return took[int(len(took) * 0.95)]


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_what_a_key_asks_beyond_its_limit_costs_its_neighbours_next_to_nothing(settings: Settings) -> None:
    limit = settings.rate_limit_per_second
    # Next to no burst: what a pause of its client saves up would be let through at once, and be work.
    async with running_gateway(settings.model_copy(update={"rate_limit_burst": 4})) as live:
        keys, noisy = [await live.add_key() for _ in range(NEIGHBOURS)], await live.add_key()
        async with a_flood(live, noisy, limit * 0.95) as modest, a_flood(live, noisy, limit * 10) as wild:
            idle, _ = await _cost(live, None)
            within, _ = await _cost(live, modest)
            beyond, seen = await _cost(live, wild)
            found: dict[str, list[float]] = {"alone": [], "beside the key at its limit": [], "at ten times": []}
            for _ in range(TURNS):
                for measures, flood in zip(found.values(), (None, modest, wild), strict=True):
                    measures.append(await _p95(live, keys, flood))
    counted(
        "processor of the gateway a second beside the key at its limit, ms", int((within - idle) / (3 * SECONDS) * 1000)
    )
    counted("processor of the gateway a second beside it at ten times, ms", int((beyond - idle) / (3 * SECONDS) * 1000))
    for name, measures in found.items():
        counted(f"neighbours' p95 in the best of {TURNS} turns, {name}, us", int(min(measures) * 1_000_000))
    assert set(seen) == {"200", "429"}
    assert seen["200"] <= limit * (3 * SECONDS + 2)
    assert beyond - idle <= PROCESSOR_RATIO * (within - idle), (idle, within, beyond)
    alone, at_limit, at_ten = (min(measures) for measures in found.values())
    assert at_ten <= RATIO * at_limit + GRACE_SECONDS, (alone, at_limit, at_ten)
