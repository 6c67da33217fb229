"""Any bytes at every door: an answer below 500, in time, and the next request is served.

A few hundred cases; `--long` sends 10,000. What comes is chance on purpose only with `--long`: else always the same.
"""

import asyncio
import gzip
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from socket import create_connection
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.sync.client import connect

from tests.conftest import Servers
from tests.kit.document import a_whole_hub
from tests.kit.in_process import Hub

pytestmark = pytest.mark.timeout(1200)  # with --long
SECONDS = 30.0
FEW, MANY = 60, 2500  # for each of the four doors

_WORDS = st.sampled_from([
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"null", b"true", b"1e400", b"-0", b"NaN", b"\\u0000", b"\\ud800", b"\xff", b"\xef\xbb\xbf", b"\0", b"\n", b"\r\n",
    b'"sku"', b'"name"', b'"price"', b'"quantity"', b'"lines"', b'"A"', b'"1.00"', b"1", b"2147483648", b'"extra_data"', b"sku,name,price\n", b";", b"\t",
    "e\u0301".encode(), "\u202e".encode(), "\U0001f48a".encode(), b"9" * 400, b"[" * 400,
])  # fmt: skip
_BYTES = st.binary(max_size=400) | st.lists(_WORDS, max_size=60).map(b"".join)
_TEXT = st.text(max_size=60) | st.sampled_from(["after", "limit", "0", "-1", "sale.*", "%00", "a" * 5000])
_PLACES = st.sampled_from([
    ("POST", "/api/inventory/"), ("POST", "/api/sales/"), ("POST", "/api/orders/"), ("POST", "/api/webhook-events/"), ("POST", "/api/events/ticket/"),
    ("PATCH", "/api/inventory/00000000-0000-4000-8000-00000000beef/"), ("PUT", "/api/orders/00000000-0000-4000-8000-00000000beef/"),
    ("PATCH", "/api/pharmacies/{pharmacy}/"), ("POST", "/api/pharmacies/{pharmacy}/keys/"),
])  # fmt: skip
_HEADERS = st.dictionaries(
    st.sampled_from([b"Content-Type", b"Idempotency-Key", b"If-Match", b"Prefer", b"Content-Encoding", b"X-Pharmacy-Id", b"Accept", b"Last-Event-ID"]),
    st.binary(max_size=40).map(lambda raw: bytes(byte for byte in raw if byte not in b"\r\n\0").strip()),
    max_size=3,
)  # fmt: skip


class Door:
    """A hub, a pharmacy's key, and a client."""

    def __init__(self, hub: Hub) -> None:
        """Make a pharmacy."""
        self.hub = hub
        pharmacy_id, self.key = hub.open_pharmacy()
        self.pharmacy = str(pharmacy_id)
        self.web = httpx.Client(base_url=hub.url, timeout=SECONDS, trust_env=False)

    def send(self, method: str, path: str, body: bytes | None, headers: dict[bytes, bytes]) -> None:
        """Send a request; the answer is no fault of ours."""
        named = [(b"X-API-KEY", self.key.encode()), *headers.items()]
        try:
            answer = self.web.request(method, path.replace("{pharmacy}", self.pharmacy), content=body, headers=named)
        except (httpx.LocalProtocolError, httpx.InvalidURL):
            return  # no client can send that
        assert answer.status_code < 500, (answer.status_code, answer.text[:300])
        assert "Traceback" not in answer.text


@pytest.fixture(scope="module")
def door(servers: Servers, template_database: str) -> Iterator[Door]:
    """A whole hub, whose operator's key stays out of this."""
    with a_whole_hub(servers, template_database) as hub:
        opened = Door(hub)
        with opened.web:
            yield opened


def _tried(pytestconfig: pytest.Config, trial: Callable[..., None], /, **given_: Any) -> None:
    is_long = bool(pytestconfig.getoption("--long"))
    how = settings(
        max_examples=MANY if is_long else FEW, derandomize=not is_long, deadline=None, database=None, print_blob=True,
        phases=[Phase.explicit, Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    how(given(**given_)(trial))()


def test_any_body_is_answered(door: Door, pytestconfig: pytest.Config) -> None:
    def send(place: tuple[str, str], body: bytes, headers: dict[bytes, bytes]) -> None:
        door.send(*place, body, {b"Content-Type": b"application/json", **headers})

    _tried(pytestconfig, send, place=_PLACES, body=_BYTES, headers=_HEADERS)
    assert door.web.get("/health/live").status_code == 200


def test_any_file_is_answered(door: Door, pytestconfig: pytest.Config) -> None:
    def send(kind: str, media: bytes, body: bytes, *, zipped: bool, cut: int) -> None:
        sent = gzip.compress(body)[: -cut or None] if zipped else body
        coding = {b"Content-Encoding": b"gzip"} if zipped else {}
        door.send("POST", f"/api/{kind}/bulk", sent, {b"Content-Type": media, **coding})

    _tried(
        pytestconfig, send, kind=st.sampled_from(["inventory", "sales"]), media=st.sampled_from([b"text/csv", b"application/x-ndjson"]), body=_BYTES,
        zipped=st.booleans(), cut=st.integers(0, 9),
    )  # fmt: skip
    assert door.web.get("/health/live").status_code == 200


def test_any_query_is_answered(door: Door, pytestconfig: pytest.Config) -> None:
    lists = [
        "/api/inventory/",
        "/api/sales/",
        "/api/orders/",
        "/api/events/",
        "/api/uploads/",
        "/api/webhook-events/",
        "/api/reconciliation/",
    ]
    names = (
        st.sampled_from(
            ["q", "limit", "cursor", "sort", "after", "sku", "updated_since", "quantity_lt", "count", "type", "day"]
        )
        | _TEXT
    )

    def send(path: str, query: list[tuple[str, str]], raw: bytes) -> None:
        address = httpx.URL(path, params=query) if query else httpx.URL(path, query=raw)
        door.send("GET", str(address), None, {})

    _tried(pytestconfig, send, path=st.sampled_from(lists), query=st.lists(st.tuples(names, _TEXT.filter(_is_sendable)), max_size=4),
           raw=st.binary(max_size=40).map(lambda given_: bytes(byte for byte in given_ if 32 < byte < 127 and byte != 35)))  # fmt: skip


def _is_sendable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def test_any_wire_and_any_socket_is_answered_or_closed(door: Door, pytestconfig: pytest.Config) -> None:
    """Bytes instead of a request, and what a socket's client may say: 500 is never the answer, and nobody hangs."""
    host, port = door.hub.url.removeprefix("http://").split(":")
    address = f"ws://{host}:{port}/ws/events"

    async def on_the_wire(sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(sent)
            writer.write_eof()
            async with asyncio.timeout(SECONDS):
                return await reader.read(4096)
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()  # what is still to be sent would keep the socket open beyond this loop's end
            await asyncio.sleep(0)

    def send(head: bytes, body: bytes, query: str, message: bytes, *, as_text: bool) -> None:
        for raw in (body, b"POST /api/sales/ HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n" + body):
            received = pool.submit(asyncio.run, on_the_wire(raw)).result()
            assert not received.startswith(b"HTTP/1.1 5"), received[:300]
        try:
            with (
                create_connection((host, int(port)), timeout=SECONDS) as wire,
                connect(
                    f"{address}{query}", sock=wire, additional_headers={"X-API-KEY": door.key}, open_timeout=SECONDS
                ) as socket,
            ):
                socket.send(message, text=as_text)
        except InvalidHandshake as refused:
            status = getattr(getattr(refused, "response", None), "status_code", 400)
            assert status < 500, status
        except (ConnectionClosed, InvalidMessage, OSError):
            pass  # it was closed

    with ThreadPoolExecutor(1) as pool:
        _tried(
            pytestconfig, send, head=st.binary(max_size=60) | st.sampled_from([b"Content-Length: -1", b"Transfer-Encoding: x", b"Expect: x"]), body=_BYTES,
            query=st.sampled_from(["", "?after=0", "?after=x", "?types=,", "?%00", "?after=" + "9" * 30]), message=_BYTES, as_text=st.booleans(),
        )  # fmt: skip
    assert door.web.get("/health/live").status_code == 200
