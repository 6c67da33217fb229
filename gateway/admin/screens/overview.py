"""The overview: what the hub does just now, what waits, and what is stuck. Its figures renew themselves."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request, Response, get

from gateway.admin.choosing import names_of
from gateway.admin.frame import visitor_here
from gateway.admin.pages import render
from gateway.context import Gateway, gateway_of
from gateway.health import look_at_dependencies
from hub import clock
from hub.faults import Unavailable
from hub.messaging.management import QueueDepth
from hub.storage.database import Connection
from hub.storage.overview import MOST_COUNTED, Moment, calls, failing_endpoints, moments, waiting

Asked = Request[Any, Any, Any]

WINDOW: Final = timedelta(minutes=5)
STEP_SECONDS: Final = 5
MOST_FAILING: Final = 8
QUEUES_SECONDS: Final = 1.5


@get("/", opt={"console": "reader"})
async def show_overview(request: Asked) -> Response[Any]:
    """Show the figures; without JavaScript they stand still until the page is loaded again."""
    figures = await _figures(request)
    return render(request, "overview.html", title="Overview", figures=figures, window=int(WINDOW.total_seconds()))


@get("/overview/figures", opt={"console": "reader", "quiet": True})
async def show_figures(request: Asked) -> Response[Any]:
    """Give the figures alone, as the piece of the page that is swapped, with what the charts draw."""
    figures = await _figures(request)
    return render(
        request, "overview_figures.html", title="Overview", figures=figures, window=int(WINDOW.total_seconds())
    )


async def _figures(request: Asked) -> dict[str, Any]:
    gateway, visitor = gateway_of(request), visitor_here(request)
    pharmacy_id = visitor.rights().pharmacy_id
    since = clock.now() - WINDOW
    async with _reading(gateway, pharmacy_id) as connection:
        series = await moments(connection, pharmacy_id, since, STEP_SECONDS)
        good, bad = await calls(connection, pharmacy_id, since)
        stuck = await waiting(connection, pharmacy_id)
        failing = await failing_endpoints(connection, pharmacy_id, MOST_FAILING)
    operators = not visitor.is_portal
    dependencies = (await look_at_dependencies(gateway)) if operators else {}
    return {
        "at": f"{clock.now():%Y-%m-%d %H:%M:%S}",
        **_rates(series),
        "chart": orjson.dumps(_chart(series, since.timestamp())).decode(),
        "calls_good": good,
        "calls_bad": bad,
        "waiting": stuck,
        "most": MOST_COUNTED,
        "failing": failing,
        "names": await names_of(request, [one.pharmacy_id for one in failing]) if failing else {},
        "dependencies": dependencies,
        "queues": await _queues(gateway) if operators else [],
    }


@asynccontextmanager
async def _reading(gateway: Gateway, pharmacy_id: UUID | None) -> AsyncIterator[Connection]:
    """Read under row-level security for a pharmacy, without it for operators."""
    if pharmacy_id is None:
        async with gateway.reads_all.connection() as connection:
            yield connection
    else:
        async with gateway.reads.reading(pharmacy_id) as connection:
            yield connection


def _rates(series: Sequence[Moment]) -> Mapping[str, Any]:
    """Sum the window: writes a second over its last half minute, refusals, and how far behind applying is."""
    now = clock.now().timestamp()
    recent = [one for one in series if one.at >= now - 30]
    busy = [one for one in series if one.applied or one.refused]
    return {
        "per_second": sum(one.applied + one.refused for one in recent) / 30,
        "applied": sum(one.applied for one in series),
        "refused": sum(one.refused for one in series),
        "lag_p50": sorted(one.lag_p50 for one in busy)[len(busy) // 2] if busy else None,
        "lag_p99": max(one.lag_p99 for one in busy) if busy else None,
    }


def _chart(series: Sequence[Moment], since: float) -> list[list[float | None]]:
    """Lay the window out for the chart: times, writes a second, lag in ms; where nothing was written there is no lag."""
    found = {one.at: one for one in series}
    first = int(since // STEP_SECONDS + 1) * STEP_SECONDS
    times = range(first, first + int(WINDOW.total_seconds()), STEP_SECONDS)
    at = [found.get(moment) for moment in times]
    return [
        [float(moment) for moment in times],
        [0.0 if one is None else round((one.applied + one.refused) / STEP_SECONDS, 2) for one in at],
        [None if one is None else round(one.lag_p99, 1) for one in at],
    ]


async def _queues(gateway: Gateway) -> list[QueueDepth]:
    """Sum the queues by what they are for, the fullest first; empty where RabbitMQ does not tell."""
    try:
        async with asyncio.timeout(QUEUES_SECONDS):
            depths = await gateway.sessions.count_messages()
    except (TimeoutError, Unavailable):
        return []
    sums: dict[str, QueueDepth] = {}
    for one in depths:
        name = one.name
        for family in ("hub.replies", "hub.live", "hub.control", "hub.out"):
            if name.startswith(f"{family}."):
                name = family
        if name.rpartition(".")[2].isdigit():
            name = name.rpartition(".")[0]
        before = sums.get(name, QueueDepth(name, 0, 0))
        sums[name] = QueueDepth(name, _sum(before.messages, one.messages), _sum(before.consumers, one.consumers))
    return sorted(sums.values(), key=lambda one: (-(one.messages or 0), one.name))


def _sum(before: int | None, more: int | None) -> int | None:
    """Add; with what is not known the sum is not known."""
    return None if before is None or more is None else before + more


HANDLERS: Final = (show_overview, show_figures)
