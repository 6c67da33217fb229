"""Bulk uploads: a file in, an upload's progress and its bad rows out."""

from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import Wish, send
from gateway.answers import Answer
from gateway.audited import origin_of
from gateway.auth import caller_of
from gateway.bulk import MEMORY_BYTES, Envelope, count_rows, form_of, read_messages, receive_file
from gateway.context import Gateway, gateway_of
from gateway.describe import OneRoute, OtherRoute, PageRoute
from gateway.headers import parse_write_headers
from gateway.problems import Refused, refused, unavailable
from gateway.reads import read_one, read_page
from hub import clock
from hub.domain.audit import is_audited
from hub.domain.fingerprint import fingerprint_of
from hub.domain.ids import operation_id_for, resource_id_for
from hub.domain.uploads import UploadKind
from hub.faults import Unavailable
from hub.messaging.topology import partition_of
from hub.storage.operations import resource_link

VERDICT_SECONDS: Final = (
    2.0  # so that the upload is there when its address is read, and a key used otherwise is told at once
)

Asked = Request[Any, Any, Any]

_BULK: Final = OtherRoute(
    answers={202: ("upload_accepted", "application/json")},
    body={
        "application/x-ndjson": {"schema": {"type": "string", "format": "binary"}},
        "text/csv": {"schema": {"type": "string", "format": "binary"}},
    },
    problems=(
        "malformed",
        "too-large",
        "unsupported-media-type",
        "idempotency-mismatch",
        "too-many-requests",
        "unavailable",
    ),
)


@post("/api/inventory/bulk", opt={"describes": _BULK})
async def upload_inventory(request: Asked) -> Response[Any]:
    """Create and change items by a file of rows, each found by its `sku`; a row changes only the fields it names.

    NDJSON or CSV, gzip allowed, 64 MiB and 100,000 rows at most. A `quantity` is a count. In CSV the header names the
    fields, `identifiers` and `extra_data` hold JSON, `gtin`, `ndc` and `pzn` are identifiers, an empty cell names
    nothing; the delimiter is `,` `;` or a tab, a byte order mark is allowed. A wrong row spoils only itself; a broken
    file is refused whole.
    """
    return await _take_in(request, "inventory")


@post("/api/sales/bulk", opt={"describes": _BULK})
async def upload_sales(request: Asked) -> Response[Any]:
    """Record sales by a file, one sale a row; form and limits as for the inventory.

    In CSV a row is the flat form (`sku` or `inventory_item`, `quantity`, `total_price`), or has `lines` as JSON.
    """
    return await _take_in(request, "sales")


@get("/api/uploads", opt={"describes": PageRoute("uploads")})
async def list_uploads(request: Asked) -> Response[Any]:
    """List the pharmacy's bulk uploads."""
    return await read_page(request, "uploads")


@get("/api/uploads/{upload_id:uuid}", opt={"describes": OneRoute("upload")})
async def show_upload(request: Asked, upload_id: FromPath[UUID]) -> Response[Any]:
    """Show how far an upload is: `rows` = `applied` + `rejected` + `pending`."""
    return await read_one(request, "uploads", upload_id)


@get("/api/uploads/{upload_id:uuid}/errors", opt={"describes": PageRoute("upload_errors")})
async def list_upload_errors(request: Asked, upload_id: FromPath[UUID]) -> Response[Any]:
    """List what is wrong with an upload's rows; `line` is where the row begins in the file."""
    return await read_page(request, "upload_errors", upload_id=upload_id)


async def _take_in(request: Asked, kind: UploadKind) -> Answer:
    gateway, caller = gateway_of(request), caller_of(request)
    pharmacy_id = caller.pharmacy()
    headers = parse_write_headers(request.scope["headers"])
    form = form_of(headers.content_type)
    key = headers.idempotency_key
    operation_id = clock.new_id() if key is None else operation_id_for(pharmacy_id, key)
    upload_id = clock.new_id() if key is None else resource_id_for(operation_id)
    with gateway.limits.bulk_slot(pharmacy_id), SpooledTemporaryFile(MEMORY_BYTES) as file:
        digest = await receive_file(request, headers, file)
        origin = origin_of(request.scope, str(operation_id)) if is_audited(caller.actor, "bulk", "upload.open") else ""
        envelope = Envelope(upload_id, pharmacy_id, kind, digest, clock.now(), caller.actor, origin)
        rows = await count_rows(file, form, kind)
        opening = {"kind": kind, "rows": rows, "digest": digest}
        wish = Wish(
            "upload.open",
            operation_id,
            pharmacy_id,
            upload_id,
            orjson.dumps(opening),
            envelope.accepted_at,
            caller.actor,
            "bulk",
            "" if key is None else fingerprint_of("upload.open", None, opening),
            origin=origin,
        )
        await _publish(gateway, wish, read_messages(file, form, envelope))
    return _accepted(gateway, wish, rows)


async def _publish(gateway: Gateway, opening: Wish, messages: AsyncIterator[list[bytes]]) -> None:
    """Publish the opening and the rows, one message after the other: what comes later in the file is applied later."""
    if opening.fingerprint and gateway.remembered.differs(opening.operation_id, opening.fingerprint):
        raise _mismatch(opening)
    reply = await send(gateway, opening, VERDICT_SECONDS)
    if reply is not None and reply.get("mismatch"):
        raise _mismatch(opening)
    if opening.fingerprint:
        gateway.remembered.add(opening.operation_id, opening.fingerprint)
    partition = partition_of(opening.pharmacy_id, gateway.partitions)
    try:
        async for commands in messages:
            await gateway.publisher.publish_batch(partition, commands)
    except Unavailable as fault:
        gateway.troubles.note(fault.what)
        raise unavailable(fault, opening.operation_id) from fault


def _mismatch(opening: Wish) -> Refused:
    detail = "this Idempotency-Key was used for another request; choose a new one"
    return refused("idempotency-mismatch", detail, operation_id=str(opening.operation_id))


def _accepted(gateway: Gateway, opening: Wish, rows: int) -> Answer:
    operation = str(opening.operation_id)
    token = gateway.tokens.accepted_token(opening.operation_id, opening.pharmacy_id, clock.now())
    url = f"/api/operations/{operation}?accepted={token}"
    link = resource_link("uploads", opening.pharmacy_id, opening.resource_id)
    body = {
        "upload_id": link["id"],
        "rows": rows,
        "upload_url": link["url"],
        "operation_id": operation,
        "status": "accepted",
        "operation_url": url,
        "resource": link,
    }
    return Answer(202, orjson.dumps(body), ((b"location", url.encode()), (b"operation-id", operation.encode())))


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    upload_inventory,
    upload_sales,
    list_uploads,
    show_upload,
    list_upload_errors,
)
