"""How a request's bytes are framed: too much is said before it is read, and nothing is read in two ways."""

import asyncio

import orjson
import pytest

from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import assert_problem, post, wire


@pytest.fixture
async def key(live: GatewayStage) -> TestKey:
    """A pharmacy's key."""
    return await live.add_key()


async def test_too_large_is_said_before_it_is_read(live: GatewayStage, key: TestKey) -> None:
    """Announced with Expect, announced and sent, and chunked; the header's size too."""
    head = f"POST /api/inventory/ HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key.text}\r\nContent-Type: application/json\r\n".encode()
    status, headers, body = await wire(live, head + b"Content-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n")
    assert (status, headers["connection"]) == (413, "close")
    assert b"/problems/too-large" in body
    assert_problem(await post(live, key, b" " * 1_048_577), 413)
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    status, _, _ = await wire(live, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17)
    assert status == 413
    many = {**key.headers, **{f"X-{n}": "1" for n in range(120)}}
    assert_problem(await live.client.get("/api/inventory/", headers=many), 431)
    assert_problem(await live.client.get("/api/inventory/", headers={**key.headers, "X-Long": "x" * 40_000}), 431)


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: x",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Bad Header: 1",
        b"X: a\x00b",
    ],
)
async def test_ambiguous_framing_is_refused(live: GatewayStage, key: TestKey, framing: bytes) -> None:
    """What two parsers could read differently is a 400, and the connection ends."""
    head = f"POST /api/inventory/ HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key.text}\r\nContent-Type: application/json\r\n".encode()
    status, _, _ = await wire(live, head + framing + b"\r\n\r\n5\r\n{    \r\n0\r\n\r\n")
    assert status == 400


@pytest.mark.parametrize("cut", [0, 40, -3, None], ids=["head alone", "in the head", "in the body", "at once"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_an_offer_of_http_2_is_ignored_and_costs_no_byte_of_the_body(
    live: GatewayStage, key: TestKey, framing: str, cut: int | None
) -> None:
    """Java's HttpClient sends it with the first request of a connection, `curl --http2` as well."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(live.url.rpartition(":")[2]))
    try:
        for number in range(2):  # the connection goes on behind it
            body = orjson.dumps({"sku": f"h2c-{number}", "name": "n", "price": "1.00", "quantity": 1})
            head = (
                f"POST /api/inventory/ HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key.text}\r\nContent-Type: application/json\r\n"
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
            ).encode()
            if framing == "length":
                sent = head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            else:
                sent = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            place = sent.index(b"\r\n\r\n") + 4 if cut == 0 else cut
            writer.write(sent[:place])
            await writer.drain()
            await asyncio.sleep(0)
            if place is not None:
                await asyncio.wait_for(live_turn(live), 5)
                writer.write(sent[place:])
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert answer.startswith(b"HTTP/1.1 202"), answer
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            assert orjson.loads(await reader.readexactly(length))["status"] == "accepted"
    finally:
        writer.close()


@pytest.mark.parametrize("ends", [(b"\n", b"\r\n"), (b"\r\n", b"\n"), (b"\n", b"\n"), (b"\r", b"\r\n")])
async def test_a_line_of_the_head_ends_with_both_its_bytes(live: GatewayStage, ends: tuple[bytes, bytes]) -> None:
    head = b"GET /health/live HTTP/1.1" + ends[0] + b"Host: x" + ends[1] + ends[1]
    status, headers, _ = await wire(live, head)
    assert (status, headers["connection"]) == (400, "close")


@pytest.mark.parametrize("method", ["POST", "PATCH", "GET", "DELETE"])
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]
)
async def test_a_websocket_that_is_offered_with_a_body_is_answered_as_http(
    live: GatewayStage, key: TestKey, method: str, framing: bytes
) -> None:
    head = f"{method} /api/nowhere/ HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key.text}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n".encode()
    status, _, body = await wire(live, head + framing)
    assert (status, orjson.loads(body)["type"]) == (404, "/problems/not-found")


async def test_connect_is_refused_since_this_is_no_proxy(live: GatewayStage) -> None:
    for rest in (b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n{}"):
        status, headers, _ = await wire(live, b"CONNECT x:80 HTTP/1.1\r\nHost: x" + rest)
        assert (status, headers["connection"]) == (405, "close")


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n"])
@pytest.mark.parametrize("offer", [b"", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"])
async def test_a_request_names_one_host(live: GatewayStage, hosts: bytes, offer: bytes) -> None:
    status, _, _ = await wire(live, b"GET /health/live HTTP/1.1\r\n" + hosts + offer + b"\r\n")
    assert status == 400
    status, _, _ = await wire(live, b"GET /health/live HTTP/1.0\r\n\r\n")
    assert status == 200


async def live_turn(live: GatewayStage) -> None:
    """Let the gateway read what was sent: it answers another connection meanwhile."""
    assert (await live.client.get("/health/live")).status_code == 200


async def test_the_gateway_does_not_close_what_its_client_keeps(live: GatewayStage) -> None:
    """httpx keeps a resting connection for 5 s: a gateway that closed it then would lose what is just being sent (RFC 9112 9.5)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(live.url.rpartition(":")[2]))
    try:
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_end(reader), 7)
    finally:
        writer.close()


async def _end(reader: asyncio.StreamReader) -> None:
    while await reader.read(1024):
        pass
