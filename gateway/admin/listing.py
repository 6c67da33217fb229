"""Lists of the console: the page of a model, its filters and orders, and the same rows as CSV."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from gateway.admin.choosing import Choice, acting, choose, may, may_see, names_of
from gateway.admin.csv_files import csv_file
from gateway.admin.entries import MODELS
from gateway.admin.frame import visitor_here
from gateway.admin.inside import ask, cursor_of
from gateway.admin.pages import render
from gateway.admin.reach import Reach, label, reach_of
from gateway.admin.registry import Model, words
from gateway.problems import refused
from hub.domain.problem import Problem
from hub.storage.paging import Filter

Asked = Request[Any, Any, Any]

LIMITS: Final = ("25", "50", "100")
_WIDGETS: Final = {
    "bool": ("select", ""),
    "int8": ("number", "1"),
    "numeric": ("number", "0.01"),
    "timestamptz": ("datetime-local", "1"),
}


@dataclass(frozen=True, slots=True)
class FilterInput:
    """A filter above a list, as a template draws it.

    Args:
        step: of a number, or of a time in seconds.
        is_folded: behind "More filters".
    """

    name: str
    label: str
    widget: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    step: str = ""
    is_folded: bool = False


def model_of(request: Asked, name: str) -> Model:
    """Find a model that this visitor may see.

    Raises:
        Refused: 404: there is none, or it is the hub's own and a pharmacy asks.
    """
    model = MODELS.get(name)
    if model is None or not may_see(visitor_here(request), model):
        raise refused("not-found", "the console has no such page")
    return model


def wanted_of(request: Asked, model: Model) -> dict[str, str]:
    """Read what a list is narrowed to and ordered by; what is empty or unknown is left out."""
    given = request.query_params
    known = ["q"] if model.has_search else []
    known += [name for name in model.api.filters if name != "q"]
    wanted = {name: _query_value(model.api.filters[name], given.get(name, "").strip()) for name in known}
    if model.api.is_sortable and given.get("sort", "").lstrip("-") in model.api.sorts:
        wanted["sort"] = given["sort"]
    if given.get("limit") in LIMITS:
        wanted["limit"] = given["limit"]
    if given.get("count") == "true":
        wanted["count"] = "true"
    return {name: value for name, value in wanted.items() if value}


def _query_value(wanted: Filter, text: str) -> str:
    """Complete a local time with its zone: browsers' inputs have none, and the console speaks UTC."""
    if wanted.kind.sql == "timestamptz" and text and not text.endswith(("Z", "z")) and "+" not in text:
        return f"{text}{':00' if text.count(':') == 1 else ''}Z"
    return text


def _inputs(model: Model, wanted: Mapping[str, str]) -> list[FilterInput]:
    offered = (*model.filters, *model.folded)
    others = (name for name in wanted if name in model.api.filters and name not in {"q", *offered})
    return [_input(model, name, wanted.get(name, "")) for name in (*offered, *others)]


def _input(model: Model, name: str, value: str) -> FilterInput:
    kind = model.api.filters[name].kind
    choices: tuple[tuple[str, str], ...] = ()
    widget, step = _WIDGETS.get(kind.sql, ("text", ""))
    if kind.sql == "bool":
        choices = (("true", "yes"), ("false", "no"))
    elif "enum" in kind.schema:
        widget, choices = "select", tuple((word, word.replace("_", " ")) for word in kind.schema["enum"])
    elif kind.sql == "timestamptz":
        value = value.removesuffix("Z")
    return FilterInput(name, label(name), widget, value, choices, step, is_folded=name not in model.filters)


def _orders(model: Model, reach: Reach) -> list[tuple[str, str]]:
    names = [name for name in model.api.sorts if reach.can_sort(name)]
    return [
        (order, f"{words(name)}, {way}")
        for name in names
        for order, way in ((f"-{name}", "descending"), (name, "ascending"))
    ]


def path_of(model: Model, choice: Choice) -> str:
    """Name the API's list, of the chosen pharmacy where it hangs on one."""
    return model.path.format(pharmacy_id=choice.chosen) if model.needs_pharmacy else model.path


def _chosen_of(model: Model, choice: Choice) -> dict[str, str]:
    """Narrow a list of the hub's own to the chosen pharmacy, where its rows are of one."""
    is_narrowed = model.is_hubs and choice.chosen is not None and "pharmacy_id" in model.api.filters
    return {"pharmacy_id": str(choice.chosen)} if is_narrowed else {}


@get("/{name:str}", opt={"console": "signed-in"})
async def show_list(request: Asked, name: FromPath[str]) -> Response[Any]:
    """Show a model's list."""
    model, visitor = model_of(request, name), visitor_here(request)
    choice = await choose(request)
    wanted = wanted_of(request, model)
    sort = wanted.get("sort", model.sort if model.api.is_sortable else "")
    items: list[dict[str, Any]] = []
    problem: Problem | None = None
    following: str | None = None
    total = ""
    status = 200
    is_waiting = model.needs_pharmacy and choice.chosen is None
    reach = await reach_of(request, model, choice, wanted)
    if not is_waiting and not reach.refused:
        ordered = {"sort": sort} if sort else {}
        pairs = [*{**ordered, **reach.asked, **_chosen_of(model, choice)}.items()]
        if cursor := request.query_params.get("cursor"):
            pairs.append(("cursor", cursor))
        caller = acting(visitor, choice.chosen if not model.is_hubs else None)
        said = await ask(request, caller, "GET", path_of(model, choice), query=pairs)
        if said.is_problem:
            problem, status = said.problem(), said.status
        else:
            page = said.json
            items, following = page["items"], cursor_of(page["next"])
            if "count" in page:
                total = f"{'more than ' if page['count_capped'] else ''}{page['count']:,}"
    kept = [*wanted.items(), *([("pharmacy", str(choice.chosen))] if choice.chosen and choice.is_free else [])]
    named = {row.get("pharmacy_id") for row in items} | {one for row in items for one in row.get("pharmacy_ids", ())}
    named -= {None}
    return render(
        request,
        "list.html",
        status,
        title=model.plural,
        model=model,
        items=items,
        names={**choice.names} | (await names_of(request, named) if named - set(choice.names) else {}),
        choice=choice,
        is_waiting=is_waiting,
        reach=reach,
        problem=problem,
        is_narrowed=any(name in model.api.filters for name in wanted),
        cleared=_link([pair for pair in kept if pair[0] == "pharmacy"], {}),
        wanted=wanted,
        sort=sort,
        inputs=_inputs(model, wanted),
        kept=kept,
        link=lambda **changes: _link(kept, changes),
        following=following,
        cursor=request.query_params.get("cursor"),
        is_first="cursor" not in request.query_params,
        orders=_orders(model, reach),
        total=total,
        may_create=may(visitor, model, model.create),
        bulk=[one for one in model.all_actions if one.bulk and may(visitor, model, one)],
        queued=_queued(request),
    )


def _queued(request: Asked) -> dict[str, str] | None:
    """Read which operation the page is waiting for, after a form that was taken in but not answered in time."""
    operation, accepted = request.query_params.get("queued"), request.query_params.get("accepted")
    return None if not operation or not accepted else {"operation": operation, "accepted": accepted}


def _link(kept: Iterable[tuple[str, str]], changes: Mapping[str, str | None]) -> str:
    """Make the query of the same list with something changed; None takes a parameter away."""
    pairs = {**dict(kept), **changes}
    return "?" + urlencode([(name, value) for name, value in pairs.items() if value is not None])


@get("/{name:str}/export.csv", opt={"console": "signed-in"})
async def export(request: Asked, name: FromPath[str]) -> Stream:
    """Send the list as CSV, as it is narrowed and ordered, at most 100,000 rows."""
    model, visitor = model_of(request, name), visitor_here(request)
    choice = await choose(request)
    if model.needs_pharmacy and choice.chosen is None:
        raise refused("pharmacy-required", "choose a pharmacy first")
    reach = await reach_of(request, model, choice, wanted_of(request, model))
    if reach.refused:
        raise refused("pharmacy-required", reach.sentence)
    wanted = {**reach.asked, **_chosen_of(model, choice)}
    pairs = [pair for pair in wanted.items() if pair[0] not in {"limit", "count"}]
    caller = acting(visitor, choice.chosen if not model.is_hubs else None)
    columns = list(dict.fromkeys(one.name for one in (*model.columns, *model.details)))
    return await csv_file(request, caller, path_of(model, choice), pairs, columns, model.name)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (show_list, export)
