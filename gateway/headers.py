"""Request headers that steer a write: `Idempotency-Key`, `Prefer`, `If-Match`, `Content-Type`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from uuid import UUID

from gateway.problems import Refused, refused
from hub.domain.ids import HUB_ID

MAX_WAIT_SECONDS = 30

IfMatch = tuple[int, ...] | Literal["*"] | None

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_ETAG = re.compile(rb'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_VERSION = re.compile(rb"[1-9][0-9]{0,9}")
# RFC 7240: preferences by comma, each a token, perhaps a value (token or quoted), perhaps parameters by semicolon.
_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*(?:"([0-9]+)"|([0-9]+))\s*(?=$|[,;])', re.IGNORECASE)
_MAX_IF_MATCH_BYTES = 4096


@dataclass(frozen=True, slots=True)
class WriteHeaders:
    """What the headers of a write say.

    Args:
        idempotency_key: as sent; quotation marks are a part of it.
        wait_seconds: 1 to 30, or 0: answer at once.
        if_match: versions the resource may have; `()` where no tag that was sent can match.
        content_type: as sent, or empty.
        content_length: bytes announced; None where the body is chunked.
    """

    idempotency_key: str | None = None
    wait_seconds: int = 0
    if_match: IfMatch = None
    content_type: bytes = b""
    content_length: int | None = None
    content_encoding: bytes = b""


def parse_write_headers(headers: Iterable[tuple[bytes, bytes]]) -> WriteHeaders:
    """Read the headers of a write in one pass.

    Raises:
        Refused: an `Idempotency-Key` that is no key or comes twice, an `If-Match` that is malformed (400).
    """
    key: str | None = None
    prefer: list[bytes] = []
    if_match: list[bytes] = []
    content_type = content_encoding = b""
    length: int | None = None
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"content-length":
            length = int(value) if value.isdigit() else None
        elif name == b"idempotency-key":
            if key is not None:
                raise refused("malformed", "the header Idempotency-Key comes twice; send one")
            key = parse_idempotency_key(value)
        elif name == b"prefer":
            prefer.append(value)
        elif name == b"if-match":
            if_match.append(value)
        elif name == b"content-encoding":
            content_encoding = value
    return WriteHeaders(
        key,
        parse_wait(b",".join(prefer)) if prefer else 0,
        parse_if_match(b",".join(if_match)) if if_match else None,
        content_type,
        length,
        content_encoding,
    )


def parse_idempotency_key(value: bytes) -> str:
    """Read an `Idempotency-Key`: 1 to 255 visible ASCII characters, taken as they are.

    Raises:
        Refused: it is no such thing (400).
    """
    if not _KEY.fullmatch(value):
        raise refused("malformed", "an Idempotency-Key is 1 to 255 visible ASCII characters, without spaces")
    return value.decode("ascii")


def parse_pharmacy_id(value: bytes) -> UUID:
    """Read `X-Pharmacy-Id`.

    Raises:
        Refused: it is not the id of a pharmacy (400).
    """
    try:
        pharmacy_id = UUID(value.decode("latin-1"))
    except ValueError:
        pharmacy_id = HUB_ID
    if pharmacy_id == HUB_ID:
        raise refused("malformed", "X-Pharmacy-Id is not the id of a pharmacy")
    return pharmacy_id


@lru_cache(256)
def parse_wait(value: bytes) -> int:
    """Read `wait` of `Prefer` (RFC 7240, 4.3), in seconds: at most 30; what is malformed is ignored.

    >>> parse_wait(b"respond-async, wait=5"), parse_wait(b"wait=1000000"), parse_wait(b"wait=-1"), parse_wait(b"wait=4, wait=9")
    (5, 30, 0, 4)
    """
    found = _WAIT.search(value.decode("latin-1"))
    if found is None:
        return 0
    return min(MAX_WAIT_SECONDS, int((found[1] or found[2])[:12]))


@lru_cache(1024)
def parse_if_match(value: bytes) -> IfMatch:
    """Read `If-Match` (RFC 9110, 13.1.1). A weak tag never matches, neither does one that is no version of ours.

    >>> parse_if_match(b'"3", W/"4", "abc"'), parse_if_match(b"*"), parse_if_match(b'W/"1"')
    ((3,), '*', ())

    Raises:
        Refused: no list of entity tags (400).
    """
    text = value.strip()
    if text == b"*":
        return "*"
    versions: list[int] = []
    place = 0
    count = 0
    if len(text) > _MAX_IF_MATCH_BYTES:
        raise _no_tags()
    while place < len(text):
        found = _ETAG.match(text, place)
        if found is None:
            raise _no_tags()
        count += 1
        if not found[1] and _VERSION.fullmatch(found[2]) and int(found[2]) not in versions:
            versions.append(int(found[2]))
        rest = text[found.end() :].lstrip(b" \t")
        if rest and not rest.startswith(b","):
            raise _no_tags()
        place = len(text) - len(rest.lstrip(b", \t"))
    if not count:
        raise _no_tags()
    return tuple(versions)


def _no_tags() -> Refused:
    return refused("malformed", 'If-Match is a list of entity tags, for example "3", or *')
