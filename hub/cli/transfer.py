"""A file of rows on its way into the hub: checked here as the door checks it, sent in parts, watched until it is applied."""

import csv
import gzip
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self
from uuid import uuid4

import httpx
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from hub.cli.remote import Remote, sentence_of
from hub.demo.fda import is_fda_header, map_fda_row
from hub.domain.upload_rows import BrokenFile, FileRow, check_row, csv_lines, ndjson_lines, read_rows
from hub.domain.uploads import UploadKind
from hub.faults import SettingsError, Unavailable

PART_ROWS = 20_000
PART_BYTES = 16 * 1_048_576
TRIES = 8
POLL_SECONDS = 0.2
STALLED_SECONDS = 60.0
_TIMEOUT_SECONDS = 120.0
_MOST_ROWS = 100_000_000
_RETRIED = frozenset({429, 503})


@dataclass(slots=True)
class Rows:
    """The rows of an open file, and how far it has been read, in bytes."""

    rows: Iterator[FileRow]
    position: Callable[[], int]
    size: int


@dataclass(slots=True)
class Result:
    """What became of a file."""

    rows: int = 0
    applied: int = 0
    uploads: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    rejected: int = 0
    is_dry: bool = False

    def refuse(self, row: FileRow) -> None:
        """Count a row that was found wrong here."""
        self.rejected += 1
        self.errors += [{"line": row.line, **fault.dump()} for fault in row.faults]

    def dump(self) -> dict[str, Any]:
        """Write it as JSON."""
        return {
            "rows": self.rows,
            "applied": self.applied,
            "rejected": self.rejected,
            "uploads": self.uploads,
            "dry_run": self.is_dry,
        }

    def sentence(self) -> str:
        """Say it for people."""
        if self.is_dry:
            return f"{self.rows:,} rows checked, {self.rejected:,} wrong; nothing was sent"
        return f"{self.rows:,} rows: {self.applied:,} applied, {self.rejected:,} rejected"

    def write_errors(self, place: Path) -> Path | None:
        """Write every fault as a line of JSON; a file of an earlier import is taken away when there are none."""
        self.errors.sort(key=lambda error: int(error["line"]))
        if not self.errors:
            place.unlink(missing_ok=True)
            return None
        place.write_text(
            "".join(json.dumps(error, ensure_ascii=False) + "\n" for error in self.errors), encoding="utf-8"
        )
        return place


@contextmanager
def open_rows(path: Path, kind: UploadKind) -> Iterator[Rows]:
    """Open a file of rows; its name says what it is, its header whether it is the FDA's catalogue.

    Raises:
        SettingsError: the file as a whole cannot be read.
    """
    plain = path.name.removesuffix(".gz").lower()
    with path.open("rb") as raw, ExitStack() as stack:
        file: BinaryIO | gzip.GzipFile = raw
        if path.suffix == ".gz":
            file = stack.enter_context(gzip.GzipFile(fileobj=raw))
        try:
            if plain.endswith((".ndjson", ".jsonl")):
                rows = read_rows(ndjson_lines(file.readline), "ndjson", kind, most=_MOST_ROWS)
            elif not plain.endswith(".csv"):
                sentence = f"{path.name} is neither .csv nor .ndjson"
                raise SettingsError(sentence)
            elif kind == "inventory" and is_fda_header(_header_of(file)):
                rows = _fda_rows(file)
            else:
                rows = read_rows(csv_lines(iter(lambda: file.read(65_536), b"")), "csv", kind, most=_MOST_ROWS)
            yield Rows(rows, raw.tell, path.stat().st_size)
        except BrokenFile as error:
            details = "; ".join((error.detail, *(fault.detail for fault in error.errors[:3])))
            sentence = f"{path.name} cannot be imported: {details}"
            raise SettingsError(sentence) from error
        except (gzip.BadGzipFile, EOFError) as error:
            sentence = f"{path.name} is no whole gzip file: {error}"
            raise SettingsError(sentence) from error


def _header_of(file: BinaryIO | gzip.GzipFile) -> list[str]:
    line = file.readline(65_536).decode("utf-8-sig", "replace")
    file.seek(0)
    return next(csv.reader([line]), [])


def _fda_rows(file: BinaryIO | gzip.GzipFile) -> Iterator[FileRow]:
    def text() -> Iterator[str]:
        for number, line in enumerate(csv_lines(iter(lambda: file.read(65_536), b"")), 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                message = f"line {number} is not UTF-8"
                raise BrokenFile(message) from error

    reader = csv.reader(text(), strict=True)
    header = next(reader)
    begins = reader.line_num + 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if cells:
                mapped = map_fda_row(dict(zip(header, cells, strict=False)))
                yield check_row(line, orjson.dumps(mapped), "inventory")
    except csv.Error as error:
        message = f"the row that begins on line {begins} is no CSV: {error}"
        raise BrokenFile(message) from error


def check_only(rows: Rows, console: Console) -> Result:
    """Check all rows and send none."""
    result = Result(is_dry=True)
    with _progress(console) as progress:
        task = progress.add_task("checking", total=rows.size)
        for row in rows.rows:
            result.rows += 1
            if row.faults:
                result.refuse(row)
            if result.rows % 1000 == 0:
                progress.update(task, completed=rows.position())
        progress.update(task, completed=rows.size)
    return result


class Transfer:
    """Sends rows and waits for their results."""

    def __init__(self, remote: Remote, kind: UploadKind, console: Console) -> None:
        """Send nothing yet."""
        self._remote = remote
        self._kind = kind
        self._console = console
        self._client = httpx.Client(base_url=remote.url, headers=remote.headers, timeout=_TIMEOUT_SECONDS)
        self._run = uuid4().hex  # one Idempotency-Key a part: a repeated call is the same upload, another import is not

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def run(self, rows: Rows) -> Result:
        """Send the good rows, part by part in order, and wait until all are applied or rejected.

        Raises:
            SettingsError: the hub refuses a part.
            Unavailable: the hub does not answer, or applies nothing any more.
        """
        result = Result()
        lines: list[list[int]] = []
        part: list[bytes] = []
        numbers: list[int] = []
        size = 0
        with _progress(self._console) as progress:
            task = progress.add_task("sending", total=rows.size)
            for row in rows.rows:
                result.rows += 1
                if row.faults:
                    result.refuse(row)
                    continue
                part.append(row.raw)
                numbers.append(row.line)
                size += len(row.raw) + 1
                if len(part) == PART_ROWS or size > PART_BYTES:
                    result.uploads.append(self._send(part, len(lines)))
                    lines.append(numbers)
                    part, numbers, size = [], [], 0
                    progress.update(task, completed=rows.position())
            if part:
                result.uploads.append(self._send(part, len(lines)))
                lines.append(numbers)
            progress.update(task, completed=rows.size)
        with _progress(self._console, MofNCompleteColumn()) as progress:
            task = progress.add_task("applying", total=sum(map(len, lines)))
            for upload_id, numbers in zip(result.uploads, lines, strict=True):
                self._wait(upload_id, numbers, result, lambda done: progress.advance(task, done))
        return result

    def _send(self, part: list[bytes], number: int) -> str:
        body = gzip.compress(b"\n".join(part), compresslevel=1)
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Idempotency-Key": f"hub-import-{self._run}-{number}",
        }
        answer = self._call("POST", f"/api/{self._kind}/bulk", content=body, headers=headers)
        upload_id: str = answer.json()["upload_id"]
        return upload_id

    def _wait(self, upload_id: str, lines: list[int], result: Result, advance: Callable[[int], None]) -> None:
        done, changed = 0, time.monotonic()
        upload: dict[str, Any] = {"applied": 0, "rejected": 0, "status": "pending"}
        while upload["status"] != "done":
            answer = self._call("GET", f"/api/uploads/{upload_id}/", missing={404})  # 404: accepted, not opened yet
            if answer.status_code == httpx.codes.OK:
                upload = answer.json()
            seen = upload["applied"] + upload["rejected"]
            if seen > done:
                advance(seen - done)
                done, changed = seen, time.monotonic()
            elif time.monotonic() - changed > STALLED_SECONDS:
                detail = (
                    f"upload {upload_id} has not moved for {STALLED_SECONDS:.0f} s; it goes on when the consumers do"
                )
                raise Unavailable("the hub", detail)
            if upload["status"] != "done":
                time.sleep(POLL_SECONDS)
        result.applied += upload["applied"]
        result.rejected += upload["rejected"]
        if upload["rejected"]:
            self._collect(f"/api/uploads/{upload_id}/errors?limit=500", lines, result)

    def _collect(self, url: str | None, lines: list[int], result: Result) -> None:
        while url:
            page = self._call("GET", url).json()
            result.errors += [error | {"line": lines[error["line"] - 1]} for error in page["items"]]
            url = page["next"]

    def _call(
        self,
        method: str,
        url: str,
        *,
        missing: set[int] | frozenset[int] = frozenset(),
        **options: Any,  # noqa: ANN401 -- httpx's own
    ) -> httpx.Response:
        fault = ""
        for attempt in range(TRIES):
            try:
                answer = self._client.request(method, url, **options)
            except httpx.TransportError as error:
                fault = str(error) or type(error).__name__
                wait = 0.5 * 2**attempt
            else:
                if answer.is_success or answer.status_code in missing:
                    return answer
                if answer.status_code not in _RETRIED:
                    raise SettingsError(sentence_of(answer.text, answer.status_code))
                fault = sentence_of(answer.text, answer.status_code)
                wait = float(answer.headers.get("retry-after", "1"))
            time.sleep(min(wait, 10.0))
        raise Unavailable("the hub", fault)


def _progress(console: Console, *columns: MofNCompleteColumn) -> Progress:
    return Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(),
        TaskProgressColumn(),
        *columns,
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
