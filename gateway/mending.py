"""Counting what a recovery or a replay would send, without sending it: `dry_run`."""

from typing import Any
from uuid import UUID

import orjson
from litestar import Request

from gateway.answers import Answer
from gateway.auth import caller_of
from gateway.context import Gateway, gateway_of
from gateway.problems import Refused, refused
from hub import clock
from hub.domain.fields import Body
from hub.domain.mending import Mending
from hub.domain.problem import FieldError, not_found
from hub.domain.webhook_deliveries import RecoverEndpoint, ReplayEndpoint, ReplayMissing
from hub.storage.webhook_endpoints import KnownEndpoint, find_endpoint
from hub.storage.webhook_recovery import MENDING_SECONDS, MOST_LOOKED_INTO, look, try_count


async def count_instead(request: Request[Any, Any, Any], body: Body) -> Answer | None:
    """Answer a `dry_run` with the number of deliveries it is about; anything else is a command.

    Raises:
        Refused: there is no such endpoint (404), or there is too much to look into (422).
    """
    assert isinstance(body, RecoverEndpoint | ReplayEndpoint | ReplayMissing)
    if not body.dry_run:
        return None
    gateway, pharmacy_id = gateway_of(request), caller_of(request).pharmacy()
    endpoint_id: UUID = request.path_params["endpoint_id"]
    async with gateway.reads.reading(pharmacy_id) as connection:
        endpoint = await find_endpoint(connection, pharmacy_id, endpoint_id)
    if endpoint is None:
        raise Refused(not_found("webhook endpoint"))
    matched = await _count(gateway, _mending(pharmacy_id, endpoint_id, endpoint, body))
    return Answer(200, orjson.dumps({"matched": matched}))


def _mending(
    pharmacy_id: UUID,
    endpoint_id: UUID,
    endpoint: KnownEndpoint,
    body: RecoverEndpoint | ReplayEndpoint | ReplayMissing,
) -> Mending:
    match body:
        case RecoverEndpoint():
            return Mending("recover", pharmacy_id, endpoint_id, since=body.since, until=body.until)
        case ReplayEndpoint():
            wanted = body.filter or None
            return Mending("replay", pharmacy_id, endpoint_id, since=body.since, until=body.until, wanted=wanted)
        case ReplayMissing():
            return Mending(
                "replay-missing",
                pharmacy_id,
                endpoint_id,
                since=body.since,
                until=body.until,
                wanted=endpoint.event_filter,
                event_types=endpoint.event_types,
            )


async def _count(gateway: Gateway, mending: Mending) -> int:
    if mending.wanted is None:
        async with gateway.reads.reading(mending.pharmacy_id) as connection:
            matched = await try_count(connection, mending)
            if matched is None:
                raise _too_many()
            return matched
    # Page by page, each on a connection of its own: none is held for long.
    counted = looked = 0
    after = None
    until = clock.monotonic() + MENDING_SECONDS
    while looked <= MOST_LOOKED_INTO and clock.monotonic() < until:
        async with gateway.reads.reading(mending.pharmacy_id) as connection:
            page = await look(connection, mending, after)
        counted += len(page.ids)
        looked += page.looked
        after = page.after
        if after is None:
            return counted
    raise _too_many()


def _too_many() -> Refused:
    detail = "this is more than can be looked into at once; narrow it with `since` and `until`"
    return refused("validation", detail, FieldError("#/since", "too-many", detail))
