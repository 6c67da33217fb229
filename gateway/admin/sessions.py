"""Sessions at the console: a sealed cookie, and who stands behind it, looked up at every request.

The cookie holds the session's id, what it stands for, the operator's epoch, when it began and when it was last seen;
nobody can read or change it. Whether it still holds is asked of the database each time (one query by key): the row's
epoch, its role, and whether somebody signed out. Nothing is cached, so an end is an end at once, in every process.
"""

import hmac
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import UUID

from gateway.auth import OPERATOR_SCOPES, Caller
from gateway.context import Gateway
from gateway.problems import Refused
from hub import clock
from hub.domain.operators import Role
from hub.security.derive import derive
from hub.storage.operators import find_operator, has_ended

COOKIE: Final = "hub_console"
IDLE: Final = timedelta(minutes=30)
ABSOLUTE: Final = timedelta(hours=12)
SEEN_SECONDS: Final = 60
"""How old `seen` may be before the cookie is written anew."""

_PURPOSE: Final = "console-session"
_TOKEN_BYTES: Final = 32
_TOKEN_SHAPE: Final = re.compile(r"[0-9a-f]{128}")
Kind = Literal["anonymous", "operator", "pharmacy"]


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie says.

    Args:
        subject: the operator's id, or the digest of the pharmacy's key in hex; empty before a sign-in.
        epoch: the operator's, when the session began.
    """

    id: UUID
    kind: Kind
    subject: str
    epoch: int
    began: datetime
    seen: datetime

    @property
    def ends_at(self) -> datetime:
        """When it ends, if nothing else happens."""
        return min(self.seen + IDLE, self.began + ABSOLUTE)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page.

    Args:
        caller: their rights at the API; None: nobody has signed in.
        role: of an operator; `pharmacy` for a pharmacy's own view; empty before a sign-in.
        name: as the page greets them.
    """

    session: Session
    caller: Caller | None = None
    role: Role | Literal["pharmacy", ""] = ""
    name: str = ""
    username: str = ""
    has_password: bool = False
    has_totp: bool = False

    @property
    def is_portal(self) -> bool:
        """Tell a pharmacy in its own view from an operator."""
        return self.role == "pharmacy"

    def rights(self) -> Caller:
        """Give the rights of somebody who signed in."""
        assert self.caller is not None, "the frame lets nobody in here who has not signed in"
        return self.caller


def begin(kind: Kind = "anonymous", subject: str = "", epoch: int = 0) -> Session:
    """Begin a session under a new id: what was known of the visitor before is worth nothing any more."""
    now = clock.now()
    return Session(clock.new_id(), kind, subject, epoch, now, now)


def touch(session: Session) -> Session:
    """Note that it was used."""
    return replace(session, seen=clock.now())


def dump_cookie(gateway: Gateway, session: Session) -> str:
    """Write the `Set-Cookie` of a session; the browser forgets it at its own end at the latest."""
    content = [
        str(session.id),
        session.kind,
        session.subject,
        session.epoch,
        _seconds(session.began),
        _seconds(session.seen),
    ]
    sealed = gateway.tokens.seal(content, _PURPOSE, session.ends_at)
    return cookie_line(gateway, COOKIE, sealed)


def cookie_line(gateway: Gateway, name: str, value: str, seconds: int | None = None) -> str:
    """Write a cookie of the console: not for scripts, not for other sites' forms, only encrypted where the hub is."""
    age = "" if seconds is None else f"; Max-Age={seconds}"
    secure = "; Secure" if gateway.settings.url.startswith("https://") else ""
    return f"{name}={value}; Path=/admin; HttpOnly; SameSite=Lax{age}{secure}"


def load_session(gateway: Gateway, cookie: str | None) -> Session | None:
    """Read a cookie; None: there is none, it is not ours, or it has ended."""
    content: Any = None if not cookie else gateway.tokens.unseal(cookie, _PURPOSE, clock.now())
    if not isinstance(content, list):
        return None
    session_id, kind, subject, epoch, began, seen = content
    return Session(UUID(session_id), kind, subject, epoch, _time(began), _time(seen))


async def visitor_of(gateway: Gateway, session: Session) -> Visitor:
    """Look up who stands behind a session; what has ended is an anonymous visitor.

    Raises:
        Unavailable: PostgreSQL does not answer.
        Refused: the keys were never read (503).
    """
    match session.kind:
        case "operator":
            return await _operator(gateway, session)
        case "pharmacy":
            return await _pharmacy(gateway, session)
        case _:
            return Visitor(session)


async def _operator(gateway: Gateway, session: Session) -> Visitor:
    async with gateway.reads_all.connection() as connection:
        operator = await find_operator(connection, UUID(session.subject))
        ended = await has_ended(connection, session.id)
    if operator is None or not operator.is_active or operator.epoch != session.epoch or ended:
        return Visitor(begin())
    actor = f"operator:{operator.id}"
    caller = Caller("operator", operator.id, None, OPERATOR_SCOPES, actor, session.began + ABSOLUTE, role=operator.role)
    gateway.keys.admit(operator.id)
    return Visitor(
        session,
        caller,
        operator.role,
        operator.name or operator.username,
        operator.username,
        operator.password is not None,
        operator.totp is not None,
    )


async def _pharmacy(gateway: Gateway, session: Session) -> Visitor:
    try:
        caller = await gateway.keys.find(bytes.fromhex(session.subject))
    except Refused as refusal:
        if refusal.problem.slug != "unauthorized":
            raise
        return Visitor(begin())
    async with gateway.reads_all.connection() as connection:
        ended = await has_ended(connection, session.id)
        name = await connection.fetchval("SELECT name FROM pharmacies WHERE id = $1", caller.pharmacy_id)
    return Visitor(begin()) if ended else Visitor(session, caller, "pharmacy", name)


def csrf_of(gateway: Gateway, session: Session) -> str:
    """Make the token that every form of a session carries: no other site can know it.

    It is masked anew for each page, so that the length of a compressed page tells nothing of it (BREACH).
    """
    mask = secrets.token_bytes(_TOKEN_BYTES)
    return (mask + _crossed(mask, _token(gateway, session))).hex()


def is_own_form(gateway: Gateway, session: Session, token: str) -> bool:
    """Tell whether a form's token is the session's."""
    if not _TOKEN_SHAPE.fullmatch(token):
        return False
    raw = bytes.fromhex(token)
    return hmac.compare_digest(_crossed(raw[:_TOKEN_BYTES], raw[_TOKEN_BYTES:]), _token(gateway, session))


def _token(gateway: Gateway, session: Session) -> bytes:
    return hmac.digest(derive(gateway.secret_key, "console-csrf"), session.id.bytes, sha256)


def _crossed(mask: bytes, value: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(mask, value, strict=True))


def _seconds(value: datetime) -> int:
    return int(value.timestamp())


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=clock.now().tzinfo)
