"""Whose turn it is in a window: each partition's, in its own order; and when it is taken."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from consumers.envelope import is_awaited
from consumers.window import Delivery, Pace, Window

HOUR = Pace(3600, crowd=2, is_awaited=is_awaited)


class Channel:
    """All that a window asks of a channel."""

    is_closed = False


def _fill(window: Window, partition: int, channel: Any, *bodies: bytes) -> None:
    for tag, body in enumerate(bodies, 1):
        window.add(Delivery(partition, channel, tag, body))


async def _take(window: Window, messages: int, size: int = 1000) -> list[bytes]:
    return [delivery.body for delivery in await window.take(messages, size)]


async def test_partitions_take_turns_and_keep_their_order() -> None:
    window = Window()
    _fill(window, 0, Channel(), b"a1", b"a2", b"a3", b"a4", b"a5")
    _fill(window, 3, Channel(), b"d1")
    _fill(window, 1, Channel(), b"b1", b"b2")
    assert await _take(window, 4) == [b"a1", b"d1", b"b1", b"a2"]
    assert (len(window), window.is_full(4, 1000), window.is_full(5, 8)) == (4, True, True)
    assert await _take(window, 100) == [b"b2", b"a3", b"a4", b"a5"]
    assert (len(window), window.is_full(1, 1)) == (0, False)


async def test_what_came_on_a_channel_that_is_closed_is_left_out() -> None:
    window = Window()
    old, new = Channel(), Channel()
    _fill(window, 0, old, b"a1", b"a2")
    _fill(window, 1, Channel(), b"b1")
    old.is_closed = True
    _fill(window, 0, new, b"a1", b"a2")
    assert await _take(window, 2) == [b"b1", b"a1"]
    assert await _take(window, 2) == [b"a2"]


def _add(body: bytes) -> Callable[[Window], None]:
    return lambda window: _fill(window, 5, Channel(), body)


@pytest.mark.parametrize(
    "what",
    [
        _add(b'[{"operation_id":"x","reply_to":"gateway"}]'),
        _add(b'[{"operation_id":"x","receipt":["a","b",0,1]}]'),
        _add(b"x" * 1000),
        lambda window: _fill(window, 5, Channel(), b"d", b"e", b"f", b"g"),
        Window.close,
    ],
    ids=["an HTTP client waits", "an AMQP client waits", "much is there", "many are there", "it is closed"],
)
async def test_after_a_crowd_a_window_grows_until_somebody_waits_or_enough_is_there(what: Any) -> None:
    window = Window(HOUR)
    _fill(window, 0, Channel(), b"a", b"b")
    assert await _take(window, 4) == [b"a", b"b"]
    _fill(window, 1, Channel(), b"c")
    taking = asyncio.create_task(_take(window, 4))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not taking.done()
    what(window)
    async with asyncio.timeout(5):
        assert (await taking)[0] == b"c"


async def test_a_window_grows_no_longer_than_its_pace() -> None:
    window = Window(Pace(0.05, crowd=2, is_awaited=is_awaited))
    loop = asyncio.get_running_loop()
    _fill(window, 0, Channel(), b"a", b"b")
    await window.take(4, 1000)
    since = loop.time()
    _fill(window, 1, Channel(), b"c")
    async with asyncio.timeout(5):
        assert await _take(window, 4) == [b"c"]
    assert loop.time() - since >= 0.04


async def test_fewer_than_a_crowd_hold_nobody_back() -> None:
    window = Window(HOUR)
    for body in (b"a", b"b", b"c"):
        _fill(window, 0, Channel(), body)
        async with asyncio.timeout(5):
            assert await _take(window, 4) == [body]
