"""Which reads are audited, and from where a request comes."""

import re
from typing import Any, Final

from litestar.types import ASGIApp, Message, Receive, Send

from gateway.auth import Caller, header_of
from gateway.context import Gateway
from gateway.problems import path_of
from hub import clock
from hub.domain.audit import AuditEntry

AUDITED_READS: Final = {
    "/api/webhook-events": "webhook_event.read",
    "/api/webhook-events/{}": "webhook_event.read",
    "/api/webhook-deliveries/{}/attempts": "webhook_attempt.read",
    "/api/events": "event.read",
    "/api/events/stream": "event.read",
    "/api/parked/{}": "parked.read",
}
"""Routes whose answers hold what others sent: an operator who reads them leaves a line in the audit log."""

_PARAMETER: Final = re.compile(r"{[^}]*}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,64}")
_READ_METHODS: Final = frozenset({"GET", "HEAD"})


def origin_of(scope: Any, otherwise: str) -> str:  # noqa: ANN401 -- an ASGI scope
    """Say where a request comes from: the client's address and the request's id.

    Args:
        otherwise: the id of a request that brings none in `X-Request-Id`.
    """
    client = scope.get("client")
    sent = (header_of(scope["headers"], b"x-request-id") or b"").decode("latin-1")
    return f"{client[0] if client else 'unknown'} {sent if _REQUEST_ID.fullmatch(sent) else otherwise}"


def note_events(gateway: Gateway, caller: Caller, scope: Any) -> None:  # noqa: ANN401 -- an ASGI scope
    """Note that a key is used to read events, and that an operator reads them."""
    gateway.audit.note_use(caller.key_id)
    if caller.is_operator:
        origin = origin_of(scope, str(clock.new_id()))
        gateway.audit.note_read(_line(caller, "event.read", path_of(scope), origin))


def _line(caller: Caller, action: str, path: str, origin: str) -> AuditEntry:
    return AuditEntry(clock.new_id(), caller.pharmacy_id, caller.actor, action, path[:500], clock.now(), origin)


def note_reads(app: ASGIApp) -> ASGIApp:
    """Stand before every matched route: note the key in use, and what operators read of payloads."""
    known: dict[int, str | None] = {}

    async def note(scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401 -- an ASGI scope
        caller: Caller | None = scope["state"].get("caller") if scope["type"] == "http" else None
        if caller is None:
            await app(scope, receive, send)
            return
        gateway: Gateway = scope["litestar_app"].state["hub"]
        gateway.audit.note_use(caller.key_id)
        handler = id(scope["route_handler"])
        if handler not in known:
            known[handler] = AUDITED_READS.get(_PARAMETER.sub("{}", scope["path_template"]))
        action = known[handler]
        if action is None or not caller.is_operator or scope["method"] not in _READ_METHODS:
            await app(scope, receive, send)
            return

        request_id = str(clock.new_id())

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:  # noqa: PLR2004 -- HTTP's
                origin = origin_of(scope, request_id)
                gateway.audit.note_read(_line(caller, action, path_of(scope), origin))
                message["headers"] = [*message["headers"], (b"x-request-id", origin.rpartition(" ")[2].encode())]
            await send(message)

        await app(scope, receive, send_noted)

    return note
