"""An answer as bytes: what Litestar's `Response` is to handlers, without its work per request."""

from collections.abc import Iterable
from typing import Any, ClassVar

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

JSON = b"application/json"
PROBLEM = b"application/problem+json"


class Answer(Response[bytes]):
    """A whole answer, ready to be sent.

    Args:
        status: HTTP status.
        body: bytes of `media_type`; empty with 204 and 304.
        headers: further headers, names in lower case, values visible ASCII.
    """

    __slots__ = ("_head", "raw_headers")
    # Litestar asks these of every response.
    background = None
    response_headers: ClassVar[Any] = None

    def __init__(
        self, status: int, body: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = (), media_type: bytes = JSON
    ) -> None:
        self.status_code = status
        self.content = body
        self.headers = {}
        self.cookies = []
        self.media_type = media_type.decode("ascii")
        if body:
            self.raw_headers: list[tuple[bytes, bytes]] = [
                (b"content-type", media_type),
                (b"content-length", b"%d" % len(body)),
                *headers,
            ]
        elif status in {204, 304}:
            self.raw_headers = list(headers)
        else:
            self.raw_headers = [(b"content-length", b"0"), *headers]

    def to_asgi_response(self, *_: object, **__: object) -> ASGIResponse:
        """Hand itself to Litestar: it is complete."""
        return self  # type: ignore[return-value]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send itself."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code or 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.content, "more_body": False})
