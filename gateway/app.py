"""The gateway's application: `uvicorn gateway.app:create_app --factory`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from gateway.admin.frame import answer_outside
from gateway.admin.routes import console
from gateway.audited import note_reads
from gateway.context import open_gateway
from gateway.metrics import Meter, serving_metrics
from gateway.middleware import FramedApp, gate
from gateway.problems import EXCEPTION_HANDLERS
from gateway.routes import ROUTES
from gateway.stopping import Stopping
from hub.memory import collect_rarely
from hub.observe import configure_logs
from hub.settings import Settings, load_settings

_YOUNG_OBJECTS = 50_000


def create_app(settings: Settings | None = None) -> Litestar:
    """Make the application. Nothing is opened before it starts, and it starts with every server away.

    Args:
        settings: default: from the environment (`hub.settings.load_settings`).
    Raises:
        SettingsError: a setting is wrong.
    """
    chosen = settings or load_settings()
    configure_logs(chosen.log_format)
    stopping = Stopping(chosen.drain)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        collect_rarely(_YOUNG_OBJECTS)
        async with open_gateway(chosen) as gateway:
            app.state["hub"] = gateway
            with (
                serving_metrics(gateway, app.state["meter"], chosen.metrics_port),
                stopping.heeding_signals(gateway.relay.subscribers.stop),
            ):
                yield

    return FramedApp(
        route_handlers=[*ROUTES, *([console()] if chosen.admin_enabled else [])],
        lifespan=[lifespan],
        middleware=[gate, note_reads],
        exception_handlers={Exception: answer_outside, HTTPException: answer_outside}
        if chosen.admin_enabled
        else EXCEPTION_HANDLERS,
        state=State({"settings": chosen, "meter": Meter(), "stopping": stopping}),
        openapi_config=None,
        request_max_body_size=None,
        debug=False,
        logging_config=None,
    )
