"""FastStream's broker, connected to one of several hosts."""

import itertools
from collections.abc import Sequence
from typing import Any

from aio_pika import RobustConnection
from faststream.rabbit import RabbitBroker
from yarl import URL

from hub.messaging.connection import CONNECT_SECONDS, HEARTBEAT_SECONDS, RECONNECT_SECONDS
from hub.messaging.lenient import read_leniently
from hub.messaging.wire import GatheringFactory
from hub.settings import Settings

_GRACE_SECONDS = 10.0


def open_broker(settings: Settings) -> RabbitBroker:
    """Make the broker that the roles subscribe to; nothing is connected yet.

    FastStream knows one address. The class of its connection is replaced by one that goes to the next host whenever it
    connects; both packages are pinned and this is under test.
    """
    read_leniently()
    broker = RabbitBroker(
        settings.amqp_urls[0],
        logger=None,
        # FastDepends would halve the rate, and the bodies are parsed by our own code.
        apply_types=False,
        reconnect_interval=RECONNECT_SECONDS,
        fail_fast=False,
        timeout=CONNECT_SECONDS,
        graceful_timeout=_GRACE_SECONDS,
    )
    kwargs = broker._connection_kwargs  # noqa: SLF001 -- see above
    kwargs["connection_class"] = _rotating(settings.amqp_urls)
    return broker


def _rotating(urls: Sequence[str]) -> type[RobustConnection]:
    hosts = [URL(url).update_query(heartbeat=HEARTBEAT_SECONDS, name="consumers consuming") for url in urls]
    attempts = itertools.count()

    class Rotating(RobustConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- aio-pika's
            super().__init__(*args, **kwargs)
            self.kwargs["transport_factory"] = GatheringFactory()

        async def _RobustConnection__connect_transport(self) -> None:  # noqa: N802 -- the mangled name of aio-pika's method
            self.url = hosts[next(attempts) % len(hosts)]
            await super()._RobustConnection__connect_transport()  # type: ignore[misc]

    return Rotating
