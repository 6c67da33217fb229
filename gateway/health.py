"""Is the process alive, and are its servers: reads and writes apart, since each survives the other's outage."""

import asyncio
from typing import Any, Final

import asyncpg
import orjson
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler

from gateway.answers import Answer
from gateway.context import Gateway, gateway_of
from gateway.describe import OtherRoute
from hub.faults import Unavailable

PROBE_SECONDS = 2.0

Asked = Request[Any, Any, Any]


@get(
    "/health/live",
    opt={"exclude_from_auth": True, "describes": OtherRoute({200: ("liveness", "application/json")})},
)
async def live(request: Asked) -> Answer:
    """Tell that the process answers. Restart it when this fails, not when a server is away."""
    del request
    return Answer(200, b'{"status":"alive"}')


@get(
    "/health/ready",
    opt={
        "exclude_from_auth": True,
        "describes": OtherRoute({200: ("readiness", "application/json"), 503: ("readiness", "application/json")}),
    },
)
async def ready(request: Asked) -> Answer:
    """Tell which servers answer, and whether reads and writes are served: 200 when both are, else 503."""
    gateway = gateway_of(request)
    dependencies = await look_at_dependencies(gateway)
    leaving: Unavailable | None = request.app.state["stopping"].fault()
    if leaving is not None:
        dependencies["process"] = _state(leaving.detail)
    served = dependencies["keys"]["ready"] and leaving is None
    reads = bool(served and dependencies["postgres"]["ready"])
    writes = bool(served and dependencies["rabbitmq"]["ready"])
    body = {
        "status": "ready" if reads and writes else "not ready",
        "reads": {"ready": reads},
        "writes": {"ready": writes},
        "dependencies": dependencies,
    }
    return Answer(
        200 if reads and writes else 503, orjson.dumps(body), () if reads and writes else ((b"retry-after", b"2"),)
    )


async def look_at_dependencies(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """Look at what this process needs; each part says `ready`, and `detail` where it is not."""
    return {
        "postgres": await _probe_postgres(gateway),
        "rabbitmq": _look_at_rabbitmq(gateway),
        "keys": _state(None if gateway.keys.is_loaded else "the keys were not read yet"),
    }


async def _probe_postgres(gateway: Gateway) -> dict[str, Any]:
    try:
        async with asyncio.timeout(PROBE_SECONDS), gateway.reads.connection() as connection:
            await connection.fetchval("SELECT 1 FROM event_sequences LIMIT 1")
    except TimeoutError:
        return _state(f"no answer within {PROBE_SECONDS:g} s")
    except Unavailable:
        return _state("it does not answer")
    except (asyncpg.PostgresError, asyncpg.InterfaceError):
        return _state("it refuses the hub's query; run `hub migrate`")
    return _state(None)


def _look_at_rabbitmq(gateway: Gateway) -> dict[str, Any]:
    fault = gateway.publishing.fault()
    if fault is not None:
        return _state(fault.detail)
    troubles = gateway.troubles.recent()
    if troubles:
        return _state(f"no confirm lately from {', '.join(troubles)}")
    return _state(None)


def _state(fault: str | None) -> dict[str, Any]:
    return {"ready": fault is None} if fault is None else {"ready": False, "detail": fault}


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (live, ready)
