"""The outbound client against real servers on the loopback: what they do never raises, hangs, or leads elsewhere."""

import asyncio
import gzip
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from consumers.http_client import (
    CONNECTIONS_PER_HOST,
    RESPONSE_BYTES,
    AttemptResult,
    DeliveryClient,
    attempt,
    open_delivery_client,
)
from hub.security.destinations import Network
from hub.settings import Settings
from tests.promises.outages import measured
from tests.rooms.broker_proxy import eventually

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)


def settings(networks: tuple[Network, ...] = LOOPBACK) -> Settings:
    return Settings.model_validate(
        {
            "database_url": "postgresql://x",
            "amqp_url": "amqp://x",
            "secret_key": "s" * 32,
            "webhooks_allow_networks": networks,
        }
    )


@pytest.fixture
async def client() -> AsyncIterator[DeliveryClient]:
    async with open_delivery_client(settings()) as opened:
        yield opened


@pytest.fixture
async def stranger() -> AsyncIterator[DeliveryClient]:
    async with open_delivery_client(settings(networks=())) as opened:
        yield opened


class Receiver:
    """A server on the loopback that counts its connections and keeps the requests it read."""

    def __init__(self, handler: Handler | bytes) -> None:
        self.handler = handler
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.requests: list[bytes] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
                self.requests.append(head + await reader.readexactly(length))
                if isinstance(self.handler, bytes):
                    writer.write(self.handler)
                    await writer.drain()
                else:
                    await self.handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(handler: Handler | bytes = OK, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(handler)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for writer in receiver.writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # it closes the sockets in its next round


async def post(client: DeliveryClient, url: str, seconds: float = 5.0, own: str | None = None) -> AttemptResult:
    headers = {"content-type": "application/json"} | ({"x-own": own} if own else {})
    return await attempt(client, url, b'{"a":1}', headers, seconds)


# What is sent and read


async def test_the_bytes_and_headers_arrive_as_given(client: DeliveryClient) -> None:
    async with receiving() as receiver:
        result = await attempt(
            client, receiver.url + "?a=b%20c", b'{"e": "\xc3\xa9"}', {"webhook-id": "evt_1", "X-Own": "v"}, 5
        )
    assert (result.status_code, result.error, result.response_body) == (200, None, "ok")
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /hook?a=b%20c http/1.1"
    assert body == b'{"e": "\xc3\xa9"}'
    assert {
        b"webhook-id: evt_1",
        b"x-own: v",
        b"accept-encoding: identity",
        b"user-agent: pharmacy-connector-hub",
    } <= set(lines)
    assert len(lines) == len({line.partition(b":")[0] for line in lines})


async def test_a_connection_is_used_again(client: DeliveryClient) -> None:
    async with receiving() as receiver:
        for _ in range(5):
            assert (await post(client, receiver.url)).status_code == 200
        assert receiver.connections == 1


async def test_a_cookie_is_not_kept(client: DeliveryClient) -> None:
    async with receiving(OK.replace(b"\r\n\r\n", b"\r\nset-cookie: a=b\r\n\r\n")) as receiver:
        await post(client, receiver.url)
        await post(client, receiver.url)
    assert b"cookie" not in receiver.requests[1].lower()


@pytest.mark.parametrize("status", [201, 204, 304, 400, 401, 404, 410, 429, 500, 503])
async def test_every_status_is_reported(client: DeliveryClient, status: int) -> None:
    async with receiving(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode()) as receiver:
        result = await post(client, receiver.url)
    assert (result.status_code, result.error, result.retry_after_seconds) == (status, None, None)


@pytest.mark.parametrize("reason", [b"", b"Cr\xe9\xe9", "Créé".encode(), b"\xff\xfe"])
async def test_a_reason_may_be_any_text(client: DeliveryClient, reason: bytes) -> None:
    async with receiving(b"HTTP/1.1 200 " + reason + b"\r\ncontent-length: 0\r\n\r\n") as receiver:
        result = await post(client, receiver.url)
    assert (result.status_code, result.error) == (200, None)


@pytest.mark.parametrize("location", ["{canary}", "https://example.com/", "/hook", "//evil", ""])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(client: DeliveryClient, status: int, location: str) -> None:
    async with receiving() as canary:
        target = location.format(canary=canary.url)
        answer = f"HTTP/1.1 {status} X\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n".encode()
        async with receiving(answer) as receiver:
            result = await post(client, receiver.url)
            assert (result.status_code, len(receiver.requests), canary.connections) == (status, 1, 0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("9" * 50, 999_999_999),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
        ("\xb2", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 31 Feb 2026 00:00:00 GMT", None),
    ],
)
async def test_retry_after_in_seconds(client: DeliveryClient, value: str, seconds: float | None) -> None:
    answer = f"HTTP/1.1 429 X\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n".encode("latin-1")
    async with receiving(answer) as receiver:
        assert (await post(client, receiver.url)).retry_after_seconds == seconds


@pytest.mark.parametrize(("ahead", "lowest", "highest"), [(60, 50, 60), (-60, 0, 0)])
async def test_retry_after_as_a_date(client: DeliveryClient, ahead: int, lowest: float, highest: float) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    async with receiving(f"HTTP/1.1 503 X\r\nretry-after: {date}\r\ncontent-length: 0\r\n\r\n".encode()) as receiver:
        assert lowest <= ((await post(client, receiver.url)).retry_after_seconds or 0) <= highest


# Receivers that misbehave


async def _hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _drip_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in OK * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)  # no pause is as long as the time that the client gives the whole


async def _drip_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)  # as above


async def _continue_for_ever(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)  # as above


@pytest.mark.parametrize("handler", [_hang, _drip_head, _drip_body, _continue_for_ever])
async def test_a_slow_receiver_costs_its_timeout_and_not_more(client: DeliveryClient, handler: Handler) -> None:
    async with receiving(handler) as receiver:
        started = time.monotonic()
        result = await post(client, receiver.url, 0.4)
        assert (result.status_code, result.error) == (None, "timeout")
        measured(
            f"a receiver that does {handler.__name__}, limit 0.4 s, to the failed attempt", time.monotonic() - started
        )
        assert 0.4 <= time.monotonic() - started < 0.8
        assert 390 <= result.duration_ms < 800


async def test_what_came_before_the_timeout_is_kept(client: DeliveryClient) -> None:
    async with receiving(_drip_body) as receiver:
        assert (await post(client, receiver.url, 0.4)).response_body.startswith("xxx")


async def test_a_hanging_receiver_does_not_delay_another(client: DeliveryClient) -> None:
    async with receiving(_hang) as dead, receiving() as alive, asyncio.TaskGroup() as tasks:
        held = [tasks.create_task(post(client, dead.url, 1.0)) for _ in range(100)]
        await eventually(lambda: len(dead.requests) == CONNECTIONS_PER_HOST)
        result = await post(client, alive.url)
        assert result.status_code == 200
        assert result.duration_ms < 500
        assert not any(one.done() for one in held)
    assert {one.result().error for one in held} == {"timeout"}


async def test_a_full_backlog_is_a_timeout(client: DeliveryClient) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.settimeout(0)
            one.connect_ex(full.getsockname())
        result = await post(client, f"http://127.0.0.1:{full.getsockname()[1]}/", 0.4)
    assert (result.status_code, result.error) == (None, "timeout")


async def _huge(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5000000000\r\n\r\n")
    while True:
        writer.write(b"y" * 65536)
        await writer.drain()


async def _endless_chunks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"y" * 4096 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("handler", [_huge, _endless_chunks])
async def test_of_a_huge_answer_20_kb_are_read(client: DeliveryClient, handler: Handler) -> None:
    async with receiving(handler) as receiver:
        result = await post(client, receiver.url)
        again = await post(client, receiver.url)
    assert (result.status_code, result.error) == (200, None)
    assert result.response_body == "y" * RESPONSE_BYTES
    assert result.duration_ms < 1000
    assert again.status_code == 200
    assert receiver.connections == 2  # the rest of the first answer was not taken for the second one


async def test_exactly_20_kb_are_kept_whole_and_one_byte_more_is_cut(client: DeliveryClient) -> None:
    for length in (RESPONSE_BYTES - 1, RESPONSE_BYTES, RESPONSE_BYTES + 1):
        async with receiving(
            f"HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n".encode() + b"z" * length
        ) as receiver:
            assert len((await post(client, receiver.url)).response_body) == min(length, RESPONSE_BYTES)


async def test_a_compressed_answer_is_not_unpacked(client: DeliveryClient) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n".encode()
    async with receiving(head + bomb) as receiver:
        result = await post(client, receiver.url)
    assert (result.status_code, result.response_body) == (200, "(compressed)")


async def test_what_is_no_text_is_read_lossily_and_without_nul(client: DeliveryClient) -> None:
    async with receiving(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\na\xff\x00\xc3\xa9b") as receiver:
        assert (await post(client, receiver.url)).response_body == "a\ufffd\ufffdéb"


async def _reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _cut_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def _close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("handler", [_reset, _cut_body, _close])
async def test_a_connection_that_breaks_is_a_reset(client: DeliveryClient, handler: Handler) -> None:
    async with receiving(handler) as receiver:
        result = await post(client, receiver.url)
    assert (result.status_code, result.error) == (None, "reset")
    assert result.detail


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x03\x01\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_is_no_http_is_a_protocol_error(client: DeliveryClient, answer: bytes) -> None:
    async with receiving(answer) as receiver:
        result = await post(client, receiver.url, 2)
    assert (result.status_code, result.error) == (None, "protocol")


async def test_nobody_listening_is_a_connect_error(client: DeliveryClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = await post(client, f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert (result.status_code, result.error) == (None, "connect")


@pytest.mark.parametrize(
    "url", ["", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/", "http://2130706433:9/", "nonsense"]
)
async def test_a_url_that_cannot_be_called_is_a_request_error(client: DeliveryClient, url: str) -> None:
    result = await post(client, url)
    assert result.status_code is None
    assert result.error in {"request", "refused_address", "protocol"}


@pytest.mark.parametrize("value", ["a\r\nX-Evil: b", "a\nb", "a\0b", "é"])
async def test_a_header_that_would_split_the_message_is_not_sent(client: DeliveryClient, value: str) -> None:
    async with receiving() as receiver:
        result = await post(client, receiver.url, own=value)
        assert not any(b"x-evil" in one.lower().replace(b"x-own: a\r\n", b"\r\n") for one in receiver.requests)
    assert result.error == "request"


async def test_being_cancelled_is_not_a_result(client: DeliveryClient) -> None:
    async with receiving(_hang) as receiver:
        task = asyncio.ensure_future(post(client, receiver.url, 30))
        await eventually(lambda: bool(receiver.requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# Where it does not go


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::ffff:127.0.0.1]", "localhost"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_loopback_is_never_connected_to(stranger: DeliveryClient, scheme: str, host: str) -> None:
    async with receiving() as canary:
        result = await post(stranger, f"{scheme}://{host}:{canary.port}/hook")
        own, writer = await asyncio.open_connection("127.0.0.1", canary.port)  # in line behind whoever came before it
        await eventually(lambda: canary.connections > 0)
        assert canary.connections == 1
        writer.close()
        del own
    assert result.status_code is None
    assert result.error in {"refused_address", "request"}
    assert result.duration_ms < 1000


async def test_an_address_outside_the_allowed_network_is_refused() -> None:
    async with open_delivery_client(settings((ip_network("127.0.0.2/32"),))) as client, receiving() as canary:
        assert (await post(client, canary.url)).error == "refused_address"
        assert canary.connections == 0


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Answer look-ups from a table: a list of answers, of which the last one stays."""
    table: dict[str, list[list[str]]] = {}

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[tuple[Any, ...]]:
        answers = table.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (one, port, 0, 0))
            if ":" in one
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return table


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::1"], ["2606:4700::1", "::1"],
        ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["169.254.169.254"], ["8.8.8.8", "10.0.0.1"],
    ],
)  # fmt: skip
async def test_a_name_with_any_forbidden_address_is_refused(
    stranger: DeliveryClient, names: dict[str, list[list[str]]], addresses: list[str]
) -> None:
    names["rebind.example"] = [addresses]
    async with receiving() as canary:
        result = await post(stranger, f"https://rebind.example:{canary.port}/")
        assert (result.error, canary.connections) == ("refused_address", 0)


async def test_plain_http_never_goes_to_a_public_address(
    client: DeliveryClient, names: dict[str, list[list[str]]]
) -> None:
    names["public.example"] = [["8.8.8.8"]]
    result = await post(client, "http://public.example:8080/")
    assert (result.error, result.duration_ms < 1000) == ("refused_address", True)


async def test_a_name_that_changes_its_address_is_judged_by_the_one_connected_to(
    client: DeliveryClient, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.http_client.DNS_CACHE_SECONDS", 0)
    async with (
        open_delivery_client(settings()) as fresh,
        receiving(OK.replace(b"200 OK", b"200 OK\r\nconnection: close")) as receiver,
    ):
        names["rebind.example"] = [["127.0.0.1"], ["10.0.0.1"]]
        first = await post(fresh, f"http://rebind.example:{receiver.port}/")
        second = await post(fresh, f"http://rebind.example:{receiver.port}/")
    assert (first.status_code, second.error) == (200, "refused_address")
    assert client is not fresh


async def test_of_a_name_with_an_allowed_address_only_that_is_used(
    client: DeliveryClient, names: dict[str, list[list[str]]]
) -> None:
    names["own.example"] = [["::1", "10.0.0.1", "127.0.0.1"]]
    async with receiving() as receiver:
        assert (await post(client, f"http://own.example:{receiver.port}/")).status_code == 200


async def test_an_unknown_name_is_a_dns_error(client: DeliveryClient, names: dict[str, list[list[str]]]) -> None:
    assert names == {}
    result = await post(client, "https://nowhere.example/")
    assert (result.status_code, result.error) == (None, "dns")


async def test_a_name_server_that_hangs_is_a_timeout_and_holds_nobody_up(
    client: DeliveryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = socket.getaddrinfo
    hanging: list[str] = []

    def getaddrinfo(host: str, *rest: Any, **more: Any) -> Any:
        if host.startswith("slow"):
            hanging.append(host)
            time.sleep(1.5)  # a name server that answers only when nobody waits any more
        return asked(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    async with receiving() as receiver, asyncio.TaskGroup() as tasks:
        held = [tasks.create_task(post(client, f"https://slow{number}.example/", 1.0)) for number in range(30)]
        await eventually(lambda: len(hanging) == len(held))
        result = await post(client, f"http://localhost:{receiver.port}/")
        assert (result.status_code, result.duration_ms < 500) == (200, True)
    assert {one.result().error for one in held} == {"timeout"}


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with open_delivery_client(settings()) as client:
            assert (await post(client, receiver.url)).status_code == 200
            assert (await post(client, receiver.url.replace("http:", "https:"), 0.3)).status_code is None
        assert (receiver.connections, proxy.connections) == (2, 0)


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server certificate for `localhost`, which is its own authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    place = tmp_path_factory.mktemp("tls")
    (place / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (place / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(place / "cert.pem", place / "key.pem")
    return context, place / "cert.pem"


async def test_a_certificate_of_nobody_is_a_tls_error(
    client: DeliveryClient, authority: tuple[ssl.SSLContext, Path]
) -> None:
    async with receiving(tls=authority[0]) as receiver:
        result = await post(client, f"https://localhost:{receiver.port}/")
        assert (result.status_code, result.error, receiver.requests) == (None, "tls", [])


async def test_an_authority_of_the_machine_is_trusted_for_its_names_only(
    authority: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    async with open_delivery_client(settings()) as client, receiving(tls=authority[0]) as receiver:
        assert (await post(client, f"https://localhost:{receiver.port}/")).status_code == 200
        assert (await post(client, f"https://127.0.0.1:{receiver.port}/")).error == "tls"


async def test_a_port_that_speaks_no_tls_is_a_tls_error(client: DeliveryClient) -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        result = await post(client, f"https://localhost:{server.sockets[0].getsockname()[1]}/", 5)
    assert (result.status_code, result.error) == (None, "tls")
