"""Bulk files in: spooled whole, read row by row, cut into lists of rows, and published in order.

Nothing is published before the file was read to its end, so a file that is cut or broken applies nothing. Rows that are
wrong travel too, with their faults: the upload counts them and shows why.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request

from gateway.accept import Wish
from gateway.headers import WriteHeaders
from gateway.problems import Refused, refused
from hub import clock
from hub.domain.ids import derived_id
from hub.domain.upload_rows import (
    BrokenFile,
    FileRow,
    Format,
    csv_lines,
    ndjson_lines,
    read_rows,
)
from hub.domain.uploads import UploadKind

MAX_FILE_BYTES: Final = 64 * 1_048_576
LIST_ROWS: Final = 200
LIST_BYTES: Final = 262_144
MESSAGE_BYTES: Final = 524_288
MEMORY_BYTES: Final = 1_048_576  # what is longer goes to a temporary file
CHUNK_BYTES: Final = 65_536
STEP_SECONDS: Final = 0.005  # so long may one upload keep the process from its other requests
DRAIN_SECONDS: Final = 3.0
SILENCE_SECONDS: Final = 30.0  # between two parts of a body

IMPORTS: Final[dict[UploadKind, str]] = {"inventory": "inventory.import", "sales": "sale.import"}

Spool = SpooledTemporaryFile[bytes]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all commands of an upload have in common.

    Args:
        origin: from where, where an operator uploads; else empty.
    """

    upload_id: UUID
    pharmacy_id: UUID
    kind: UploadKind
    digest: str
    accepted_at: datetime
    actor: str
    origin: str

    def import_command(self, number: int, rows: list[bytes]) -> bytes:
        """Write the command that imports these rows: the same rows of the same file are the same operation."""
        raw = b'{"digest":"%b","rows":[%b]}' % (self.digest.encode(), b",".join(rows))
        operation_id = derived_id(self.upload_id, "import", number, self.digest)
        return Wish(
            IMPORTS[self.kind],
            operation_id,
            self.pharmacy_id,
            self.upload_id,
            raw,
            self.accepted_at,
            self.actor,
            "bulk",
            origin=self.origin,
        ).dump()


@dataclass(slots=True)
class Prepared:
    """An upload's commands, ready to be published, and where each of them ends."""

    spool: Spool
    rows: int = 0
    lengths: list[int] = field(default_factory=list)

    def messages(self) -> Iterator[list[bytes]]:
        """Group the commands into messages, in order."""
        self.spool.seek(0)
        commands: list[bytes] = []
        size = 0
        for length in self.lengths:
            if commands and size + length > MESSAGE_BYTES:
                yield commands
                commands, size = [], 0
            commands.append(self.spool.read(length))
            size += length
        if commands:
            yield commands


def form_of(content_type: bytes) -> Format:
    """Name the form of a file by its `Content-Type`.

    Raises:
        Refused: neither NDJSON nor CSV, or not UTF-8 (415).
    """
    media, *parameters = content_type.decode("latin-1").lower().split(";")
    charsets = [
        value.strip().strip('"')
        for name, _, value in (each.partition("=") for each in parameters)
        if name.strip() == "charset"
    ]
    form: Format | None = {"application/x-ndjson": "ndjson", "text/csv": "csv"}.get(media.strip())  # type: ignore[assignment]
    if form is None or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        detail = "send application/x-ndjson or text/csv, in UTF-8"
        raise refused(
            "unsupported-media-type",
            detail,
            headers={"accept": "application/x-ndjson, text/csv", "connection": "close"},
        )
    return form


async def receive_file(request: Request[Any, Any, Any], headers: WriteHeaders, spool: Spool) -> str:
    """Take in a file, inflated; returns its SHA-256 in hex, which is the same with and without gzip.

    Raises:
        Refused: cut or no gzip (400), more than 64 MiB inflated (413), another encoding (415).
    """
    encoding = headers.content_encoding.decode("latin-1").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise refused(
            "unsupported-media-type",
            "send the file as it is or with Content-Encoding: gzip",
            headers={"accept-encoding": "gzip, identity", "connection": "close"},
        )
    if headers.content_length is not None and headers.content_length > MAX_FILE_BYTES:
        raise await _too_large(request)
    inflater = Inflater() if "gzip" in encoding else None
    digest = sha256()
    size = 0
    async for part in _parts_of(request):
        for piece in (part,) if inflater is None else inflater.feed(part):
            size += len(piece)
            if size > MAX_FILE_BYTES:
                raise await _too_large(request)
            digest.update(piece)
            spool.write(piece)
            if inflater is not None:
                await asyncio.sleep(0)
    if inflater is not None:
        inflater.finish()
    return digest.hexdigest()


async def _parts_of(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message: Any = await request.receive()
        except TimeoutError as error:
            detail = f"nothing of the file came for {SILENCE_SECONDS:.0f} s"
            raise refused("malformed", detail, headers={"connection": "close"}) from error
        if message["type"] != "http.request":
            raise refused("malformed", "the request ended before its file did")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


class Inflater:
    """Inflates gzip of several members, a bounded piece at a time."""

    def __init__(self) -> None:
        """Expect the first member."""
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Inflate what came.

        Raises:
            Refused: it is no gzip (400).
        """
        try:
            while data:
                if self._member.eof:
                    data = data.lstrip(b"\0")  # padding behind a member
                    if not data:
                        return
                    self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
                piece = self._member.decompress(data, CHUNK_BYTES)
                while piece:
                    yield piece
                    # zlib may hold more than it was allowed to give, even when it has eaten all that came.
                    piece = self._member.decompress(self._member.unconsumed_tail, CHUNK_BYTES)
                data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        except zlib.error as error:
            raise refused("malformed", f"the file is no gzip: {error}", headers={"connection": "close"}) from error

    def finish(self) -> None:
        """Say that the file ends here.

        Raises:
            Refused: the last member is not complete (400).
        """
        if not self._member.eof:
            raise refused("malformed", "the gzip file is cut off: its last member has no end")


async def prepare(spool: Spool, form: Format, envelope: Envelope, prepared: Prepared) -> None:
    """Read all rows and write the commands that import them, a few milliseconds at a time.

    Raises:
        Refused: the file is broken (400) or has too many rows (413).
    """
    spool.seek(0)
    lines = ndjson_lines(spool.readline) if form == "ndjson" else csv_lines(iter(lambda: spool.read(CHUNK_BYTES), b""))
    rows: list[bytes] = []
    size = 0
    until = clock.monotonic() + STEP_SECONDS
    try:
        for row in read_rows(lines, form, envelope.kind):
            rows.append(_dump_row(row))
            size += len(rows[-1])
            prepared.rows += 1
            if len(rows) == LIST_ROWS or size > LIST_BYTES:
                _add(prepared, envelope, rows)
                rows, size = [], 0
            if clock.monotonic() > until:
                await asyncio.sleep(0)
                until = clock.monotonic() + STEP_SECONDS
    except BrokenFile as error:
        raise _broken(error) from error
    if rows:
        _add(prepared, envelope, rows)


def _add(prepared: Prepared, envelope: Envelope, rows: list[bytes]) -> None:
    command = envelope.import_command(len(prepared.lengths), rows)
    prepared.spool.write(command)
    prepared.lengths.append(len(command))


def _dump_row(row: FileRow) -> bytes:
    if row.faults:
        return b'{"line":%d,"faults":%b}' % (row.line, orjson.dumps([fault.dump() for fault in row.faults]))
    return b'{"line":%d,"row":%b}' % (row.line, row.raw)


def _broken(error: BrokenFile) -> Refused:
    return refused("too-large" if error.is_too_large else "malformed", error.detail, *error.errors)


async def _too_large(request: Request[Any, Any, Any]) -> Refused:
    """Make the 413; what is still on its way is let pass for a while, or a client in the middle of it would not read why."""
    if b"expect" not in dict(request.scope["headers"]):
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while (await request.receive()).get("more_body"):
                    pass
    detail = f"a file has at most {MAX_FILE_BYTES // 1_048_576} MiB, inflated; send it in parts"
    return refused("too-large", detail, headers={"connection": "close"})
