"""What can be done with a row beside changing it: asked first, then sent as its command."""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.admin import forms, typed
from gateway.admin.choosing import acting_on, filled, may
from gateway.admin.form_page import render_form, send
from gateway.admin.forms import Field
from gateway.admin.frame import flash, form_of, is_kept, visitor_here
from gateway.admin.inside import Said
from gateway.admin.listing import model_of
from gateway.admin.pages import redirect
from gateway.admin.registry import Action, Model
from gateway.admin.writing import Json, address_of, queued_address, row_of, show_secrets
from gateway.auth import Caller
from gateway.problems import refused

Asked = Request[Any, Any, Any]

_SIGNED_IN: Final = {"console": "signed-in"}


def _action_of(request: Asked, model: Model, row: Json, name: str) -> Action:
    action = model.action(name)
    if action is None or not may(visitor_here(request), model, action):
        raise refused("forbidden", "your role does nothing of the kind here")
    if not action.when(row):
        raise refused("immutable", f"this is not possible with this {model.noun} any more")
    return action


def _action_fields(action: Action, row: Json) -> list[Field]:
    choices = {name: make(row) for name, make in action.choices.items()}
    return forms.fields_of(action.model, action.fields, action.inputs, choices)


def _action_page(
    request: Asked, model: Model, row: Json, action: Action, fields: list[Field], **values: object
) -> Response[Any]:
    pairs = {name: request.query_params[name] for name in action.named if name in request.query_params}
    if model.needs_pharmacy:
        pairs["pharmacy"] = row["pharmacy_id"]
    query = f"?{urlencode(pairs)}" if pairs else ""
    return render_form(
        request,
        model,
        fields,
        {},
        title=f"{action.label}: {model.title(row)}",
        back=address_of(model, row),
        button=action.label,
        action_path=f"/admin/{model.name}/{row['id']}/do/{action.name}/{query}",
        intro=action.confirm,
        danger=action.danger,
        **values,
    )


@get("/{name:str}/{row_id:uuid}/do/{verb:str}", opt=_SIGNED_IN)
async def show_action(
    request: Asked, name: FromPath[str], row_id: FromPath[UUID], verb: FromPath[str]
) -> Response[Any]:
    """Ask what an action needs, or whether it is meant."""
    model = model_of(request, name)
    row = await row_of(request, model, row_id)
    action = _action_of(request, model, row, verb)
    return _action_page(request, model, row, action, _action_fields(action, row))


@post("/{name:str}/{row_id:uuid}/do/{verb:str}", opt=_SIGNED_IN | {"keeps": True})
async def act(request: Asked, name: FromPath[str], row_id: FromPath[UUID], verb: FromPath[str]) -> Response[Any]:
    """Do an action with a row."""
    model, visitor, sent = model_of(request, name), visitor_here(request), form_of(request)
    row = await row_of(request, model, row_id)
    action = _action_of(request, model, row, verb)
    fields = _action_fields(action, row)
    body = typed.read(fields, sent)
    if is_kept(request) or forms.has_faults(fields):
        return _action_page(request, model, row, action, fields, status=422 if forms.has_faults(fields) else 200)
    named = {name: request.query_params.get(name, "") for name in action.named}
    said = await do(request, acting_on(visitor, model, row), action, row | named, body)
    if said.is_problem:
        problem = said.problem()
        faults = forms.place_faults(fields, problem.errors)
        return _action_page(request, model, row, action, fields, status=said.status, faults=faults, problem=problem)
    if (secrets := show_secrets(request, model, said, address_of(model, row))) is not None:
        return secrets
    gone = action.method == "DELETE" and action.name == "delete"
    if said.status == 202:  # noqa: PLR2004 -- HTTP's
        return redirect(request, queued_address(model, said.json, row))
    flash(request, f"{action.label}: done.")
    return redirect(request, f"/admin/{model.name}/" if gone else address_of(model, row))


async def do(request: Asked, caller: Caller, action: Action, row: Json, body: Json) -> Said:
    """Send the command of an action."""
    content = None if action.method == "DELETE" else {**action.body, **body}
    return await send(request, caller, action.method, filled(action.path, row), content)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (show_action, act)
