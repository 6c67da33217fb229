"""A receiver that is away for a long time: everything arrives when it is back, and not all of it at once."""

import asyncio
import time

import pytest

from consumers.lanes import CALLS
from hub.settings import Settings
from tests.kit.endpoints import ITEMS, calling, create_items, sending
from tests.promises.outages import counted, measured
from tests.rooms.broker_proxy import open_proxy

RUNG_SECONDS, JITTER = 20.0, 1.2
BACK_SECONDS = 60.0
EVENTS = 200
CALL_SECONDS = 0.1


@pytest.fixture(params=[15.0, pytest.param(None, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def away_seconds(request: pytest.FixtureRequest) -> float:
    """15 s in every run; with `--long` also ten minutes, or `--outage-seconds`."""
    asked: float = request.config.getoption("outage_seconds")
    return request.param or asked


async def test_what_happened_while_a_receiver_was_away_arrives_when_it_is_back_and_is_no_flood(
    settings: Settings, away_seconds: float
) -> None:
    """Nobody listens on its port; then somebody does, who takes a tenth of a second for each call."""
    rung = min(RUNG_SECONDS, away_seconds / 3)
    settings = calling(settings, 1.0, *[rung] * 60)
    async with sending(settings) as (door, receiver, desk), open_proxy(receiver.url) as wire:
        receiver.seconds = lambda _: CALL_SECONDS
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, f"http://127.0.0.1:{wire.port}/hook", ITEMS)
        await wire.stop()
        began = time.monotonic()
        await create_items(door, pharmacy, EVENTS)
        await asyncio.sleep(began + away_seconds - time.monotonic())  # so long it is away
        assert receiver.calls == []
        await wire.start()
        back = time.monotonic()
        await receiver.wait_for(EVENTS, within=BACK_SECONDS + rung * JITTER)
        measured(f"a receiver away for {away_seconds:g} s, back to all {EVENTS} events there", time.monotonic() - back)
        events = [call.event["sequence"] for call in receiver.calls]
        assert sorted(set(events)) == sorted(events), "an event came twice though nothing failed after it was back"
        starts = sorted(call.at for call in receiver.calls)
        # Each takes a tenth of a second: those that began within one are under way together.
        together = max(sum(1 for other in starts if 0 <= other - at < CALL_SECONDS) for at in starts)
        counted(f"a receiver away for {away_seconds:g} s, most calls at once when it is back", together)
        assert together <= CALLS
        assert {row[0] for row in await desk.deliveries(endpoint)} <= {"delivered", "pending"}
