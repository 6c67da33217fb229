"""Operators' keys: for programs that look after the hub over the API. They belong to the hub and may do everything."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, Name, Time, format_time
from hub.domain.keys import Keys, begins_expired
from hub.domain.outcome import Outcome
from hub.domain.state import Ref, State


class CreateOperatorKey(Body):
    """A key for an operator: it may do everything."""

    name: Name = "operator"
    expires_at: Time | None = None


class RevokeOperatorKey(Body):
    """End an operator's key for good."""


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """An operator's key, as its SHA-256 in hex; `hint` is the key's last four characters."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    name: str
    digest: str
    hint: str
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


def dump_operator_key(key: OperatorKey) -> dict[str, Any]:
    """Represent an operator's key, without the key."""
    return {
        "id": str(key.id),
        "name": key.name,
        "hint": key.hint,
        "expires_at": None if key.expires_at is None else format_time(key.expires_at),
        "revoked_at": None if key.revoked_at is None else format_time(key.revoked_at),
        "created_at": format_time(key.created_at),
        "updated_at": format_time(key.updated_at),
        "version": key.version,
    }


_KEYS = Keys("operator_key", "operator-keys", dump_operator_key)


def _touch(command: Command) -> Iterable[Ref]:
    yield Ref(OperatorKey, "id", command.resource_id)


def _create(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, CreateOperatorKey)
    if (refusal := begins_expired(command, body.expires_at)) is not None:
        return refusal
    key = OperatorKey(
        id=command.resource_id,
        name=body.name,
        digest=command.minted["key_digest"],
        hint=command.minted["key_hint"],
        expires_at=body.expires_at,
        revoked_at=None,
        created_at=state.now,
        updated_at=state.now,
        version=1,
    )
    return _KEYS.created(key)


def _revoke(state: State, command: Command) -> Outcome:
    return _KEYS.revoke(state, state.find(OperatorKey, command.resource_id))


RULES = (
    Rule("operator_key.create", CreateOperatorKey, _create, "operator-keys"),
    Rule("operator_key.revoke", RevokeOperatorKey, _revoke, "operator-keys", _touch),
)
