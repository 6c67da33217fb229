"""Whether a write costs the same in a large inventory: sales on random items among few and among many."""

from functools import partial

from benchmarks.figures import Figure, Target
from benchmarks.hub import Pharmacy
from benchmarks.measures.writes import write_to_hub
from benchmarks.stage import ITEMS, Stage, interleave

CONNECTIONS = 64
ROUNDS = 5


async def measure(stage: Stage) -> list[Figure]:
    """Write to both inventories in turn; what counts is the time from first POST to last applied, per write."""
    many = stage.effort.many_items
    small, large = await stage.add_pharmacy(ITEMS), await stage.add_pharmacy(many)
    rounds = min(ROUNDS, stage.effort.rounds + 2)
    larges, smalls = await interleave(rounds, partial(_cost, stage, large, many), partial(_cost, stage, small, ITEMS))
    name = f"time a write at {many:,} items"
    return [Figure("flat", name, "us", larges, smalls, f"{ITEMS:,} items", Target("ratio", "most", 1.2))]


async def _cost(stage: Stage, pharmacy: Pharmacy, items: int) -> float:
    run = await write_to_hub(
        stage, (pharmacy,), items, connections=CONNECTIONS, seconds=max(2.0, stage.effort.seconds / 2)
    )
    return 1e6 / run.applied_per_second
