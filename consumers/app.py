"""The consumers' process: FastStream subscribers for the roles it is told to play."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from faststream import FastStream

from consumers.broker import open_broker
from consumers.roles import ROLES, Role
from hub.memory import collect_rarely
from hub.messaging.connection import open_connection
from hub.messaging.topology import declare_topology
from hub.observe import configure_logs
from hub.settings import Settings, load_settings


def create_app(settings: Settings | None = None) -> FastStream:
    """Build the application that `faststream run consumers.app:create_app --factory` runs; nothing is opened yet."""
    chosen = settings or load_settings()
    configure_logs(chosen.log_format)
    broker = open_broker(chosen)
    roles: list[Role] = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        collect_rarely()
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(open_connection(chosen.amqp_urls, name="consumers publishing"))
            await declare_topology(connection, chosen.partitions)
            for name in chosen.roles:
                role = await stack.enter_async_context(ROLES[name](chosen, broker, connection))
                roles.append(role)
            await stack.enter_async_context(_watched(roles, app))
            yield

    async def drain() -> None:
        # Before FastStream stops: its own stop cancels the consumers first, which breaks a partition's order.
        for role in roles:
            await role.drain()

    app = FastStream(broker, logger=None, lifespan=lifespan, on_shutdown=[drain])
    return app


@asynccontextmanager
async def _watched(roles: list[Role], app: FastStream) -> AsyncIterator[None]:
    """End the process when a role's work ends by itself: the runner starts it again, and the broker redelivers."""

    async def watch() -> None:
        await asyncio.wait([role.work for role in roles], return_when=asyncio.FIRST_COMPLETED)
        app.exit()

    watcher = asyncio.create_task(watch(), name="watch over the roles")
    try:
        yield
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        for role in roles:
            role.work.cancel()
        faults = [
            fault
            for fault in await asyncio.gather(*(role.work for role in roles), return_exceptions=True)
            if isinstance(fault, Exception)
        ]
        if faults:
            message = "a role broke"
            raise ExceptionGroup(message, faults)
