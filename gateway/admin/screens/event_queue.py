"""A pharmacy's event queue: the feed that it reads over AMQP, opened, narrowed, bounded and removed."""

from typing import Any, Final

from litestar import Request, Response, get, post

from gateway.admin import forms, typed
from gateway.admin.choosing import Choice, acting, choose
from gateway.admin.forms import Field
from gateway.admin.frame import flash, form_of, is_kept, visitor_here
from gateway.admin.inside import ask
from gateway.admin.pages import redirect, render
from gateway.admin.registry import Input
from gateway.admin.sessions import Visitor
from gateway.problems import refused
from hub.domain.feeds import DEFAULT_LENGTH, OpenEventQueue
from hub.domain.problem import Problem

Asked = Request[Any, Any, Any]

PATH: Final = "/admin/event-queue/"
_API: Final = "/api/event-queue"
_NOT_FOUND: Final = 404
_TAKEN_IN: Final = 202
_INPUTS: Final = {
    "types": Input(
        label="Events",
        value=("*",),
        help="One a line: sale.recorded, or sale.* for all of a resource's, or * for all. A change holds for events to come.",
    ),
    "max_length": Input(
        label="Limit", value=DEFAULT_LENGTH, help="Beyond it, or 256 MiB, the oldest events are dropped."
    ),
}
_MODEL: Final = {"name": "event-queue", "plural": "Event queue"}


@get("/event-queue", opt={"console": "signed-in"})
async def show_queue(request: Asked) -> Response[Any]:
    """Show a pharmacy's feed as the broker has it, and the form that opens or changes it."""
    return await _page(request, await choose(request))


async def _page(
    request: Asked, choice: Choice, fields: list[Field] | None = None, problem: Problem | None = None, status: int = 200
) -> Response[Any]:
    feed = None
    if choice.chosen is not None:
        said = await ask(request, acting(visitor_here(request), choice.chosen), "GET", _API)
        feed = None if said.status == _NOT_FOUND else said.or_refuse().json
    shown = fields or _fields()
    if fields is None and feed is not None:
        forms.fill(shown, feed)
    return render(
        request,
        "event_queue.html",
        status,
        title="Event queue",
        choice=choice,
        feed=feed,
        fields=shown,
        problem=problem,
        is_kept=is_kept(request),
        may=_may(visitor_here(request)),
        suffix=_suffix(choice),
    )


def _fields() -> list[Field]:
    return forms.fields_of(OpenEventQueue, ("types", "max_length"), _INPUTS)


def _suffix(choice: Choice) -> str:
    return f"?pharmacy={choice.chosen}" if choice.is_free and choice.chosen else ""


def _may(visitor: Visitor) -> bool:
    return "webhooks" in visitor.rights().scopes if visitor.is_portal else visitor.role != "viewer"


async def _chosen(request: Asked) -> Choice:
    """Read whose queue is to be changed.

    Raises:
        Refused: 403: the role or the key may not; 400: no pharmacy is named.
    """
    if not _may(visitor_here(request)):
        raise refused(
            "forbidden", "opening and removing a queue takes the role operator, or a key with the scope webhooks"
        )
    choice = await choose(request)
    if choice.chosen is None:
        raise refused("pharmacy-required", "choose a pharmacy first")
    return choice


@post("/event-queue", opt={"console": "signed-in", "keeps": True})
async def open_queue(request: Asked) -> Response[Any]:
    """Open the feed, or change what it takes and keeps."""
    choice, fields = await _chosen(request), _fields()
    body = typed.read(fields, form_of(request))
    if is_kept(request) or forms.has_faults(fields):
        return await _page(request, choice, fields, status=422 if forms.has_faults(fields) else 200)
    said = await ask(request, acting(visitor_here(request), choice.chosen), "POST", _API, body=body)
    if said.is_problem:
        problem = said.problem()
        forms.place_faults(fields, problem.errors)
        return await _page(request, choice, fields, problem, said.status)
    flash(request, "It is queued, and open in a moment." if said.status == _TAKEN_IN else "The event queue is open.")
    return redirect(request, f"{PATH}{_suffix(choice)}")


@get("/event-queue/close", opt={"console": "signed-in"})
async def ask_close(request: Asked) -> Response[Any]:
    """Ask whether the feed is meant to go."""
    choice = await _chosen(request)
    return render(
        request,
        "form.html",
        title="Remove the event queue",
        model=_MODEL,
        fields=[],
        choice=None,
        back=f"{PATH}{_suffix(choice)}",
        button="Remove",
        action_path=f"{PATH}close/{_suffix(choice)}",
        intro="What is left in it is lost, and whoever reads it is cut off. The events stay in the log.",
        danger=True,
        faults=[],
        problem=None,
        hidden={},
        is_kept=False,
    )


@post("/event-queue/close", opt={"console": "signed-in"})
async def close_queue(request: Asked) -> Response[Any]:
    """Remove the feed and what is left in it."""
    choice = await _chosen(request)
    said = (await ask(request, acting(visitor_here(request), choice.chosen), "DELETE", _API)).or_refuse()
    flash(request, "It is queued." if said.status == _TAKEN_IN else "The event queue is removed.")
    return redirect(request, f"{PATH}{_suffix(choice)}")


HANDLERS: Final = (show_queue, open_queue, ask_close, close_queue)
