"""Webhooks to fast receivers on this machine: while their sales are made, and from a backlog."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from benchmarks.faults import BenchFault
from benchmarks.figures import Figure, Target
from benchmarks.hub import Pharmacy
from benchmarks.receiver import open_receiver
from benchmarks.stage import ITEMS, Stage
from benchmarks.wrk import put_under_load

CONNECTIONS = 16
LOAD_SECONDS = 2.0
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 60.0
ENDPOINTS = 8
CREATED = 201
OK = 200


async def measure(stage: Stage) -> list[Figure]:
    """Let a pharmacy with a webhook sell, several times; then let eight new endpoints ask for what they missed."""
    pharmacy = await stage.add_pharmacy(ITEMS)
    rates = []
    async with open_receiver(stage.directory) as address:
        await stage.hub.change_pharmacy(pharmacy, {"webhook_url": f"{address}/hook"})
        delivered, applied, since = 0, 0, datetime.now(UTC)
        for _ in range(stage.effort.rounds):
            since = datetime.now(UTC)
            began = monotonic()
            applied = await _sell(stage, pharmacy)
            seen = await _wait_until_delivered(stage, address, delivered + applied)
            delivered += applied
            rates.append(applied / (seen["last"] - began))
        await stage.hub.change_pharmacy(pharmacy, {"webhook_url": None})
    return [
        Figure("deliveries", "deliveries to one endpoint, from its first sale on", "/s", rates),
        Figure(
            "deliveries", f"deliveries of a backlog to {ENDPOINTS} endpoints", "/s",
            [await _deliver_backlog(stage, pharmacy, since, applied)], target=Target("value", "least", 1500),
        ),
    ]  # fmt: skip


async def _sell(stage: Stage, pharmacy: Pharmacy) -> int:
    before = await stage.hub.last_sequences([pharmacy])
    load = await put_under_load(
        stage.hub.url, "hub-sale", [pharmacy.api_key], connections=CONNECTIONS, seconds=LOAD_SECONDS,
        items=ITEMS, name=stage.new_name(), directory=stage.directory,
    )  # fmt: skip
    applied, _ = await stage.hub.wait_until_applied([pharmacy], before, load.requests)
    return applied


async def _deliver_backlog(stage: Stage, pharmacy: Pharmacy, since: datetime, sales: int) -> float:
    """Deliver the sales since a moment to endpoints that did not exist then; deliveries a second, first to last."""
    places = "/api/webhook-endpoints/"
    async with open_receiver(stage.directory) as address:
        made = [
            await stage.hub.post(
                pharmacy, places, {"url": f"{address}/{number}", "event_types": ["sale.recorded"]}, CREATED
            )
            for number in range(ENDPOINTS)
        ]
        expected = 0
        for endpoint in made:
            told = await stage.hub.post(
                pharmacy, f"{places}{endpoint['id']}/replay-missing/", {"since": since.isoformat()}, OK
            )
            # What was under way when the load ended was not answered to it, and applied all the same.
            if not sales <= told["matched"] <= sales + CONNECTIONS:
                message = f"{sales} sales, {told['matched']} are sent to a new endpoint"
                raise BenchFault(message)
            expected += told["matched"]
        seen = await _wait_until_delivered(stage, address, expected)
    return float(seen["distinct"] / (seen["last"] - seen["first"]))


async def _wait_until_delivered(stage: Stage, address: str, expected: int) -> Mapping[str, Any]:
    distinct, moment = 0, monotonic()
    while True:
        async with stage.hub.session.get(address) as answer:
            seen: dict[str, Any] = await answer.json()
        if seen["distinct"] >= expected:
            return seen
        if seen["distinct"] != distinct:
            distinct, moment = seen["distinct"], monotonic()
        elif monotonic() > moment + PATIENCE_SECONDS:
            message = f"{expected} deliveries to make, {distinct} made, none more within {PATIENCE_SECONDS:.0f} s"
            raise BenchFault(message)
        await asyncio.sleep(POLL_SECONDS)
