"""Many received webhooks to be translated once more: found under the pharmacy's own eyes, asked for as commands."""

from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request
from pydantic import Field

from gateway.accept import Wish
from gateway.answers import Answer
from gateway.audited import origin_of
from gateway.auth import caller_of
from gateway.bodies import receive_json
from gateway.context import Gateway, gateway_of
from gateway.headers import parse_write_headers
from gateway.problems import unavailable
from hub import clock
from hub.domain.audit import is_audited
from hub.domain.fields import Body, Reference, Time
from hub.domain.ids import derived_id, operation_id_for
from hub.faults import Unavailable
from hub.messaging.topology import partition_of
from hub.storage.translating import find_received

MOST: Final = 10_000
_TOGETHER: Final = 200
_COMMAND: Final = "webhook_event.reprocess"


class ReceivedFilter(Body):
    """Which received webhooks; all of what is named must hold."""

    source_id: UUID | None = None
    event_type: Reference | None = None
    processed: bool | None = Field(default=None, strict=True)
    has_reason: bool | None = Field(default=None, strict=True, description="Something of it was not applied.")
    received_since: Time | None = None
    received_before: Time | None = None


class ReprocessMany(Body):
    """Which received webhooks are translated once more; with `dry_run` they are only counted."""

    filter: ReceivedFilter
    dry_run: bool = Field(default=False, strict=True)


async def reprocess_many(request: Request[Any, Any, Any]) -> Answer:
    """Ask for each of those that the filter matches: 202 with how many; with `dry_run` 200.

    Raises:
        Refused: the body is wrong, or the broker is away; what was sent before that stays sent.
    """
    gateway, caller = gateway_of(request), caller_of(request)
    pharmacy_id = caller.pharmacy()
    headers = parse_write_headers(request.scope["headers"])
    body = (await receive_json(request, headers, ReprocessMany)).body
    assert isinstance(body, ReprocessMany)
    wanted = body.filter.model_dump(exclude_none=True)
    async with gateway.reads.reading(pharmacy_id) as connection:
        found = await find_received(connection, pharmacy_id, wanted, MOST)
    if body.dry_run:
        return _matched(200, len(found))
    key = headers.idempotency_key
    asked = clock.new_id() if key is None else operation_id_for(pharmacy_id, key)
    origin = origin_of(request.scope, str(asked)) if is_audited(caller.actor, "http", _COMMAND) else ""
    wishes = [
        Wish(
            _COMMAND,
            derived_id(asked, event_id),
            pharmacy_id,
            event_id,
            b"{}",
            clock.now(),
            caller.actor,
            origin=origin,
        )
        for event_id in found
    ]
    await _send(gateway, pharmacy_id, wishes)
    return _matched(202, len(found))


async def _send(gateway: Gateway, pharmacy_id: UUID, wishes: list[Wish]) -> None:
    partition = partition_of(pharmacy_id, gateway.partitions)
    for at in range(0, len(wishes), _TOGETHER):
        try:
            await gateway.publisher.publish_batch(partition, [wish.dump() for wish in wishes[at : at + _TOGETHER]])
        except Unavailable as fault:
            gateway.troubles.note(fault.what)
            raise unavailable(fault) from fault


def _matched(status: int, count: int) -> Answer:
    return Answer(status, orjson.dumps({"matched": count}))
