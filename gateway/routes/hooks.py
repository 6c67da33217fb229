"""`/hooks/<source id>`: where third parties post. Verified over the raw bytes, stored as a fact, worked on in the background.

An unknown source, a disabled one and a message that is not genuine get the same 401: nobody learns which ids there are.
Nothing of them is stored or sent on; the reason stands in the gateway's log.
"""

import hmac
import re
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
import structlog
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import Wish, send
from gateway.answers import Answer
from gateway.audited import origin_of
from gateway.auth import header_of
from gateway.bodies import parse_body, read_body
from gateway.context import Gateway, gateway_of
from gateway.describe import OtherRoute
from gateway.problems import Refused
from gateway.sources import KnownSource
from hub import clock
from hub.domain.fingerprint import fingerprint_of
from hub.domain.ids import derived_id, resource_id_for
from hub.domain.incoming import find_pointer, introduce
from hub.domain.problem import Problem
from hub.security.schemes import MessageHeaders, refuse_message

log = structlog.get_logger("gateway")
Asked = Request[Any, Any, Any]

_COMMAND: Final = "webhook_event.receive"
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# WooCommerce tries an address with this form, unsigned, before it saves a webhook. It is the same to all and does nothing.
_PING: Final = re.compile(rb"webhook_id=[0-9]{1,20}")
_TEXT: Final = b"text/plain; charset=utf-8"
_MAX_CHALLENGE: Final = 1000
_BODILESS: Final = frozenset({204, 205})
_OPT: Final = {"exclude_from_auth": True}
_PROBLEMS: Final = ("malformed", "unauthorized", "too-large", "validation", "too-many-requests", "unavailable")
_POSTED: Final = OtherRoute(
    {200: ("hook_taken", "application/json")},
    body={"application/json": {"schema": {}}},
    problems=_PROBLEMS,
    any_query=True,
)
_ASKED: Final = OtherRoute({200: ("challenge", "text/plain")}, problems=("unauthorized", "unavailable"), any_query=True)


def _not_genuine() -> Refused:
    """Make the one answer to whatever is not a genuine message of an open source."""
    detail = (
        "no source that is open here sent this: check the address, the secret, the signature and the sender's clock"
    )
    return Refused(Problem("unauthorized", detail), {"www-authenticate": 'Basic realm="webhooks", charset="UTF-8"'})


async def _find(gateway: Gateway, name: str) -> KnownSource | None:
    if not _UUID.fullmatch(name):
        return None
    source = await gateway.sources.find(UUID(name))
    return source if source is not None and source.is_open else None


@post("/hooks/{source:str}", opt={"describes": _POSTED, **_OPT}, status_code=200)
async def receive_hook(request: Asked, source: FromPath[str]) -> Response[Any]:
    """Take in the webhook of a third party.

    The body is JSON of at most 1 MiB, signed as the source's scheme has it. Whatever is not genuine is the same 401, for an
    unknown and for a disabled source too. A vendor's repeat is stored once: the first one with a message id stands.
    """
    gateway = gateway_of(request)
    announced = header_of(request.scope["headers"], b"content-length") or b""
    raw = await read_body(request, int(announced) if announced.isdigit() else None)
    if _PING.fullmatch(raw):
        return Answer(200)
    known = await _find(gateway, source)
    if known is None:
        raise _not_genuine()
    headers = MessageHeaders(request.scope["headers"])
    reason = refuse_message(known.expected(gateway.settings.url, clock.now()), headers, raw, clock.now())
    if reason is not None:
        log.info("hook.refused", source_id=str(known.id), scheme=known.scheme, reason=reason)
        raise _not_genuine()
    gateway.limits.take(known.id)
    payload = parse_body(raw)
    challenge = known.settings.get("challenge_path")
    if challenge and isinstance(text := find_pointer(payload, challenge), str) and 0 < len(text) <= _MAX_CHALLENGE:
        return Answer(200, text.encode(), media_type=_TEXT)
    wish = _wish(known, headers, raw, payload, request)
    await send(gateway, wish)
    return _taken(known, wish)


def _wish(source: KnownSource, headers: MessageHeaders, raw: bytes, payload: Any, request: Asked) -> Wish:  # noqa: ANN401 -- a JSON value
    """Write the command that stores a message; a repeat of the vendor's is the same operation."""
    said = introduce(source.scheme, source.settings, source.event_type_path, headers.find, payload)
    if said.key is None:
        operation_id, fingerprint = clock.new_id(), ""
    else:
        operation_id = derived_id(source.id, "hook", said.key)
        fingerprint = fingerprint_of(_COMMAND, None, {"event_type": said.event_type, "payload": payload})
    return Wish(
        _COMMAND,
        operation_id,
        source.pharmacy_id,
        resource_id_for(operation_id),
        b'{"event_type":%b,"payload":%b}' % (orjson.dumps(said.event_type), raw),
        clock.now(),
        f"source:{source.id}",
        "webhook",
        fingerprint,
        minted={} if said.message_id is None else {"message_id": said.message_id},
        origin=origin_of(request.scope, str(operation_id)),
    )


def _taken(source: KnownSource, wish: Wish) -> Answer:
    wanted = source.settings.get("answer")
    if wanted is None:
        return Answer(200, b'{"operation_id":"%b","status":"accepted"}' % str(wish.operation_id).encode())
    media = wanted.get("content_type", "text/plain")
    status = wanted.get("status", 200)
    return Answer(
        status,
        b"" if status in _BODILESS else wanted.get("body", "").encode(),
        media_type=_TEXT if media == "text/plain" else media.encode("ascii"),
    )


@get("/hooks/{source:str}", opt={"describes": _ASKED, **_OPT}, media_type="text/plain")
async def answer_challenge(request: Asked, source: FromPath[str]) -> Response[Any]:
    """Answer the handshake of a vendor that asks by GET whether the address is its customer's.

    For sources with `challenge_query`; anything else is the same 401 as a message that is not genuine.
    """
    gateway = gateway_of(request)
    known = await _find(gateway, source)
    settings = {} if known is None else known.settings
    if known is None or "challenge_query" not in settings:
        raise _not_genuine()
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)[:20])
    text, token = query.get(settings["challenge_query"], ""), query.get(settings["token_query"], "")
    good = [
        hmac.compare_digest(token.encode(), secret.encode())
        for secret in known.expected(gateway.settings.url, clock.now()).secrets
    ]
    if not any(good) or not 0 < len(text) <= _MAX_CHALLENGE:
        raise _not_genuine()
    return Answer(200, text.encode(), media_type=_TEXT)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (receive_hook, answer_challenge)
