"""What the console says of people to the hub: sign-ins, sign-outs, passwords and second factors, as commands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request

from gateway.accept import Wish, send
from gateway.admin.sessions import Session, Visitor
from gateway.admin.throttle import Throttle
from gateway.audited import origin_of
from gateway.context import gateway_of
from gateway.problems import Refused, refused
from hub import clock
from hub.domain.audit import AuditEntry
from hub.domain.fields import format_time
from hub.domain.ids import HUB_ID
from hub.domain.problem import Problem
from hub.messaging.replies import Reply
from hub.security.passwords import Passwords
from hub.storage.operators import KnownOperator, find_operator, find_operator_by_name

Asked = Request[Any, Any, Any]

WAIT_SECONDS: Final = 5.0


@dataclass(slots=True)
class Desk:
    """What the sign-in keeps in a process: who guessed, whose turn it is at the hash, which codes were used.

    Keys are counted apart: who tries a pharmacy's wrong one keeps no operator out.
    """

    throttle: Throttle = field(default_factory=Throttle)
    key_throttle: Throttle = field(default_factory=Throttle)
    passwords: Passwords = field(default_factory=Passwords)
    used_codes: dict[UUID, int] = field(default_factory=dict)


def desk_of(request: Asked) -> Desk:
    """Read the process's desk."""
    state = request.app.state
    if "desk" not in state:
        state["desk"] = Desk()
    desk: Desk = state["desk"]
    return desk


def address_of(request: Asked) -> str:
    """Name the address that a request comes from; behind a proxy it is the proxy's."""
    client = request.scope.get("client")
    return client[0] if client else "unknown"


async def find_person(request: Asked, username: str) -> KnownOperator | None:
    """Find an operator by user name."""
    if "\0" in username:
        return None  # nobody is called so, and PostgreSQL would not take the question
    async with gateway_of(request).reads_all.connection() as connection:
        return await find_operator_by_name(connection, username)


async def find_person_by_id(request: Asked, operator_id: UUID) -> KnownOperator | None:
    """Find an operator by id."""
    async with gateway_of(request).reads_all.connection() as connection:
        return await find_operator(connection, operator_id)


async def command(
    request: Asked,
    name: str,
    target: UUID,
    body: Mapping[str, Any],
    *,
    actor: str,
    minted: Mapping[str, str] | None = None,
) -> Reply | None:
    """Send a command about an operator and wait for its outcome; None: it is not known yet.

    Raises:
        Refused: the writer says no, or the broker does not answer (503).
    """
    operation_id = clock.new_id()
    wish = Wish(
        name,
        operation_id,
        HUB_ID,
        target,
        orjson.dumps(dict(body)),
        clock.now(),
        actor,
        minted=minted or {},
        origin=origin_of(request.scope, str(operation_id)),
    )
    reply = await send(gateway_of(request), wish, WAIT_SECONDS)
    if reply is not None and reply["status"] != "applied":
        problem = reply["problem"]
        raise Refused(Problem(str(problem["type"]).rpartition("/")[2], problem["detail"]))
    return reply


def need_outcome(reply: Reply | None) -> Reply:
    """Insist on an outcome.

    Raises:
        Refused: 503: it is not known in time.
    """
    if reply is None:
        raise refused("unavailable", "the hub has taken this in but not answered in time; look again in a moment")
    return reply


def note_failure(request: Asked, subject: str, actor: str = "system") -> None:
    """Tell the audit log of a sign-in that failed; it waits for nothing."""
    now, entry_id = clock.now(), clock.new_id()
    origin = origin_of(request.scope, str(entry_id))
    line = AuditEntry(entry_id, None, actor, "operator.sign_in", subject, now, origin, "rejected")
    gateway_of(request).audit.note_read(line)


def note_success(request: Asked, subject: str, actor: str, action: str = "operator.sign_in") -> None:
    """Tell the audit log of what the writer is not told of, such as a sign-in while the broker is away."""
    now, entry_id = clock.now(), clock.new_id()
    origin = origin_of(request.scope, str(entry_id))
    gateway_of(request).audit.note_read(AuditEntry(entry_id, None, actor, action, subject, now, origin, "applied"))


async def sign_out(request: Asked, visitor: Visitor) -> None:
    """End a session for good; with the broker away it ends in this browser only."""
    session: Session = visitor.session
    operator_id = session.subject if session.kind == "operator" else None
    body = {"operator_id": operator_id, "expires_at": format_time(session.ends_at)}
    await command(request, "operator.sign_out", session.id, body, actor=visitor.rights().actor)


def find_code(desk: Desk, operator_id: UUID, secret: str, code: str) -> int | None:
    """Find the half minute whose code of a second factor this is, the neighbours of this one too; None: of none.

    Each is good once in this process; that it is good once at all the writer makes sure of.
    """
    import pyotp

    digits = code.replace(" ", "")
    now = clock.now()
    totp = pyotp.TOTP(secret)
    for step in (-1, 0, 1):
        number = int(now.timestamp()) // 30 + step
        if pyotp.utils.strings_equal(totp.generate_otp(number), digits):
            if desk.used_codes.get(operator_id, -1) >= number:
                return None
            desk.used_codes[operator_id] = number
            return number
    return None
