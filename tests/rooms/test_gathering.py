"""What is written in one turn of the loop reaches the kernel in one write, in order, and nothing of it is lost at the end."""

import asyncio

import pytest

from hub.gathering import GatheringTransport


class Counting:
    """A transport that counts its writes."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def write_eof(self) -> None:
        self.writes.append(b"EOF")

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def get_extra_info(self, name: str) -> str:
        return name


@pytest.fixture
async def wire() -> tuple[Counting, GatheringTransport]:
    """A counting transport, and the one that gathers for it."""
    counting = Counting()
    return counting, GatheringTransport(counting, asyncio.get_running_loop())  # type: ignore[arg-type]


async def test_the_writes_of_a_turn_are_one_and_the_next_turns_are_another(
    wire: tuple[Counting, GatheringTransport],
) -> None:
    counting, gathering = wire
    gathering.write(b"head ")
    gathering.writelines([b"bo", b"dy"])
    assert counting.writes == []
    await asyncio.sleep(0)
    assert counting.writes == [b"head body"]
    gathering.write(b"more")
    await asyncio.sleep(0)
    assert counting.writes == [b"head body", b"more"]


@pytest.mark.parametrize(("end", "last"), [("close", []), ("write_eof", [b"EOF"])])
async def test_what_waits_is_written_before_the_end(
    wire: tuple[Counting, GatheringTransport], end: str, last: list[bytes]
) -> None:
    counting, gathering = wire
    gathering.write(b"farewell")
    getattr(gathering, end)()
    await asyncio.sleep(0)
    assert counting.writes == [b"farewell", *last]


async def test_an_aborted_transport_is_not_written_to(wire: tuple[Counting, GatheringTransport]) -> None:
    counting, gathering = wire
    gathering.write(b"too late")
    gathering.abort()
    await asyncio.sleep(0)
    assert counting.writes == []


async def test_everything_else_is_the_transports_own(wire: tuple[Counting, GatheringTransport]) -> None:
    assert wire[1].get_extra_info("peername") == "peername"
