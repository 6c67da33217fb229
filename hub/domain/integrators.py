"""Integrators: vendors whose software serves many pharmacies over AMQP with one key. Operators make them and grant pharmacies.

They belong to the hub, not to a pharmacy: their commands run in its scope, and their events stand in its own log.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import Field

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, Name, NotNull, format_time
from hub.domain.ids import derived_id
from hub.domain.keys import Keys, begins_expired, in_order
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, refuse
from hub.domain.pharmacies import CreateKey, Pharmacy
from hub.domain.problem import FieldError, not_found
from hub.domain.state import Ref, State
from hub.domain.versions import current

MAX_GRANTS = 10_000
Grants = Annotated[list[UUID], Field(max_length=MAX_GRANTS)]
"""The pharmacies an integrator may act for, each once."""


class CreateIntegrator(Body):
    """A new integrator. It is given a key."""

    name: Name
    pharmacy_ids: Grants = Field(default_factory=list)


class UpdateIntegrator(Body):
    """Some of an integrator; `pharmacy_ids` is the whole list of grants: who is not on it any more is cut off in seconds."""

    name: NotNull[Name] = None
    pharmacy_ids: NotNull[Grants] = None
    is_active: NotNull[Annotated[bool, Field(strict=True)]] = None


class DeactivateIntegrator(Body):
    """Stop an integrator's keys; its record stays."""


class CreateIntegratorKey(CreateKey):
    """Another key of an integrator."""


class RevokeIntegratorKey(Body):
    """End a key for good."""


@dataclass(frozen=True, slots=True)
class Integrator:
    """A vendor, and the pharmacies it may act for, as text."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    name: str
    is_active: bool
    pharmacy_ids: list[str]
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class IntegratorKey:
    """An integrator's key, as its SHA-256 in hex."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    integrator_id: UUID
    name: str
    digest: str
    hint: str
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


def dump_integrator(integrator: Integrator) -> dict[str, Any]:
    """Represent an integrator to operators."""
    return {
        "id": str(integrator.id),
        "name": integrator.name,
        "is_active": integrator.is_active,
        "pharmacy_ids": integrator.pharmacy_ids,
        "created_at": format_time(integrator.created_at),
        "updated_at": format_time(integrator.updated_at),
        "version": integrator.version,
    }


def dump_integrator_key(key: IntegratorKey) -> dict[str, Any]:
    """Represent a key to operators, without the key."""
    return {
        "id": str(key.id),
        "integrator_id": str(key.integrator_id),
        "name": key.name,
        "scopes": key.scopes,
        "hint": key.hint,
        "expires_at": None if key.expires_at is None else format_time(key.expires_at),
        "revoked_at": None if key.revoked_at is None else format_time(key.revoked_at),
        "created_at": format_time(key.created_at),
        "updated_at": format_time(key.updated_at),
        "version": key.version,
    }


_KEYS = Keys("integrator_key", "integrator-keys", dump_integrator_key)


def _touch(command: Command) -> Iterable[Ref]:
    yield Ref(Integrator, "id", command.resource_id)


def _subject(integrator: Integrator) -> str:
    return f"integrators/{integrator.id}"


def _unknown(state: State, pharmacy_ids: list[UUID]) -> Rejected | None:
    """Refuse grants for pharmacies that do not exist, naming each, and pharmacies that are named twice."""
    state.need(Ref(Pharmacy, "id", pharmacy_id) for pharmacy_id in pharmacy_ids)
    errors = [
        FieldError(f"#/pharmacy_ids/{index}", "unknown_pharmacy", "there is no such pharmacy")
        for index, pharmacy_id in enumerate(pharmacy_ids)
        if state.find(Pharmacy, pharmacy_id) is None
    ]
    errors += [
        FieldError(f"#/pharmacy_ids/{index}", "repeated", "this pharmacy is named twice")
        for index, pharmacy_id in enumerate(pharmacy_ids)
        if pharmacy_id in pharmacy_ids[:index]
    ]
    return refuse("validation", "a grant is for a pharmacy of this hub, once", *errors[:100]) if errors else None


def _create(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, CreateIntegrator)
    if (refusal := _unknown(state, body.pharmacy_ids)) is not None:
        return refusal
    granted = [str(pharmacy_id) for pharmacy_id in body.pharmacy_ids]
    integrator = Integrator(command.resource_id, body.name, True, granted, state.now, state.now, 1)
    plan = CreateIntegratorKey(name="first key")
    key = _mint(state, command, integrator.id, plan, derived_id(command.operation_id, "key"))
    shown = dump_integrator(integrator)
    event = Event("integrator.created", _subject(integrator), {"integrator": shown, "changed": {}})
    return Accepted((integrator, key), (event,), shown)


def _revise(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, UpdateIntegrator)
    integrator = current(state, command, Integrator, "integrator")
    if isinstance(integrator, Rejected):
        return integrator
    values: dict[str, Any] = {}
    if body.name is not None:
        values["name"] = body.name
    if body.is_active is not None:
        values["is_active"] = body.is_active
    if body.pharmacy_ids is not None:
        if (refusal := _unknown(state, body.pharmacy_ids)) is not None:
            return refusal
        values["pharmacy_ids"] = [str(pharmacy_id) for pharmacy_id in body.pharmacy_ids]
    after = replace(integrator, **values)
    return Accepted((), (), dump_integrator(integrator)) if after == integrator else _changed(state, integrator, after)


def _deactivate(state: State, command: Command) -> Outcome:
    integrator = current(state, command, Integrator, "integrator")
    if isinstance(integrator, Rejected):
        return integrator
    if not integrator.is_active:
        return Accepted((), (), None)
    return replace(_changed(state, integrator, replace(integrator, is_active=False)), resource=None)


def _changed(state: State, before: Integrator, after: Integrator) -> Accepted:
    after = replace(after, updated_at=state.now, version=before.version + 1)
    name = "integrator.deactivated" if before.is_active and not after.is_active else "integrator.updated"
    shown = dump_integrator(after)
    data = {"integrator": shown, "changed": changed(dump_integrator(before), shown)}
    return Accepted((after,), (Event(name, _subject(after), data),), shown)


def _mint(
    state: State, command: Command, integrator_id: UUID, plan: CreateIntegratorKey, key_id: UUID
) -> IntegratorKey:
    return IntegratorKey(
        id=key_id,
        integrator_id=integrator_id,
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
    assert isinstance(body, CreateIntegratorKey)
    integrator_id = UUID(command.minted["integrator_id"])
    if state.find(Integrator, integrator_id) is None:
        return Rejected(not_found("integrator"))
    if (refusal := begins_expired(command, body.expires_at)) is not None:
        return refusal
    return _KEYS.created(_mint(state, command, integrator_id, body, command.resource_id))


def _touch_key(command: Command) -> Iterable[Ref]:
    yield Ref(IntegratorKey, "id", command.resource_id)


def _revoke_key(state: State, command: Command) -> Outcome:
    key = state.find(IntegratorKey, command.resource_id)
    is_theirs = key is not None and str(key.integrator_id) == command.minted["integrator_id"]
    return _KEYS.revoke(state, key if is_theirs else None)


RULES = (
    Rule("integrator.create", CreateIntegrator, _create, "integrators"),
    Rule("integrator.update", UpdateIntegrator, _revise, "integrators", _touch),
    Rule("integrator.deactivate", DeactivateIntegrator, _deactivate, "integrators", _touch),
    Rule("integrator_key.create", CreateIntegratorKey, _create_key, "integrator-keys"),
    Rule("integrator_key.revoke", RevokeIntegratorKey, _revoke_key, "integrator-keys", _touch_key),
)
