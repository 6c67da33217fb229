"""Parked messages: what could not be applied, with its reason, to be replayed or discarded. For operators."""

import base64
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import Terms, accept
from gateway.answers import Answer
from gateway.bodies import expect_nothing
from gateway.context import gateway_of
from gateway.describe import OneRoute, PageRoute, WriteRoute
from gateway.operators import list_for_all, read_for_all
from gateway.problems import Refused
from gateway.reads import read_page
from hub.domain.ids import HUB_ID
from hub.domain.parked import dump_parked
from hub.domain.problem import not_found
from hub.storage.parked import find_parked

Asked = Request[Any, Any, Any]

SHOWN_BYTES: Final = 1_048_576

_REPLAY: Final = WriteRoute("parked.replay", "parked", 200)
_DISCARD: Final = WriteRoute("parked.discard", "parked", 200)
_DELETE: Final = WriteRoute("parked.discard", "", 204)
_OF_THE_HUB: Final = Terms(scope=HUB_ID)


@get("/api/parked", opt={"describes": PageRoute("parked"), "operator": True})
async def list_parked(request: Asked) -> Response[Any]:
    """List parked messages, the latest first; `status=parked` are those that wait for a decision. For operators."""
    list_for_all(request)
    return await read_page(request, "parked")


@get("/api/parked/{parked_id:uuid}", opt={"describes": OneRoute("parked_whole", has_etag=False), "operator": True})
async def show_parked(request: Asked, parked_id: FromPath[UUID]) -> Response[Any]:
    """Show a parked message with its payload; that it was read is audited. For operators."""
    pharmacy_id = read_for_all(request)
    async with gateway_of(request).reads_all.connection() as connection:
        found = await find_parked(connection, parked_id)
    if found is None or pharmacy_id not in {None, found.pharmacy_id}:
        raise Refused(not_found("parked message"))
    return Answer(200, orjson.dumps({**dump_parked(found), **show_payload(found.payload)}))


@post("/api/parked/{parked_id:uuid}/replay", opt={"describes": _REPLAY, "operator": True})
async def replay_parked(request: Asked, parked_id: FromPath[UUID]) -> Response[Any]:
    """Put a parked command back. For operators.

    Its operation is `pending` again and is applied once, however often it is replayed; it does not get its old place in the
    order: what came in meanwhile was applied before. What fails again is parked again, as a new message. The body may be
    left out.
    """
    expect_nothing(request)
    return await accept(request, _REPLAY, pharmacy_id=HUB_ID, target=parked_id, terms=_OF_THE_HUB)


@post("/api/parked/{parked_id:uuid}/discard", opt={"describes": _DISCARD, "operator": True})
async def discard_parked(request: Asked, parked_id: FromPath[UUID]) -> Response[Any]:
    """Give a parked message up, with a `reason` if there is one; its operation stays `parked`. For operators.

    The body may be left out.
    """
    expect_nothing(request)
    return await accept(request, _DISCARD, pharmacy_id=HUB_ID, target=parked_id, terms=_OF_THE_HUB)


@delete("/api/parked/{parked_id:uuid}", opt={"describes": _DELETE, "operator": True}, status_code=200)
async def delete_parked(request: Asked, parked_id: FromPath[UUID]) -> Response[Any]:
    """Give a parked message up without a reason; its operation stays `parked`. For operators."""
    return await accept(request, _DELETE, pharmacy_id=HUB_ID, target=parked_id, terms=_OF_THE_HUB)


def show_payload(payload: bytes) -> dict[str, Any]:
    r"""Show bytes as what they are: JSON, else text, else base64.

    >>> show_payload(b'[1]')["payload"], show_payload(b'hello')["payload"], show_payload(b"\xff")["payload"]
    ([1], 'hello', '/w==')
    """
    if len(payload) > SHOWN_BYTES:
        text = base64.b64encode(payload[:SHOWN_BYTES]).decode()
        return {"payload": text, "payload_encoding": "base64", "payload_truncated": True}
    try:
        # Written again at once: what is nested too deeply is read, but not written.
        value, encoding = orjson.loads(orjson.dumps(orjson.loads(payload))), "json"
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        try:
            value, encoding = payload.decode(), "text"
        except UnicodeDecodeError:
            value, encoding = base64.b64encode(payload).decode(), "base64"
    return {"payload": value, "payload_encoding": encoding, "payload_truncated": False}


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (list_parked, show_parked, replay_parked, discard_parked, delete_parked)
