"""A client that sends a byte now and then does not keep its connection: head, body and file have a limit of time."""

import logging
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Servers
from tests.kit.document import a_whole_hub
from tests.kit.in_process import Hub
from tests.promises.outages import measured

LIMIT = 1.0
PATIENCE = 15.0  # for what takes LIMIT on an idle machine
DRIP = 0.1


@pytest.fixture(scope="module")
def hub(servers: Servers, template_database: str) -> Iterator[Hub]:
    """A whole hub whose limits are short."""
    of_pytest = [one for one in logging.getLogger().handlers if type(one).__module__.startswith("_pytest")]
    with pytest.MonkeyPatch.context() as patch, a_whole_hub(servers, template_database) as hub:
        for limit in ("gateway.protocol.HEAD_SECONDS", "gateway.bodies.BODY_SECONDS", "gateway.bulk.SILENCE_SECONDS"):
            patch.setattr(limit, LIMIT)
        # The hub's handler took the place of pytest's, by which a test shows what it measured.
        logging.getLogger().handlers += of_pytest
        yield hub


@pytest.fixture(scope="module")
def key(hub: Hub) -> str:
    """A pharmacy's key."""
    return hub.open_pharmacy()[1]


def _open(hub: Hub) -> socket.socket:
    host, port = hub.url.removeprefix("http://").split(":")
    wire = socket.create_connection((host, int(port)), timeout=PATIENCE)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


def _dripped(wire: socket.socket, begin: bytes, drip: bytes) -> bytes:
    """Send a beginning, then a little at a time for as long as the other side takes it; give the whole answer."""
    wire.sendall(begin)
    wire.settimeout(DRIP)
    received = b""
    began = time.monotonic()
    while time.monotonic() < began + PATIENCE:
        try:
            wire.sendall(drip)
            part = wire.recv(65536)
        except TimeoutError:
            continue
        except ConnectionError:
            part = b""
        if not part:
            measured(f"a request that drips, limit {LIMIT:g} s, to the end of its connection", time.monotonic() - began)
            return received
        received += part
    pytest.fail(f"after {PATIENCE} s it still takes bytes, and said {received!r}")


def _write(key: str, path: str, media: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key}\r\nContent-Type: {media}\r\nContent-Length: 100000\r\n\r\n"
    return head.encode()


def _is_served(hub: Hub, key: str) -> bool:
    return httpx.get(f"{hub.url}/api/inventory/", headers={"X-API-KEY": key}).status_code == 200


@pytest.mark.parametrize(
    "begin", [b"G", b"GET /health/live HTTP/1.1\r\n", b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: "]
)
def test_a_head_that_drips_is_a_408_and_the_connection_ends(hub: Hub, key: str, begin: bytes) -> None:
    with _open(hub) as wire:
        answer = _dripped(wire, begin, b"" if begin == b"G" else b"x")
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nconnection: close\r\n" in answer
    assert _is_served(hub, key)


def test_the_head_of_a_second_request_has_its_limit_too(hub: Hub) -> None:
    with _open(hub) as wire:
        wire.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        first = b""
        while b'"alive"}' not in first:
            first += wire.recv(4096)
        assert first.startswith(b"HTTP/1.1 200")
        assert _dripped(wire, b"GET /health/live HTTP/1.1\r\nX-A: ", b"x").startswith(b"HTTP/1.1 408")


def test_a_body_that_drips_is_refused_and_applies_nothing(hub: Hub, key: str) -> None:
    with _open(hub) as wire:
        answer = _dripped(wire, _write(key, "/api/inventory/", "application/json") + b'{"sku":"', b"a")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"/problems/malformed" in answer
    assert _is_served(hub, key)


def test_a_file_that_stops_is_refused_and_applies_nothing(hub: Hub, key: str) -> None:
    row = b'{"sku":"A","name":"a","price":"1.00"}\n'
    with _open(hub) as wire:
        answer = _dripped(wire, _write(key, "/api/inventory/bulk", "application/x-ndjson") + row, b"")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"/problems/malformed" in answer
    assert httpx.get(f"{hub.url}/api/inventory/", headers={"X-API-KEY": key}).json()["items"] == []


def test_a_file_that_drips_is_refused_and_applies_nothing(hub: Hub, key: str) -> None:
    with _open(hub) as wire:
        answer = _dripped(wire, _write(key, "/api/inventory/bulk", "application/x-ndjson"), b" ")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"less than 1000 bytes a second" in answer
    assert _is_served(hub, key)


def test_a_client_that_takes_its_time_within_the_limit_is_served(hub: Hub) -> None:
    with _open(hub) as wire:
        for part in (b"GET /health/live HTTP/1.1\r\n", b"Host: x\r\n", b"X-A: b\r\n", b"\r\n"):
            wire.sendall(part)
            time.sleep(LIMIT / 10)  # a slow client
        assert wire.recv(4096).startswith(b"HTTP/1.1 200")
        for _ in range(3):  # and one that rests between its requests for longer than a head may take
            time.sleep(LIMIT / 2)  # a pause of its own
        wire.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.recv(4096).startswith(b"HTTP/1.1 200")
