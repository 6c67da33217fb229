"""Mend an endpoint's deliveries: how it does, and what to send again, counted before it is sent."""

from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request, Response, post
from litestar.params import FromPath

from gateway.admin.choosing import acting
from gateway.admin.form_page import send
from gateway.admin.frame import Form, field, flash, form_of, is_kept, visitor_here
from gateway.admin.inside import ask, id_of
from gateway.admin.pages import redirect
from gateway.admin.panel_forms import form_values, show_again
from gateway.admin.panels import Panel, Row, panel
from gateway.auth import Caller
from gateway.problems import refused

Asked = Request[Any, Any, Any]

_MODEL: Final = "webhook-endpoints"
_WAYS: Final = {
    "recover": "What was not delivered",
    "replay": "Everything, delivered or not",
    "replay-missing": "Events that were never tried",
}


@panel("webhook-endpoints")
async def mend(request: Asked, row: Row, caller: Caller) -> Panel | None:
    """Show an endpoint's figures, and the form that sends again."""
    said = await ask(request, caller, "GET", f"/api/webhook-endpoints/{row['id']}/statistics")
    visitor = visitor_here(request)
    return Panel(
        "How it does",
        "panel_mending.html",
        {
            "row": row,
            "statistics": None if said.is_problem else said.json,
            "ways": _WAYS,
            "may": visitor.is_portal or visitor.role != "viewer",
            **form_values(request),
        },
    )


@post("/mend/{endpoint_id:uuid}", opt={"console": "signed-in", "keeps": True}, status_code=200)
async def send_again(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Count or send what a form asks for; the API decides whether the visitor may."""
    form = form_of(request)
    way = field(form, "way")
    if way not in _WAYS:
        raise refused("not-found", "the console knows no such way of sending again")
    if is_kept(request):
        return await show_again(request, _MODEL, endpoint_id)
    if way != "replay" and any(field(form, name).strip() for name in ("event_type", "filter")):
        text = f"A type and a filter go with “{_WAYS['replay']}” only. Nothing was sent."
        return await show_again(request, _MODEL, endpoint_id, "danger", text)
    caller = acting(visitor_here(request), id_of(field(form, "pharmacy")))
    try:
        body = _body(form, way)
    except ValueError as error:
        return await show_again(
            request, _MODEL, endpoint_id, "danger", f"The filter is no JSON: {error}. Nothing was sent."
        )
    path = f"/api/webhook-endpoints/{endpoint_id}/{way}"
    # What is only counted may have another answer each time.
    said = await (
        ask(request, caller, "POST", path, body=body) if body["dry_run"] else send(request, caller, "POST", path, body)
    )
    if said.is_problem:
        problem = said.problem()
        faults = [f"{error.pointer}: {error.detail}" for error in problem.errors]
        text = "; ".join(faults or [problem.detail])
        return await show_again(request, _MODEL, endpoint_id, "danger", text, problem=problem)
    if "matched" not in said.json:
        flash(request, "It is queued, and done as soon as it is applied.")
    elif body["dry_run"]:
        text = f"{said.json['matched']:,} deliveries match. Nothing was sent."
        return await show_again(request, _MODEL, endpoint_id, "success", text)
    else:
        flash(request, f"{said.json['matched']:,} deliveries are sent again.")
    return redirect(request, f"/admin/webhook-endpoints/{endpoint_id}/?pharmacy={caller.pharmacy_id}#content")


def _body(form: Form, way: str) -> dict[str, Any]:
    body: dict[str, Any] = {"dry_run": "count" in form}
    for name in ("since", "until"):
        if text := field(form, name):
            body[name] = (
                f"{text}{':00' if text.count(':') == 1 else ''}Z"  # the browser's local time without a zone: UTC
            )
    if way == "replay" and (wanted := _filter(form)):
        body["filter"] = wanted[0] if len(wanted) == 1 else {"$and": wanted}
    return body


def _filter(form: Form) -> list[Any]:
    """Read what must be met; what is no filter the API refuses, and says where.

    Raises:
        ValueError: it is no JSON.
    """
    wanted: list[Any] = []
    if event_type := field(form, "event_type").strip():
        wanted.append({"event_type": event_type})
    if text := field(form, "filter").strip():
        wanted.append(orjson.loads(text))
    return wanted


HANDLERS: Final = (send_again,)
