"""Operators: the people who sign in at the console. Passwords are set at the console, so that none travels in a body."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import Terms, accept
from gateway.describe import OneRoute, PageRoute, WriteRoute
from gateway.operators import read_for_all
from gateway.reads import read_one, read_page
from hub.domain.ids import HUB_ID

Asked = Request[Any, Any, Any]

_CREATE: Final = WriteRoute("operator.create", "operator", 201)
_UPDATE: Final = WriteRoute("operator.update", "operator", 200, conditional=True)
_DELETE: Final = WriteRoute("operator.delete", "", 204, conditional=True)
_OF_THE_HUB: Final = Terms(scope=HUB_ID)


@get("/api/operators", opt={"describes": PageRoute("operators"), "operator": True})
async def list_operators(request: Asked) -> Response[Any]:
    """List who may sign in at the console. For operators."""
    read_for_all(request)
    return await read_page(request, "operators")


@post("/api/operators", opt={"describes": _CREATE, "operator": True, "role": "admin"})
async def create_operator(request: Asked) -> Response[Any]:
    """Let somebody sign in at the console; `hub operator login-link` makes the first link. For admins."""
    return await accept(request, _CREATE, pharmacy_id=HUB_ID, terms=_OF_THE_HUB)


@get("/api/operators/{operator_id:uuid}", opt={"describes": OneRoute("operator"), "operator": True})
async def show_operator(request: Asked, operator_id: FromPath[UUID]) -> Response[Any]:
    """Show an operator. For operators."""
    read_for_all(request)
    return await read_one(request, "operators", operator_id)


@patch("/api/operators/{operator_id:uuid}", opt={"describes": _UPDATE, "operator": True, "role": "admin"})
async def update_operator(request: Asked, operator_id: FromPath[UUID]) -> Response[Any]:
    """Change an operator's name or role, or stop them; another role ends their sessions. For admins."""
    return await accept(request, _UPDATE, pharmacy_id=HUB_ID, target=operator_id, terms=_OF_THE_HUB)


@delete(
    "/api/operators/{operator_id:uuid}",
    opt={"describes": _DELETE, "operator": True, "role": "admin"},
    status_code=200,
)
async def delete_operator(request: Asked, operator_id: FromPath[UUID]) -> Response[Any]:
    """Remove an operator; their sessions end, the user name is free again. For admins."""
    return await accept(request, _DELETE, pharmacy_id=HUB_ID, target=operator_id, terms=_OF_THE_HUB)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_operators,
    create_operator,
    show_operator,
    update_operator,
    delete_operator,
)
