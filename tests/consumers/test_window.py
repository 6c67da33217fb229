"""Whose turn it is in a window: each partition's, in its own order."""

from typing import Any

from consumers.window import Delivery, Window


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
