"""A request's body: read under a limit, parsed strictly, checked against the command's model, all faults at once."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from litestar import Request
from pydantic import ValidationError

from gateway.auth import header_of
from gateway.headers import WriteHeaders
from gateway.problems import Refused, refused
from hub.domain.checking import field_errors
from hub.domain.fields import Body
from hub.domain.json_input import InvalidText, MalformedJson, parse_json
from hub.domain.media import media_of
from hub.domain.problem import FieldError

MAX_BODY_BYTES = 1_048_576
BODY_SECONDS = 30.0
DRAIN_SECONDS = 3.0
DRAINED_BYTES = 16 * 1_048_576


@dataclass(frozen=True, slots=True)
class Received:
    """A body as bytes, as JSON, and as the model of its command."""

    raw: bytes
    value: Any
    body: Body


async def receive_json(request: Request[Any, Any, Any], headers: WriteHeaders, model: type[Body]) -> Received:
    """Take in the JSON body of a write.

    Raises:
        Refused: 415, 413, 400 or 422, the last with every fault and its JSON pointer.
    """
    check_media(request, headers)
    raw = await read_body(request, headers.content_length)
    value = parse_body(raw)
    return Received(raw, value, check_body(model, raw, value))


def check_media(request: Request[Any, Any, Any], headers: WriteHeaders) -> None:
    """Refuse a body that is not announced as JSON in UTF-8 (415, with `Accept` naming what is taken)."""
    media = media_of(headers.content_type)
    is_patch = request.scope["method"] == "PATCH"
    if media is None or (media == "merge-patch" and not is_patch):
        wanted = "application/merge-patch+json, application/json" if is_patch else "application/json"
        name = {"accept-patch": wanted} if is_patch else {"accept": wanted}
        raise refused("unsupported-media-type", f"send {wanted.replace(', ', ' or ')}, in UTF-8", headers=name)
    if headers.content_encoding and headers.content_encoding.strip().lower() != b"identity":
        detail = "a JSON body is sent as it is, without Content-Encoding; bulk uploads take gzip"
        raise refused("unsupported-media-type", detail, headers={"accept-encoding": "identity"})


async def read_body(request: Request[Any, Any, Any], announced: int | None, limit: int = MAX_BODY_BYTES) -> bytes:
    """Read a whole body of at most `limit` bytes.

    Raises:
        Refused: it is larger (413); it did not come in 30 s, or the client went away (400).
    """
    if announced is not None and announced > limit:
        raise await _too_large(request, limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message: Any = await request.receive()
                if message["type"] != "http.request":
                    raise refused("malformed", "the request ended before its body did")
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise await _too_large(request, limit)
                if not message.get("more_body"):
                    # Most bodies come in one piece, which is then not copied.
                    return b"".join((*chunks, chunk)) if chunks else chunk
                chunks.append(chunk)
    except TimeoutError as error:
        detail = f"the body did not come within {BODY_SECONDS:g} s"
        raise refused("malformed", detail, headers={"connection": "close"}) from error


async def _too_large(request: Request[Any, Any, Any], limit: int) -> Refused:
    """Refuse a body, after reading away what the client is sending anyway: closed too early, it would lose the answer.

    Who sent `Expect: 100-continue` is waiting for leave and is told at once; nobody is listened to for long.
    """
    left = 0 if header_of(request.scope["headers"], b"expect") else DRAINED_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            more = left > 0
            while more and left > 0:
                message: Any = await request.receive()
                left -= len(message.get("body", b""))
                more = bool(message.get("more_body"))
    return refused("too-large", f"a body has at most {limit} bytes here", headers={"connection": "close"})


def parse_body(raw: bytes) -> Any:  # noqa: ANN401 -- a JSON value
    """Parse a body.

    Raises:
        Refused: it is no JSON (400), or holds text or numbers that the hub never stores (422).
    """
    try:
        return parse_json(raw)
    except MalformedJson as error:
        raise refused("malformed", str(error)) from error
    except InvalidText as error:
        fault = FieldError(error.pointer, error.code, error.detail)
        raise refused("validation", "a value cannot be stored", fault) from error


def check_body(model: type[Body], raw: bytes, value: object) -> Body:
    """Check a body against its model.

    Raises:
        Refused: 422 with every fault.
    """
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise refused("validation", "the body does not fit; see `errors`", *field_errors(error, value)) from error


def expect_nothing(request: Request[Any, Any, Any]) -> None:
    """Take a request without a body for one with an empty object."""
    headers = request.scope["headers"]
    length = header_of(headers, b"content-length")
    if length not in {None, b"0"} or header_of(headers, b"transfer-encoding") is not None:
        return

    async def receive() -> Any:  # noqa: ANN401 -- an ASGI message
        return {"type": "http.request", "body": b"{}", "more_body": False}

    kept = [pair for pair in headers if pair[0] not in {b"content-length", b"content-type"}]
    request.scope["headers"] = [*kept, (b"content-type", b"application/json")]
    request.receive = receive
