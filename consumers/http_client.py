"""The one way out: HTTP attempts of webhook deliveries, to allowed addresses only, each within its time and 20 kB."""

import asyncio
import email.utils
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal

import aiohttp
import httpx
import structlog
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from httpx_aiohttp import AiohttpTransport

from consumers.addresses import Gate, RefusedAddress, Resolver, note_address, noting_addresses
from hub.clock import monotonic, now
from hub.faults import SettingsError
from hub.settings import Settings

RESPONSE_BYTES: Final = 20_000
CONNECTIONS_PER_HOST: Final = 64
# Shorter than the five seconds of uvicorn and node: a connection that the receiver is about to close loses a POST.
KEEPALIVE_SECONDS: Final = 4.0
DNS_CACHE_SECONDS: Final = 10
READ_BYTES: Final = 16_384
_DEFAULTS: Final = {"user-agent": "Pharmacy-Connector-Hub", "accept": "*/*", "accept-encoding": "identity"}

log = structlog.get_logger("deliver")

ErrorWord = Literal["timeout", "refused_address", "dns", "connect", "tls", "reset", "protocol", "request"]


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What one attempt came to: a status code, or else the word for why there is none.

    Args:
        error: None exactly when there is a status code. `timeout` (total, the body included), `refused_address` (the
            hub would not connect there), `dns`, `connect`, `tls`, `reset` (closed before the answer was complete),
            `protocol` (no HTTP), `request` (the URL or a header cannot be sent).
        detail: the library's own words, for the operator; empty when there is a status code.
        response_body: the first 20,000 bytes as text, U+FFFD for what is none; also what came before an error.
        retry_after_seconds: what the receiver asks for, 0 or more, not capped.
        address: the one that was connected to, or tried last; None where no socket was opened.
    """

    status_code: int | None
    error: ErrorWord | None
    duration_ms: int
    response_body: str = ""
    retry_after_seconds: float | None = None
    detail: str = ""
    address: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryClient:
    """Two transports: plain http has connections of its own, since it may only go into allowed networks."""

    secure: AiohttpTransport
    plain: AiohttpTransport

    def transport(self, url: httpx.URL) -> AiohttpTransport:
        """Choose by the scheme.

        Raises:
            httpx.UnsupportedProtocol: it is neither https nor http.
        """
        if url.scheme == "https":
            return self.secure
        if url.scheme == "http":
            return self.plain
        message = f"{url.scheme or 'no scheme'} is not called"
        raise httpx.UnsupportedProtocol(message)


@asynccontextmanager
async def open_delivery_client(settings: Settings) -> AsyncIterator[DeliveryClient]:
    """Open the client that all deliveries share; close it after the last attempt.

    No proxy of the environment, no redirect, no cookie, no decompression. There is no limit of connections as a whole,
    the caller bounds its attempts; 64 to one host, of which the caller gives an endpoint only a part.

    Raises:
        SettingsError: the setting `webhooks_source_address` names no address of this machine.
    """
    tls = _tls_context()
    allow = settings.webhooks_allow_networks
    source = settings.webhooks_source_address
    if source is not None:
        _check_own(source)
    async with (
        _open_session(Gate(allow, only_allowed=False), tls, source) as secure,
        _open_session(Gate(allow, only_allowed=True), tls, source) as plain,
    ):
        yield DeliveryClient(
            AiohttpTransport(client=secure, verify=tls, trust_env=False),
            AiohttpTransport(client=plain, verify=tls, trust_env=False),
        )


def _check_own(source: IPv4Address | IPv6Address) -> None:
    with socket.socket(socket.AF_INET if isinstance(source, IPv4Address) else socket.AF_INET6) as probe:
        try:
            probe.bind((str(source), 0))
        except OSError as error:
            message = f"HUB_WEBHOOKS_SOURCE_ADDRESS: {source} is no address of this machine; name one that it has, or leave the setting out"
            raise SettingsError(message) from error


async def attempt(
    client: DeliveryClient, url: str | httpx.URL, body: bytes, headers: Mapping[str, str], timeout_seconds: float
) -> AttemptResult:
    """POST once and report. What the receiver does never raises; being cancelled does.

    Nor does what nobody has thought of: it would end the process at every attempt, for all endpoints. It is logged whole.

    The request goes straight to the transport: httpx's client would cost as much again for redirects, cookies and
    hooks that a delivery must not have.

    Args:
        url: already checked as text (`hub.security.destinations.check_url`); its addresses are checked here.
        headers: all but `host` and `content-length`, names in lower case.
        timeout_seconds: from the name's look-up to the last byte of the body, waiting for a connection included.
    """
    started = monotonic()
    received = bytearray()
    noted = noting_addresses()
    try:
        async with asyncio.timeout(timeout_seconds):
            request = httpx.Request("POST", url, content=body, headers={**_DEFAULTS, **headers})
            response = await client.transport(request.url).handle_async_request(request)
            stream = response.stream
            assert isinstance(stream, httpx.AsyncByteStream)
            try:
                async for chunk in stream:
                    received += chunk
                    if len(received) >= RESPONSE_BYTES:
                        break  # closing cuts a connection that has more to say
            finally:
                await stream.aclose()
        is_plain = response.headers.get("content-encoding", "identity") == "identity"
        return AttemptResult(
            response.status_code,
            None,
            _since(started),
            _text(received) if is_plain else "(compressed)",
            _retry_after(response.headers.get("retry-after")),
            address=noted[-1] if noted else None,
        )
    except Exception as error:  # noqa: BLE001 -- `_explain` logs what it does not know
        word, detail = _explain(error)
        return AttemptResult(
            None, word, _since(started), _text(received), detail=detail[:500], address=noted[-1] if noted else None
        )


class _Response(aiohttp.ClientResponse):
    """Has a reason phrase of ASCII: RFC 9112 lets it hold any byte, and httpx-aiohttp fails at those that are no UTF-8."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        await super().start(connection)
        self.reason = (self.reason or "").encode("ascii", "replace").decode("ascii")
        return self


class _Connector(aiohttp.TCPConnector):
    """Tells each request's task which address its connection leads to, also when the connection is used again."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- as in aiohttp
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        peer = transport.get_extra_info("peername") if transport is not None else None
        if peer:
            note_address(str(peer[0]))
        return connection


@asynccontextmanager
async def _open_session(
    gate: Gate, tls: ssl.SSLContext, source: IPv4Address | IPv6Address | None
) -> AsyncIterator[aiohttp.ClientSession]:
    connector = _Connector(
        resolver=Resolver(gate),
        socket_factory=gate.open_socket,
        ssl=tls,
        local_addr=None if source is None else (str(source), 0),
        limit=0,
        limit_per_host=CONNECTIONS_PER_HOST,
        keepalive_timeout=KEEPALIVE_SECONDS,
        ttl_dns_cache=DNS_CACHE_SECONDS,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        response_class=_Response,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        read_bufsize=READ_BYTES,
    ) as session:
        yield session


def _tls_context() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)  # Mozilla's authorities, as a bare machine has none
    context.load_default_certs()  # and the machine's, for an authority of the house
    return context


def _explain(error: BaseException) -> tuple[ErrorWord, str]:
    """Find the word for what went wrong: the first of the table that is anywhere in the chain of causes."""
    chain = tuple(_causes(error))
    for kinds, word in _WORDS:
        found = next((one for one in chain if isinstance(one, kinds)), None)
        if found is not None:
            return word, str(found) or type(found).__name__
    log.error("attempt.unexplained", exc_info=error)
    return "protocol", type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


# From the particular to the general: aiohttp's connect errors are OSErrors, and so is TimeoutError.
_WORDS: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], ErrorWord], ...]] = (
    (RefusedAddress, "refused_address"),
    ((ssl.SSLError, aiohttp.ClientSSLError), "tls"),
    (aiohttp.ClientConnectorDNSError, "dns"),
    (aiohttp.ClientConnectorError, "connect"),
    (aiohttp.http_exceptions.ContentLengthError, "reset"),  # the body ended early
    ((aiohttp.http_exceptions.HttpProcessingError, aiohttp.ClientResponseError), "protocol"),
    ((aiohttp.InvalidURL, httpx.InvalidURL, httpx.UnsupportedProtocol), "request"),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError, ConnectionError), "reset"),
    (TimeoutError, "timeout"),
    (ValueError, "request"),
    ((httpx.HTTPError, aiohttp.ClientError, OSError), "protocol"),
)


def _text(received: bytearray) -> str:
    # PostgreSQL stores no NUL in a text.
    return received[:RESPONSE_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")


def _retry_after(value: str | None) -> float | None:
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:_SECONDS_DIGITS])
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a day or a year that is none
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now()).total_seconds())


_SECONDS_DIGITS: Final = 9


def _since(started: float) -> int:
    return round((monotonic() - started) * 1000)
