"""Pharmacies and their keys. Operators make, list and end pharmacies; a pharmacy's key changes its own."""

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import Secrets, Terms, accept
from gateway.auth import Caller, caller_of
from gateway.context import Gateway
from gateway.describe import OneRoute, PageRoute, WriteRoute
from gateway.problems import Refused, refused
from gateway.reads import read_one, read_page
from hub.domain.fields import Body
from hub.domain.ids import HUB_ID, default_endpoint_id
from hub.domain.pharmacies import CreateKey, CreatePharmacy, ReplacePharmacy, UpdatePharmacy
from hub.domain.problem import FieldError, not_found
from hub.security.destinations import check_url
from hub.security.keys import mint_key
from hub.security.signatures import derive_webhook_secret
from hub.security.vault import endpoint_aad

Asked = Request[Any, Any, Any]

_CREATE: Final = WriteRoute("pharmacy.create", "pharmacy", 201, secrets=("api_key", "webhook_secret"))
_REPLACE: Final = WriteRoute("pharmacy.replace", "pharmacy", 200, secrets=("webhook_secret",), conditional=True)
_UPDATE: Final = WriteRoute("pharmacy.update", "pharmacy", 200, secrets=("webhook_secret",), conditional=True)
_DEACTIVATE: Final = WriteRoute("pharmacy.deactivate", "", 204, conditional=True)
_CREATE_KEY: Final = WriteRoute("api_key.create", "key", 201, secrets=("api_key",))
_REVOKE_KEY: Final = WriteRoute("api_key.revoke", "", 204)


def act_for(request: Asked, pharmacy_id: UUID) -> UUID:
    """Take the pharmacy of the path as the one acted for.

    Raises:
        Refused: it is another's, which is the same 404 as unknown.
    """
    caller = caller_of(request)
    if caller.pharmacy_id is None and caller.is_operator:
        request.scope["state"]["caller"] = replace(caller, pharmacy_id=pharmacy_id)
    elif caller.pharmacy_id != pharmacy_id:
        raise Refused(not_found("pharmacy"))
    return pharmacy_id


def _key_secrets(gateway: Gateway, seed: UUID) -> Secrets:
    key, minted = mint_key(gateway.secret_key, seed)
    return Secrets(minted, {"api_key": key})


def _mint_key(gateway: Gateway, seed: UUID, _key_id: UUID, _body: Body) -> Secrets:
    return _key_secrets(gateway, seed)


def _mint_endpoint_secret(gateway: Gateway, seed: UUID, pharmacy_id: UUID, body: Body) -> Secrets:
    assert isinstance(body, CreatePharmacy | ReplacePharmacy | UpdatePharmacy)
    if body.webhook_url is None:
        return Secrets()
    secret = derive_webhook_secret(gateway.secret_key, seed)
    sealed = gateway.vault.encrypt_text(secret, endpoint_aad(default_endpoint_id(pharmacy_id)))
    return Secrets({"webhook_secret": sealed}, {"webhook_secret": secret})


def _mint_pharmacy(gateway: Gateway, seed: UUID, pharmacy_id: UUID, body: Body) -> Secrets:
    key = _key_secrets(gateway, seed)
    endpoint = _mint_endpoint_secret(gateway, seed, pharmacy_id, body)
    return Secrets({**key.minted, **endpoint.minted}, {**key.shown, **endpoint.shown})


def _check_pharmacy(gateway: Gateway, caller: Caller, body: Body) -> None:
    """Refuse what a pharmacy may not change of itself (403), and a URL that cannot be called (422)."""
    assert isinstance(body, CreatePharmacy | ReplacePharmacy | UpdatePharmacy)
    if not caller.is_operator:
        if "is_active" in body.model_fields_set:
            raise refused("forbidden", "a pharmacy's key cannot change `is_active`; ask your operator")
        # Replacing without a URL ends the endpoint, so it is a change of endpoints as well.
        if (
            isinstance(body, ReplacePharmacy) or "webhook_url" in body.model_fields_set
        ) and "webhooks" not in caller.scopes:
            raise refused("forbidden", "setting `webhook_url` needs the scope 'webhooks', which this key lacks")
    if body.webhook_url is not None:
        reasons = check_url(body.webhook_url, gateway.settings.webhooks_allow_networks)
        if reasons:
            faults = [FieldError("#/webhook_url", reason.code, reason.detail) for reason in reasons]
            raise refused("validation", "this URL cannot be called", *faults)


def _check_key(_gateway: Gateway, caller: Caller, body: Body) -> None:
    assert isinstance(body, CreateKey)
    missing = sorted(set(body.scopes) - caller.scopes)
    if missing:
        raise refused("forbidden", f"a key cannot give what it lacks itself: {', '.join(missing)}")


_CREATING: Final = Terms(scope=HUB_ID, check=_check_pharmacy, mint=_mint_pharmacy)
_CHANGING: Final = Terms(check=_check_pharmacy, mint=_mint_endpoint_secret)
_CREATING_KEY: Final = Terms(check=_check_key, mint=_mint_key)


@get("/api/pharmacies", opt={"describes": PageRoute("pharmacies"), "operator": True})
async def list_pharmacies(request: Asked) -> Response[Any]:
    """List all pharmacies, the inactive ones too. For operators."""
    return await read_page(request, "pharmacies")


@post("/api/pharmacies", opt={"describes": _CREATE, "operator": True, "role": "admin"})
async def create_pharmacy(request: Asked) -> Response[Any]:
    """Make a pharmacy; the answer shows its first key this once. For admins."""
    return await accept(request, _CREATE, pharmacy_id=None, terms=_CREATING)


@get("/api/pharmacies/{pharmacy_id:uuid}", opt={"describes": OneRoute("pharmacy")})
async def show_pharmacy(request: Asked, pharmacy_id: FromPath[UUID]) -> Response[Any]:
    """Show a pharmacy."""
    return await read_one(request, "pharmacies", act_for(request, pharmacy_id))


@put("/api/pharmacies/{pharmacy_id:uuid}", opt={"describes": _REPLACE})
async def replace_pharmacy(request: Asked, pharmacy_id: FromPath[UUID]) -> Response[Any]:
    """Replace a pharmacy; a `webhook_url` is given a new secret, which the answer shows this once."""
    owner = act_for(request, pharmacy_id)
    return await accept(request, _REPLACE, pharmacy_id=owner, target=owner, terms=_CHANGING)


@patch("/api/pharmacies/{pharmacy_id:uuid}", opt={"describes": _UPDATE})
async def update_pharmacy(request: Asked, pharmacy_id: FromPath[UUID]) -> Response[Any]:
    """Change some of a pharmacy; a `webhook_url` is given a new secret, which the answer shows this once."""
    owner = act_for(request, pharmacy_id)
    return await accept(request, _UPDATE, pharmacy_id=owner, target=owner, terms=_CHANGING)


@delete(
    "/api/pharmacies/{pharmacy_id:uuid}",
    opt={"describes": _DEACTIVATE, "operator": True, "role": "admin"},
    status_code=200,
)
async def deactivate_pharmacy(request: Asked, pharmacy_id: FromPath[UUID]) -> Response[Any]:
    """Deactivate a pharmacy: its keys, sockets and AMQP logins stop, its record stays. For admins."""
    owner = act_for(request, pharmacy_id)
    return await accept(request, _DEACTIVATE, pharmacy_id=owner, target=owner)


@get("/api/pharmacies/{pharmacy_id:uuid}/keys", opt={"describes": PageRoute("keys")})
async def list_keys(request: Asked, pharmacy_id: FromPath[UUID]) -> Response[Any]:
    """List a pharmacy's keys: what they may do and their last four characters, never the keys."""
    return await read_page(request, "keys", pharmacy_id=act_for(request, pharmacy_id))


@get("/api/pharmacies/{pharmacy_id:uuid}/keys/{key_id:uuid}", opt={"describes": OneRoute("known_key")})
async def show_key(request: Asked, pharmacy_id: FromPath[UUID], key_id: FromPath[UUID]) -> Response[Any]:
    """Show what a key may do, and its last four characters."""
    return await read_one(request, "keys", key_id, pharmacy_id=act_for(request, pharmacy_id))


@post("/api/pharmacies/{pharmacy_id:uuid}/keys", opt={"describes": _CREATE_KEY, "role": "admin"})
async def create_key(request: Asked, pharmacy_id: FromPath[UUID]) -> Response[Any]:
    """Mint a key; the answer shows it this once."""
    return await accept(request, _CREATE_KEY, pharmacy_id=act_for(request, pharmacy_id), terms=_CREATING_KEY)


@delete(
    "/api/pharmacies/{pharmacy_id:uuid}/keys/{key_id:uuid}",
    opt={"describes": _REVOKE_KEY, "role": "admin"},
    status_code=200,
)
async def revoke_key(request: Asked, pharmacy_id: FromPath[UUID], key_id: FromPath[UUID]) -> Response[Any]:
    """Revoke a key for good, within seconds at every door."""
    return await accept(request, _REVOKE_KEY, pharmacy_id=act_for(request, pharmacy_id), target=key_id)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_pharmacies,
    create_pharmacy,
    show_pharmacy,
    replace_pharmacy,
    update_pharmacy,
    deactivate_pharmacy,
    list_keys,
    create_key,
    show_key,
    revoke_key,
)
