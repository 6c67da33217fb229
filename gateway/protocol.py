"""uvicorn's HTTP protocol for `uvicorn --http gateway.protocol:HttpProtocol`: an answer's head and body leave together."""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub.gathering import GatheringTransport


class HttpProtocol(HttpToolsProtocol):
    """Talks over a transport that gathers; so does the WebSocket that a connection may become."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(cast("asyncio.Transport", GatheringTransport(transport, self.loop)))
