"""Limits of one key: what is over them is refused, and who asks beside it notices nothing."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from gateway import limits as limits_module
from gateway.limits import BULKS_AT_ONCE, Limits
from gateway.problems import Refused
from hub import clock
from tests.kit.builders import an_item
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import assert_problem
from tests.kit.own_clock import own_clock
from tests.kit.wait import eventually

ROW = b'{"sku":"A","name":"a","price":"1.00"}\n'


async def _half_a_file(
    stack: AsyncExitStack, live: GatewayStage, key: TestKey
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin an upload that does not end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(live.url.rpartition(":")[2]))
    stack.callback(writer.close)
    head = f"POST /api/inventory/bulk HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key.text}\r\nContent-Type: application/x-ndjson\r\n"
    writer.write(head.encode() + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
    async with asyncio.timeout(15):
        await reader.readuntil(b"100 Continue\r\n\r\n")  # it has its place, and wants the file
    writer.write(ROW)
    await writer.drain()
    return reader, writer  # a reader that nobody holds ends the connection


async def test_a_pharmacy_has_four_uploads_at_once_and_the_others_wait(live: GatewayStage) -> None:
    busy, calm = await live.add_key(), await live.add_key()
    beside = await live.add_key(busy.pharmacy_id)

    async def upload(key: TestKey) -> int:
        headers = key.headers | {"Content-Type": "application/x-ndjson"}
        answer = await live.client.post("/api/inventory/bulk", content=ROW, headers=headers)
        if answer.status_code == 429:
            problem = assert_problem(answer, 429)
            assert problem["type"] == "/problems/too-many-requests"
            assert int(answer.headers["retry-after"]) >= 1
        return answer.status_code

    async with AsyncExitStack() as stack:
        running = [await _half_a_file(stack, live, busy) for _ in range(BULKS_AT_ONCE)]
        await eventually(lambda: upload(busy), lambda status: status == 429)
        assert await upload(beside) == 429, "with many keys it has no more"
        assert await upload(calm) == 202
        answer = await live.client.post("/api/inventory/", json=an_item(), headers=busy.headers)
        assert answer.status_code == 202, "only uploads wait"
        running[0][1].transport.abort()
        await eventually(lambda: upload(busy), lambda status: status == 202)


async def test_every_answer_tells_what_is_left(live: GatewayStage) -> None:
    key = await live.add_key()
    for path, status in (
        ("/api/sales/", 200),
        ("/api/nothing", 404),
        ("/api/sales/?colour=red", 400),
        ("/api/audit/", 403),
    ):
        answer = await live.client.get(path, headers=key.headers)
        assert answer.status_code == status
        assert answer.headers["ratelimit"].startswith('"key";r='), path
        assert answer.headers["ratelimit-policy"].startswith('"key";q='), path
    # Who is nobody has no bucket, and learns nothing of one.
    for path in ("/api/sales/", "/health/live"):
        assert "ratelimit" not in (await live.client.get(path)).headers


@pytest.fixture
def moment() -> Iterator[list[float]]:
    """A clock that goes as the test says."""
    at = [1000.0]
    with own_clock("monotonic", lambda: at[0]):
        yield at


def test_a_clock_that_stands_still_or_leaps_gives_no_more_than_the_burst(moment: list[float]) -> None:
    limits, key = Limits(10, 5), clock.new_id()

    def taken() -> int:
        for number in range(100):
            try:
                limits.take(key)
            except Refused:
                return number
        return 100

    assert taken() == 5
    assert taken() == 0
    moment[0] += 0.31
    assert taken() == 3
    moment[0] += 1e9
    assert taken() == 5


def test_a_tenfold_burst_of_one_key_takes_nothing_from_another() -> None:
    limits, busy, calm = Limits(10, 20), clock.new_id(), clock.new_id()
    refused = 0
    for _ in range(200):
        try:
            limits.take(busy)
        except Refused:
            refused += 1
    assert refused >= 175
    assert dict(limits.take(calm))[b"ratelimit"].startswith(b'"key";r=19;')


async def test_a_key_that_asks_on_waits_for_its_refusals_and_holds_up_nobody_else(
    monkeypatch: pytest.MonkeyPatch, moment: list[float]
) -> None:
    monkeypatch.setattr(limits_module, "HELD_AT_ONCE", 3)
    limits, busy, calm = Limits(10, 20), clock.new_id(), clock.new_id()
    for _ in range(limits_module.PROMPT_REFUSALS):
        await asyncio.wait_for(limits.hold(busy), 0.5)
    held = [asyncio.ensure_future(limits.hold(busy)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.wait_for(limits.hold(calm), 0.5)
    await asyncio.wait_for(limits.hold(busy), 0.5)  # more are not held
    assert not any(one.done() for one in held)
    held.pop().cancel()  # as when its client is gone
    await asyncio.sleep(0)
    held.append(asyncio.ensure_future(limits.hold(busy)))
    began = time.monotonic()
    await asyncio.gather(*held)
    assert 0.5 < time.monotonic() - began < 5
    moment[0] += limits_module.HELD_SECONDS
    await asyncio.wait_for(limits.hold(busy), 0.5)
