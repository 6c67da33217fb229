"""Webhook endpoints: made, changed, given new secrets, tried; their deliveries recovered, replayed, cancelled, counted."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request, Response, delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import accept
from gateway.answers import Answer
from gateway.auth import caller_of
from gateway.bodies import expect_nothing
from gateway.context import gateway_of
from gateway.describe import OneRoute, OtherRoute, PageRoute, WriteRoute
from gateway.endpoint_terms import CHANGING, CREATING, REPLAYING, ROTATING, SENDING
from gateway.middleware import check_query
from gateway.problems import Refused, refused
from gateway.reads import read_one, read_page
from hub import clock
from hub.domain.fields import format_time
from hub.domain.problem import FieldError, not_found
from hub.storage.parameter_kinds import TIME, TIME_PATTERN
from hub.storage.webhook_endpoints import find_endpoint, read_statistics

Asked = Request[Any, Any, Any]

_SCOPE: Final = {"scope": "webhooks"}
_CREATE: Final = WriteRoute("webhook_endpoint.create", "webhook_endpoint", 201, secrets=("secret", "public_key"))
_REPLACE: Final = WriteRoute("webhook_endpoint.replace", "webhook_endpoint", 200, conditional=True)
_UPDATE: Final = WriteRoute("webhook_endpoint.update", "webhook_endpoint", 200, conditional=True)
_DELETE: Final = WriteRoute("webhook_endpoint.delete", "", 204, conditional=True)
_ROTATE: Final = WriteRoute(
    "webhook_endpoint.rotate_secret", "rotated_secret", 200, secrets=("secret", "public_key"), conditional=True
)
_TEST: Final = WriteRoute("webhook_endpoint.test", "tested", 200)
_RECOVER: Final = WriteRoute("webhook_endpoint.recover", "matched", 200)
_REPLAY: Final = WriteRoute("webhook_endpoint.replay", "matched", 200)
_REPLAY_MISSING: Final = WriteRoute("webhook_endpoint.replay_missing", "matched", 200)
_CANCEL: Final = WriteRoute("webhook_endpoint.cancel_pending", "matched", 200)
_DEFAULT_SPAN: Final = timedelta(days=1)
_STATISTICS: Final = OtherRoute(
    {200: ("endpoint_statistics", "application/json")},
    query={
        "since": {
            "type": "string",
            "format": "date-time",
            "pattern": f"^{TIME_PATTERN}$",
            "description": "Counts deliveries made at or after this time; default: a day ago.",
        }
    },
    problems=("unavailable",),
)
_PUBLIC_KEY: Final = OtherRoute({200: ("public_key", "application/json")}, problems=("unavailable",))
_ONE: Final = "/api/webhook-endpoints/{endpoint_id:uuid}"


@get("/api/webhook-endpoints", opt={"describes": PageRoute("webhook_endpoints")} | _SCOPE)
async def list_endpoints(request: Asked) -> Response[Any]:
    """List the pharmacy's endpoints; the one that `webhook_url` stands for has `is_default`."""
    return await read_page(request, "webhook_endpoints")


@post("/api/webhook-endpoints", opt={"describes": _CREATE} | _SCOPE)
async def create_endpoint(request: Asked) -> Response[Any]:
    """Register a URL that wants events; the answer shows its secret, or for `v1a` its public key, this once.

    Events from now on are sent there: those whose type is in `event_types` and that meet `filter`. What happened before can
    be sent by `replay-missing`.
    """
    return await accept(request, _CREATE, pharmacy_id=caller_of(request).pharmacy(), terms=CREATING)


@get(_ONE, opt={"describes": OneRoute("webhook_endpoint")} | _SCOPE)
async def show_endpoint(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Show an endpoint, without its secrets."""
    return await read_one(request, "webhook_endpoints", endpoint_id)


@put(_ONE, opt={"describes": _REPLACE} | _SCOPE)
async def replace_endpoint(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Replace an endpoint; its secret stays, its `auth` is what the body says."""
    return await _change(request, _REPLACE, endpoint_id)


@patch(_ONE, opt={"describes": _UPDATE} | _SCOPE)
async def update_endpoint(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Change some of an endpoint; `enabled: false` makes what is pending `skipped`."""
    return await _change(request, _UPDATE, endpoint_id)


async def _change(request: Asked, route: WriteRoute, endpoint_id: UUID) -> Answer:
    pharmacy_id = caller_of(request).pharmacy()
    return await accept(request, route, pharmacy_id=pharmacy_id, target=endpoint_id, terms=CHANGING)


@delete(_ONE, opt={"describes": _DELETE} | _SCOPE, status_code=200)
async def delete_endpoint(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Take an endpoint away; what is still to be delivered to it is `cancelled`."""
    return await accept(request, _DELETE, pharmacy_id=caller_of(request).pharmacy(), target=endpoint_id)


@post(_ONE + "/rotate-secret", opt={"describes": _ROTATE} | _SCOPE)
async def rotate_secret(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Give an endpoint a new secret, which the answer shows this once; the body may be left out.

    Until the overlap is over both sign, so that receivers change over when they like.
    """
    expect_nothing(request)
    pharmacy_id = caller_of(request).pharmacy()
    return await accept(request, _ROTATE, pharmacy_id=pharmacy_id, target=endpoint_id, terms=ROTATING)


@post(_ONE + "/test", opt={"describes": _TEST} | _SCOPE)
async def test_endpoint(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Send a `webhook_endpoint.tested` event to this endpoint alone; its delivery tells what came of it.

    The body may be left out.
    """
    expect_nothing(request)
    return await accept(request, _TEST, pharmacy_id=caller_of(request).pharmacy(), target=endpoint_id)


@post(_ONE + "/recover", opt={"describes": _RECOVER} | _SCOPE)
async def recover_endpoint(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Send what was not delivered since then: what failed, was skipped, or waits for another attempt.

    With `dry_run` nothing is sent, and the answer is 200 at once.
    """
    pharmacy_id = caller_of(request).pharmacy()
    return await accept(request, _RECOVER, pharmacy_id=pharmacy_id, target=endpoint_id, terms=SENDING)


@post(_ONE + "/replay", opt={"describes": _REPLAY} | _SCOPE)
async def replay_endpoint(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Send deliveries again, delivered or not: those whose event matches `filter`.

    With `dry_run` nothing is sent, and the answer is 200 at once. A filter looks into 50,000 events at most; `since` and
    `until` bound when the deliveries were made.
    """
    pharmacy_id = caller_of(request).pharmacy()
    return await accept(request, _REPLAY, pharmacy_id=pharmacy_id, target=endpoint_id, terms=REPLAYING)


@post(_ONE + "/replay-missing", opt={"describes": _REPLAY_MISSING} | _SCOPE)
async def replay_missing(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Send the events of the log that the endpoint wants and never got: those from before it was made, or changed.

    Events about webhooks themselves are left out. With `dry_run` nothing is sent, and the answer is 200 at once.
    """
    expect_nothing(request)
    pharmacy_id = caller_of(request).pharmacy()
    return await accept(request, _REPLAY_MISSING, pharmacy_id=pharmacy_id, target=endpoint_id, terms=SENDING)


@post(_ONE + "/cancel-pending", opt={"describes": _CANCEL} | _SCOPE)
async def cancel_pending(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Give up what is still to be delivered, 10,000 in a call; it can be replayed. The body may be left out."""
    expect_nothing(request)
    return await accept(request, _CANCEL, pharmacy_id=caller_of(request).pharmacy(), target=endpoint_id)


@get(_ONE + "/public-key", opt={"describes": _PUBLIC_KEY} | _SCOPE)
async def show_public_key(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Show the `whpk_` key that receivers verify with; 404 for an endpoint that signs with `v1`."""
    check_query(request.scope["query_string"], frozenset())
    pharmacy_id = caller_of(request).pharmacy()
    async with gateway_of(request).reads.reading(pharmacy_id) as connection:
        endpoint = await find_endpoint(connection, pharmacy_id, endpoint_id)
    if endpoint is None or endpoint.public_key is None:
        raise Refused(not_found("public key"))
    return Answer(200, orjson.dumps({"endpoint_id": str(endpoint_id), "public_key": endpoint.public_key}))


@get(_ONE + "/statistics", opt={"describes": _STATISTICS} | _SCOPE)
async def show_statistics(request: Asked, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """Show how the calls to an endpoint go: success rate, durations, what waits, since when it fails."""
    sent = check_query(request.scope["query_string"], frozenset(("since",))).get("since")
    until = clock.now()
    since = until - _DEFAULT_SPAN if sent is None else TIME.parse(sent)
    if since is None:
        detail = f"`since`: it is {TIME.wants}"
        raise refused("unknown-parameter", detail, FieldError("?since", "malformed", detail), parameter="since")
    pharmacy_id = caller_of(request).pharmacy()
    async with gateway_of(request).reads.reading(pharmacy_id) as connection:
        if await find_endpoint(connection, pharmacy_id, endpoint_id) is None:
            raise Refused(not_found("webhook endpoint"))
        found = await read_statistics(connection, pharmacy_id, endpoint_id, since)
    times = {
        "oldest_pending_at": found.oldest_pending_at, "failing_since": found.failing_since, "paused_until": found.open_until,
        "last_success_at": found.last_success_at, "last_failure_at": found.last_failure_at,
    }  # fmt: skip
    return Answer(
        200,
        orjson.dumps(
            {
                "endpoint_id": str(endpoint_id),
                "since": format_time(since),
                "until": format_time(until),
                "deliveries": found.deliveries,
                "attempts": found.attempts,
                "success_rate": round(found.delivered / found.attempts, 4) if found.attempts else None,
                "p50_ms": found.p50_ms,
                "p95_ms": found.p95_ms,
                "failures": found.failures,
                **{name: None if at is None else format_time(at) for name, at in times.items()},
            }
        ),
    )


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_endpoints, create_endpoint, show_endpoint, replace_endpoint, update_endpoint, delete_endpoint, rotate_secret, test_endpoint,
    recover_endpoint, replay_endpoint, replay_missing, cancel_pending, show_public_key, show_statistics,
)  # fmt: skip
