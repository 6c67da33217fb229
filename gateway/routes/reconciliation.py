"""Reconciliation: a day in figures."""

import re
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from gateway.answers import Answer
from gateway.auth import caller_of
from gateway.context import gateway_of
from gateway.describe import OtherRoute
from gateway.middleware import check_query
from gateway.problems import refused
from hub import clock
from hub.domain.problem import FieldError
from hub.storage.reconciliation import DELIVERY_STATES, count_day, count_day_of_any_pharmacy

_QUERY: Final = {
    "day": {"type": "string", "format": "date", "description": "The day in UTC, `YYYY-MM-DD`; default: today."}
}
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@get(
    "/api/reconciliation",
    opt={
        "describes": OtherRoute({200: ("reconciliation", "application/json")}, query=_QUERY, problems=("unavailable",))
    },
)
async def show_reconciliation(request: Request[Any, Any, Any]) -> Response[Any]:
    """Show what came of a day: commands taken in and their fate, events, deliveries by state.

    Of the pharmacy acted for; of all of them for an operator who names none. A command counts on the day on which a door
    took it in, an event on the day of its `time`, a delivery on the day on which it was made, in the state it is in now.
    What still waits in a queue is not known to the database and not counted: a day is final once its queues are empty, and
    as long as retention keeps its rows.
    """
    gateway, pharmacy_id = gateway_of(request), caller_of(request).pharmacy_id
    start = _start_of(check_query(request.scope["query_string"], frozenset(_QUERY)).get("day"))
    if pharmacy_id is None:
        async with gateway.reads_all.connection() as connection:
            figures = await count_day_of_any_pharmacy(connection, start)
    else:
        async with gateway.reads.reading(pharmacy_id) as connection:
            figures = await count_day(connection, pharmacy_id, start)
    operations = {status: figures.operations.get(status, 0) for status in ("applied", "rejected", "parked", "pending")}
    return Answer(
        200,
        orjson.dumps(
            {
                "day": f"{start:%Y-%m-%d}".rjust(10, "0"),
                "pharmacy_id": None if pharmacy_id is None else str(pharmacy_id),
                "accepted": sum(operations.values()),
                **operations,
                "events": figures.events,
                "deliveries": {status: figures.deliveries.get(status, 0) for status in DELIVERY_STATES},
            }
        ),
    )


def _start_of(day: str | None) -> datetime:
    if day is None:
        return clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return datetime.strptime(day if _DAY.fullmatch(day) else "", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        detail = "`day`: it is a day such as 2026-11-24"
        raise refused("unknown-parameter", detail, FieldError("?day", "malformed", detail), parameter="day") from None


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (show_reconciliation,)
