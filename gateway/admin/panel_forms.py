"""A form that stands on a row's page: what was typed stays while it is counted, refused or its session had ended."""

from typing import Any
from uuid import UUID

from litestar import Request, Response

from gateway.admin.form_page import page_key
from gateway.admin.frame import field, form_of, is_kept
from gateway.admin.listing import model_of
from gateway.admin.writing import render_row, row_of
from hub.domain.problem import CATALOGUE, Problem

Asked = Request[Any, Any, Any]


def form_values(request: Asked) -> dict[str, Any]:
    """Give a panel's template its form: `typed` reads a field, `key` is the page's, `told` what came of it (kind and text)."""
    state = request.scope["state"]
    is_sent = request.scope["method"] == "POST"
    return {
        "typed": lambda name: field(form_of(request), name) if is_sent else "",
        "is_sent": is_sent,
        "key": page_key(request, state.get("problem")),
        "told": state.get("told"),
        "is_kept": is_sent and is_kept(request),
    }


async def show_again(
    request: Asked, model: str, row_id: UUID, kind: str = "", text: str = "", *, problem: Problem | None = None
) -> Response[Any]:
    """Show the row's page with its form as it was typed, and say there what came of it.

    Args:
        kind: `success` or `danger`; empty: nothing came of it yet.
        problem: what the API said; None: the form itself is wrong.
    """
    found = model_of(request, model)
    request.scope["state"] |= {"told": (kind, text) if kind else None, "problem": problem}
    slug = problem.slug if problem is not None else "validation"
    status = CATALOGUE[slug].status if kind == "danger" else 200
    return await render_row(request, found, await row_of(request, found, row_id), status)
