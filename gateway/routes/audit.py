"""The audit log, for operators."""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from gateway.describe import PageRoute
from gateway.operators import list_for_all
from gateway.reads import read_page


@get("/api/audit", opt={"describes": PageRoute("audit"), "operator": True})
async def list_audit(request: Request[Any, Any, Any]) -> Response[Any]:
    """List who did what, to what, when and from where, the latest first. For operators.

    `origin` is the client's address and the request's id (`X-Request-Id`, else the operation); of the command line the user
    and the machine. Lines are only ever added; whole months are dropped once they are old enough.
    """
    list_for_all(request)
    return await read_page(request, "audit")


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (list_audit,)
