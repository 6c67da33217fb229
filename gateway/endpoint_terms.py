"""What is special about writing endpoints: what the door checks, the secrets it mints, and what it seals."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import orjson

from gateway.accept import Secrets, Terms
from gateway.auth import Caller
from gateway.context import Gateway
from gateway.event_schemas import EVENTS
from gateway.mending import count_instead
from gateway.problems import refused
from hub.domain.fields import Body
from hub.domain.problem import FieldError
from hub.domain.webhook_bodies import CreateEndpoint, ReplaceEndpoint, RotateSecret, UpdateEndpoint
from hub.domain.webhook_deliveries import ReplayEndpoint, replay_faults
from hub.domain.webhook_filter import filter_faults
from hub.domain.webhooks import wants
from hub.security.destinations import check_url
from hub.security.signatures import derive_signing_key, derive_webhook_secret, public_key_of, refuse_secret
from hub.security.vault import endpoint_aad


def _check(gateway: Gateway, _caller: Caller, body: Body) -> None:
    """Refuse what cannot be called, no event can be, or is no filter or secret (422), all at once."""
    assert isinstance(body, CreateEndpoint | ReplaceEndpoint | UpdateEndpoint)
    faults = [*_url_faults(gateway, body.url), *_type_faults(body.event_types)]
    # A patch of a filter is checked when it is merged: before that it may be any part of one.
    if body.filter is not None and not isinstance(body, UpdateEndpoint):
        faults += filter_faults(body.filter)
    if isinstance(body, CreateEndpoint):
        faults += _secret_faults(body)
    _refuse(faults)


def _check_rotation(_gateway: Gateway, _caller: Caller, body: Body) -> None:
    assert isinstance(body, RotateSecret)
    _refuse(_secret_faults(body))


def _check_replay(_gateway: Gateway, _caller: Caller, body: Body) -> None:
    assert isinstance(body, ReplayEndpoint)
    _refuse(replay_faults(body))


def _refuse(faults: Iterable[FieldError]) -> None:
    if faults := list(faults):
        raise refused("validation", "the body does not fit; see `errors`", *faults)


def _url_faults(gateway: Gateway, url: str | None) -> Iterable[FieldError]:
    if url is not None:
        for reason in check_url(url, gateway.settings.webhooks_allow_networks):
            yield FieldError("#/url", reason.code, reason.detail)


def _type_faults(event_types: Iterable[str] | None) -> Iterable[FieldError]:
    """Name types that no event has: whoever misspells one would wait for ever."""
    for index, wanted in enumerate(event_types or ()):
        if not any(wants([wanted], known) for known in EVENTS):
            yield FieldError(f"#/event_types/{index}", "unknown-type", f"there is no event of the type {wanted}")


def _secret_faults(body: CreateEndpoint | RotateSecret) -> Iterable[FieldError]:
    if body.secret is None:
        return
    if body.signing == "v1a":
        yield FieldError("#/secret", "signing", "a key for v1a is made by the hub, which alone may know it")
    elif (reason := refuse_secret(body.secret)) is not None:
        yield FieldError("#/secret", "secret", reason)


def _mint(gateway: Gateway, seed: UUID, endpoint_id: UUID, body: Body) -> Secrets:
    """Make the secrets of a new endpoint, or of a rotation; receivers of `v1a` are told the public key alone."""
    assert isinstance(body, CreateEndpoint | RotateSecret)
    if body.signing == "v1a":
        secret = derive_signing_key(gateway.secret_key, seed)
        shown = {"public_key": public_key_of(secret)}
    else:
        secret = body.secret or derive_webhook_secret(gateway.secret_key, seed)
        shown = {"secret": secret}
    minted = {"secret": gateway.vault.encrypt_text(secret, endpoint_aad(endpoint_id))}
    if "public_key" in shown:
        minted |= shown
    if isinstance(body, CreateEndpoint):
        minted |= _sealed_auth(gateway, endpoint_id, body)
    return Secrets(minted, shown)


def _mint_auth(gateway: Gateway, _seed: UUID, endpoint_id: UUID, body: Body) -> Secrets:
    assert isinstance(body, ReplaceEndpoint | UpdateEndpoint)
    return Secrets(_sealed_auth(gateway, endpoint_id, body))


def _sealed_auth(
    gateway: Gateway, endpoint_id: UUID, body: CreateEndpoint | ReplaceEndpoint | UpdateEndpoint
) -> dict[str, str]:
    if body.auth is None:
        return {}
    written = orjson.dumps(body.auth.model_dump()).decode()
    return {"auth": gateway.vault.encrypt_text(written, endpoint_aad(endpoint_id)), "auth_type": body.auth.type}


CREATING: Final = Terms(check=_check, mint=_mint, sealed=("secret", "auth"))
CHANGING: Final = Terms(check=_check, mint=_mint_auth, sealed=("auth",))
ROTATING: Final = Terms(check=_check_rotation, mint=_mint, sealed=("secret",))
SENDING: Final = Terms(instead=count_instead)
REPLAYING: Final = Terms(check=_check_replay, instead=count_instead)
