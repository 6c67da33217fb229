"""Waiting until a healed hub is at rest: all applied, all published, delivered, heard."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from hub.storage.webhooks import find_behind
from tests.chaos.clients import Crowd, Pharmacy, say
from tests.chaos.evidence import Evidence
from tests.chaos.stage import Stage, until_ready

STALL_SECONDS = 12.0
_LOOK_SECONDS = 0.1
_HURRY_SECONDS = 2.0
_AT_MOST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Left:
    """What is under way.

    Args:
        counts: zero where there is nothing.
        operations: shows that something moves.
        due_seconds: until the earliest pending delivery is tried again.
    """

    counts: tuple[int, ...]
    operations: int
    due_seconds: float = field(compare=False)


async def until_at_rest(stage: Stage, crowd: Crowd, evidence: Evidence, *, hurries: bool) -> None:
    """Wait until nothing is under way; also until nothing moves any more, which the checks then tell.

    The last word of each pharmacy goes through its partition behind all others: once it is applied, so are they.

    Args:
        hurries: pulls pending deliveries forward; a crash may have left one to its lease of 45 s.
    """
    await until_ready(stage)
    await asyncio.gather(*(_last_word(crowd, pharmacy) for pharmacy in crowd.pharmacies))
    loop = asyncio.get_running_loop()
    left: _Left | None = None
    hurried = loop.time()
    until, at_most = hurried + STALL_SECONDS, hurried + _AT_MOST_SECONDS
    while loop.time() < min(until, at_most):
        seen = await _look(stage, crowd, evidence)
        if seen is not None:
            if not any(seen.counts):
                return
            if seen != left:
                until = loop.time() + STALL_SECONDS
            until = max(until, loop.time() + seen.due_seconds + STALL_SECONDS if seen.due_seconds else 0.0)
            left = seen
            if hurries and loop.time() - hurried > _HURRY_SECONDS:
                hurried = loop.time()
                await _hurry(stage)
        await asyncio.sleep(_LOOK_SECONDS)


async def _hurry(stage: Stage) -> None:
    owner = await stage.connect()
    await owner.execute("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE status = 'pending'")
    await owner.close()


async def _last_word(crowd: Crowd, pharmacy: Pharmacy) -> None:
    command = pharmacy.teller.last_word()
    chance = random.Random(f"last word {crowd.seed} {pharmacy.number}")
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            await say(crowd, pharmacy, command, chance, waits=True)


async def _look(stage: Stage, crowd: Crowd, evidence: Evidence) -> _Left | None:
    """Look; None: PostgreSQL does not answer."""
    try:
        owner = await stage.connect()
        try:
            unprocessed = await owner.fetchval("SELECT count(*) FROM webhook_events WHERE NOT processed")
            row = await owner.fetchrow(
                "SELECT count(*), coalesce(extract(epoch FROM min(next_attempt_at) - now()), 0)::float8 "
                "FROM webhook_deliveries WHERE status = 'pending'"
            )
            assert row is not None
            pending, due = row
            behind = len(await find_behind(owner))
            numbers = await owner.fetch("SELECT pharmacy_id, last_sequence FROM event_sequences")
            operations = await owner.fetchval("SELECT count(*) FROM operations")
            parked = {row[0] for row in await owner.fetch("SELECT payload FROM parked_messages")}
        finally:
            await owner.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    last: dict[UUID, int] = {row[0]: row[1] for row in numbers}
    log = {pharmacy.number: last.get(pharmacy.id, 0) for pharmacy in crowd.pharmacies}
    unheard = sum(log[heard.pharmacy] - heard.position for heard in evidence.heard)
    unpublished = sum(log[one.number] - evidence.feed.positions.get(str(one.id), 0) for one in crowd.pharmacies)
    unread = sum(log[number] - feed.positions.get(str(crowd.pharmacies[number].id), 0)
                 for number, feed in evidence.out.items() if log[number] > feed.began)  # fmt: skip
    unparked = sum(payload not in parked for bad in stage.poison for payload in bad.payloads)
    return _Left((unprocessed, pending, behind, unheard, unpublished, unread, unparked), operations, max(0.0, due))
