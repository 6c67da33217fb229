"""Evidence: everything that can be read at the end, from the tables, over the API, and what readers and receivers heard."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import orjson

from tests.chaos.clients import Crowd, Pharmacy
from tests.chaos.poison import Neighbour, Poison
from tests.chaos.readers import Feed, Heard, digest_of
from tests.chaos.receiver import Endpoint
from tests.chaos.stage import Stage

Json = dict[str, Any]
LISTS = ("inventory", "sales", "orders", "webhook-events")
_PAGE = 500
_ASKED = 60
_TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(slots=True)
class Kept:
    """What the hub keeps of one pharmacy.

    Args:
        log: its events in order, as the table has them, with the ids of their operations.
        digests: of the events' texts.
        readings: (sequence, digest) of every event as `/api/events` gave it, once from each gateway.
        last_sequence: the number last given.
        shown: representations by subject, walked through the lists.
        items: rows (id, quantity, reserved).
        ledger: the sum of every item's movements.
    """

    number: int
    id: UUID
    log: list[Json] = field(default_factory=list)
    causes: list[UUID] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)
    readings: list[list[tuple[int, int]]] = field(default_factory=list)
    last_sequence: int = 0
    shown: dict[str, Json] = field(default_factory=dict)
    items: list[tuple[UUID, int, int]] = field(default_factory=list)
    ledger: dict[UUID, int] = field(default_factory=dict)


@dataclass(slots=True)
class Evidence:
    """What a run left behind.

    Args:
        operations: rows of the table, by id.
        asked: operations as their own address shows them, some drawn by lot.
        parked: the messages that were set aside, as they came.
        poison, neighbours, did: see `Stage`.
        staged: operations of the harness itself: pharmacies, endpoints, feeds.
        feed, out: what came out of a queue for all events, and out of pharmacies' own feeds, by number.
    """

    kept: list[Kept] = field(default_factory=list)
    operations: dict[UUID, Json] = field(default_factory=dict)
    asked: dict[UUID, Json] = field(default_factory=dict)
    parked: list[bytes] = field(default_factory=list)
    poison: list[Poison] = field(default_factory=list)
    neighbours: list[Neighbour] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)
    staged: set[UUID] = field(default_factory=set)
    heard: list[Heard] = field(default_factory=list)
    feed: Feed = field(default_factory=Feed)
    out: dict[int, Feed] = field(default_factory=dict)
    endpoints: list[Endpoint] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


async def collect(stage: Stage, crowd: Crowd, evidence: Evidence) -> None:
    """Read it all. The hub is healed and at rest."""
    owner = await stage.connect()
    try:
        await _read_tables(owner, evidence, crowd.pharmacies)
    finally:
        await owner.close()
    for pharmacy, kept in zip(crowd.pharmacies, evidence.kept, strict=True):
        for url in crowd.urls:
            kept.readings.append(await _read_log(crowd, url, pharmacy))
        for name in LISTS:
            await _walk(crowd, pharmacy, kept, name)
    chance = random.Random(f"asked {crowd.seed}")
    for door in ("http", "amqp"):
        ids = [one for one, row in evidence.operations.items() if row["door"] == door and row["pharmacy_id"].int]
        await asyncio.gather(*(_ask(crowd, evidence, one) for one in chance.sample(ids, min(_ASKED, len(ids)))))
    evidence.leaks += crowd.leaks
    evidence.poison, evidence.neighbours, evidence.did = stage.poison, stage.neighbours, stage.did


async def _read_tables(owner: asyncpg.Connection, evidence: Evidence, pharmacies: Sequence[Pharmacy]) -> None:
    evidence.operations = {
        row["id"]: dict(row)
        for row in await owner.fetch(
            "SELECT id, pharmacy_id, type, status, resource_id, first_sequence, event_count, door, actor, finished_at FROM operations"
        )
    }
    evidence.parked = [row[0] for row in await owner.fetch("SELECT payload FROM parked_messages")]
    for pharmacy in pharmacies:
        kept = Kept(pharmacy.number, pharmacy.id)
        evidence.kept.append(kept)
        for row in await owner.fetch(
            "SELECT operation_id, body FROM events WHERE pharmacy_id = $1 ORDER BY sequence", pharmacy.id
        ):
            kept.log.append(orjson.loads(row["body"]))
            kept.causes.append(row["operation_id"])
            kept.digests.append(digest_of(row["body"]))
        kept.last_sequence = await owner.fetchval(
            "SELECT last_sequence FROM event_sequences WHERE pharmacy_id = $1", pharmacy.id
        )
        kept.items = [
            (row["id"], row["quantity"], row["reserved"])
            for row in await owner.fetch(
                "SELECT id, quantity, reserved FROM inventory_items WHERE pharmacy_id = $1", pharmacy.id
            )
        ]
        kept.ledger = {
            row[0]: row[1]
            for row in await owner.fetch(
                "SELECT item_id, sum(delta)::int FROM stock_movements WHERE pharmacy_id = $1 GROUP BY 1", pharmacy.id
            )
        }


async def _get(crowd: Crowd, pharmacy: Pharmacy, url: str) -> Json:
    async with crowd.session.get(url, headers=pharmacy.headers, timeout=_TIMEOUT) as answer:
        text = await answer.text()
    assert answer.status == 200, f"{url}: {answer.status} {text[:300]}"
    crowd.look(pharmacy, url.partition("/api/")[2], text)
    found: Json = orjson.loads(text)
    return found


async def _read_log(crowd: Crowd, url: str, pharmacy: Pharmacy) -> list[tuple[int, int]]:
    read: list[tuple[int, int]] = []
    after = 0
    while True:
        page = await _get(crowd, pharmacy, f"{url}/api/events?after={after}&limit={_PAGE}")
        # The hub writes its events with orjson as well: what was read and written again is the same text.
        read += [(event["sequence"], digest_of(orjson.dumps(event).decode())) for event in page["items"]]
        if len(page["items"]) < _PAGE:
            return read
        after = page["next_after"]


async def _walk(crowd: Crowd, pharmacy: Pharmacy, kept: Kept, name: str) -> None:
    following: str | None = f"/api/{name}/?limit={_PAGE}"
    while following is not None:
        page = await _get(crowd, pharmacy, crowd.urls[0] + following)
        for item in page["items"]:
            kept.shown[f"{name}/{item['id']}"] = item
        following = page["next"]


async def _ask(crowd: Crowd, evidence: Evidence, operation_id: UUID) -> None:
    owner = evidence.operations[operation_id]["pharmacy_id"]
    pharmacy = next((one for one in crowd.pharmacies if one.id == owner), None)
    if pharmacy is not None:
        evidence.asked[operation_id] = await _get(crowd, pharmacy, f"{crowd.urls[-1]}/api/operations/{operation_id}")
