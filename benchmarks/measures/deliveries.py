"""Webhooks to a fast receiver on this machine: from the first POST of a sale until the last of its deliveries."""

import asyncio
from time import monotonic

from benchmarks.faults import BenchFault
from benchmarks.figures import Figure
from benchmarks.receiver import open_receiver
from benchmarks.stage import ITEMS, Stage
from benchmarks.wrk import put_under_load

CONNECTIONS = 16
LOAD_SECONDS = 2.0
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 60.0


async def measure(stage: Stage) -> list[Figure]:
    """Let a pharmacy with a webhook sell, several times."""
    pharmacy = await stage.add_pharmacy(ITEMS)
    rates = []
    async with open_receiver(stage.directory) as address:
        await stage.hub.change_pharmacy(pharmacy, {"webhook_url": f"{address}/hook"})
        delivered = 0
        for _ in range(stage.effort.rounds):
            before = await stage.hub.last_sequences([pharmacy])
            began = monotonic()
            load = await put_under_load(
                stage.hub.url, "hub-sale", [pharmacy.api_key], connections=CONNECTIONS, seconds=LOAD_SECONDS,
                items=ITEMS, name=stage.new_name(), directory=stage.directory,
            )  # fmt: skip
            applied, _ = await stage.hub.wait_until_applied([pharmacy], before, load.requests)
            ended = await _wait_until_delivered(stage, address, delivered + applied)
            delivered += applied
            rates.append(applied / (ended - began))
        await stage.hub.change_pharmacy(pharmacy, {"webhook_url": None})
    return [Figure("deliveries", "webhook deliveries, one endpoint", "/s", rates)]


async def _wait_until_delivered(stage: Stage, address: str, expected: int) -> float:
    distinct, moment = 0, monotonic()
    while True:
        async with stage.hub.session.get(address) as answer:
            seen = await answer.json()
        if seen["distinct"] >= expected:
            return float(seen["last"])
        if seen["distinct"] != distinct:
            distinct, moment = seen["distinct"], monotonic()
        elif monotonic() > moment + PATIENCE_SECONDS:
            message = (
                f"{expected} sales with a webhook, {distinct} delivered, none more within {PATIENCE_SECONDS:.0f} s"
            )
            raise BenchFault(message)
        await asyncio.sleep(POLL_SECONDS)
