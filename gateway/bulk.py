"""Bulk files in: spooled whole, read row by row, cut into lists of rows, and published in order.

Nothing is published before the file was cut into its rows to the end, so a file that is cut or broken applies nothing.
Its rows are checked while they are published: the writer applies the first ones while the last ones are read. Rows that
are wrong travel too, with their faults: the upload counts them and shows why.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request
from litestar.types import Receive

from gateway.accept import Wish
from gateway.headers import WriteHeaders
from gateway.problems import Refused, refused
from hub import clock
from hub.domain.ids import derived_id
from hub.domain.upload_rows import (
    BrokenFile,
    FileRow,
    Format,
    Frame,
    check_frame,
    csv_lines,
    frame_rows,
    ndjson_lines,
)
from hub.domain.uploads import UploadKind

MAX_FILE_BYTES: Final = 64 * 1_048_576
MAX_MEMBERS: Final = 10_000  # of a gzip file: bgzip makes one of every 64 KiB
LIST_ROWS: Final = 200
LIST_BYTES: Final = 262_144
MESSAGE_BYTES: Final = 131_072  # the writer has its first rows early, and a message never fills its window alone
MEMORY_BYTES: Final = 1_048_576  # what is longer goes to a temporary file
CHUNK_BYTES: Final = 65_536
STEP_SECONDS: Final = 0.005  # so long may one upload keep the process from its other requests
DRAIN_SECONDS: Final = 3.0
SILENCE_SECONDS: Final = 30.0  # between two parts of a body
LEAST_BYTES_A_SECOND: Final = 1000  # on the whole, after the first 30 s: an upload that drips keeps a place of its key

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
        Refused: cut or no gzip (400), more than 64 MiB as sent or inflated or of many members (413), another encoding (415).
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
    size = sent = 0
    async for part in parts_of(request.receive):
        # Padding and empty members inflate to nothing.
        sent += len(part)
        if sent > MAX_FILE_BYTES:
            raise await _too_large(request)
        for piece in (part,) if inflater is None else inflater.feed(part):
            size += len(piece)
            if size > MAX_FILE_BYTES:
                raise await _too_large(request)
            digest.update(piece)
            spool.write(piece)
            if inflater is not None:
                await asyncio.sleep(0)
        if inflater is not None and inflater.members > MAX_MEMBERS:
            raise await _too_large(request)
    if inflater is not None:
        inflater.finish()
    return digest.hexdigest()


async def parts_of(receive: Receive) -> AsyncIterator[bytes]:
    """Take in a body of any length, as it comes.

    Raises:
        Refused: nothing came for a while, or it comes too slowly, or the client went away (400).
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + SILENCE_SECONDS
    while True:
        try:
            async with asyncio.timeout_at(min(due, loop.time() + SILENCE_SECONDS)):
                message: Any = await receive()
        except TimeoutError as error:
            detail = f"nothing of the file came for {SILENCE_SECONDS:.0f} s, or less than {LEAST_BYTES_A_SECOND} bytes a second"
            raise refused("malformed", detail, headers={"connection": "close"}) from error
        if message["type"] != "http.request":
            raise refused("malformed", "the request ended before its file did")
        if message.get("body"):
            due += len(message["body"]) / LEAST_BYTES_A_SECOND
            yield message["body"]
        if not message.get("more_body"):
            return


class Inflater:
    """Inflates gzip of several members, a bounded piece at a time."""

    def __init__(self) -> None:
        """Expect the first member."""
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.members = 1

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
                    self.members += 1
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


async def count_rows(spool: Spool, form: Format, kind: UploadKind) -> int:
    """Cut the file into its rows to the end and count them, a few milliseconds at a time.

    Raises:
        Refused: the file is broken (400) or has too many rows (413).
    """
    count = 0
    pace = _Pace()
    try:
        for _ in _frames(spool, form, kind):
            count += 1
            await pace.step()
    except BrokenFile as error:
        raise refused("too-large" if error.is_too_large else "malformed", error.detail, *error.errors) from error
    return count


async def read_messages(spool: Spool, form: Format, envelope: Envelope) -> AsyncIterator[list[bytes]]:
    """Check the rows of a file that `count_rows` found whole, and write the commands that import them, in messages."""
    commands: list[bytes] = []
    rows: list[bytes] = []
    size = commands_size = number = 0
    pace = _Pace()
    for frame in _frames(spool, form, envelope.kind):
        rows.append(_dump_row(check_frame(frame, envelope.kind)))
        size += len(rows[-1])
        if len(rows) == LIST_ROWS or size > LIST_BYTES:
            commands.append(envelope.import_command(number, rows))
            commands_size += size
            number += 1
            rows, size = [], 0
            if commands_size > MESSAGE_BYTES:
                yield commands
                commands, commands_size = [], 0
        await pace.step()
    if rows:
        commands.append(envelope.import_command(number, rows))
    if commands:
        yield commands


def _frames(spool: Spool, form: Format, kind: UploadKind) -> Iterator[Frame]:
    spool.seek(0)
    lines = ndjson_lines(spool.readline) if form == "ndjson" else csv_lines(iter(lambda: spool.read(CHUNK_BYTES), b""))
    return frame_rows(lines, form, kind)


class _Pace:
    """Lets the process see to its other requests every few milliseconds."""

    def __init__(self) -> None:
        self._until = clock.monotonic() + STEP_SECONDS

    async def step(self) -> None:
        if clock.monotonic() > self._until:
            await asyncio.sleep(0)
            self._until = clock.monotonic() + STEP_SECONDS


def _dump_row(row: FileRow) -> bytes:
    if row.faults:
        return b'{"line":%d,"faults":%b}' % (row.line, orjson.dumps([fault.dump() for fault in row.faults]))
    return b'{"line":%d,"row":%b}' % (row.line, row.raw)


async def _too_large(request: Request[Any, Any, Any]) -> Refused:
    """Make the 413; what is still on its way is let pass for a while, or a client in the middle of it would not read why."""
    if b"expect" not in dict(request.scope["headers"]):
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while (await request.receive()).get("more_body"):
                    pass
    most = f"{MAX_FILE_BYTES // 1_048_576} MiB, inflated and as it is sent, and {MAX_MEMBERS} members of gzip"
    detail = f"a file has at most {most}; send it in parts"
    return refused("too-large", detail, headers={"connection": "close"})
