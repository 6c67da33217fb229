"""The door of the console: operators by password or login link, pharmacies by their key; and the way out."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler

from gateway.admin.frame import field, flash, form_of, set_session, visitor_here
from gateway.admin.pages import redirect, render, safe_next
from gateway.admin.people import (
    address_of,
    command,
    desk_of,
    find_code,
    find_person,
    need_outcome,
    note_failure,
    note_success,
    sign_out,
)
from gateway.admin.sessions import begin
from gateway.admin.throttle import Throttle
from gateway.auth import Caller
from gateway.context import gateway_of
from gateway.problems import Refused
from hub import clock
from hub.security.keys import hash_key
from hub.security.login_links import PURPOSE
from hub.security.vault import Undecryptable
from hub.storage.operators import KnownOperator

Asked = Request[Any, Any, Any]

_OPEN: Final = {"console": "anyone"}
_WRONG: Final = "That did not match. Check the user name, the password and the code."
_WRONG_KEY: Final = "This key opens nothing here."
_WRONG_LINK: Final = "This link was used before, or is older than ten minutes. Ask for another one."


def operator_aad(operator_id: UUID) -> str:
    """Name the place that an operator's second factor is encrypted for."""
    return f"operator:{operator_id}"


@get("/sign-in", opt=_OPEN)
async def show_sign_in(request: Asked) -> Response[Any]:
    """Show the door."""
    target = safe_next(request.query_params.get("next", "/admin/"))
    if visitor_here(request).caller is not None:
        return redirect(request, target)
    return _door(request, target)


def _door(request: Asked, target: str, status: int = 200, **values: object) -> Response[Any]:
    shown: dict[str, Any] = {"error": "", "username": "", "way": "password", "asks_code": False, **values}
    return render(request, "sign_in.html", status, title="Sign in", next=target, **shown)


def _too_often(
    request: Asked, throttle: Throttle, name: str | None, target: str, way: str = "password"
) -> Response[Any] | None:
    """Refuse whoever guesses. Links hold more chance than anybody can guess, and leave no trace: they need no brake."""
    seconds = throttle.wait_seconds(address_of(request), name)
    if seconds <= 0:
        return None
    wait = max(1, round(seconds))
    answer = _door(request, target, 429, error=f"Too many attempts. Try again in {wait} s.", way=way)
    answer.raw_headers.append((b"retry-after", b"%d" % wait))  # type: ignore[attr-defined]
    return answer


@post("/sign-in", opt=_OPEN)
async def sign_in(request: Asked) -> Response[Any]:
    """Sign in with a password, and with a code where a second factor is set up.

    What is wrong is not said: an unknown name, a wrong password, a stopped operator and a missing code answer alike, and
    take as long.
    """
    form, desk = form_of(request), desk_of(request)
    username, password, code = (
        field(form, "username").strip().lower()[:128],
        field(form, "password"),
        field(form, "code"),
    )
    target = safe_next(field(form, "next"))
    if (refusal := _too_often(request, desk.throttle, username, target)) is not None:
        return refusal
    operator = await find_person(request, username)
    matches = await desk.passwords.is_right(password[:256], None if operator is None else operator.password)
    factor = _factor(request, operator, code) if operator is not None and matches and operator.is_active else None
    if operator is None or factor is None:
        desk.throttle.note_failure(address_of(request), username)
        note_failure(request, f"operators/{operator.id}" if operator is not None else "operators/unknown")
        return _door(request, target, 401, error=_WRONG, username=username)
    desk.throttle.note_success(address_of(request), username)
    return await _enter(request, operator, target, {"method": "password", "epoch": operator.epoch, **factor})


def _factor(request: Asked, operator: KnownOperator, code: str) -> dict[str, int] | None:
    """Say for the command which code was right; empty: none is asked for. None: it was wrong, or is missing."""
    if operator.totp is None:
        return {}
    try:
        secret = gateway_of(request).vault.decrypt_text(operator.totp, operator_aad(operator.id))
    except Undecryptable:
        return None
    half_minute = find_code(desk_of(request), operator.id, secret, code)
    return None if half_minute is None else {"half_minute": half_minute}


async def _enter(request: Asked, operator: KnownOperator, target: str, body: dict[str, Any]) -> Response[Any]:
    actor = f"operator:{operator.id}"
    try:
        reply = await command(request, "operator.sign_in", operator.id, body, actor=actor)
        if body["method"] == "link":
            need_outcome(reply)
    except Refused as refusal:
        # A password has been compared here: an operator is needed most when the broker is away. A link is spent by the
        # writer alone.
        if refusal.problem.slug != "unavailable" or body["method"] == "link":
            if refusal.problem.slug == "unauthorized":
                error = _WRONG_LINK if body["method"] == "link" else _WRONG
                return _door(request, target, 401, error=error)
            raise
        note_success(request, f"operators/{operator.id}", actor)
    set_session(request, begin("operator", str(operator.id), operator.epoch))
    return redirect(request, target)


@get("/sign-in/link", opt=_OPEN)
async def show_link(request: Asked) -> Response[Any]:
    """Ask before a login link is spent: whoever only looks at an address (a mail scanner, a preview) spends nothing."""
    token = request.query_params.get("token", "")
    found = gateway_of(request).tokens.unseal(token, PURPOSE, clock.now())
    if not isinstance(found, dict):
        return _door(request, "/admin/", 401, error=_WRONG_LINK)
    return render(request, "sign_in_link.html", title="Sign in", token=token, username=found["username"])


@post("/sign-in/link", opt=_OPEN)
async def sign_in_by_link(request: Asked) -> Response[Any]:
    """Sign in with a login link; it is good once."""
    found = gateway_of(request).tokens.unseal(field(form_of(request), "token"), PURPOSE, clock.now())
    operator = None if not isinstance(found, dict) else await find_person(request, str(found["username"]))
    if operator is None or not isinstance(found, dict):
        return _door(request, "/admin/", 401, error=_WRONG_LINK)
    body = {"method": "link", "epoch": operator.epoch, "link_id": found["id"], "link_expires_at": found["until"]}
    target = "/admin/account/" if operator.password is None else "/admin/"
    return await _enter(request, operator, target, body)


@post("/sign-in/key", opt=_OPEN)
async def sign_in_by_key(request: Asked) -> Response[Any]:
    """Let a pharmacy in with its API key, to its own view.

    Nobody can guess a key, so a right one is let in at any time: many pharmacies may share an address. Each wrong one leaves a
    line in the audit log, which nobody may fill: hence the brake.
    """
    form, gateway, throttle = form_of(request), gateway_of(request), desk_of(request).key_throttle
    target = safe_next(field(form, "next"))
    key = field(form, "api_key").strip()
    caller: Caller | None = None
    try:
        caller = await gateway.keys.authenticate(key.encode("latin-1", "replace"))
    except Refused as fault:
        if fault.problem.slug != "unauthorized":
            raise
    if caller is None or caller.kind != "pharmacy":
        if (refusal := _too_often(request, throttle, None, target, "key")) is not None:
            return refusal
        throttle.note_failure(address_of(request), None)
        note_failure(request, "keys/unknown" if caller is None else f"keys/{caller.key_id}")
        return _door(request, target, 401, error=_WRONG_KEY, way="key")
    note_success(request, f"keys/{caller.key_id}", caller.actor)
    set_session(request, begin("pharmacy", hash_key(key).hex()))
    return redirect(request, target)


@post("/sign-out", opt={"console": "signed-in"})
async def leave(request: Asked) -> Response[Any]:
    """End the session, here and for whoever might hold a copy of its cookie."""
    try:
        await sign_out(request, visitor_here(request))
    except Refused as refusal:
        if refusal.problem.slug != "unavailable":
            raise
        flash(
            request, "You are signed out here. The hub could not be told; it forgets this session by itself.", "warning"
        )
    set_session(request, begin())
    return redirect(request, "/admin/sign-in/")


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    show_sign_in,
    sign_in,
    show_link,
    sign_in_by_link,
    sign_in_by_key,
    leave,
)
