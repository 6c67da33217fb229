"""`/`, the address that `hub up` prints: it leads to the console, or where there is none to the API's pages."""

from typing import Any, Final

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler

from gateway.answers import Answer


@get("/", include_in_schema=False, opt={"exclude_from_auth": True})
async def lead_in(request: Request[Any, Any, Any]) -> Answer:
    """Lead to the first page that somebody who was given the bare address can use."""
    where = b"/admin/" if request.app.state["settings"].admin_enabled else b"/swagger/"
    return Answer(303, headers=((b"location", where),))


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (lead_in,)
