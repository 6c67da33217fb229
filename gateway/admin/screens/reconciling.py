"""A day in figures: what came in, what became of it, and where it was sent; of a pharmacy, or for operators of all."""

from datetime import date, timedelta
from typing import Any, Final

from litestar import Request, Response, get

from gateway.admin.choosing import acting, choose
from gateway.admin.frame import visitor_here
from gateway.admin.inside import ask
from gateway.admin.pages import render
from hub import clock
from hub.domain.problem import Problem

Asked = Request[Any, Any, Any]


@get("/reconciliation", opt={"console": "signed-in"})
async def show_day(request: Asked) -> Response[Any]:
    """Show a day's figures; without one, today's."""
    choice = await choose(request)
    today = clock.now().date()
    wanted = request.query_params.get("day", "").strip() or f"{today}"
    said = await ask(
        request, acting(visitor_here(request), choice.chosen), "GET", "/api/reconciliation", query=[("day", wanted)]
    )
    figures: dict[str, Any] | None = None
    problem: Problem | None = None
    day = today
    if said.is_problem:
        problem = said.problem()
    else:
        figures = said.json
        day = date.fromisoformat(wanted)
    return render(
        request,
        "reconciliation.html",
        200 if problem is None else said.status,
        title="Reconciliation",
        choice=choice,
        day=wanted,
        before=None if problem is not None or day == date.min else day - timedelta(days=1),
        after=day + timedelta(days=1) if problem is None and day < today else None,
        figures=figures,
        problem=problem,
        suffix=f"&pharmacy={choice.chosen}" if choice.is_free and choice.chosen else "",
    )


HANDLERS: Final = (show_day,)
