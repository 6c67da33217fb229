"""Pages of one row and the forms that change it: every form is one command, and its problems land on its fields."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import orjson
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.admin import forms, typed
from gateway.admin.choosing import acting, acting_on, choose, filled, may, names_of
from gateway.admin.form_page import render_form, send
from gateway.admin.forms import Field
from gateway.admin.frame import field, flash, form_of, is_kept, visitor_here
from gateway.admin.inside import Said, ask
from gateway.admin.listing import model_of
from gateway.admin.pages import redirect, render
from gateway.admin.panels import panels_of
from gateway.admin.registry import Model
from gateway.context import gateway_of
from gateway.problems import Refused, refused
from hub.domain.problem import not_found
from hub.security.vault import Undecryptable

Asked = Request[Any, Any, Any]
Json = dict[str, Any]

_SIGNED_IN: Final = {"console": "signed-in"}
_KEEPS: Final = {**_SIGNED_IN, "keeps": True}


async def row_of(request: Asked, model: Model, row_id: UUID) -> Json:
    """Read a row as this visitor sees it.

    Raises:
        Refused: 404; 400 where a pharmacy has to be named and is not.
    """
    visitor = visitor_here(request)
    if not model.one:
        raise refused("not-found", "this has no page of its own")
    names = {"id": row_id}
    if "{pharmacy_id}" in model.one:
        choice = await choose(request)
        if choice.chosen is None:
            raise Refused(not_found(model.noun))
        names["pharmacy_id"] = choice.chosen
    row: Json = (await ask(request, visitor.rights(), "GET", filled(model.one, names))).or_refuse().json
    return row


def address_of(model: Model, row: Mapping[str, Any]) -> str:
    """Name a row's page."""
    query = f"?pharmacy={row['pharmacy_id']}" if model.needs_pharmacy else ""
    return f"/admin/{model.name}/{row['id']}/{query}"


@get("/{name:str}/{row_id:uuid}", opt=_SIGNED_IN)
async def show_row(request: Asked, name: FromPath[str], row_id: FromPath[UUID]) -> Response[Any]:
    """Show one row: what it is, what hangs on it, and what can be done."""
    model = model_of(request, name)
    return await render_row(request, model, await row_of(request, model, row_id))


async def render_row(request: Asked, model: Model, row: Json, status: int = 200) -> Response[Any]:
    """Answer with a row's page."""
    visitor = visitor_here(request)
    return render(
        request,
        "row.html",
        status,
        title=model.title(row),
        model=model,
        row=row,
        names=await names_of(request, [row.get("pharmacy_id"), *row.get("pharmacy_ids", ())]),
        actions=[one for one in model.all_actions if not one.named and one.when(row) and may(visitor, model, one)],
        may_edit=may(visitor, model, model.edit) and model.edit is not None and model.edit.is_offered(row),
        panels=await panels_of(request, model, row, acting_on(visitor, model, row)),
        suffix=f"?pharmacy={row['pharmacy_id']}" if model.needs_pharmacy else "",
    )


@get("/{name:str}/new", opt=_SIGNED_IN)
async def show_new(request: Asked, name: FromPath[str]) -> Response[Any]:
    """Show the form of a new row."""
    model = model_of(request, name)
    return await _new(request, model, _new_fields(request, model))


def _new_fields(request: Asked, model: Model) -> list[Field]:
    if model.create is None or not may(visitor_here(request), model, model.create):
        raise refused("forbidden", "your role makes no such thing")
    return forms.fields_of(model.create.model, model.create.fields, model.create.inputs)


async def _new(request: Asked, model: Model, fields: list[Field], **values: object) -> Response[Any]:
    choice = None if model.is_hubs else await choose(request)
    if choice is not None and choice.chosen is None and choice.is_complete and len(choice.names) == 1:
        choice = replace(choice, chosen=UUID(next(iter(choice.names))))  # there is nothing to choose
    return render_form(
        request,
        model,
        fields,
        {},
        title=f"New {model.noun}",
        choice=choice,
        back=f"/admin/{model.name}/",
        button=f"Create {model.noun}",
        action_path=f"/admin/{model.name}/new/",
        **values,
    )


@post("/{name:str}/new", opt=_KEEPS)
async def create(request: Asked, name: FromPath[str]) -> Response[Any]:
    """Make a new row."""
    model, visitor, sent = model_of(request, name), visitor_here(request), form_of(request)
    fields = _new_fields(request, model)
    assert model.create is not None
    body = typed.read(fields, sent)
    choice = None if model.is_hubs else await choose(request)
    if is_kept(request) or "find_pharmacy" in sent:
        return await _new(request, model, fields)
    if choice is not None and choice.chosen is None:
        return await _new(request, model, fields, status=422, faults=["Choose the pharmacy it belongs to."])
    if "more_lines" in sent or forms.has_faults(fields):
        return await _new(request, model, fields, status=200 if "more_lines" in sent else 422)
    chosen = None if choice is None else choice.chosen
    path = model.create.path if chosen is None else model.create.path.format(pharmacy_id=chosen)
    said = await send(request, acting(visitor, chosen), "POST", path, body)
    if said.is_problem:
        faults = forms.place_faults(fields, said.problem().errors)
        return await _new(request, model, fields, status=said.status, faults=faults, problem=said.problem())
    return _after(request, model, said, {"pharmacy_id": str(chosen)} if chosen else {}, "made")


def _after(request: Asked, model: Model, said: Said, row: Json, done: str) -> Response[Any]:
    """Go on after a command: to the row, to a secret that is shown once, or to the list that waits for the outcome."""
    answer = said.json or {}
    is_late = said.status == 202  # noqa: PLR2004 -- HTTP's
    shown = row | {name: value for name, value in answer.items() if name in {"id", "pharmacy_id"}}
    onward = address_of(model, shown) if shown.get("id") and not is_late else f"/admin/{model.name}/"
    if (secrets := show_secrets(request, model, said, onward)) is not None:
        return secrets
    if is_late:
        return redirect(request, queued_address(model, answer, row))
    flash(request, f"The {model.noun} was {done}.")
    return redirect(request, onward)


def show_secrets(request: Asked, model: Model, said: Said, onward: str) -> Response[Any] | None:
    """Show the secrets that an answer has; None: it has none. A late outcome does not bring them again: they are shown now."""
    secrets = {name: said.json[name] for name in model.secrets if said.json and said.json.get(name)}
    if not secrets:
        return None
    return render(request, "secret.html", title="Shown once", model=model, secrets=secrets, onward=onward)


def queued_address(model: Model, answer: Json, row: Json) -> str:
    """Name the list that waits for the outcome of what was taken in (the 202 in `answer`)."""
    accepted = parse_qs(urlsplit(answer["operation_url"]).query)["accepted"][0]
    pairs = [("queued", answer["operation_id"]), ("accepted", accepted)]
    if row.get("pharmacy_id") and model.needs_pharmacy:
        pairs.append(("pharmacy", row["pharmacy_id"]))
    return f"/admin/{model.name}/?{urlencode(pairs)}"


@get("/{name:str}/{row_id:uuid}/edit", opt=_SIGNED_IN)
async def show_edit(request: Asked, name: FromPath[str], row_id: FromPath[UUID]) -> Response[Any]:
    """Show the form that changes a row."""
    model = model_of(request, name)
    row = await row_of(request, model, row_id)
    fields = _edit_fields(request, model)
    forms.fill(fields, row)
    return _edit(request, model, row, fields, _seen(request, model, row))


def _edit_fields(request: Asked, model: Model) -> list[Field]:
    if model.edit is None or not may(visitor_here(request), model, model.edit):
        raise refused("forbidden", "your role changes nothing here")
    return forms.fields_of(model.edit.model, model.edit.fields, model.edit.inputs)


def _edit(
    request: Asked, model: Model, row: Json, fields: list[Field], hidden: Mapping[str, str], **values: object
) -> Response[Any]:
    query = f"?pharmacy={row['pharmacy_id']}" if model.needs_pharmacy else ""
    return render_form(
        request,
        model,
        fields,
        hidden,
        title=f"Change {model.title(row)}",
        back=address_of(model, row),
        button="Save",
        action_path=f"/admin/{model.name}/{row['id']}/edit/{query}",
        **values,
    )


@post("/{name:str}/{row_id:uuid}/edit", opt=_KEEPS)
async def change(request: Asked, name: FromPath[str], row_id: FromPath[UUID]) -> Response[Any]:
    """Change a row: what differs from what was shown is sent, under the version that was shown."""
    model, visitor, sent = model_of(request, name), visitor_here(request), form_of(request)
    row = await row_of(request, model, row_id)
    fields = _edit_fields(request, model)
    assert model.edit is not None
    version, before = field(sent, "version"), _before(request, row)
    body = typed.read(fields, sent, before=before)
    seen = {"version": version, "before": field(sent, "before")}
    if is_kept(request) or "more_lines" in sent or forms.has_faults(fields):
        is_wrong = forms.has_faults(fields) and "more_lines" not in sent
        return _edit(request, model, row, fields, seen, status=422 if is_wrong else 200)
    if not body:
        flash(request, "Nothing was changed.", "info")
        return redirect(request, address_of(model, row))
    headers = {"if-match": f'"{int(version)}"'} if version.isdigit() else {}
    caller = acting_on(visitor, model, row)
    said = await send(request, caller, model.edit.method, filled(model.edit.path, row), body, headers)
    if not said.is_problem:
        return _after(request, model, said, row, "changed")
    problem = said.problem()
    if problem.slug == "precondition-failed":
        row = await row_of(request, model, row_id)
        forms.catch_up(fields, before, row, body)
        seen = _seen(request, model, row)
    faults = forms.place_faults(fields, problem.errors)
    return _edit(request, model, row, fields, seen, status=said.status, faults=faults, problem=problem)


def _seen(request: Asked, model: Model, row: Json) -> dict[str, str]:
    """Note in a form what it shows, sealed: a change is what differs from that."""
    assert model.edit is not None
    shown = orjson.dumps({name: row.get(name) for name in model.edit.fields}).decode()
    return {
        "version": str(row.get("version", "")),
        "before": gateway_of(request).vault.encrypt_text(shown, _place_of(row)),
    }


def _before(request: Asked, row: Json) -> Json:
    """Read what a form showed; the row as it is where the form does not say."""
    try:
        text = gateway_of(request).vault.decrypt_text(field(form_of(request), "before"), _place_of(row))
    except Undecryptable:
        return row
    shown: Json = orjson.loads(text)
    return shown


def _place_of(row: Json) -> str:
    return f"console-form:{row['id']}"


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (show_row, show_new, create, show_edit, change)
