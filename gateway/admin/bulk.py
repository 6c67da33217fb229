"""One action for many rows: asked once more, done one after the other, with the outcome of each."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.admin import forms, typed
from gateway.admin.choosing import acting_on, may
from gateway.admin.doing import do
from gateway.admin.form_page import page_key
from gateway.admin.frame import field, flash, form_of, is_kept, visitor_here
from gateway.admin.inside import ask, id_of
from gateway.admin.listing import model_of
from gateway.admin.pages import redirect, render
from gateway.admin.registry import Action, Model, counted
from gateway.admin.writing import Json, row_of
from gateway.problems import Refused, refused

Asked = Request[Any, Any, Any]

MOST: Final = 100
AT_ONCE: Final = 5
_DONE: Final = "done"


@post("/{name:str}/bulk", opt={"console": "signed-in", "keeps": True})
async def act_on_many(request: Asked, name: FromPath[str]) -> Response[Any]:
    """Ask whether an action is meant for all these rows; then do it."""
    model, sent = model_of(request, name), form_of(request)
    query = request.scope["query_string"].decode("latin-1")
    back = f"/admin/{model.name}/{'?' + query if query else ''}"
    action = model.action(field(sent, "action"))
    ids = [found for found in map(id_of, sent.get("id", ())) if found is not None][:MOST]
    if action is None or not ids:
        flash(request, "Select rows and what is to be done with them.", "warning")
        return redirect(request, back)
    if not action.bulk or not may(visitor_here(request), model, action):
        raise refused("forbidden", "your role does nothing of the kind here")
    rows, skipped = await _rows(request, model, action, ids)
    fields = forms.fields_of(action.model, action.fields, action.inputs)
    results = None
    if field(sent, "sure") == "yes" and not is_kept(request):
        body = typed.read(fields, sent)
        results = await _do_all(request, model, action, rows, body)
        if results and not skipped and all(said == _DONE for _, said, _ in results):
            flash(request, f"{action.label}: {counted(len(rows), model.noun)}, done.")
            return redirect(request, back)
    return render(
        request,
        "bulk.html",
        title=f"{action.label}: {counted(len(rows), model.noun)}",
        model=model,
        action=action,
        rows=rows,
        skipped=skipped,
        fields=fields,
        results=results,
        key=page_key(request),
        is_kept=is_kept(request),
        back=back,
        action_path=f"/admin/{model.name}/bulk/{'?' + query if query else ''}",
    )


async def _rows(request: Asked, model: Model, action: Action, ids: Sequence[UUID]) -> tuple[list[Json], int]:
    """Read the rows, and leave out those with which it is not possible, or that are gone."""
    rows = []
    for row_id in dict.fromkeys(ids):
        try:
            row = await row_of(request, model, row_id)
        except Refused as refusal:
            if refusal.problem.slug != "not-found":
                raise
            continue
        if action.when(row):
            rows.append(row)
    return rows, len(set(ids)) - len(rows)


async def _do_all(
    request: Asked, model: Model, action: Action, rows: Sequence[Json], body: Json
) -> list[tuple[Json, str, bool]]:
    turns = asyncio.Semaphore(AT_ONCE)
    visitor = visitor_here(request)

    async def one(row: Json) -> tuple[Json, str, bool]:
        async with turns:
            said = await do(request, acting_on(visitor, model, row), action, row, body)
        if said.is_problem:
            return row, said.problem().detail, False
        return row, "queued" if said.status == 202 else _DONE, True  # noqa: PLR2004 -- HTTP's

    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(one(row)) for row in rows]
    return [task.result() for task in started]


@get("/status/{operation_id:uuid}", opt={"console": "signed-in", "quiet": True})
async def show_status(request: Asked, operation_id: FromPath[UUID]) -> Response[Any]:
    """Show what became of a form that was taken in and not answered in time; the part asks again by itself."""
    accepted = request.query_params.get("accepted")
    visitor = visitor_here(request)
    query = [("accepted", accepted)] if accepted else []
    operation = (
        (await ask(request, visitor.rights(), "GET", f"/api/operations/{operation_id}", query=query)).or_refuse().json
    )
    again = f"/admin/status/{operation_id}/{'?accepted=' + accepted if accepted else ''}"
    return render(
        request, "operation_status.html", title="Operation", operation=operation, again=again, page=_page_of(operation)
    )


def _page_of(operation: Json) -> str | None:
    """Name the page of what an operation was about, if it is there."""
    from gateway.admin.entries import MODELS

    resource = operation["resource"]
    if operation["status"] != "applied" or resource is None or not operation["events"]:
        return None
    model = MODELS.get(resource["type"])
    if model is None or not model.one or model.needs_pharmacy or operation["events"][0]["type"].endswith(".deleted"):
        return None
    return f"/admin/{model.name}/{resource['id']}/"


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (act_on_many, show_status)
