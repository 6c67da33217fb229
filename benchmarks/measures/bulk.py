"""Bulk upserts of new items, from the first byte until the last row is applied.

The hub gives each row a result, a movement and an event; the reference upserts row by row in one transaction.
"""

from benchmarks.figures import Figure, Target
from benchmarks.raw import upsert_raw
from benchmarks.stage import Stage, interleave


async def measure(stage: Stage) -> list[Figure]:
    """Upload fresh rows to both sides in turn, and to bare PostgreSQL."""
    count = stage.effort.bulk_rows
    pharmacy = await stage.add_pharmacy(0)

    def rows() -> list[dict[str, object]]:
        name = stage.new_name()
        return [
            {"sku": f"{name}-{n:06d}", "name": "Paracetamol 500 mg, 20 tablets", "quantity": 10, "price": "3.90"}
            for n in range(count)
        ]

    async def hub() -> float:
        return count / await stage.hub.upload(pharmacy, rows())

    async def django() -> float:
        return count / await stage.django.upload(stage.django.keys[-1], rows())

    async def raw() -> float:
        return count / await upsert_raw(stage.postgres, count)

    hubs, djangos, raws = await interleave(stage.effort.rounds, hub, django, raw)
    name = f"bulk upsert of {count:,} rows"
    return [
        Figure("bulk", name, "rows/s", hubs, djangos, "Django", Target("ratio", "least", 15)),
        Figure("bulk", name, "rows/s", hubs, raws, "raw upserts"),
    ]
