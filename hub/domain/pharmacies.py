"""Pharmacies: the branches whose rows, keys and events are kept apart from one another's, and their API keys."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, FreeObject, Name, Time, format_time, merge_patch, same_json
from hub.domain.holdings import Holdings, one_more
from hub.domain.ids import default_endpoint_id, derived_id
from hub.domain.keys import ALL_SCOPES, Keys, Scopes, begins_expired, in_order
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, overlong, refuse
from hub.domain.problem import not_found
from hub.domain.state import Ref, State
from hub.domain.versions import stale
from hub.domain.webhook_bodies import WebhookUrl
from hub.domain.webhooks import WebhookEndpoint, set_default_endpoint


class CreatePharmacy(Body):
    """A new pharmacy. It is given a key; with a `webhook_url` also an endpoint and its secret."""

    name: Name
    is_active: bool = Field(default=True, strict=True)
    webhook_url: WebhookUrl | None = None
    settings: FreeObject = Field(default_factory=dict)


class ReplacePharmacy(CreatePharmacy):
    """All of a pharmacy. Naming a `webhook_url` gives its endpoint a new secret; leaving it out ends the endpoint."""


class UpdatePharmacy(Body):
    """Some of a pharmacy, as JSON Merge Patch (RFC 7396)."""

    name: Name = ""
    is_active: bool = Field(default=True, strict=True)
    webhook_url: WebhookUrl | None = None
    settings: FreeObject | None = None


class DeactivatePharmacy(Body):
    """Stop a pharmacy's keys; its record stays."""


class CreateKey(Body):
    """Another key of a pharmacy."""

    name: Name
    scopes: Scopes = Field(default_factory=lambda: list(ALL_SCOPES))
    expires_at: Time | None = None


class RevokeKey(Body):
    """End a key for good."""


@dataclass(frozen=True, slots=True)
class Pharmacy:
    """A chain's branch, with its own keys, order and sequence."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    name: str
    is_active: bool
    webhook_url: str | None
    settings: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A pharmacy's key, as its SHA-256 in hex; `hint` is the key's last four characters."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    name: str
    digest: str
    hint: str
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


def dump_pharmacy(pharmacy: Pharmacy) -> dict[str, Any]:
    """Represent a pharmacy as clients see it."""
    return {
        "id": str(pharmacy.id),
        "name": pharmacy.name,
        "is_active": pharmacy.is_active,
        "webhook_url": pharmacy.webhook_url,
        "settings": pharmacy.settings,
        "created_at": format_time(pharmacy.created_at),
        "updated_at": format_time(pharmacy.updated_at),
        "version": pharmacy.version,
    }


def dump_key(key: ApiKey) -> dict[str, Any]:
    """Represent a key as clients see it, without the key."""
    return {
        "id": str(key.id),
        "pharmacy_id": str(key.pharmacy_id),
        "name": key.name,
        "scopes": key.scopes,
        "hint": key.hint,
        "expires_at": None if key.expires_at is None else format_time(key.expires_at),
        "revoked_at": None if key.revoked_at is None else format_time(key.revoked_at),
        "created_at": format_time(key.created_at),
        "updated_at": format_time(key.updated_at),
        "version": key.version,
    }


_KEYS = Keys("api_key", "keys", dump_key)


def _touch_pharmacy(command: Command) -> Iterable[Ref]:
    yield Ref(Pharmacy, "id", command.pharmacy_id)
    yield Ref(WebhookEndpoint, "id", default_endpoint_id(command.pharmacy_id))


def _subject(pharmacy: Pharmacy) -> str:
    return f"pharmacies/{pharmacy.id}"


def _create(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, CreatePharmacy)
    if state.find(Pharmacy, state.pharmacy_id) is not None:
        return refuse("duplicate", "this pharmacy exists already")
    pharmacy = Pharmacy(
        state.pharmacy_id, body.name, body.is_active, body.webhook_url, body.settings, state.now, state.now, version=1
    )
    key = _mint(state, command, CreateKey(name="first key"), derived_id(command.operation_id, "key"))
    endpoint, mending = set_default_endpoint(state, body.webhook_url, command.minted.get("webhook_secret", ""))
    event = Event("pharmacy.created", _subject(pharmacy), {"pharmacy": dump_pharmacy(pharmacy), "changed": {}})
    return Accepted((pharmacy, key, *endpoint), (event,), dump_pharmacy(pharmacy), mending)


def _revise(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, ReplacePharmacy | UpdatePharmacy)
    pharmacy = state.find(Pharmacy, state.pharmacy_id)
    if pharmacy is None:
        return Rejected(not_found("pharmacy"))
    if (refusal := stale(command, pharmacy.version)) is not None:
        return refusal
    whole = isinstance(body, ReplacePharmacy)
    named = set(type(body).model_fields) if whole else body.model_fields_set
    values: dict[str, Any] = {
        name: getattr(body, name) for name in ("name", "is_active", "webhook_url") if name in named
    }
    if "settings" in named:
        values["settings"] = (
            body.settings if whole or body.settings is None else merge_patch(pharmacy.settings, body.settings)
        )
        values["settings"] = values["settings"] or {}
    after = replace(pharmacy, **values)
    if (refusal := overlong("settings", pharmacy.settings, after.settings)) is not None:
        return refusal
    endpoint, mending = (
        set_default_endpoint(state, body.webhook_url, command.minted.get("webhook_secret", ""))
        if "webhook_url" in named
        else ((), None)
    )
    if after == pharmacy and same_json(after.settings, pharmacy.settings) and not endpoint:
        return Accepted((), (), dump_pharmacy(pharmacy))
    return replace(_changed(state, pharmacy, after, endpoint), mending=mending)


def _changed(state: State, before: Pharmacy, after: Pharmacy, endpoint: tuple[WebhookEndpoint, ...]) -> Accepted:
    after = replace(after, updated_at=state.now, version=before.version + 1)
    name = "pharmacy.deactivated" if before.is_active and not after.is_active else "pharmacy.updated"
    data = {"pharmacy": dump_pharmacy(after), "changed": changed(dump_pharmacy(before), dump_pharmacy(after))}
    return Accepted((after, *endpoint), (Event(name, _subject(after), data),), dump_pharmacy(after))


def _deactivate(state: State, command: Command) -> Outcome:
    pharmacy = state.find(Pharmacy, state.pharmacy_id)
    if pharmacy is None:
        return Rejected(not_found("pharmacy"))
    if (refusal := stale(command, pharmacy.version)) is not None:
        return refusal
    if not pharmacy.is_active:
        return Accepted((), (), None)
    outcome = _changed(state, pharmacy, replace(pharmacy, is_active=False), ())
    return replace(outcome, resource=None)


def _mint(state: State, command: Command, plan: CreateKey, key_id: UUID) -> ApiKey:
    return ApiKey(
        id=key_id,
        pharmacy_id=state.pharmacy_id,
        name=plan.name,
        digest=command.minted["key_digest"],
        hint=command.minted["key_hint"],
        scopes=in_order(plan.scopes),
        expires_at=plan.expires_at,
        revoked_at=None,
        created_at=state.now,
        updated_at=state.now,
        version=1,
    )


def _create_key(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, CreateKey)
    if state.find(Pharmacy, state.pharmacy_id) is None:
        return Rejected(not_found("pharmacy"))
    if (refusal := begins_expired(command, body.expires_at)) is not None:
        return refusal
    held = one_more(state, "keys")
    if isinstance(held, Rejected):
        return held
    created = _KEYS.created(_mint(state, command, body, command.resource_id))
    return replace(created, changes=(*created.changes, held))


def _touch_new_key(command: Command) -> Iterable[Ref]:
    yield from _touch_pharmacy(command)
    yield Ref(Holdings, "id", command.pharmacy_id)


def _touch_key(command: Command) -> Iterable[Ref]:
    yield Ref(ApiKey, "id", command.resource_id)


def _revoke_key(state: State, command: Command) -> Outcome:
    return _KEYS.revoke(state, state.find(ApiKey, command.resource_id))


RULES = (
    Rule("pharmacy.create", CreatePharmacy, _create, "pharmacies", _touch_pharmacy),
    Rule("pharmacy.replace", ReplacePharmacy, _revise, "pharmacies", _touch_pharmacy),
    Rule("pharmacy.update", UpdatePharmacy, _revise, "pharmacies", _touch_pharmacy),
    Rule("pharmacy.deactivate", DeactivatePharmacy, _deactivate, "pharmacies", _touch_pharmacy),
    Rule("api_key.create", CreateKey, _create_key, "keys", _touch_new_key),
    Rule("api_key.revoke", RevokeKey, _revoke_key, "keys", _touch_key),
)
