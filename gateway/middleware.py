"""The frame around every request: the key, the limit, the scope, unknown parameters, and headers that protect."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from litestar import Litestar
from litestar.exceptions import HTTPException, NotFoundException
from litestar.types import ASGIApp, Message, Receive, Send

from gateway.answers import Answer
from gateway.auth import Caller, header_of, scopes_of
from gateway.describe import OneRoute, OtherRoute, PageRoute, WriteRoute
from gateway.limits import RateHeaders
from gateway.problems import Refused, answer_refusal, refusal_of, refused, unauthorized
from gateway.stopping import Stopping
from hub import clock
from hub.domain.problem import FieldError

_SLASHES = re.compile("/{2,}")
_READING = frozenset({"GET", "HEAD"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
_STREAM = "/api/events/stream"
_PROTECTING: RateHeaders = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)


class FramedApp(Litestar):
    """Litestar behind the frame: nothing under `/api/` is reached without a key."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 -- as Litestar has it
        """Serve a connection."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        began = clock.monotonic()
        method = scope["method"]
        protected = _Protected(send, self.state["stopping"])
        if method == "HEAD" and scope["path"].rstrip("/") != _STREAM:
            # A copy: the server goes on to see a HEAD, and leaves the body out.
            scope = {**scope, "method": "GET"}
        try:
            answer = await self._admit(scope, protected)
            if answer is not None:
                await answer(scope, receive, protected)
            else:
                await super().__call__(scope, receive, protected)
        finally:
            route = scope.get("path_template", "unmatched")
            seconds = clock.monotonic() - began
            self.state["meter"].note(method if method in _METHODS else "other", route, protected.status, seconds)

    async def serve_inside(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401 -- an ASGI scope
        """Serve a request of the console to the API, in process: its caller is known, and stands in the scope's state."""
        await super().__call__(scope, receive, send)

    async def _admit(self, scope: Any, protected: "_Protected") -> Answer | None:  # noqa: ANN401 -- an ASGI scope
        """Look at the key and its limit; an answer ends the request here."""
        state = scope.setdefault("state", {})
        try:
            path = _normalise(scope)
            if path.startswith("/internal/") and scope["method"] != "POST":
                # Not even by its methods is a route told from none.
                return answer_refusal(refusal_of(NotFoundException()), scope)
            if scope["method"] == "OPTIONS":
                return _answer_options(self, scope, path)
            if path.startswith("/api/") or path == "/api":
                gateway = self.state["hub"]
                raw = scope["headers"]
                caller = await gateway.keys.authenticate(header_of(raw, b"x-api-key"), header_of(raw, b"x-pharmacy-id"))
                protected.extra = await gateway.limits.admit(caller.key_id)
                state["caller"] = caller
        except Exception as error:  # noqa: BLE001 -- the outer edge: every fault becomes an answer
            return answer_refusal(refusal_of(error), scope)
        return None


class _Protected:
    """Sends, and adds the protecting headers that an answer does not have."""

    __slots__ = ("_send", "_stopping", "extra", "status")

    def __init__(self, send: Send, stopping: Stopping) -> None:
        self._send = send
        self._stopping = stopping
        self.extra: RateHeaders = ()
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message["headers"])
            names = {name for name, _ in headers}
            headers += [pair for pair in _PROTECTING if pair[0] not in names]
            headers += self.extra
            if self._stopping.has_begun and b"connection" not in names:
                headers.append((b"connection", b"close"))
            message["headers"] = headers
        await self._send(message)


def _answer_options(app: Litestar, scope: Any, path: str) -> Answer:  # noqa: ANN401 -- an ASGI scope
    """Name a route's methods. Litestar's own answer knows only those that were registered before it."""
    try:
        # No route has this method, so the router either knows no such route or lists the methods of the one it has.
        app.asgi_router.handle_routing(path=path.rstrip("/") or "/", method="NONE")
    except HTTPException as error:
        refusal = refusal_of(error)
        if refusal.problem.slug == "method-not-allowed":
            return Answer(204, headers=((b"allow", refusal.headers["allow"].encode()),))
        return answer_refusal(refusal, scope)
    return Answer(204)


def _normalise(scope: Any) -> str:  # noqa: ANN401 -- an ASGI scope
    """Check the size of what came before the body, and make one spelling of the path: single slashes, no dots."""
    path: str = scope["path"]
    headers = scope["headers"]
    size = sum([len(name) + len(value) for name, value in headers])
    if len(headers) > MAX_HEADERS or size + len(scope.get("raw_path") or b"") > MAX_HEADER_BYTES:
        detail = f"a request has at most {MAX_HEADERS} headers, and {MAX_HEADER_BYTES} bytes in its target and headers"
        raise refused("headers-too-large", detail, headers={"connection": "close"})
    if "//" in path:
        path = scope["path"] = _SLASHES.sub("/", path)
    if "/." in path and any(part in {".", ".."} for part in path.split("/")):
        raise refused("not-found", "a path has no dot segments here")
    return path


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a route asks of a request; `query` is None where the route looks at its parameters itself."""

    scope: str
    is_api: bool
    is_for_operators: bool
    is_for_admins: bool
    query: frozenset[str] | None


def gate(app: ASGIApp) -> ASGIApp:
    """Stand before every matched route: the caller's scope, operators' routes, unknown query parameters."""
    known: dict[int, _Terms] = {}

    async def pass_gate(scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401 -- an ASGI scope
        if scope["type"] == "http":
            handler = scope["route_handler"]
            terms = known.get(id(handler))
            if terms is None:
                terms = known[id(handler)] = _terms_of(handler.opt, scope)
            _check(terms, scope)
        await app(scope, receive, send)

    return pass_gate


def _terms_of(options: Mapping[str, Any], scope: Any) -> _Terms:  # noqa: ANN401 -- an ASGI scope
    described = options.get("describes")
    query: frozenset[str] | None
    match described:
        case WriteRoute() | OneRoute():
            query = frozenset()
        case OtherRoute():
            query = None if described.any_query else frozenset(described.query)
        case PageRoute() | None:
            query = None
        case _:
            query = None
    is_api = scope["path_template"].startswith("/api")
    return _Terms(
        scopes_of(options, scope["method"]),
        is_api,
        bool(options.get("operator")),
        options.get("role") == "admin",
        query,
    )


def _check(terms: _Terms, scope: Any) -> None:  # noqa: ANN401 -- an ASGI scope
    if terms.is_api:
        caller = scope["state"].get("caller")
        if caller is None:
            raise unauthorized()
        if terms.is_for_operators and not caller.is_operator:
            raise refused("forbidden", "this is for operators; ask yours")
        if caller.role != "admin":
            _check_role(terms, caller, scope["method"])
        if terms.scope not in caller.scopes:
            raise refused("forbidden", f"this key lacks the scope {terms.scope!r}")
    if terms.query is not None and scope["query_string"]:
        check_query(scope["query_string"], terms.query)


def _check_role(terms: _Terms, caller: Caller, method: str) -> None:
    if terms.is_for_admins:
        raise refused("forbidden", "this is for admins; ask yours")
    if caller.role == "viewer" and method not in _READING:
        raise refused("forbidden", "a viewer looks and changes nothing")


def check_query(query_string: bytes, allowed: frozenset[str]) -> dict[str, str]:
    """Read the query parameters of a route that knows these names.

    Raises:
        Refused: 400 naming each parameter that is unknown or comes twice.
    """
    values: dict[str, str] = {}
    faults: list[FieldError] = []
    try:
        pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise refused("unknown-parameter", "there are more than 100 query parameters") from None
    for name, value in pairs:
        if name not in allowed:
            faults.append(_fault(name, "unknown_parameter", "is unknown here"))
        elif name in values:
            faults.append(_fault(name, "repeated_parameter", "comes twice"))
        values[name] = value
    if faults:
        raise _bad_query(faults)
    return values


def _fault(name: str, code: str, detail: str) -> FieldError:
    shown = name[:80]
    return FieldError(f"?{shown}", code, f"the query parameter {shown!r} {detail}")


def _bad_query(faults: list[FieldError]) -> Refused:
    return refused("unknown-parameter", "; ".join(fault.detail for fault in faults[:5]), *faults[:100])
