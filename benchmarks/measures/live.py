"""From the POST of a sale to its event on a WebSocket, at 50 sales a second.

The rate is kept whatever the answers do (a sale is sent at its time, not after the one before), and the clock runs
from the time it was due, so a stall counts for every sale it delays.
"""

import asyncio
import json
from statistics import quantiles
from time import monotonic

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.faults import BenchFault
from benchmarks.figures import Figure, Target
from benchmarks.hub import ACCEPTED, Pharmacy
from benchmarks.stage import Stage

PER_SECOND = 50
PATIENCE_SECONDS = 15.0


async def measure(stage: Stage) -> list[Figure]:
    """Listen and post, several times."""
    runs = [await _listen_and_post(stage, stage.pharmacies[0]) for _ in range(stage.effort.rounds)]
    name = f"POST to WebSocket, {PER_SECOND}/s"
    return [
        Figure("live", f"{name}, p50", "ms", [run[49] for run in runs], target=Target("value", "most", 15)),
        Figure("live", f"{name}, p99", "ms", [run[98] for run in runs], target=Target("value", "most", 60)),
    ]


async def _listen_and_post(stage: Stage, pharmacy: Pharmacy) -> list[float]:
    """Hand back the 99 percentiles of the latency, in milliseconds."""
    name, count = stage.new_name(), int(stage.effort.live_seconds * PER_SECOND)
    address = stage.hub.url.replace("http", "ws", 1) + "/ws/events?types=sale.recorded"
    due: dict[str, float] = {}
    seen: dict[str, float] = {}
    async with connect(address, additional_headers=pharmacy.headers, proxy=None) as socket:
        if json.loads(await socket.recv())["type"] != "ready":
            message = "the WebSocket does not begin with a ready frame"
            raise BenchFault(message)
        try:
            async with asyncio.timeout(stage.effort.live_seconds + PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
                tasks.create_task(_listen(socket, name, count, seen))
                began = monotonic()
                for number in range(count):
                    moment = began + number / PER_SECOND
                    await asyncio.sleep(moment - monotonic())
                    reference = f"{name}-{number}"
                    due[reference] = moment
                    tasks.create_task(_post(stage, pharmacy, reference))
        except TimeoutError:
            message = f"{count} sales posted, {len(seen)} seen on the WebSocket"
            raise BenchFault(message) from None
    return quantiles([(seen[reference] - due[reference]) * 1000 for reference in due], n=100)


async def _listen(socket: ClientConnection, name: str, count: int, seen: dict[str, float]) -> None:
    async for frame in socket:
        moment = monotonic()
        message = json.loads(frame)
        if message["type"] == "event":
            reference = message["event"]["data"]["sale"]["reference"]
            if reference.startswith(f"{name}-"):
                seen.setdefault(reference, moment)
        if len(seen) == count:
            return


async def _post(stage: Stage, pharmacy: Pharmacy, reference: str) -> None:
    body = {"lines": [{"sku": "B000001", "quantity": 1, "total_price": "9.90"}], "reference": reference}
    async with stage.hub.session.post(f"{stage.hub.url}/api/sales/", json=body, headers=pharmacy.headers) as answer:
        if answer.status != ACCEPTED:
            message = f"POST of a sale: {answer.status} {(await answer.text())[:300]}"
            raise BenchFault(message)
