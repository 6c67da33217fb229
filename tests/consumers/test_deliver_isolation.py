"""One endpoint that fails, is slow or must go in order costs the others nothing; what ends it is said once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest

from consumers.calls import CALLS_TO_A_HOST
from consumers.lanes import CALLS
from hub import clock
from hub.settings import Settings
from tests.kit.endpoints import ITEMS, calling, create_items, sending
from tests.kit.receiver import Received, Receiver, open_receiver
from tests.kit.wait import eventually
from tests.promises.outages import measured

MINUTE = 60 / 3600
"""A minute in hours."""


def skus(calls: list[Received]) -> list[str]:
    return [call.event["data"]["inventory"]["sku"] for call in calls]


async def test_in_ordered_mode_nothing_overtakes_a_delivery_that_fails(settings: Settings) -> None:
    settings = calling(settings, 0.3, 0.3, 0.3)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda call: (
            500 if skus([call]) == ["PZN2"] and skus(receiver.calls).count("PZN2") < 3 else 204
        )
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, receiver.url, ITEMS, ordered=True)
        await create_items(door, pharmacy, 6)
        calls = await receiver.wait_for(8, within=25)
        assert skus(calls) == ["PZN1", "PZN2", "PZN2", "PZN2", "PZN3", "PZN4", "PZN5", "PZN6"]
        await eventually(lambda: desk.deliveries(endpoint), lambda rows: rows == [("delivered",)] * 6)


async def test_in_ordered_mode_a_delivery_that_is_given_up_lets_the_next_one_go(settings: Settings) -> None:
    settings = calling(settings, 0.1)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda call: 500 if skus([call]) == ["PZN1"] else 204
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, receiver.url, ITEMS, ordered=True)
        await create_items(door, pharmacy, 3)
        await eventually(
            lambda: desk.deliveries(endpoint),
            lambda rows: rows == [("exhausted",), ("delivered",), ("delivered",)], within=25,
        )  # fmt: skip
        assert skus(receiver.calls) == ["PZN1", "PZN1", "PZN2", "PZN3"]
        (event,) = await eventually(lambda: desk.events(pharmacy, "webhook_delivery."), lambda found: len(found) == 1)
        assert event["data"]["webhook_delivery"]["endpoint_id"] == str(endpoint.id)


@pytest.mark.parametrize("ordered", [True, False])
async def test_events_too_long_to_be_loaded_together_are_sent_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, ordered: bool
) -> None:
    monkeypatch.setattr("consumers.deliver._LANE_BYTES", 1_500)  # one event, and not two
    async with sending(calling(settings)) as (door, receiver, desk):
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, receiver.url, ITEMS, ordered=ordered)
        await create_items(door, pharmacy, 8)
        calls = await receiver.wait_for(8, within=25)
        sent = [f"PZN{number}" for number in range(1, 9)]
        assert (skus(calls) if ordered else sorted(skus(calls))) == sent
        await eventually(lambda: desk.deliveries(endpoint), lambda rows: rows == [("delivered",)] * 8)


async def test_a_throttle_and_a_dead_endpoint_hold_nothing_up(settings: Settings) -> None:
    settings = calling(settings, 0.2, 0.2, 0.2, 0.2, 0.2)
    async with sending(settings) as (door, receiver, desk):
        down = True
        receiver.answer = lambda call: 503 if call.path == "/dead" and down else 204
        pharmacy = await door.open_pharmacy()
        throttled = await desk.add(pharmacy, receiver.url.replace("/hook", "/slow"), ITEMS, throttle_per_second=5)
        dead = await desk.add(pharmacy, receiver.url.replace("/hook", "/dead"), ITEMS, ladder_seconds=[1] * 20)
        await create_items(door, pharmacy, 12)
        slow = await receiver.wait_for(12, path="/slow", within=25)
        begun = [call.at for call in slow]
        # Twelve calls at five a second take eleven gaps of 0.2 s; they may bunch by what the machine adds.
        assert begun[-1] - begun[0] >= 2.0
        assert all(later - earlier >= 0.8 for earlier, later in zip(begun, begun[5:], strict=False))
        await eventually(lambda: desk.deliveries(throttled), lambda rows: rows == [("delivered",)] * 12)
        # Its circuit opened: most of the twelve were not called again and again, and nothing of them is lost.
        health = await eventually(
            lambda: desk.connection.fetchrow("SELECT failures, open_until FROM webhook_health WHERE endpoint_id = $1", dead.id),
            lambda row: row is not None and row["open_until"] is not None,
        )  # fmt: skip
        assert health is not None
        assert len(receiver.at("/dead")) < 40
        down = False
        await eventually(lambda: desk.deliveries(dead), lambda rows: rows == [("delivered",)] * 12, within=25)
        gone = await desk.connection.fetchval("SELECT open_until FROM webhook_health WHERE endpoint_id = $1", dead.id)
        assert gone is None or gone < clock.now()


async def test_a_fast_endpoint_that_dies_holds_little_of_its_queue(settings: Settings) -> None:
    settings = calling(settings, 5.0)
    async with sending(settings) as (door, receiver, desk):
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, receiver.url, ITEMS)

        async def create(first: int, count: int) -> None:
            await asyncio.gather(
                *(create_items(door, pharmacy, 10, first=at) for at in range(first, first + count, 10))
            )

        async def held() -> int:
            """Count what is handed out: taken, for one lease, out of the schedule."""
            query = (
                "SELECT count(*) FROM webhook_deliveries WHERE endpoint_id = $1 AND status = 'pending' "
                "AND next_attempt_at > now() + interval '10 s'"
            )
            return int(await desk.connection.fetchval(query, endpoint.id))

        await create(0, 200)
        await receiver.wait_for(200)
        mended = asyncio.Event()
        receiver.seconds = lambda _: 0.0 if mended.is_set() else 5.0
        await create(200, 300)
        await eventually(lambda: desk.deliveries(endpoint), lambda rows: len(rows) == 500)
        await eventually(held, lambda count: count <= 2 * CALLS, within=5)
        mended.set()
        await eventually(
            lambda: desk.deliveries(endpoint), lambda rows: rows == [("delivered",)] * 500, within=30
        )  # fmt: skip


async def test_no_endpoint_gets_more_calls_at_once_than_its_share_however_much_waits_for_it(settings: Settings) -> None:
    settings = calling(settings, 5.0)
    async with sending(settings) as (door, receiver, desk):
        receiver.seconds = lambda _: 1.0
        pharmacy = await door.open_pharmacy()
        await asyncio.gather(*(create_items(door, pharmacy, 10, first=at) for at in range(0, 160, 10)))
        await desk.add(pharmacy, receiver.url, ITEMS, created_at=clock.now() - timedelta(hours=1))
        begun = [call.at for call in await receiver.wait_for(160, within=40)]
        # Each lasts a second from its arrival: whatever arrived in less than that ran at once.
        at_once = max(sum(first <= at < first + 0.95 for at in begun) for first in begun)
        assert 16 < at_once <= CALLS


async def test_no_host_gets_more_calls_at_once_than_its_share_however_many_endpoints_it_has(settings: Settings) -> None:
    settings = calling(settings, 5.0)
    async with sending(settings) as (door, receiver, desk), open_receiver(desk.secrets) as other:
        receiver.seconds = lambda _: 3.0
        pharmacy = await door.open_pharmacy()
        await create_items(door, pharmacy, 20)
        earlier = clock.now() - timedelta(hours=1)  # what happened is wanted: all of it, at once
        for number in range(6):  # a new endpoint has 16 calls at once: 96 of them
            await desk.add(pharmacy, receiver.url.replace("/hook", f"/{number}"), ITEMS, created_at=earlier)
        await desk.add(pharmacy, other.url, ITEMS, created_at=earlier)
        await other.wait_for(20)  # the host next door has its own share
        begun = [call.at for call in await receiver.wait_for(6 * 20, within=40)]
        # Each lasts three seconds: whatever began in less than that ran at once.
        at_once = max(sum(first <= at < first + 2.9 for at in begun) for first in begun)
        assert at_once <= CALLS_TO_A_HOST


@pytest.mark.parametrize("is_one_host", [True, False])
async def test_slow_endpoints_leave_calls_to_the_others_however_many_they_are(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, is_one_host: bool
) -> None:
    monkeypatch.setattr("consumers.calls.CALLS", 64)
    settings = calling(settings, 5.0)
    async with sending(settings) as (door, receiver, desk), AsyncExitStack() as stack:
        theirs, ours = [await door.open_pharmacy() for _ in range(2)]
        await create_items(door, theirs, 20)
        earlier = clock.now() - timedelta(hours=1)
        neighbour = await desk.add(ours, receiver.url, ITEMS)
        slow: list[Receiver] = []
        for number in range(4):  # a new endpoint has 16 calls at once: all 64
            place = receiver if is_one_host else await stack.enter_async_context(open_receiver(desk.secrets))
            place.seconds = lambda call: 0.0 if call.path == "/hook" else 8.0
            await desk.add(theirs, place.url.replace("/hook", f"/{number}"), ITEMS, created_at=earlier)
            slow.append(place)
        for number, place in enumerate(slow):
            await place.wait_for(4, path=f"/{number}")
        await create_items(door, ours, 1, first=100)
        began = time.monotonic()
        await eventually(lambda: desk.deliveries(neighbour), lambda rows: rows == [("delivered",)], within=5)
        measured("a delivery beside four slow endpoints that could have all calls", time.monotonic() - began)


async def test_busy_endpoints_of_a_host_take_turns_however_many_they_are(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.calls.CALLS_TO_A_HOST", 4)
    settings = calling(settings, 5.0)
    async with sending(settings) as (door, receiver, desk):
        theirs, ours = [await door.open_pharmacy() for _ in range(2)]
        await create_items(door, theirs, 20)
        earlier = clock.now() - timedelta(hours=1)
        neighbour = await desk.add(ours, receiver.url, ITEMS)
        receiver.seconds = lambda _: 0.5
        for number in range(6):  # each could have all calls to the host, for its 20 events
            await desk.add(theirs, receiver.url.replace("/hook", f"/{number}"), ITEMS, created_at=earlier)
        await receiver.wait_for(8)
        await create_items(door, ours, 1, first=100)
        await eventually(lambda: desk.deliveries(neighbour), lambda rows: rows == [("delivered",)], within=8)
        assert all(len(receiver.at(f"/{number}")) < 20 for number in range(6)), "the others are at work"
        for number in range(6):
            await receiver.wait_for(1, path=f"/{number}")


async def test_whoever_mends_an_endpoint_sees_it_called_at_once_though_its_circuit_is_open(settings: Settings) -> None:
    settings = calling(settings, 60.0)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda call: 503 if call.path == "/dead" else 204
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, receiver.url.replace("/hook", "/dead"), ITEMS)
        await create_items(door, pharmacy, 11)
        await eventually(
            lambda: desk.connection.fetchval("SELECT open_until FROM webhook_health WHERE endpoint_id = $1", endpoint.id),
            lambda until: until is not None and until > clock.now(),
        )  # fmt: skip
        outcome = await door.send(pharmacy, "webhook_endpoint.update", {"url": receiver.url}, resource_id=endpoint.id)
        assert outcome["status"] == "applied"
        await create_items(door, pharmacy, 1, first=12)
        calls = await receiver.wait_for(1, path="/hook")
        assert "PZN12" in skus(calls) or "PZN11" in skus(calls)


async def test_days_of_failure_only_bring_warnings_and_an_end_that_others_hear_of(settings: Settings) -> None:
    # Six seconds stand for five days.
    settings = calling(settings, *([0.25] * 100), webhooks_disable_after_hours=MINUTE / 10)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda call: 500 if call.path == "/bad" else 204
        pharmacy = await door.open_pharmacy()
        bad = await desk.add(pharmacy, receiver.url.replace("/hook", "/bad"))
        ear = await desk.add(pharmacy, receiver.url, ("webhook_endpoint.*", "webhook_delivery.*"))
        await create_items(door, pharmacy, 2)
        calls = await receiver.wait_for(4, path="/hook", within=30)
        for call in calls:
            ear.verify(call)
        told = [(call.event["type"], call.event["data"]["health"]["percent"]) for call in calls]
        assert sorted(told, key=str) == sorted(
            [("webhook_endpoint.failing", 50), ("webhook_endpoint.failing", 70), ("webhook_endpoint.failing", 90),
             ("webhook_endpoint.disabled", None)], key=str,
        )  # fmt: skip
        assert {call.event["data"]["webhook_endpoint"]["id"] for call in calls} == {str(bad.id)}
        assert {call.event["type"] for call in receiver.at("/bad")} == {"inventory.created"}
        await eventually(lambda: desk.deliveries(bad), lambda rows: rows == [("skipped",)] * 2)


async def test_a_ladder_that_waits_for_longer_than_a_quiet_time_ends_an_endpoint_too(settings: Settings) -> None:
    # Three seconds stand for five days, so two for more than three.
    settings = calling(settings, *([2.0] * 20), webhooks_disable_after_hours=MINUTE / 20)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda call: 500 if call.path == "/bad" else 204
        pharmacy = await door.open_pharmacy()
        await desk.add(pharmacy, receiver.url.replace("/hook", "/bad"))
        await desk.add(pharmacy, receiver.url, ("webhook_endpoint.*",))
        await create_items(door, pharmacy, 1)
        told = await receiver.wait_for(2, path="/hook", within=30)
        assert [call.event["type"] for call in told] == ["webhook_endpoint.failing", "webhook_endpoint.disabled"]


async def test_an_endpoint_that_answers_again_after_a_warning_has_recovered_and_others_hear_of_it(
    settings: Settings,
) -> None:
    # Twenty seconds stand for five days: the first warning comes after ten.
    settings = calling(settings, *([0.25] * 100), webhooks_disable_after_hours=MINUTE / 3)
    async with sending(settings) as (door, receiver, desk):
        mended = asyncio.Event()
        receiver.answer = lambda call: 500 if call.path == "/bad" and not mended.is_set() else 204
        pharmacy = await door.open_pharmacy()
        bad = await desk.add(pharmacy, receiver.url.replace("/hook", "/bad"))
        await desk.add(pharmacy, receiver.url, ("webhook_endpoint.*",))
        await create_items(door, pharmacy, 1)
        await receiver.wait_for(1, within=30, path="/hook")
        mended.set()
        told = await receiver.wait_for(2, path="/hook")
        assert [call.event["type"] for call in told] == ["webhook_endpoint.failing", "webhook_endpoint.recovered"]
        assert {call.event["data"]["webhook_endpoint"]["id"] for call in told} == {str(bad.id)}
        # It wants everything, and is open: what comes next shows that it was told nothing of itself.
        await create_items(door, pharmacy, 1, first=2)
        await eventually(lambda: desk.deliveries(bad), lambda rows: rows == [("delivered",)] * 2)
        assert {call.event["type"] for call in receiver.at("/bad")} == {"inventory.created"}


async def test_deliveries_of_events_about_webhooks_cause_no_further_ones(settings: Settings) -> None:
    settings = calling(settings, 0.05)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda _: 500
        pharmacy = await door.open_pharmacy()
        await desk.add(pharmacy, receiver.url.replace("/hook", "/one"), ("inventory.created", "webhook_delivery.*"))
        two = await desk.add(pharmacy, receiver.url.replace("/hook", "/two"), ("webhook_delivery.*",))
        await create_items(door, pharmacy, 1)
        await eventually(lambda: desk.deliveries(two), lambda rows: rows == [("exhausted",)], within=15)
        # A later event of the same pharmacy shows that nothing else was caused.
        await create_items(door, pharmacy, 1, first=2)
        await eventually(lambda: desk.deliveries(two), lambda rows: rows == [("exhausted",), ("exhausted",)], within=15)
        assert len(await desk.events(pharmacy, "webhook_")) == 2


@asynccontextmanager
async def an_endpoint_that_drips() -> AsyncIterator[str]:
    """Answer one byte after the other, for ever."""
    called: list[asyncio.StreamWriter] = []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.append(writer)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.2)  # no pause is as long as the endpoint's time
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/drip"
    finally:
        server.close()
        for writer in called:
            writer.transport.abort()
        await asyncio.sleep(0)  # it closes the sockets in its next round


@pytest.mark.long
async def test_a_dead_a_dripping_and_a_slow_endpoint_among_fifty_leave_the_others_lag_as_it_was(
    settings: Settings,
) -> None:
    settings = calling(settings, 1.0, 5.0, 5.0, webhooks_timeout_seconds=3.0)
    async with sending(settings) as (door, receiver, desk), an_endpoint_that_drips() as dripping:
        receiver.seconds = lambda call: 2.5 if call.path == "/slow" else 0.0
        pharmacy = await door.open_pharmacy()
        for number in range(47):
            await desk.add(pharmacy, receiver.url.replace("/hook", f"/good/{number}"), ITEMS)

        async def lag(first: int) -> float:
            """Let twenty events happen, one after the other, and give the p95 from an event's time to its call."""
            before = len(receiver.calls)
            began = {}
            for number in range(first, first + 20):
                began[f"PZN{number}"] = time.monotonic()
                await create_items(door, pharmacy, 1, first=number)
                await asyncio.sleep(0.15)  # the pace at which events happen, for twenty of them

            async def good() -> list[Received]:
                return [call for call in receiver.calls[before:] if call.path.startswith("/good/")]

            calls = await eventually(good, lambda calls: len(calls) >= 47 * 20, within=60)
            lags = sorted(call.at - began[skus([call])[0]] for call in calls)
            return lags[int(len(lags) * 0.95)]

        await lag(1000)  # warms up
        alone, beside = [], []
        for turn in range(3):
            alone.append(await lag(2000 + 100 * turn))
            bad = [
                await desk.add(pharmacy, url, ITEMS)
                for url in (
                    "http://127.0.0.1:9/dead", dripping, receiver.url.replace("/hook", "/slow"),
                )
            ]  # fmt: skip
            beside.append(await lag(5000 + 100 * turn))
            await desk.connection.execute(
                "UPDATE webhook_endpoints SET enabled = false, version = version + 1 WHERE id = ANY($1::uuid[])",
                [one.id for one in bad],
            )
        measured("p95 lag of 47 endpoints, alone", min(alone))
        measured("p95 lag of the same beside a dead, a dripping and a slow one", min(beside))
        assert min(beside) <= 1.2 * min(alone), (alone, beside)
