"""Operators' keys: listed, minted and revoked. They open everything, so it takes an admin to make or end one."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import Secrets, Terms, accept
from gateway.context import Gateway
from gateway.describe import OneRoute, PageRoute, WriteRoute
from gateway.operators import read_for_all
from gateway.reads import read_one, read_page
from hub.domain.fields import Body
from hub.domain.ids import HUB_ID
from hub.security.keys import mint_key

Asked = Request[Any, Any, Any]

_CREATE: Final = WriteRoute("operator_key.create", "operator_key", 201, secrets=("api_key",))
_REVOKE: Final = WriteRoute("operator_key.revoke", "", 204)


def _mint_key(gateway: Gateway, seed: UUID, _key_id: UUID, _body: Body) -> Secrets:
    key, minted = mint_key(gateway.secret_key, seed, "operator")
    return Secrets(minted, {"api_key": key})


_OF_THE_HUB: Final = Terms(scope=HUB_ID)
_CREATING: Final = Terms(scope=HUB_ID, mint=_mint_key)


@get("/api/operator-keys", opt={"describes": PageRoute("operator_keys"), "operator": True})
async def list_operator_keys(request: Asked) -> Response[Any]:
    """List operators' keys: their names, last four characters and last use, never the keys. For operators."""
    read_for_all(request)
    return await read_page(request, "operator_keys")


@post("/api/operator-keys", opt={"describes": _CREATE, "operator": True, "role": "admin"})
async def create_operator_key(request: Asked) -> Response[Any]:
    """Mint a key that may do everything; the answer shows it this once. For admins."""
    return await accept(request, _CREATE, pharmacy_id=HUB_ID, terms=_CREATING)


@get("/api/operator-keys/{key_id:uuid}", opt={"describes": OneRoute("known_operator_key"), "operator": True})
async def show_operator_key(request: Asked, key_id: FromPath[UUID]) -> Response[Any]:
    """Show an operator's key, never the key itself. For operators."""
    read_for_all(request)
    return await read_one(request, "operator_keys", key_id)


@delete(
    "/api/operator-keys/{key_id:uuid}",
    opt={"describes": _REVOKE, "operator": True, "role": "admin"},
    status_code=200,
)
async def revoke_operator_key(request: Asked, key_id: FromPath[UUID]) -> Response[Any]:
    """Revoke a key for good, within seconds; a key may end itself. For admins."""
    return await accept(request, _REVOKE, pharmacy_id=HUB_ID, target=key_id, terms=_OF_THE_HUB)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_operator_keys,
    create_operator_key,
    show_operator_key,
    revoke_operator_key,
)
