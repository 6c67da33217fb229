"""Memory of gateway and consumers after load: resident, and with shared pages counted once (PSS)."""

from benchmarks.figures import Figure, Target
from benchmarks.measures.writes import write_to_hub
from benchmarks.processes import memory_bytes
from benchmarks.stage import ITEMS, Stage

CONNECTIONS = 64
MEGABYTE = 1e6


async def measure(stage: Stage) -> list[Figure]:
    """Put the hub under load once more, then look; the resident sum is the one held against the target."""
    await write_to_hub(stage, stage.pharmacies, ITEMS, connections=CONNECTIONS, seconds=stage.effort.seconds)
    hub_rss, hub_pss = memory_bytes(stage.hub.pids_of("gateway", "consumer"))
    django_rss, django_pss = memory_bytes([stage.django.pid])
    return [
        Figure(
            "memory", "memory of gateway and consumers, RSS", "MB", [hub_rss / MEGABYTE], [django_rss / MEGABYTE],
            "Django", Target("value", "most", 300),
        ),
        Figure(
            "memory", "memory of gateway and consumers, PSS", "MB", [hub_pss / MEGABYTE], [django_pss / MEGABYTE],
            "Django",
        ),
    ]  # fmt: skip
