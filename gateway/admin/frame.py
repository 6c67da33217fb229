"""The frame around every page of the console: who it is, may they, is the form ours, and what the browser may load."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl, quote

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, ExceptionHandlersMap, Message, Receive, Send

from gateway.admin.pages import redirect, render, render_problem
from gateway.admin.sessions import (
    COOKIE,
    SEEN_SECONDS,
    Session,
    Visitor,
    begin,
    cookie_line,
    dump_cookie,
    is_own_form,
    load_session,
    touch,
    visitor_of,
)
from gateway.answers import Answer
from gateway.auth import header_of
from gateway.bodies import MAX_BODY_BYTES, read_body
from gateway.context import Gateway, gateway_of
from gateway.problems import answer_exception, refusal_of, refused
from hub import clock
from hub.domain.problem import CATALOGUE

Asked = Request[Any, Any, Any]
Form = Mapping[str, tuple[str, ...]]

FLASH: Final = "hub_flash"
MAX_FIELDS: Final = 20_000
_SHOWN: Final = re.compile(r"https?://[^/?#]*([^?#]*)\??([^#]*)")
_SAFE: Final = frozenset({"GET", "HEAD"})
_ROLES: Final = {"viewer": 0, "operator": 1, "admin": 2}
_HEADERS: Final = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    # With `no-referrer` a browser says `Origin: null` of our own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"vary", b"Accept-Encoding, Cookie, HX-Request"),
)


def visitor_here(request: Asked) -> Visitor:
    """Read who asks; the frame has looked them up."""
    visitor: Visitor = request.scope["state"]["visitor"]
    return visitor


def form_of(request: Asked) -> Form:
    """Read the form that was sent; the frame has checked that it is ours."""
    form: Form = request.scope["state"]["form"]
    return form


def field(form: Form, name: str) -> str:
    """Read one field of a form; empty where it is missing."""
    return form.get(name, ("",))[0]


def is_kept(request: Asked) -> bool:
    """Tell that a form came under a session which has ended since: it is shown with what was typed, and not done.

    Only a handler whose `opt` says `keeps` meets such a form.
    """
    return bool(request.scope["state"].get("is_kept"))


def set_session(request: Asked, session: Session) -> None:
    """Let the answer carry another session."""
    request.scope["state"]["session"] = session


def flash(request: Asked, text: str, kind: str = "success") -> None:
    """Show a sentence on the next page."""
    sealed = gateway_of(request).tokens.seal([kind, text[:500]], FLASH)
    request.scope["state"]["cookies"].append(cookie_line(gateway_of(request), FLASH, sealed, 60))


def frame(app: ASGIApp) -> ASGIApp:
    """Stand before every page.

    A handler's `opt["console"]` says who may come: `anyone`, `signed-in` (pharmacies too), `reader` (a pharmacy only by a
    key with the scope `read`), `viewer`, `operator` or `admin` (of that role or above, never a pharmacy); a handler that
    says nothing lets nobody in. What asks the API for all that it shows needs no more than `signed-in`. `opt["keeps"]`: it
    asks `is_kept` before it does anything, so that what was typed outlives the session.
    """

    async def serve(scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401 -- an ASGI scope
        state = scope["state"]
        request: Asked = Request(scope, receive)
        state["cookies"] = []
        state["visitor"] = Visitor(begin())

        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                own = [pair for pair in _HEADERS if pair[0] not in names]
                cookies = [(b"set-cookie", line.encode("ascii")) for line in _cookies(request)]
                message["headers"] = [*message["headers"], *own, *cookies]
            await send(message)

        try:
            answer = await _admit(request)
        except Exception as error:  # noqa: BLE001 -- the edge: every fault becomes a page
            answer = answer_page(request, error)
        if answer is not None:
            await answer(scope, receive, send_framed)
            return
        await app(scope, _replay(state.get("body"), receive), send_framed)

    return serve


async def _admit(request: Asked) -> Answer | None:
    gateway, state = gateway_of(request), request.scope["state"]
    session = load_session(gateway, request.cookies.get(COOKIE))
    visitor = await visitor_of(gateway, session or begin())
    state["visitor"] = visitor
    if visitor.is_portal:
        # A page asks the API for what it shows; that and the page are one request of the key. Operators have no bucket here.
        await gateway.limits.admit(visitor.rights().key_id)
    state["flash"] = _flash(gateway, request)
    # What the visitor was sent before a sign-in has no session yet: it gets one, so that its forms have a token.
    state["session"] = visitor.session if visitor.session != session else None
    is_stale = session is not None and (clock.now() - session.seen).total_seconds() > SEEN_SECONDS
    handler = request.scope["route_handler"]
    if state["session"] is None and is_stale and not handler.opt.get("quiet"):
        state["session"] = touch(visitor.session)
    if request.scope["method"] not in _SAFE:
        await _check_form(request, gateway, visitor)
    return _check_role(request, handler.opt.get("console"), visitor)


def _check_role(request: Asked, wanted: str | None, visitor: Visitor) -> Answer | None:
    """Let in whoever has the role.

    Raises:
        Refused: 403: signed in, but not for this.
    """
    if wanted == "anyone":
        return None
    if visitor.caller is None and (typed := request.scope["state"].get("typed")) is not None:
        return render(
            request, "signed_out.html", 401, title="You are signed out", typed=typed, action_path=_target(request)
        )
    if visitor.caller is None:
        target = _target(request) if request.scope["method"] in _SAFE else ""
        where = f"/admin/sign-in/?next={quote(target, safe='')}" if target not in {"", "/admin"} else "/admin/sign-in/"
        return redirect(request, where)
    if wanted == "reader" and visitor.is_portal and "read" not in visitor.caller.scopes:
        raise refused("forbidden", "the key that you signed in with has no scope `read`")
    if wanted in {"signed-in", "reader"}:
        return None
    if visitor.is_portal or wanted not in _ROLES:
        raise refused("forbidden", "this page is for the hub's operators")
    if _ROLES[visitor.role] < _ROLES[wanted]:
        raise refused("forbidden", f"this takes the role {wanted}; yours is {visitor.role}")
    return None


def _target(request: Asked) -> str:
    """Name the page to come back to after a sign-in; what asks by itself is a part of the page that it stands on."""
    shown = request.headers.get("hx-current-url")
    if shown and request.scope["route_handler"].opt.get("quiet"):
        found = _SHOWN.match(shown)
        place, query = (found[1].rstrip("/"), found[2]) if found else ("", "")
    else:
        place, query = request.url.path, request.scope["query_string"].decode("latin-1")
    return f"{place}?{query}" if query else place


async def _check_form(request: Asked, gateway: Gateway, visitor: Visitor) -> None:
    """Take in a form and make sure that one of our own pages sent it.

    Where the browser vouches for that, the text of a form whose session has ended since is kept, if its handler can show it.
    Else it is sent to the sign-in.

    Raises:
        Refused: 403: another site's, or of another session than the one that goes on; 413, 415, 400.
    """
    raw = request.scope["headers"]
    site, origin = header_of(raw, b"sec-fetch-site"), header_of(raw, b"origin")
    own = {f"{scheme}://{(header_of(raw, b'host') or b'').decode('latin-1')}".encode() for scheme in ("http", "https")}
    if (site is not None and site not in {b"same-origin", b"none"}) or (origin is not None and origin not in own):
        raise refused("forbidden", "this form came from another site")
    form: dict[str, list[str]] = {}
    media = (header_of(raw, b"content-type") or b"").partition(b";")[0].strip().lower()
    if media == b"application/x-www-form-urlencoded":
        body = await read_body(request, _length(raw), MAX_BODY_BYTES)
        request.scope["state"]["body"] = body
        try:
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
        except ValueError:
            raise refused("malformed", "this form cannot be read") from None
        for name, value in pairs:
            form.setdefault(name, []).append(value.replace("\r\n", "\n"))
    elif media not in {b"multipart/form-data", b""}:
        raise refused("unsupported-media-type", "the console takes forms")
    sent = (header_of(raw, b"x-csrf-token") or b"").decode("latin-1")
    token = form["csrf"][0] if "csrf" in form else sent or request.query_params.get("csrf", "")
    state = request.scope["state"]
    is_vouched_for = (site == b"same-origin" or origin is not None) and request.scope["route_handler"].opt.get("keeps")
    if is_vouched_for:
        state["typed"] = [(name, value) for name, values in form.items() if name != "csrf" for value in values]
    state["is_kept"] = not is_own_form(gateway, visitor.session, token)
    state["form"] = {name: tuple(values) for name, values in form.items()}
    if state["is_kept"] and not is_vouched_for:
        if visitor.caller is None and request.scope["route_handler"].opt.get("console") != "anyone":
            flash(request, "You are signed out, and nothing was done. Sign in, and do it again.", "warning")
            return
        raise refused("forbidden", "this page was open for too long, or you signed in or out since: load it again")


def _length(raw: Any) -> int | None:  # noqa: ANN401 -- an ASGI scope's headers
    value = header_of(raw, b"content-length")
    return int(value) if value is not None and value.isdigit() else None


def _flash(gateway: Gateway, request: Asked) -> tuple[str, str] | None:
    sealed = request.cookies.get(FLASH)
    if not sealed or request.headers.get("hx-request"):
        return None
    request.scope["state"]["cookies"].append(cookie_line(gateway, FLASH, "", 0))
    content = gateway.tokens.unseal(sealed, FLASH, clock.now())
    return (str(content[0]), str(content[1])) if isinstance(content, list) else None


def _cookies(request: Asked) -> list[str]:
    state = request.scope["state"]
    session = state.get("session")
    # The last line of a name counts.
    last = {line.partition("=")[0]: line for line in state["cookies"]}
    return [*last.values(), *([dump_cookie(gateway_of(request), session)] if session is not None else [])]


def _replay(body: bytes | None, receive: Receive) -> Receive:
    """Let the handler read the body that the frame has read."""
    if body is None:
        return receive
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:  # noqa: ANN401 -- an ASGI message
        return waiting.pop() if waiting else await receive()

    return cast("Receive", again)


def answer_page(request: Asked, error: Exception) -> Answer:
    """Answer any exception with a page."""
    refusal = refusal_of(error)
    return render_problem(request, refusal.problem, refusal.headers)


def answer_outside(request: Asked, error: Exception) -> Answer:
    """Answer what reaches no handler: below `/admin/` with a page that knows no visitor, elsewhere as the API does."""
    if not request.url.path.startswith("/admin/"):
        return answer_exception(request, error)
    request.scope["state"] |= {"visitor": Visitor(begin()), "cookies": []}
    refusal = refusal_of(error)
    kind = CATALOGUE[refusal.problem.slug]
    page = render(request, "lost.html", kind.status, refusal.headers, title=kind.title, problem=refusal.problem)
    page.raw_headers += _HEADERS
    return page


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {Exception: answer_page, HTTPException: answer_page}
