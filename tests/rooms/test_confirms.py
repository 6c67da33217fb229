"""Confirms are read as aiormq reads them, however the bytes arrive, and everything else is left to it."""

import asyncio
from collections.abc import Sequence

import pytest
from aiormq.connection import FrameReceiver
from aiormq.exceptions import AMQPConnectionError
from hypothesis import given
from hypothesis import strategies as st
from pamqp import body, commands, frame
from pamqp.base import Frame
from pamqp.heartbeat import Heartbeat

from hub.messaging import confirms

ACK = commands.Basic.Ack(7, multiple=True)
tags = st.integers(1, 2**63 - 1)
frames = st.one_of(
    st.builds(commands.Basic.Ack, tags, st.booleans()),
    st.builds(commands.Basic.Nack, tags, st.booleans(), st.booleans()),
    st.builds(body.ContentBody, st.binary(min_size=1, max_size=40)),
    # A body that looks like a confirm.
    st.builds(lambda tag: body.ContentBody(frame.marshal(commands.Basic.Ack(tag), 1)[7:-1]), tags),
    st.builds(Heartbeat),
    st.builds(commands.Channel.CloseOk),
)


def shown(one: object) -> tuple[str, object]:
    return type(one).__name__, dict(one) if isinstance(one, Frame) else getattr(one, "value", None)


async def read(pieces: Sequence[bytes], count: int) -> list[tuple[int, int, tuple[str, object]]]:
    reader = asyncio.StreamReader()
    receiver = FrameReceiver(reader)

    async def feed() -> None:
        for piece in pieces:
            reader.feed_data(piece)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(feed())
        found = [await confirms._get_frame(receiver) for _ in range(count)]
    assert not reader._buffer  # type: ignore[attr-defined]
    return [(size, channel, shown(one)) for size, channel, one in found]


@given(sent=st.lists(st.tuples(frames, st.integers(0, 65_535)), min_size=1, max_size=12), cut=st.integers(1, 60))
def test_frames_are_read_as_they_were_sent(sent: list[tuple[Frame, int]], cut: int) -> None:
    marshalled = [frame.marshal(one, channel) for one, channel in sent]
    whole = b"".join(marshalled)
    pieces = [whole[start : start + cut] for start in range(0, len(whole), cut)]
    found = asyncio.run(read(pieces, len(sent)))
    unmarshalled = [frame.unmarshal(raw) for raw in marshalled]
    assert [one[1:] for one in found] == [(channel, shown(one)) for _, channel, one in unmarshalled]


async def test_a_connection_that_broke_gives_no_more_confirms() -> None:
    reader = asyncio.StreamReader()
    receiver = FrameReceiver(reader)
    reader.feed_data(frame.marshal(ACK, 1))
    reader.set_exception(ConnectionResetError())
    with pytest.raises(AMQPConnectionError):
        await confirms._get_frame(receiver)


async def test_the_end_of_a_connection_is_the_end_of_its_frames() -> None:
    reader = asyncio.StreamReader()
    receiver = FrameReceiver(reader)
    reader.feed_data(frame.marshal(ACK, 1))
    reader.feed_eof()
    assert shown((await confirms._get_frame(receiver))[2]) == shown(ACK)
    with pytest.raises(StopAsyncIteration):
        await confirms._get_frame(receiver)


async def test_a_reader_that_was_full_is_fed_again() -> None:
    resumed = []

    class Paused:
        def resume_reading(self) -> None:
            resumed.append(1)

    reader = asyncio.StreamReader(limit=16)
    receiver = FrameReceiver(reader)
    reader._transport = Paused()  # type: ignore[attr-defined]
    reader._paused = True  # type: ignore[attr-defined]
    reader._buffer.extend(frame.marshal(ACK, 1))  # type: ignore[attr-defined]
    await confirms._get_frame(receiver)
    assert resumed == [1]
