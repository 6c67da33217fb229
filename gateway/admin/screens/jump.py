"""The jump box: a word, an id or a reference leads to its page. Ctrl-K opens it, and without scripts it is a page."""

from typing import Any, Final

from litestar import Request, Response, get

from gateway.admin.choosing import choose, filled, may_see
from gateway.admin.entries import MODELS
from gateway.admin.frame import visitor_here
from gateway.admin.inside import ask, id_of
from gateway.admin.menu import menu_of
from gateway.admin.pages import redirect, render
from gateway.admin.screens.lookup import find_operation

Asked = Request[Any, Any, Any]


@get("/jump", opt={"console": "signed-in"})
async def jump(request: Asked) -> Response[Any]:
    """Go to what is named: a place of the menu, a row or an operation by its id, else a search of the inventory."""
    text = request.query_params.get("q", "").strip()[:200]
    if not text:
        return render(request, "jump_page.html", title="Jump to", text="")
    for group in menu_of(visitor_here(request), ""):
        for place, _ in group.places:
            if place.label.lower() == text.lower():
                return redirect(request, place.path)
    if id_of(text) is not None:
        return redirect(request, await _row(request, text) or f"/admin/operations/?q={text}")
    return render(request, "jump_page.html", title="Jump to", text=text)


async def _row(request: Asked, text: str) -> str | None:
    """Find whose id it is, by asking for it as anybody would."""
    visitor = visitor_here(request)
    if await find_operation(request, await choose(request), text) is not None:
        return f"/admin/operations/{text}/"
    for model in MODELS.values():
        if model.one and "{pharmacy_id}" not in model.one and may_see(visitor, model):
            said = await ask(request, visitor.rights(), "GET", filled(model.one, {"id": text}))
            if not said.is_problem:
                return f"/admin/{model.name}/{text}/"
    return None


HANDLERS: Final = (jump,)
