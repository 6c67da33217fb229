"""Waited writes: a sale with `Prefer: wait=5` is answered when it is applied, as the reference's always is."""

from collections.abc import Callable

from benchmarks.figures import Figure, Target
from benchmarks.stage import ITEMS, Stage, interleave
from benchmarks.wrk import Load, put_under_load

CONNECTIONS = 16
CREATED = 201


async def measure(stage: Stage) -> list[Figure]:
    """Drive both sides in turn; an answer other than 201 fails the measure, a 202 too."""

    async def hub() -> Load:
        return await put_under_load(
            stage.hub.url, "hub-waited-sale", stage.hub_keys, connections=CONNECTIONS, seconds=stage.effort.seconds,
            items=ITEMS, name=stage.new_name(), directory=stage.directory, expected=CREATED,
        )  # fmt: skip

    async def django() -> Load:
        return await put_under_load(
            stage.django.url, "django-sale", stage.django_keys, connections=CONNECTIONS, seconds=stage.effort.seconds,
            items=ITEMS, name=stage.new_name(), directory=stage.directory, expected=CREATED,
        )  # fmt: skip

    hubs, djangos = await interleave(stage.effort.rounds, hub, django)
    at = f"{CONNECTIONS} connections"

    def figure(name: str, unit: str, of: Callable[[Load], float], target: Target | None = None) -> Figure:
        values, references = [of(run) for run in hubs], [of(run) for run in djangos]
        return Figure("waited", f"{name}, {at}", unit, values, references, "Django", target)

    return [
        figure("waited write p50", "ms", lambda run: run.p50),
        figure("waited write p99", "ms", lambda run: run.p99, Target("ratio", "most", 1)),
        figure("waited writes", "/s", lambda run: run.per_second),
    ]
