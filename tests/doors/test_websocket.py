"""The WebSocket: what a client sees on the wire, against a gateway process."""

import asyncio
import json
import socket as sockets
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.routes.events import follow_events
from gateway.subscribers import SLOW_SECONDS
from hub.domain.ids import HUB_ID
from hub.settings import Settings
from tests.kit.gateway import GatewayStage, TestKey, running_gateway


def follow(stage: GatewayStage, key: TestKey | None, query: str = "", **options: Any) -> connect:
    headers = dict(options.pop("headers", {})) | ({} if key is None else key.headers)
    return connect(f"{stage.ws_url}/ws/events{query}", additional_headers=headers, proxy=None, **options)


async def frame_of(socket: ClientConnection, seconds: float = 5) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        text = await socket.recv()
        assert isinstance(text, str)
        frame: dict[str, Any] = json.loads(text)
        return frame


async def close_code(socket: ClientConnection, seconds: float = 5) -> tuple[int | None, str]:
    async with asyncio.timeout(seconds):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason or ""


async def test_ready_then_backlog_then_live_with_the_bytes_of_the_log(live: GatewayStage) -> None:
    key = await live.add_key()
    written = await live.happen(key.pharmacy_id, 3)
    async with follow(live, key, "?after=1") as socket:
        assert await socket.recv() == '{"type":"ready","sequence":3}'
        written += await live.happen(key.pharmacy_id)
        for event in written[1:]:
            assert await socket.recv() == '{"type":"event","event":' + event.body + "}"


async def test_the_last_event_id_wins_over_after(live: GatewayStage) -> None:
    key = await live.add_key()
    await live.happen(key.pharmacy_id, 3)
    async with follow(live, key, "?after=0", headers={**key.headers, "Last-Event-ID": "2"}) as socket:
        assert await frame_of(socket) == {"type": "ready", "sequence": 3}
        assert (await frame_of(socket))["event"]["sequence"] == 3
    async with follow(live, key, headers={**key.headers, "Last-Event-ID": "x"}) as socket:
        assert (await close_code(socket))[0] == 4400


async def test_without_after_it_is_live_only_and_types_choose(live: GatewayStage) -> None:
    key = await live.add_key()
    await live.happen(key.pharmacy_id, 3)
    async with follow(live, key, "?types=order.*,sale.voided") as socket:
        assert await frame_of(socket) == {"type": "ready", "sequence": 3}
        await live.happen(key.pharmacy_id, 2)
        await live.happen(key.pharmacy_id, 1, "order.placed")
        await live.happen(key.pharmacy_id, 1, "sale.voided")
        assert [(await frame_of(socket))["event"]["sequence"] for _ in range(2)] == [6, 7]


async def test_the_way_from_the_broker_to_the_socket_is_short(live: GatewayStage) -> None:
    key = await live.add_key()
    async with follow(live, key) as socket:
        await frame_of(socket)
        waits = []
        for _ in range(50):
            events = await live.log(key.pharmacy_id)
            began = asyncio.get_running_loop().time()
            await live.publish(events)
            await frame_of(socket)
            waits.append(asyncio.get_running_loop().time() - began)
    print(f"publish to socket, median {sorted(waits)[25] * 1000:.2f} ms, worst {max(waits) * 1000:.2f} ms")
    assert sorted(waits)[25] < 0.05


async def test_strangers_are_told_401_in_the_handshake(live: GatewayStage) -> None:
    key = await live.add_key()
    for headers, query in (
        ({}, ""), ({"X-API-KEY": "phk_nonsense"}, ""), ({"X-API-KEY": key.text[:-1] + "!"}, ""), ({}, f"?api_key={key.text}"),
    ):  # fmt: skip
        with pytest.raises(InvalidStatus) as refusal:
            async with follow(live, None, query, headers=headers):
                pass
        response = refusal.value.response
        assert response.status_code == 401
        assert json.loads(response.body)["type"] == "/problems/unauthorized"


async def test_a_refused_handshake_leaves_no_fault_in_the_servers_log(settings: Settings) -> None:
    log = settings.data_dir / "gateway.log"
    async with running_gateway(settings, log=log) as live:

        async def be_refused() -> None:
            with pytest.raises(InvalidStatus):
                async with follow(live, None):
                    pass

        await asyncio.gather(*(be_refused() for _ in range(20)))
    said = await asyncio.to_thread(log.read_text)
    assert [fault for fault in ("ASGI callable", "Exception in ASGI", "Traceback") if fault in said] == []


async def test_a_key_without_the_scope_read_is_refused(live: GatewayStage) -> None:
    key = await live.add_key(scopes=["write"])
    with pytest.raises(InvalidStatus) as refusal:
        async with follow(live, key):
            pass
    assert refusal.value.response.status_code == 403


@pytest.mark.parametrize(
    "query", ["?after=-1", "?after=abc", "?after=", "?after=1.0", "?after=99999999999999999999", "?after=6", "?types=", "?types=a,,b",
              "?types=sale.*x", "?colour=red", "?after=1&after=2"],
)  # fmt: skip
async def test_bad_parameters_close_with_4400(live: GatewayStage, live_key: TestKey, query: str) -> None:
    async with follow(live, live_key, query) as socket:
        code, reason = await close_code(socket)
        assert code == 4400
        assert reason


async def test_below_retention_closes_with_4410(live: GatewayStage) -> None:
    key = await live.add_key()
    await live.happen(key.pharmacy_id, 5)
    async with live.writes.connection() as connection:
        await connection.execute("DELETE FROM events WHERE pharmacy_id = $1 AND sequence <= 3", key.pharmacy_id)
    async with follow(live, key, "?after=2") as socket:
        code, reason = await close_code(socket)
        assert code == 4410
        assert "4" in reason


async def test_messages_from_the_client(live: GatewayStage, live_key: TestKey) -> None:
    async with follow(live, live_key) as socket:
        await frame_of(socket)
        for _ in range(5):
            await socket.send("x" * 4096)
        await live.happen(live_key.pharmacy_id)
        assert (await frame_of(socket))["type"] == "event"
        await socket.send("é" * 2049)
        assert (await close_code(socket))[0] == 1009
    async with follow(live, live_key) as socket:
        await socket.send(b"x")
        assert (await close_code(socket))[0] == 1003
    async with follow(live, live_key) as socket:
        await socket.send(b"\xff\xfe", text=True)
        assert (await close_code(socket))[0] == 1007


async def test_a_long_frame_is_refused_by_its_head_alone(live: GatewayStage, live_key: TestKey) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(live.url.rpartition(":")[2]))
    try:
        head = f"GET /ws/events HTTP/1.1\r\nHost: x\r\nX-API-KEY: {live_key.text}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        writer.write(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())
        async with asyncio.timeout(10):
            await reader.readuntil(b'"ready","sequence":0}')
            # Its first 14 bytes: text, 16 MiB long, the mask. Nothing of the text follows, and nothing of it is waited for.
            writer.write(b"\x81\xff" + (16 * 1_048_576).to_bytes(8, "big") + bytes(4))
            answer = await reader.readexactly(4)
    finally:
        writer.close()
    assert answer[:1] == b"\x88", "a close frame"
    assert int.from_bytes(answer[2:], "big") == 1009


async def test_a_revoked_key_closes_its_sockets_within_5_s(live: GatewayStage) -> None:
    key = await live.add_key()
    other = await live.add_key(key.pharmacy_id)
    async with follow(live, key) as socket, follow(live, other) as stays:
        await frame_of(socket)
        await frame_of(stays)
        await live.revoke(key)
        assert (await close_code(socket))[0] == 4401
        await live.happen(key.pharmacy_id)
        assert (await frame_of(stays))["type"] == "event"


async def test_nobody_else_s_events_and_operators_see_the_hub_s_own(live: GatewayStage) -> None:
    mine, other = await live.add_key(), await live.add_key()
    operator = {"X-API-KEY": await live.add_operator_key()}
    async with (
        follow(live, mine, "?after=0") as socket,
        follow(live, None, "?after=0", headers=operator) as hub,
        follow(live, None, "?after=0", headers=operator | {"X-Pharmacy-Id": str(other.pharmacy_id)}) as acting,
    ):
        for each in (socket, hub, acting):
            assert await frame_of(each) == {"type": "ready", "sequence": 0}
        await live.happen(other.pharmacy_id)
        await live.happen(HUB_ID, 1, "pharmacy.created")
        await live.happen(mine.pharmacy_id, 1, "order.placed")
        assert (await frame_of(socket))["event"]["pharmacyid"] == str(mine.pharmacy_id)
        assert (await frame_of(hub))["event"]["type"] == "pharmacy.created"
        assert (await frame_of(acting))["event"]["pharmacyid"] == str(other.pharmacy_id)


async def test_a_ticket_opens_one_socket_from_its_origin(live: GatewayStage, live_key: TestKey) -> None:
    async def a_ticket() -> str:
        response = await live.client.post(
            "/api/events/ticket/", headers=live_key.headers | {"Origin": "https://shop.example"}
        )
        assert response.status_code == 201, response.text
        assert set(response.json()) == {"ticket", "expires_at"}
        return f"ticket.{response.json()['ticket']}"

    ticket = await a_ticket()
    async with follow(live, None, "", subprotocols=["hub.v1", ticket], origin="https://shop.example") as socket:
        assert socket.subprotocol == "hub.v1"
        assert (await frame_of(socket))["type"] == "ready"
    for spoilt, origin in (
        (ticket, "https://shop.example"), (await a_ticket(), "https://evil.example"), (await a_ticket(), None), ("ticket.x", None),
    ):  # fmt: skip
        with pytest.raises(InvalidStatus) as refusal:
            async with follow(live, None, "", subprotocols=["hub.v1", spoilt], origin=origin):
                pass
        assert refusal.value.response.status_code == 401


async def test_a_slow_reader_is_closed_with_4408_and_the_others_go_on(live: GatewayStage) -> None:
    key, other = await live.add_key(), await live.add_key()
    async with (
        follow(live, key, "?after=0", max_queue=1, ping_interval=None) as slow,
        follow(live, key, "?after=0") as quick,
    ):
        await frame_of(quick)
        for _ in range(60):
            await live.happen(key.pharmacy_id, 10, size=20_000)  # 12 MB: more than the sockets' buffers hold
            for _ in range(10):
                assert (await frame_of(quick))["type"] == "event"
        # One look ends who is too slow, then whose key has expired: longer from now than a reader may be slow.
        async with live.writes.transaction() as connection:
            await connection.execute(
                "UPDATE api_keys SET expires_at = now() + make_interval(secs => $2) WHERE id = $1", other.id, SLOW_SECONDS + 0.5
            )  # fmt: skip
        async with follow(live, other) as looked_after:
            assert (await close_code(looked_after, 15))[0] == 4401
        await live.happen(key.pharmacy_id)
        assert (await frame_of(quick))["event"]["sequence"] == 601
        seen = []
        with pytest.raises(ConnectionClosed):  # noqa: PT012 -- it ends after some frames
            while True:
                frame = await frame_of(slow)
                if frame["type"] == "event":
                    seen.append(frame["event"]["sequence"])
        assert slow.close_code == 4408
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) < 600


async def test_sigterm_closes_sockets_with_1012(settings: Settings) -> None:
    async with running_gateway(settings) as stage:
        key = await stage.add_key()
        async with follow(stage, key) as socket:
            await frame_of(socket)
            stage.process.terminate()
            assert (await close_code(socket))[0] == 1012
        async with asyncio.timeout(5):
            await stage.process.wait()


@pytest.mark.long
@pytest.mark.timeout(120)
async def test_a_client_that_answers_no_ping_is_let_go_within_60_s(live: GatewayStage, live_key: TestKey) -> None:
    """Its machine is gone, and no reset tells of it."""
    host, port = live.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET /ws/events HTTP/1.1\r\nHost: x\r\nX-API-KEY: {live_key.text}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    writer.write(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())
    try:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        async with asyncio.timeout(60):
            while await reader.read(4096):
                pass
    finally:
        writer.close()


async def test_a_client_that_vanishes_is_forgotten(live: GatewayStage, live_key: TestKey) -> None:
    async with follow(live, live_key) as socket:
        await frame_of(socket)
        transport_socket = socket.transport.get_extra_info("socket")
        raw = transport_socket._sock if hasattr(transport_socket, "_sock") else transport_socket
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        socket.transport.abort()
    await live.happen(live_key.pharmacy_id, 2)
    async with follow(live, live_key) as socket:
        assert (await frame_of(socket))["type"] == "ready"


def test_without_the_extension_the_refusal_is_a_plain_403(settings: Settings) -> None:
    """An ASGI server that cannot send a body in the handshake still refuses."""

    class Refusing:
        async def authenticate(self, *_: object) -> None:
            raise AssertionError

    class Hub:
        keys = Refusing()

    app = Litestar([follow_events], openapi_config=None)
    app.state["hub"] = Hub()
    with TestClient(app) as client, pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws/events"):
        pass


@pytest.fixture
async def live_key(live: GatewayStage) -> TestKey:
    return await live.add_key()


async def test_an_operator_names_a_pharmacy_that_exists(live: GatewayStage) -> None:
    operator = {"X-API-KEY": await live.add_operator_key(), "X-Pharmacy-Id": str(uuid4())}
    with pytest.raises(InvalidStatus) as refusal:
        async with follow(live, None, "?after=0", headers=operator):
            pass
    assert refusal.value.response.status_code == 404
