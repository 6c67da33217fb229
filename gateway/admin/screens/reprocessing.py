"""Translate what a source sent once more, by the mapping it has now: counted first, then asked for."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, post
from litestar.params import FromPath

from gateway.admin.choosing import acting, may_write
from gateway.admin.form_page import send
from gateway.admin.frame import Form, field, flash, form_of, is_kept, visitor_here
from gateway.admin.inside import ask, id_of
from gateway.admin.pages import redirect
from gateway.admin.panel_forms import form_values, show_again
from gateway.admin.panels import Panel, Row, panel
from gateway.auth import Caller

Asked = Request[Any, Any, Any]

_PATH: Final = "/api/webhook-events/reprocess"


@panel("sources")
async def again(request: Asked, row: Row, _caller: Caller) -> Panel | None:
    """Offer to translate again what this source sent."""
    if not may_write(visitor_here(request)):
        return None
    return Panel("Translate again", "panel_reprocess.html", {"row": row, **form_values(request)})


@post("/reprocess/{source_id:uuid}", opt={"console": "signed-in", "keeps": True}, status_code=200)
async def reprocess(request: Asked, source_id: FromPath[UUID]) -> Response[Any]:
    """Count or ask for what a form narrows down to; the API decides whether the visitor may."""
    if is_kept(request):
        return await show_again(request, "sources", source_id)
    form = form_of(request)
    caller = acting(visitor_here(request), id_of(field(form, "pharmacy")))
    body = {"filter": _filter(form, source_id), "dry_run": "count" in form}
    # What is only counted may have another answer each time.
    said = await (
        ask(request, caller, "POST", _PATH, body=body)
        if body["dry_run"]
        else send(request, caller, "POST", _PATH, body)
    )
    if said.is_problem:
        problem = said.problem()
        return await show_again(request, "sources", source_id, "danger", problem.detail, problem=problem)
    if body["dry_run"]:
        text = f"{_counted(said.json['matched'], 'matches', 'match')}. Nothing was changed."
        return await show_again(request, "sources", source_id, "success", text)
    flash(request, f"{_counted(said.json['matched'], 'is', 'are')} translated once more.")
    return redirect(request, f"/admin/sources/{source_id}/#content")


def _counted(count: int, one: str, many: str) -> str:
    """Count webhooks in a sentence.

    >>> _counted(1, "is", "are"), _counted(2000, "is", "are")
    ('1 webhook is', '2,000 webhooks are')
    """
    return f"1 webhook {one}" if count == 1 else f"{count:,} webhooks {many}"


def _filter(form: Form, source_id: UUID) -> dict[str, Any]:
    found: dict[str, Any] = {"source_id": str(source_id)}
    if "refused" in form:
        found["has_reason"] = True
    if event_type := field(form, "event_type").strip():
        found["event_type"] = event_type
    for name in ("received_since", "received_before"):
        if text := field(form, name):
            # The browser's local time without a zone: UTC.
            found[name] = f"{text}{':00' if text.count(':') == 1 else ''}Z"
    return found


HANDLERS: Final = (reprocess,)
