"""Reads: the first 50 of 1,000 items, over 16 connections."""

from benchmarks.figures import Figure, Target
from benchmarks.stage import ITEMS, Stage, interleave
from benchmarks.wrk import put_under_load

CONNECTIONS = 16
LENGTH = 50


async def measure(stage: Stage) -> list[Figure]:
    """Drive both sides in turn."""
    await stage.hub.check_list(stage.pharmacies[0], LENGTH)

    async def hub() -> float:
        return await _read(stage, stage.hub.url, "hub-list", stage.hub_keys)

    async def django() -> float:
        return await _read(stage, stage.django.url, "django-list", stage.django_keys)

    hubs, djangos = await interleave(stage.effort.rounds, hub, django)
    name = f"lists of {LENGTH}, {CONNECTIONS} connections"
    return [Figure("lists", name, "/s", hubs, djangos, "Django", Target("ratio", "least", 8))]


async def _read(stage: Stage, url: str, what: str, keys: list[str] | tuple[str, ...]) -> float:
    load = await put_under_load(
        url, what, keys, connections=CONNECTIONS, seconds=stage.effort.seconds, items=ITEMS, name=stage.new_name(),
        directory=stage.directory,
    )  # fmt: skip
    return load.per_second
