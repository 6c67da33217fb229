"""Operators: the people who sign in at the console, their roles, and the sessions that ended before their time.

All of it runs in the scope of the hub. A password reaches the domain as its argon2id hash and a second factor as
ciphertext, both minted at the door; who may sign in is checked there too, and decided once more here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, NotNull, Text, Time, format_time
from hub.domain.ids import HUB_ID, derived_id
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, refuse
from hub.domain.problem import FieldError, not_found
from hub.domain.state import Ref, State
from hub.domain.versions import stale

_CODES_REMEMBERED = timedelta(minutes=10)
"""Longer than any gateway takes a code for a present one, whatever its clock says."""

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
"""From seeing everything, over changing what pharmacies have, to deciding who may come in."""

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,127}")


def _username(value: str) -> str:
    if not _USERNAME.fullmatch(value):
        raise PydanticCustomError(
            "username", "1 to 128 lower-case letters, digits and . _ @ + -; begins with a letter or a digit"
        )
    return value


Username = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=128, json_schema_extra={"pattern": f"^{_USERNAME.pattern}$"}),
    AfterValidator(_username),
]


class CreateOperator(Body):
    """A person who may sign in at the console; the first time with a login link, for there is no password yet."""

    username: Username
    name: Text = ""
    role: Role = "viewer"


class UpdateOperator(Body):
    """Some of an operator, as JSON Merge Patch (RFC 7396). A new role, or none at all, ends the sessions."""

    name: NotNull[Text] = None
    role: NotNull[Role] = None
    is_active: NotNull[Annotated[bool, Field(strict=True)]] = None


class DeleteOperator(Body):
    """Take an operator off the list; the user name is free again."""


class SetPassword(Body):
    """A new password, whose hash travels beside the body; all other sessions end."""


class EnableTotp(Body):
    """A second factor, whose ciphertext travels beside the body; all other sessions end."""


class DisableTotp(Body):
    """Sign in without a second factor from now on; all other sessions end."""


class SignIn(Body):
    """A session begins. `epoch` is the one the door has seen; a link is good for one session, and so is a code.

    `half_minute` is the time step of the code (RFC 6238, section 4), which the door has compared.
    """

    method: Literal["password", "link"]
    epoch: int
    half_minute: Annotated[int, Field(ge=0, le=2**32)] | None = None
    link_id: UUID | None = None
    link_expires_at: Time | None = None


class SignOut(Body):
    """A session ends; until `expires_at` somebody could still show its cookie."""

    operator_id: UUID | None = None
    expires_at: Time


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who signs in. Another `epoch` than a session's ends the session."""

    UNIQUE: ClassVar[tuple[str, ...]] = ("username",)

    id: UUID
    username: str
    name: str
    role: Role
    password: str | None
    totp: str | None
    epoch: int
    is_active: bool
    last_signed_in_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that was signed out of, or a login link or a code that was used: none opens anything again."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    operator_id: UUID | None
    ended_at: datetime
    expires_at: datetime


def dump_operator(operator: Operator) -> dict[str, Any]:
    """Represent an operator to operators: whether there is a password and a second factor, never what they are."""
    return {
        "id": str(operator.id),
        "username": operator.username,
        "name": operator.name,
        "role": operator.role,
        "is_active": operator.is_active,
        "has_password": operator.password is not None,
        "has_totp": operator.totp is not None,
        "last_signed_in_at": None if operator.last_signed_in_at is None else format_time(operator.last_signed_in_at),
        "created_at": format_time(operator.created_at),
        "updated_at": format_time(operator.updated_at),
        "version": operator.version,
    }


def _touch(command: Command) -> Iterable[Ref]:
    yield Ref(Operator, "id", command.resource_id)


def _touch_username(command: Command) -> Iterable[Ref]:
    body = command.body
    assert isinstance(body, CreateOperator)
    yield Ref(Operator, "username", body.username)


def _touch_session(command: Command) -> Iterable[Ref]:
    yield Ref(EndedSession, "id", command.resource_id)


def _create(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, CreateOperator)
    assert state.pharmacy_id == HUB_ID
    if state.find_by(Operator, "username", body.username) is not None:
        detail = f"there is another operator called {body.username!r}"
        return refuse("duplicate", detail, FieldError("#/username", "duplicate", detail))
    operator = Operator(
        id=command.resource_id,
        username=body.username,
        name=body.name,
        role=body.role,
        password=command.minted.get("password"),
        totp=None,
        epoch=1,
        is_active=True,
        last_signed_in_at=None,
        created_at=state.now,
        updated_at=state.now,
        version=1,
    )
    return _told("operator.created", None, operator)


def _found(state: State, command: Command) -> Operator | None:
    assert state.pharmacy_id == HUB_ID
    return state.find(Operator, command.resource_id)


def _is_self(command: Command, operator: Operator) -> bool:
    return command.actor == f"operator:{operator.id}"


def _update(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, UpdateOperator)
    operator = _found(state, command)
    if operator is None:
        return Rejected(not_found("operator"))
    if (refusal := stale(command, operator.version)) is not None:
        return refusal
    named = {name: getattr(body, name) for name in body.model_fields_set}
    after = replace(operator, **named)
    if after == operator:
        return Accepted((), (), dump_operator(operator))
    loses = after.role != operator.role or after.is_active != operator.is_active
    if loses and _is_self(command, operator):
        # So whoever takes rights away keeps theirs: the last admin cannot be lost by a click.
        detail = "another admin has to change your own role, or stop you"
        pointer = "#/role" if after.role != operator.role else "#/is_active"
        return refuse("immutable", detail, FieldError(pointer, "own", detail))
    return _told("operator.updated", operator, _next(state, after, ends=loses))


def _delete(state: State, command: Command) -> Outcome:
    operator = _found(state, command)
    if operator is None:
        return Rejected(not_found("operator"))
    if (refusal := stale(command, operator.version)) is not None:
        return refusal
    if _is_self(command, operator):
        return refuse("immutable", "another admin has to remove you")
    after = replace(_next(state, operator, ends=True), deleted_at=state.now, password=None, totp=None)
    told = _told("operator.deleted", operator, after)
    return replace(told, resource=None)


def _set_password(state: State, command: Command) -> Outcome:
    operator = _found(state, command)
    if operator is None:
        return Rejected(not_found("operator"))
    after = replace(operator, password=command.minted["password"])
    return _told("operator.updated", operator, _next(state, after, ends=True))


def _set_totp(state: State, command: Command) -> Outcome:
    operator = _found(state, command)
    if operator is None:
        return Rejected(not_found("operator"))
    after = replace(operator, totp=command.minted["totp"] if isinstance(command.body, EnableTotp) else None)
    return _told("operator.updated", operator, _next(state, after, ends=True))


def _sign_in(state: State, command: Command) -> Outcome:
    """Let a session begin, unless something changed since the door looked, or the link or the code was used before."""
    body = command.body
    assert isinstance(body, SignIn)
    operator = _found(state, command)
    if operator is None or not operator.is_active or operator.epoch != body.epoch:
        return refuse("unauthorized", "this operator cannot sign in")
    rows: tuple[EndedSession, ...] = ()
    if body.link_id is not None:
        if state.find(EndedSession, body.link_id) is not None:
            return refuse("unauthorized", "this login link was used before")
        rows = (EndedSession(body.link_id, operator.id, state.now, body.link_expires_at or state.now),)
    if body.half_minute is not None:
        # RFC 6238, section 5.2: a second attempt with a code that was accepted is refused.
        code_id = derived_id(operator.id, "code", body.half_minute)
        if state.find(EndedSession, code_id) is not None:
            return refuse("unauthorized", "this code was used before")
        rows = (EndedSession(code_id, operator.id, state.now, state.now + _CODES_REMEMBERED),)
    told = _told("operator.signed_in", operator, replace(operator, last_signed_in_at=state.now))
    return replace(told, changes=(*told.changes, *rows))


def _sign_out(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, SignOut)
    assert state.pharmacy_id == HUB_ID
    if state.find(EndedSession, command.resource_id) is not None:
        return Accepted((), (), None)
    row = EndedSession(command.resource_id, body.operator_id, state.now, body.expires_at)
    return Accepted((row,), (), None)


def _next(state: State, operator: Operator, *, ends: bool) -> Operator:
    epoch = operator.epoch + 1 if ends else operator.epoch
    return replace(operator, epoch=epoch, updated_at=state.now, version=operator.version + 1)


def _told(name: str, before: Operator | None, after: Operator) -> Accepted:
    shown = dump_operator(after)
    data = {"operator": shown, "changed": {} if before is None else changed(dump_operator(before), shown)}
    return Accepted((after,), (Event(name, f"operators/{after.id}", data),), shown)


RULES = (
    Rule("operator.create", CreateOperator, _create, "operators", _touch_username),
    Rule("operator.update", UpdateOperator, _update, "operators", _touch),
    Rule("operator.delete", DeleteOperator, _delete, "operators", _touch),
    Rule("operator.set_password", SetPassword, _set_password, "operators", _touch),
    Rule("operator.enable_totp", EnableTotp, _set_totp, "operators", _touch),
    Rule("operator.disable_totp", DisableTotp, _set_totp, "operators", _touch),
    Rule("operator.sign_in", SignIn, _sign_in, "operators", _touch),
    Rule("operator.sign_out", SignOut, _sign_out, "sessions", _touch_session),
)
