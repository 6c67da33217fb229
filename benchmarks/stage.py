"""Everything that is started for a run, and how much of it is asked."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.django import Django, open_django
from benchmarks.hub import DATABASE, Hub, Pharmacy, open_hub
from benchmarks.noop import open_noop
from benchmarks.postgres import Postgres, open_postgres
from benchmarks.raw import create_raw

T = TypeVar("T")

PHARMACIES = 8
ITEMS = 1000
STOCK = 1_000_000  # so that no sale of a run crosses zero: that would be a second event


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often."""

    rounds: int
    seconds: float
    bulk_rows: int
    many_items: int
    live_seconds: float


FULL = Effort(rounds=3, seconds=10, bulk_rows=20_000, many_items=200_000, live_seconds=20)
QUICK = Effort(rounds=1, seconds=3, bulk_rows=20_000, many_items=20_000, live_seconds=5)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a measure works with."""

    hub: Hub
    django: Django
    noop_url: str
    postgres: Postgres
    directory: Path
    pharmacies: tuple[Pharmacy, ...]
    effort: Effort
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def hub_keys(self) -> list[str]:
        """The keys of the hub's pharmacies."""
        return [pharmacy.api_key for pharmacy in self.pharmacies]

    @property
    def django_keys(self) -> tuple[str, ...]:
        """As many keys of the reference; its last pharmacy is kept for bulk."""
        return self.django.keys[:PHARMACIES]

    def new_name(self) -> str:
        """Make a name that no other run of this stage has."""
        return f"run{next(self._numbers)}"

    async def add_pharmacy(self, items: int) -> Pharmacy:
        """Make one more pharmacy of the hub, with so many items."""
        pharmacy = await self.hub.create_pharmacy(self.new_name())
        await stock(self.hub, pharmacy, items)
        await self.postgres.execute(DATABASE, "VACUUM ANALYZE")
        return pharmacy


async def stock(hub: Hub, pharmacy: Pharmacy, items: int) -> None:
    """Upload items `B000001` on, at most 100,000 a file."""
    for start in range(1, items + 1, 100_000):
        numbers = range(start, min(start + 100_000, items + 1))
        await hub.upload(
            pharmacy,
            [{"sku": f"B{n:06d}", "name": f"Product {n}", "quantity": STOCK, "price": "9.90"} for n in numbers],
        )


@asynccontextmanager
async def open_stage(executable: Path, directory: Path, effort: Effort) -> AsyncIterator[Stage]:
    """Start PostgreSQL, the references and the hub, and fill both sides alike."""
    async with (
        open_postgres(directory) as postgres,
        open_noop(directory) as noop_url,
        open_django(postgres, directory, pharmacies=PHARMACIES + 1, items=ITEMS) as django,
        open_hub(executable, postgres, directory) as hub,
    ):
        await create_raw(postgres)
        pharmacies = [await hub.create_pharmacy(f"bench {number}") for number in range(1, PHARMACIES + 1)]
        for pharmacy in pharmacies:
            await stock(hub, pharmacy, ITEMS)
        await postgres.execute(DATABASE, "VACUUM ANALYZE")
        yield Stage(hub, django, noop_url, postgres, directory, tuple(pharmacies), effort)


async def interleave(rounds: int, *sides: Callable[[], Awaitable[T]]) -> list[list[T]]:
    """Measure A B A B ...: hand back one list per side."""
    seen: list[list[T]] = [[] for _ in sides]
    for _ in range(rounds):
        for results, side in zip(seen, sides, strict=True):
            results.append(await side())
    return seen
