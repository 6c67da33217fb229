"""The one way out: HTTP attempts of webhook deliveries, to allowed addresses only, each within its time and 20 kB."""

import asyncio
import email.utils
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Literal

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

from hub.clock import monotonic, now
from hub.security.destinations import Network, refuse_address
from hub.settings import Settings

RESPONSE_BYTES: Final = 20_000
CONNECTIONS_PER_HOST: Final = 64
# Shorter than the five seconds of uvicorn and node: a connection that the receiver is about to close loses a POST.
KEEPALIVE_SECONDS: Final = 4.0
LOOKUPS: Final = 64  # of names at the same time; one name is looked up once
DNS_CACHE_SECONDS: Final = 10
READ_BYTES: Final = 16_384
USER_AGENT: Final = "Pharmacy-Connector-Hub"

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
    """

    status_code: int | None
    error: ErrorWord | None
    duration_ms: int
    response_body: str = ""
    retry_after_seconds: float | None = None
    detail: str = ""


class RefusedAddress(OSError):
    """A connection was not opened, because its address is none that a webhook may reach."""


@asynccontextmanager
async def open_delivery_client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Open the client that all deliveries share; close it after the last attempt.

    No proxy of the environment, no redirect, no cookie, no decompression. There is no limit of connections as a whole,
    the caller bounds its attempts; 64 to one host, of which the caller gives an endpoint only a part.
    """
    tls = _tls_context()
    allow = settings.webhooks_allow_networks
    async with (
        _open_session(_Gate(allow, only_allowed=False), tls) as secure,
        _open_session(_Gate(allow, only_allowed=True), tls) as plain,
        httpx.AsyncClient(
            transport=AiohttpTransport(client=secure, verify=tls, trust_env=False),
            # Plain http has connections of its own, since it may only go into allowed networks.
            mounts={"http://": AiohttpTransport(client=plain, verify=tls, trust_env=False)},
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=None,  # noqa: S113 - `attempt` limits the whole, which httpx cannot
            headers={"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity"},
        ) as client,
    ):
        yield client


async def attempt(
    client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float
) -> AttemptResult:
    """POST once and report. What the receiver does never raises; being cancelled does.

    Args:
        url: already checked as text (`hub.security.destinations.check_url`); its addresses are checked here.
        headers: all but `content-length`: content type, signature, the endpoint's own.
        timeout_seconds: from the name's look-up to the last byte of the body, waiting for a connection included.
    """
    started = monotonic()
    received = bytearray()
    try:
        async with (
            asyncio.timeout(timeout_seconds),
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) >= RESPONSE_BYTES:
                    break  # leaving closes a connection that has more to say
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError) as error:
        word, detail = _explain(error)
        return AttemptResult(None, word, _since(started), _text(received), detail=detail[:500])
    return AttemptResult(
        response.status_code,
        None,
        _since(started),
        _text(received) if response.headers.get("content-encoding", "identity") == "identity" else "(compressed)",
        _retry_after(response.headers.get("retry-after")),
    )


@dataclass(frozen=True, slots=True)
class _Gate:
    """Where connections may go: the networks, and whether public addresses count too."""

    allow_networks: Sequence[Network]
    only_allowed: bool

    def check(self, address: str) -> None:
        refused = refuse_address(address, self.allow_networks, only_allowed=self.only_allowed)
        if refused:
            raise RefusedAddress(refused)

    def open_socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Open the socket to connect to one address. The last gate, and the only one for an address in the URL."""
        family, kind, protocol, _, place = info
        self.check(str(place[0]))
        return socket.socket(family, kind, protocol)

    def choose(self, addresses: Sequence[str]) -> Sequence[str]:
        """Choose among a name's addresses: those in the allowed networks if there are any, else all or none.

        A public name with one forbidden address is refused whole: nobody has such a name by accident. But `localhost`
        often has an IPv6 address beside the one that the operator allowed.
        """
        own = [address for address in addresses if not refuse_address(address, self.allow_networks, only_allowed=True)]
        for address in own or addresses:
            self.check(address)
        return own or addresses


class _Resolver(AbstractResolver):
    """Looks names up in daemon threads: a name server that hangs holds up neither others nor the end of the process."""

    def __init__(self, gate: _Gate) -> None:
        self._gate = gate
        self._slots = asyncio.Semaphore(LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        async with self._slots:
            found = await _look_up(host, port, family)
        chosen = set(self._gate.choose([str(place[0]) for _, place in found]))
        return [
            ResolveResult(hostname=host, host=str(place[0]), port=port, family=kind, proto=0, flags=_NUMERIC)
            for kind, place in found
            if str(place[0]) in chosen
        ]

    async def close(self) -> None:
        """Nothing stays open between look-ups."""


_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_Found = list[tuple[socket.AddressFamily, tuple[object, ...]]]


async def _look_up(host: str, port: int, family: socket.AddressFamily) -> _Found:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Found] = loop.create_future()

    def settle(found: _Found | OSError | UnicodeError) -> None:
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        outcome: _Found | OSError | UnicodeError
        try:
            infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            outcome = [(info[0], tuple(info[4])) for info in infos]
        except (OSError, UnicodeError) as error:
            outcome = error
        with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits for the answer
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=ask, name=f"look-up-{host}", daemon=True).start()
    return await answer


@asynccontextmanager
async def _open_session(gate: _Gate, tls: ssl.SSLContext) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(
        resolver=_Resolver(gate),
        socket_factory=gate.open_socket,
        ssl=tls,
        limit=0,
        limit_per_host=CONNECTIONS_PER_HOST,
        keepalive_timeout=KEEPALIVE_SECONDS,
        ttl_dns_cache=DNS_CACHE_SECONDS,
    )
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, read_bufsize=READ_BYTES
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
    raise error


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
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now()).total_seconds())


_SECONDS_DIGITS: Final = 9


def _since(started: float) -> int:
    return round((monotonic() - started) * 1000)
