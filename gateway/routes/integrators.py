"""Integrators, their keys and the pharmacies they may act for. Operators see them, admins make and end them."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post
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

_CREATE: Final = WriteRoute("integrator.create", "integrator", 201, secrets=("api_key",))
_UPDATE: Final = WriteRoute("integrator.update", "integrator", 200, conditional=True)
_DEACTIVATE: Final = WriteRoute("integrator.deactivate", "", 204, conditional=True)
_CREATE_KEY: Final = WriteRoute("integrator_key.create", "integrator_key", 201, secrets=("api_key",))
_REVOKE_KEY: Final = WriteRoute("integrator_key.revoke", "", 204)


def _mint_key(gateway: Gateway, seed: UUID, _owner: UUID, _body: Body) -> Secrets:
    key, minted = mint_key(gateway.secret_key, seed, "integrator")
    return Secrets(minted, {"api_key": key})


def _mint_key_of(integrator_id: UUID, gateway: Gateway, seed: UUID, owner: UUID, body: Body) -> Secrets:
    secrets = _mint_key(gateway, seed, owner, body)
    # Whose key it is stands in the path, not in the body, so it travels with what the door adds.
    return Secrets({**secrets.minted, "integrator_id": str(integrator_id)}, secrets.shown)


def _name_owner(integrator_id: UUID, _gateway: Gateway, _seed: UUID, _owner: UUID, _body: Body) -> Secrets:
    return Secrets({"integrator_id": str(integrator_id)})


_OF_THE_HUB: Final = Terms(scope=HUB_ID)
_CREATING: Final = Terms(scope=HUB_ID, mint=_mint_key)


@get("/api/integrators", opt={"describes": PageRoute("integrators"), "operator": True})
async def list_integrators(request: Asked) -> Response[Any]:
    """List integrators, with the pharmacies each may act for. For operators."""
    read_for_all(request)
    return await read_page(request, "integrators")


@post("/api/integrators", opt={"describes": _CREATE, "operator": True, "role": "admin"})
async def create_integrator(request: Asked) -> Response[Any]:
    """Make an integrator and grant it pharmacies; the answer shows its first key this once. For admins."""
    return await accept(request, _CREATE, pharmacy_id=HUB_ID, terms=_CREATING)


@get("/api/integrators/{integrator_id:uuid}", opt={"describes": OneRoute("integrator"), "operator": True})
async def show_integrator(request: Asked, integrator_id: FromPath[UUID]) -> Response[Any]:
    """Show an integrator. For operators."""
    read_for_all(request)
    return await read_one(request, "integrators", integrator_id)


@patch("/api/integrators/{integrator_id:uuid}", opt={"describes": _UPDATE, "operator": True, "role": "admin"})
async def update_integrator(request: Asked, integrator_id: FromPath[UUID]) -> Response[Any]:
    """Change an integrator; `pharmacy_ids` is the whole list of grants, and a lost one is gone in five seconds. For admins."""
    return await accept(request, _UPDATE, pharmacy_id=HUB_ID, target=integrator_id, terms=_OF_THE_HUB)


@delete(
    "/api/integrators/{integrator_id:uuid}",
    opt={"describes": _DEACTIVATE, "operator": True, "role": "admin"},
    status_code=200,
)
async def deactivate_integrator(request: Asked, integrator_id: FromPath[UUID]) -> Response[Any]:
    """Deactivate an integrator: its keys and connections stop, its record stays. For admins."""
    return await accept(request, _DEACTIVATE, pharmacy_id=HUB_ID, target=integrator_id, terms=_OF_THE_HUB)


@get("/api/integrators/{integrator_id:uuid}/keys", opt={"describes": PageRoute("integrator_keys"), "operator": True})
async def list_integrator_keys(request: Asked, integrator_id: FromPath[UUID]) -> Response[Any]:
    """List an integrator's keys, never the keys themselves. For operators."""
    read_for_all(request)
    return await read_page(request, "integrator_keys", integrator_id=integrator_id)


@post("/api/integrators/{integrator_id:uuid}/keys", opt={"describes": _CREATE_KEY, "operator": True, "role": "admin"})
async def create_integrator_key(request: Asked, integrator_id: FromPath[UUID]) -> Response[Any]:
    """Mint a key; the answer shows it this once. For admins."""
    terms = Terms(scope=integrator_id, mint=partial(_mint_key_of, integrator_id))
    return await accept(request, _CREATE_KEY, pharmacy_id=HUB_ID, terms=terms)


@delete(
    "/api/integrators/{integrator_id:uuid}/keys/{key_id:uuid}",
    opt={"describes": _REVOKE_KEY, "operator": True, "role": "admin"},
    status_code=200,
)
async def revoke_integrator_key(request: Asked, integrator_id: FromPath[UUID], key_id: FromPath[UUID]) -> Response[Any]:
    """Revoke a key for good, within seconds. For admins."""
    terms = Terms(scope=integrator_id, mint=partial(_name_owner, integrator_id))
    return await accept(request, _REVOKE_KEY, pharmacy_id=HUB_ID, target=key_id, terms=terms)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_integrators,
    create_integrator,
    show_integrator,
    update_integrator,
    deactivate_integrator,
    list_integrator_keys,
    create_integrator_key,
    revoke_integrator_key,
)
