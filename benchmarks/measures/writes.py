"""Accepted and applied: sales of one line, one by one, over 16 and 64 connections.

A sale is what a pharmacy writes most. Both sides check the key, find the item by its sku, take the stock off and keep
the sale, each durable before the answer; the hub besides keeps the movement, the operation and the event. The
reference's sale is applied when it is answered, so its one rate is what both of the hub's are held against.
"""

from dataclasses import dataclass
from statistics import median
from time import monotonic

from benchmarks.faults import BenchFault
from benchmarks.figures import Figure, Target
from benchmarks.hub import Pharmacy
from benchmarks.processes import cpu_seconds
from benchmarks.raw import upsert_raw
from benchmarks.stage import ITEMS, Stage, interleave
from benchmarks.wrk import put_under_load

CONNECTIONS = (16, 64)
WARM_UP_SECONDS = 2.0
RAW_ROWS = 20_000
ROLES = {"gateway": ("gateway",), "consumers": ("consumer",), "broker": ("rabbit", "broker")}


@dataclass(frozen=True, slots=True)
class Written:
    """One run of writes; processor time in microseconds a write, by role."""

    accepted_per_second: float
    applied_per_second: float
    cpu: dict[str, float]


async def measure(stage: Stage) -> list[Figure]:
    """Drive the hub, the reference, the no-op and the raw upserts in turn."""
    await write_to_hub(stage, stage.pharmacies, ITEMS, connections=16, seconds=WARM_UP_SECONDS)
    await _write_to_django(stage, 16, WARM_UP_SECONDS)
    figures = []
    for connections in CONNECTIONS:
        figures += await _measure_at(stage, connections)
    return figures


async def _measure_at(stage: Stage, connections: int) -> list[Figure]:
    seconds = stage.effort.seconds

    async def hub() -> Written:
        return await write_to_hub(stage, stage.pharmacies, ITEMS, connections=connections, seconds=seconds)

    async def django() -> Written:
        return await _write_to_django(stage, connections, seconds)

    async def noop() -> Written:
        load = await put_under_load(
            stage.noop_url, "noop", stage.hub_keys, connections=connections, seconds=seconds, items=ITEMS,
            name=stage.new_name(), directory=stage.directory,
        )  # fmt: skip
        return Written(load.per_second, load.per_second, {})

    async def raw() -> Written:
        rate = RAW_ROWS / await upsert_raw(stage.postgres, RAW_ROWS)
        return Written(rate, rate, {})

    hubs, djangos, noops, raws = await interleave(stage.effort.rounds, hub, django, noop, raw)
    accepted = [run.accepted_per_second for run in hubs]
    applied = [run.applied_per_second for run in hubs]
    reference = [run.accepted_per_second for run in djangos]
    at = f"{connections} connections"
    lines = [
        Figure("writes", f"accepted, {at}", "/s", accepted, reference, "Django", Target("ratio", "least", 5)),
        Figure("writes", f"applied end to end, {at}", "/s", applied, reference, "Django", Target("ratio", "least", 3)),
        Figure("writes", f"accepted, {at}", "/s", accepted, [run.accepted_per_second for run in noops], "no-op POST"),
        Figure("writes", f"applied, {at}", "/s", applied, [run.applied_per_second for run in raws], "raw upserts"),
        Figure(
            "writes", f"processor time a write, {at}", "us", [sum(run.cpu.values()) for run in hubs],
            [sum(run.cpu.values()) for run in djangos], "Django",
        ),
    ]  # fmt: skip
    for role in hubs[0].cpu:
        lines.append(Figure("writes", f"  of it {role}", "us", [median(run.cpu[role] for run in hubs)]))  # noqa: PERF401
    return lines


async def write_to_hub(
    stage: Stage, pharmacies: tuple[Pharmacy, ...], items: int, *, connections: int, seconds: float
) -> Written:
    """Record sales for so long, then wait until the last of them is applied.

    Raises:
        BenchFault: an answer was wrong, or the log does not hold one event for each accepted sale.
    """
    before = await stage.hub.last_sequences(pharmacies)
    roots = {role: stage.hub.pids_of(*words) for role, words in ROLES.items()} | {"postgres": [stage.postgres.pid]}
    used = {role: cpu_seconds(pids) for role, pids in roots.items()}
    began = monotonic()
    load = await put_under_load(
        stage.hub.url, "hub-sale", [pharmacy.api_key for pharmacy in pharmacies], connections=connections,
        seconds=seconds, items=items, name=stage.new_name(), directory=stage.directory,
    )  # fmt: skip
    applied, ended = await stage.hub.wait_until_applied(pharmacies, before, load.requests)
    if applied > load.requests + connections:
        message = f"{load.requests} sales accepted, {applied} events: more than one a sale"
        raise BenchFault(message)
    cpu = {role: (cpu_seconds(pids) - used[role]) * 1e6 / applied for role, pids in roots.items()}
    return Written(load.per_second, applied / (ended - began), cpu)


async def _write_to_django(stage: Stage, connections: int, seconds: float) -> Written:
    roots = {"gunicorn": [stage.django.pid], "postgres": [stage.postgres.pid]}
    used = {role: cpu_seconds(pids) for role, pids in roots.items()}
    load = await put_under_load(
        stage.django.url, "django-sale", stage.django_keys, connections=connections, seconds=seconds, items=ITEMS,
        name=stage.new_name(), directory=stage.directory,
    )  # fmt: skip
    cpu = {role: (cpu_seconds(pids) - used[role]) * 1e6 / load.requests for role, pids in roots.items()}
    return Written(load.per_second, load.per_second, cpu)
