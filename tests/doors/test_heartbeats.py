"""Whoever follows a pharmacy where nothing happens hears within 15 s that the line is up: on both doors at once."""

from tests.doors.test_sse import listening
from tests.doors.test_websocket import follow, frame_of
from tests.kit.gateway import GatewayStage


async def test_an_idle_socket_and_an_idle_stream_get_a_heartbeat_within_15_s(live: GatewayStage) -> None:
    on_socket, on_stream = await live.add_key(), await live.add_key()
    await live.happen(on_socket.pharmacy_id)
    async with follow(live, on_socket, "?types=order.placed") as socket, listening(live, on_stream) as stream:
        ready = await frame_of(socket)
        await stream.message()
        assert await frame_of(socket, 15.2) == {"type": "heartbeat", "sequence": ready["sequence"]}
        assert await stream.message(2) == {"": "heartbeat 0"}
