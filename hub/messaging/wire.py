"""How connections to the broker are opened: all channels of a connection write together."""

import asyncio
from typing import Any, cast

from aiormq import TransportFactory
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

from hub.gathering import GatheringTransport


class GatheringFactory(TransportFactory):
    """As aiormq's own factories, with a writer that gathers."""

    async def create(
        self,
        url: URL,
        **kwargs: Any,  # noqa: ANN401 -- what aiormq hands on
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection, with TLS where the address says so.

        Raises:
            AMQPConnectionError: nobody answers.
        """
        loop = asyncio.get_running_loop()
        context = kwargs.pop("ssl_context_provider")
        ssl = await context.get_context() if url.scheme == "amqps" else None
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol, url.host or "", url.port or 0, ssl=ssl, **kwargs
            )
        except OSError as error:
            raise AMQPConnectionError(*error.args) from error
        gathering = cast("asyncio.WriteTransport", GatheringTransport(transport, loop))
        return reader, asyncio.StreamWriter(gathering, protocol, reader, loop)
