"""The consumers' process: FastStream subscribers for the roles it is told to play."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import structlog
from faststream import FastStream

from consumers.broker import open_broker
from consumers.figures import Figures
from consumers.roles import ROLES
from consumers.side_port import serving_side_port
from consumers.subscribing import Role
from consumers.watchdog import LastWatch, Watchdog
from hub.asyncapi import HubSpecification
from hub.faults import Unavailable
from hub.memory import collect_rarely
from hub.messaging.connection import HubConnection, open_connection
from hub.messaging.declaring import declare_topology
from hub.messaging.management import open_management
from hub.observe import configure_logs
from hub.settings import Settings, load_settings

_AGAIN_SECONDS = 0.5
# Three windows of a file's rows: one is read, one applied, one published. With fewer, each of them was looked through in vain.
_YOUNG_OBJECTS = 250_000

log = structlog.get_logger("consumers")


class ConsumersApp(FastStream):
    """FastStream's application with a last watch while it is run as a process, whose end may then be forced."""

    last_watch = LastWatch(0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- FastStream's
        """Begin with nobody having told it to end."""
        super().__init__(*args, **kwargs)
        self.told_to_end = asyncio.Event()

    def exit(self) -> None:
        """End soon; a start that waits for RabbitMQ ends as well."""
        super().exit()
        self.told_to_end.set()

    async def run(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- FastStream's
        """Run until SIGTERM or SIGINT, or until a role broke."""
        with self.last_watch.watching():
            await super().run(*args, **kwargs)


def create_app(settings: Settings | None = None) -> ConsumersApp:
    """Build the application that `faststream run consumers.app:create_app --factory` runs; nothing is opened yet."""
    chosen = settings or load_settings()
    configure_logs(chosen.log_format)
    broker = open_broker(chosen)
    roles: list[Role] = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        collect_rarely(_YOUNG_OBJECTS)
        figures = Figures()
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(open_connection(chosen.amqp_urls, name="consumers publishing"))
            await _declare(connection, chosen.partitions, app.told_to_end)
            await _set_policies(chosen)
            for name in chosen.roles:
                role = await stack.enter_async_context(ROLES[name](chosen, broker, connection, figures))
                roles.append(role)
                _show(role, figures)
            stack.enter_context(
                serving_side_port(figures, lambda: _health(roles, connection, chosen), chosen.consumers_port)
            )
            watchdog = Watchdog(roles, connection, chosen.watchdog_seconds) if chosen.watchdog_seconds else None
            await stack.enter_async_context(_watched(roles, watchdog, app))
            yield

    async def drain() -> None:
        app.last_watch.end_soon()
        # Before FastStream stops: its own stop cancels the consumers first, which breaks a partition's order.
        await asyncio.gather(*(role.drain() for role in roles))

    app = ConsumersApp(broker, logger=None, lifespan=lifespan, on_shutdown=[drain], specification=HubSpecification())
    app.last_watch = LastWatch(chosen.watchdog_seconds)
    return app


def _show(role: Role, figures: Figures) -> None:
    figures.waiting[role.name] = role.waiting
    for pulse in role.pulses:
        figures.silent[f"{role.name}: {pulse.name}"] = pulse.silent_seconds


def _health(roles: Sequence[Role], connection: HubConnection, settings: Settings) -> tuple[bool, Mapping[str, Any]]:
    """Tell whether every role works; called by the side port's thread, so it only looks."""
    limit = settings.watchdog_seconds or float("inf")
    told = {
        role.name: {
            "working": not role.work.done() and all(pulse.silent_seconds() <= limit for pulse in role.pulses),
            "waiting": role.waiting(),
        }
        for role in roles
    }
    fault = connection.fault()
    is_well = fault is None and all(role["working"] for role in told.values())
    return is_well, {
        "roles": told,
        "rabbitmq": {"ready": fault is None} | ({} if fault is None else {"detail": fault.detail}),
    }


async def _declare(connection: HubConnection, partitions: int, told_to_end: asyncio.Event) -> None:
    """Declare the topology as soon as RabbitMQ is there.

    Raises:
        SystemExit: the process was told to end meanwhile. FastStream would begin, and wait for RabbitMQ in its turn.
    """
    while not told_to_end.is_set():
        try:
            await declare_topology(connection, partitions)
        except Unavailable as fault:
            log.warning("start.held", what=fault.what, detail=fault.detail)
            with suppress(TimeoutError):
                await asyncio.wait_for(told_to_end.wait(), _AGAIN_SECONDS)
        else:
            return
    raise SystemExit(0)


async def _set_policies(settings: Settings) -> None:
    """Set what AMQP cannot: a broker without its management API, or one that is slow to start it, keeps what it has."""
    async with open_management(settings) as management:
        if management is not None:
            try:
                await management.set_policies()
            except Unavailable as fault:
                log.warning("policies.held", what=fault.what, detail=fault.detail)


@asynccontextmanager
async def _watched(roles: list[Role], watchdog: Watchdog | None, app: ConsumersApp) -> AsyncIterator[None]:
    """End the process when a role's work ends by itself or stands still: the runner starts it again, the broker redelivers."""
    watching = [] if watchdog is None else [asyncio.create_task(watchdog.run(), name="watchdog")]

    async def watch() -> None:
        ended, _ = await asyncio.wait([*(role.work for role in roles), *watching], return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            fault = None if task.cancelled() else task.exception()
            if task.cancelled() or fault is not None:
                # Now: what follows may take so long that the process is ended before it says why.
                what = "cancelled" if fault is None else type(fault).__name__  # its words may be a client's
                log.error("role.broke", task=task.get_name(), detail=what, exc_info=fault)
        app.last_watch.end_soon()
        app.exit()

    watcher = asyncio.create_task(watch(), name="watch over the roles")
    try:
        yield
    finally:
        watcher.cancel()
        for task in watching:
            task.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        for role in roles:
            role.work.cancel()
        faults = [
            fault
            for fault in await asyncio.gather(*watching, *(role.work for role in roles), return_exceptions=True)
            if isinstance(fault, Exception)
        ]
        if faults:
            message = "a role broke"
            raise ExceptionGroup(message, faults)
