"""uvicorn's HTTP protocol for `uvicorn --http gateway.protocol:HttpProtocol`: an answer's head and body leave together.

An offer of another protocol than WebSocket is ignored, as RFC 9110 7.8 allows: Java's `HttpClient` and `curl --http2` offer
`h2c` with their first request. The parser would leave the request's body to that protocol, and uvicorn would lose it.

A WebSocket begins with a GET that has no body (RFC 6455 4.1); uvicorn would wait for ever for what another request brings. What
offers one in another way is answered as if it offered nothing. CONNECT is for proxies, and refused.

And a request's head has a limit of time: uvicorn has none, so that a client that sends a byte now and then would keep its
connection for ever. A body's limit is with who reads it (`gateway.bodies`, `gateway.bulk`).
"""

import asyncio
import sys
from typing import Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hub.gathering import GatheringTransport

HEAD_SECONDS = 30.0
_OFFERS: Final = frozenset({b"upgrade", b"http2-settings"})
_NO_PROXY: Final = b"this server is no proxy"
_LATE: Final = b"the head of the request did not come in time"


class HttpProtocol(HttpToolsProtocol):
    """Talks over a transport that gathers; so does the WebSocket that a connection may become."""

    _head_due: float | None = None  # None: no head is waited for
    _look: asyncio.TimerHandle | None = None  # one for many requests: it looks, and looks again
    _received = b""
    _is_offer = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(cast("asyncio.Transport", GatheringTransport(transport, self.loop)))
        self._expect_head(self.timeout_keep_alive)  # as long as it may rest later on

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._head_due = None
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Take in a request's first byte."""
        super().on_message_begin()
        self._expect_head(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Take in the last byte of its head.

        Raises:
            ValueError: HTTP/1.1 names exactly one host (RFC 9112 3.2); uvicorn answers with 400.
        """
        self._head_due = None
        if self.parser.get_http_version() == "1.1" and sum(name == b"host" for name, _ in self.headers) != 1:
            message = "a request names exactly one host"
            raise ValueError(message)
        self._is_offer = self.parser.should_upgrade() and not self._should_upgrade()
        if not self._is_offer:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Take in its last byte."""
        if not self._is_offer:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        self._received = data
        super().data_received(data)

    def _unsupported_upgrade_warning(self) -> None:
        """Read the request again as one that offers nothing: uvicorn calls this when the parser stopped behind its head."""
        if self.parser.get_method() == b"CONNECT":
            self._refuse(b"405 Method Not Allowed\r\nallow:", _NO_PROXY)
            return
        upgrade = sys.exception()
        assert isinstance(upgrade, httptools.HttpParserUpgrade)
        rest = self._received[upgrade.args[0] :]
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                kept = [token for token in value.split(b",") if token.strip().lower() not in _OFFERS]
                value = b",".join(kept)  # noqa: PLW2901 -- what is left of it
            if name not in _OFFERS and (value or name != b"connection"):
                lines.append(b"%b: %b" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _expect_head(self, seconds: float) -> None:
        due = self._head_due = self.loop.time() + seconds
        if self._look is not None and self._look.when() > due:
            self._look.cancel()
            self._look = None
        if self._look is None:
            self._look = self.loop.call_at(due, self._look_at_head)

    def _look_at_head(self) -> None:
        self._look = None
        if self._head_due is None or self.transport.is_closing():
            return
        if self.loop.time() < self._head_due:
            self._look = self.loop.call_at(self._head_due, self._look_at_head)
        elif (cycle := cast("RequestResponseCycle | None", self.cycle)) is not None and not cycle.response_complete:
            self._expect_head(HEAD_SECONDS)  # it is sent behind a request that is still being answered
        else:
            if self.headers is not None:
                self._refuse(b"408 Request Timeout", _LATE)
            self.transport.close()

    def _should_upgrade(self) -> bool:
        is_bare = all(
            name != b"transfer-encoding" and (name != b"content-length" or value == b"0")
            for name, value in self.headers
        )
        return is_bare and self.parser.get_method() == b"GET" and super()._should_upgrade()

    def _refuse(self, status: bytes, reason: bytes) -> None:
        head = b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n" % status
        self.transport.write(head + b"content-length: %d\r\n\r\n%b" % (len(reason), reason))
        self.transport.close()
