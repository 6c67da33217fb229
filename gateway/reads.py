"""Reads: one page of a list, or one resource, straight from PostgreSQL, never from anywhere else.

A pharmacy's key reads under row-level security and names its pharmacy besides; an operator reads for the pharmacy of
`X-Pharmacy-Id`, or without it from all of them.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import orjson
from litestar import Request

from gateway.answers import Answer
from gateway.auth import caller_of
from gateway.context import Gateway, gateway_of
from gateway.problems import Refused, path_of, refused
from hub import clock
from hub.domain.problem import FieldError, Problem, not_found
from hub.storage.lists import LISTINGS
from hub.storage.pages import After, Page, find_one, find_one_of_any_pharmacy, list_page, list_page_of_any_pharmacy
from hub.storage.paging import COUNT_CAP, MAX_PARAMETERS, Fault, WrongParameters, parse_wanted

_MAX_QUERY_BYTES: Final = 16_384
_TOO_MANY: Final = f"a query has at most {MAX_PARAMETERS} parameters in {_MAX_QUERY_BYTES} bytes"
_HALF_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SLASHES: Final = re.compile("/{2,}")  # two at the beginning would name a host
_PLAIN: Final = re.compile(rb"[0-9A-Za-z_.~=&:-]*")  # what needs no escape is passed on as it came
_SHOWN: Final = 80


async def read_page(request: Request[Any, Any, Any], listing: str, **fixed: UUID) -> Answer:
    """Answer with a page: `{"items", "next"}`, with `count` where it was asked for, and a `Link` to the next page.

    Args:
        listing: a key of `hub.storage.lists.LISTINGS`.
        fixed: the id of what the list hangs on, by the name of its column (`item_id` of movements).
    Raises:
        Refused: a parameter cannot be answered (400), or what the list hangs on is not there (404).
        Unavailable: PostgreSQL does not answer.
    """
    chosen = LISTINGS[listing]
    gateway, pharmacy_id = gateway_of(request), caller_of(request).pharmacy_id
    parent_id = fixed[chosen.parent.column] if chosen.parent else None
    pairs = _pairs(request.scope["query_string"])
    try:
        wanted = parse_wanted(chosen, pairs)
    except WrongParameters as error:
        raise _wrong(error.faults) from error
    purpose = f"cursor:{chosen.name}:{pharmacy_id}:{parent_id}:{wanted.binding}"
    after = None if wanted.cursor is None else _open_cursor(gateway, wanted.cursor, purpose)
    if pharmacy_id is None:
        async with gateway.reads_all.connection() as connection:
            page = await list_page_of_any_pharmacy(connection, chosen, wanted, after, parent_id)
    else:
        async with gateway.reads.connection() as connection:
            page = await list_page(connection, pharmacy_id, chosen, wanted, after, parent_id)
    if page is None:
        assert chosen.parent is not None
        raise Refused(not_found(LISTINGS[chosen.parent.listing].noun))
    following = None if page.after is None else _address(request, pairs, gateway.tokens.seal([*page.after], purpose))
    return _answer(page, following)


async def read_one(request: Request[Any, Any, Any], listing: str, resource_id: UUID, **fixed: UUID) -> Answer:
    """Answer with one resource and its `ETag`; 304 where `If-None-Match` names it.

    Args:
        fixed: the pharmacy that the path names, where it names one (`pharmacy_id`).
    Raises:
        Refused: 404, the same for what is unknown and for what is another's.
        Unavailable: PostgreSQL does not answer.
    """
    chosen = LISTINGS[listing]
    gateway, pharmacy_id = gateway_of(request), caller_of(request).pharmacy_id
    named = fixed.get("pharmacy_id")
    if named is not None and pharmacy_id not in {None, named}:
        raise Refused(not_found(chosen.noun))
    pharmacy_id = pharmacy_id or named
    if pharmacy_id is None:
        async with gateway.reads_all.connection() as connection:
            found = await find_one_of_any_pharmacy(connection, chosen, resource_id)
    else:
        async with gateway.reads.connection() as connection:
            found = await find_one(connection, pharmacy_id, chosen, resource_id)
    if found is None:
        raise Refused(not_found(chosen.noun))
    if found.version is None:
        return Answer(200, found.item.encode())
    tag = b'"%d"' % found.version
    if _names_tag(request.scope["headers"], tag):
        return Answer(304, headers=((b"etag", tag),))
    return Answer(200, found.item.encode(), ((b"etag", tag),))


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    """Read a query string strictly: UTF-8, whole escapes, not too many."""
    if not raw:
        return []
    if len(raw) > _MAX_QUERY_BYTES or raw.count(b"&") >= MAX_PARAMETERS:
        raise _bad_query(_TOO_MANY)
    if _HALF_ESCAPE.search(raw):
        raise _bad_query("a % in a query is followed by two hexadecimal digits")
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeError:
        raise _bad_query("a query is UTF-8, percent-encoded") from None


def _bad_query(detail: str) -> Refused:
    return refused("unknown-parameter", detail)


def _wrong(faults: Sequence[Fault]) -> Refused:
    errors = [
        FieldError(f"?{fault.name[:_SHOWN]}", fault.code, f"`{fault.name[:_SHOWN]}`: {fault.detail}")
        for fault in faults
    ]
    detail = "; ".join(error.detail for error in errors[:5])
    return Refused(Problem("unknown-parameter", detail, tuple(errors), {"parameter": faults[0].name[:_SHOWN]}))


def _open_cursor(gateway: Gateway, cursor: str, purpose: str) -> After:
    value = gateway.tokens.unseal(cursor, purpose, clock.now())
    if not isinstance(value, list):
        detail = "it belongs to another list, order, filter or pharmacy, or is cut; begin again without it"
        raise _wrong([Fault("cursor", "malformed", detail)])
    return After(*value)


def _address(request: Request[Any, Any, Any], pairs: Sequence[tuple[str, str]], cursor: str) -> str:
    """Name the next page: the path alone, so that no `Host` header has a say in it."""
    path = _SLASHES.sub("/", path_of(request.scope))
    sent = request.scope["query_string"]
    if _PLAIN.fullmatch(sent):
        kept = "".join(
            part + "&" for part in sent.decode("ascii").split("&") if part and not part.startswith("cursor=")
        )
    else:
        kept = "".join(urlencode([(name, text)]) + "&" for name, text in pairs if name != "cursor")
    return f"{path}?{kept}cursor={cursor}"


def _answer(page: Page, following: str | None) -> Answer:
    count = b""
    if page.count is not None:
        count = b',"count":%d,"count_capped":%s' % (min(page.count, COUNT_CAP), b"true" if page.is_capped else b"false")
    if following is None:
        return Answer(200, b'{"items":[%s],"next":null%s}' % (",".join(page.items).encode(), count))
    body = b'{"items":[%s],"next":%s%s}' % (",".join(page.items).encode(), orjson.dumps(following), count)
    return Answer(200, body, ((b"link", f'<{following}>; rel="next"'.encode("ascii")),))


def _names_tag(headers: Iterable[tuple[bytes, bytes]], tag: bytes) -> bool:
    """Tell whether `If-None-Match` names this tag, by the weak comparison (RFC 9110, 13.1.2)."""
    for name, value in headers:
        if name == b"if-none-match" and (
            value.strip() == b"*" or tag in {part.strip().removeprefix(b"W/") for part in value.split(b",")}
        ):
            return True
    return False
