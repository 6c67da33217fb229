"""One's own account: the password, the second factor, and how the console looks."""

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.admin.frame import field, flash, form_of, set_session, visitor_here
from gateway.admin.pages import redirect, render, safe_next
from gateway.admin.people import (
    address_of,
    command,
    desk_of,
    find_code,
    find_person_by_id,
    need_outcome,
    note_success,
)
from gateway.admin.sessions import begin, cookie_line
from gateway.admin.sign_in import operator_aad
from gateway.context import gateway_of
from gateway.problems import refused
from hub import clock
from hub.security.login_links import seal_login_link
from hub.security.passwords import refuse_password
from hub.storage.operators import KnownOperator

Asked = Request[Any, Any, Any]

_VIEWER: Final = {"console": "viewer"}
_TOTP_PURPOSE: Final = "console-totp"
_ISSUER: Final = "Pharmacy Connector Hub"


@get("/account", opt=_VIEWER)
async def show_account(request: Asked) -> Response[Any]:
    """Show one's own account."""
    return await _page(request)


async def _page(request: Asked, status: int = 200, *, totp: str = "", **errors: str) -> Response[Any]:
    visitor = visitor_here(request)
    setup: dict[str, str] | None = None
    if totp or (request.query_params.get("totp") == "new" and not visitor.has_totp):
        setup = _setup(request, totp)
    return render(request, "account.html", status, title="Your account", errors=errors, setup=setup)


def _setup(request: Asked, known: str) -> dict[str, str]:
    """Draw a secret and its QR code; the sealed secret travels in the form until its first code is shown.

    Args:
        known: the secret that was drawn before; empty: a new one.
    """
    import pyotp
    import segno

    visitor = visitor_here(request)
    secret = known or pyotp.random_base32()
    address = pyotp.TOTP(secret).provisioning_uri(name=visitor.username, issuer_name=_ISSUER)
    picture = segno.make(address, error="m").svg_data_uri(scale=4, border=2, dark="#000", light="#fff")
    sealed = gateway_of(request).tokens.seal([secret, visitor.username], _TOTP_PURPOSE)
    return {"secret": secret, "picture": picture, "sealed": sealed}


async def _self(request: Asked) -> KnownOperator:
    operator = await find_person_by_id(request, UUID(visitor_here(request).session.subject))
    if operator is None:
        raise refused("not-found", "this operator is gone")
    return operator


async def _knows_password(request: Asked, operator: KnownOperator, password: str) -> bool:
    """Compare the present password once more: an open screen is no reason to change it."""
    if operator.password is None:
        return True
    desk = desk_of(request)
    if desk.throttle.wait_seconds(address_of(request), operator.username) > 0:
        return False
    if await desk.passwords.is_right(password[:256], operator.password):
        return True
    desk.throttle.note_failure(address_of(request), operator.username)
    return False


async def _change(request: Asked, name: str, operator: KnownOperator, minted: dict[str, str]) -> None:
    """Send the change, and go on under a new session: all others have ended."""
    need_outcome(await command(request, name, operator.id, {}, actor=f"operator:{operator.id}", minted=minted))
    changed = await _self(request)
    began = visitor_here(request).session.began
    set_session(request, replace(begin("operator", str(operator.id), changed.epoch), began=began))


@post("/account/password", opt=_VIEWER)
async def change_password(request: Asked) -> Response[Any]:
    """Set one's password; all other sessions end."""
    form, operator = form_of(request), await _self(request)
    password = field(form, "password")
    if not await _knows_password(request, operator, field(form, "present")):
        return await _page(request, 422, present="This is not your password.")
    if (weak := refuse_password(password, operator.username)) is not None:
        return await _page(request, 422, password=f"{weak[0].upper()}{weak[1:]}.")
    if password != field(form, "again"):
        return await _page(request, 422, again="The two are not the same.")
    hashed = await desk_of(request).passwords.hash(password)
    await _change(request, "operator.set_password", operator, {"password": hashed})
    flash(request, "The password is set. All other sessions of yours have ended.")
    return redirect(request, "/admin/account/")


@post("/account/totp", opt=_VIEWER)
async def enable_totp(request: Asked) -> Response[Any]:
    """Ask for a second factor from now on, once its first code is right."""
    form, operator, gateway = form_of(request), await _self(request), gateway_of(request)
    found = gateway.tokens.unseal(field(form, "sealed"), _TOTP_PURPOSE, clock.now())
    if not isinstance(found, list) or found[1] != operator.username:
        raise refused("malformed", "this page is of another sign-in: begin again")
    if find_code(desk_of(request), operator.id, str(found[0]), field(form, "code")) is None:
        return await _page(
            request,
            422,
            totp=str(found[0]),
            code="That was not the code, or it was used before. Type the one shown now.",
        )
    sealed = gateway.vault.encrypt_text(str(found[0]), operator_aad(operator.id))
    await _change(request, "operator.enable_totp", operator, {"totp": sealed})
    flash(request, "From now on signing in takes a code as well.")
    return redirect(request, "/admin/account/")


@post("/account/totp/off", opt=_VIEWER)
async def disable_totp(request: Asked) -> Response[Any]:
    """Sign in without a second factor again."""
    operator = await _self(request)
    if not await _knows_password(request, operator, field(form_of(request), "present")):
        return await _page(request, 422, off="This is not your password.")
    await _change(request, "operator.disable_totp", operator, {})
    flash(request, "Signing in takes no code any more.", "warning")
    return redirect(request, "/admin/account/")


@post("/login-links/{operator_id:uuid}", opt={"console": "admin"})
async def make_link(request: Asked, operator_id: FromPath[UUID]) -> Response[Any]:
    """Make a login link for an operator, to be handed over; it is good once, for ten minutes."""
    operator = await find_person_by_id(request, operator_id)
    if operator is None:
        raise refused("not-found", "there is no such operator; look for them in the list")
    gateway = gateway_of(request)
    link, expires_at = seal_login_link(gateway.tokens, gateway.settings.url, operator.username)
    until = expires_at.strftime("%H:%M UTC")
    # Whoever has it comes in as that operator, without their password.
    note_success(request, f"operators/{operator.id}", visitor_here(request).rights().actor, "operator.make_link")
    return render(request, "login_link.html", title="Login link", link=link, username=operator.username, until=until)


@post("/theme", opt={"console": "anyone", "quiet": True})
async def choose_theme(request: Asked) -> Response[Any]:
    """Show the console dark, light, or as the system is."""
    form = form_of(request)
    theme = field(form, "theme")
    if theme in {"light", "dark", "auto"}:
        year = 365 * 86_400
        line = cookie_line(gateway_of(request), "hub_theme", theme, year).replace("; HttpOnly", "")
        request.scope["state"]["cookies"].append(line)
    return redirect(request, safe_next(field(form, "next")))


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    show_account,
    change_password,
    enable_totp,
    disable_totp,
    make_link,
    choose_theme,
)
