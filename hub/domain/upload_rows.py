"""Rows of a bulk file: NDJSON or CSV, line by line, each row a good one with its JSON or a bad one with its faults.

A row's fault spoils the row, a file's fault the file. Nothing here keeps more than one row.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson
from pydantic import ValidationError

from hub.domain.checking import field_errors
from hub.domain.fields import Body
from hub.domain.inventory_bodies import UpsertItem
from hub.domain.json_input import InvalidText, MalformedJson, parse_json
from hub.domain.problem import FieldError
from hub.domain.sale_bodies import RecordSale
from hub.domain.uploads import UploadKind

MAX_ROWS = 100_000
MAX_ROW_BYTES = 1_048_576
MAX_FAULTS = 20  # of one row

Format = Literal["ndjson", "csv"]

MODELS: Mapping[UploadKind, type[Body]] = {"inventory": UpsertItem, "sales": RecordSale}

_BOM = "\ufeff"
_DELIMITERS = ",;\t"
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_NUMBERS = frozenset({"quantity", "low_stock_threshold"})
_JSON = frozenset({"identifiers", "extra_data", "lines"})
_CODES = ("gtin", "ndc", "pzn")
_COLUMNS: Mapping[UploadKind, frozenset[str]] = {
    "inventory": frozenset({*UpsertItem.model_fields, *_CODES}),
    "sales": frozenset(RecordSale.model_fields),
}
_NEEDED: Mapping[UploadKind, tuple[frozenset[str], ...]] = {
    "inventory": (frozenset({"sku"}),),
    "sales": (frozenset({"sku", "quantity", "total_price"}), frozenset({"inventory_item", "quantity", "total_price"}),
              frozenset({"lines"})),
}  # fmt: skip


class BrokenFile(ValueError):
    """The file as a whole cannot be taken: 400, or 413 when it has too many rows. Nothing of it is applied."""

    def __init__(self, detail: str, *errors: FieldError, is_too_large: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.is_too_large = is_too_large


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row: the line of the file where it begins, and its JSON, or what is wrong with it."""

    line: int
    raw: bytes
    faults: tuple[FieldError, ...] = ()


class Frame(NamedTuple):
    """A row as the file has it, unread: the line where it begins, and its JSON text or its cells under their columns."""

    line: int
    content: bytes | list[str]
    columns: tuple[str, ...] = ()


def read_rows(lines: Iterator[bytes], form: Format, kind: UploadKind, *, most: int = MAX_ROWS) -> Iterator[FileRow]:
    """Read and check the rows of a file, in order; as `frame_rows` and then `check_frame`."""
    return (check_frame(frame, kind) for frame in frame_rows(lines, form, kind, most=most))


def frame_rows(lines: Iterator[bytes], form: Format, kind: UploadKind, *, most: int = MAX_ROWS) -> Iterator[Frame]:
    r"""Cut a file into its rows, in order; blank lines count as lines, not as rows. Shows whether the file is whole.

    Args:
        lines: the file, cut after each `\n`; for CSV also after a lone `\r` (`ndjson_lines`, `csv_lines`).
        most: rows of one file.
    Raises:
        BrokenFile: no UTF-8, no header, an unknown or missing column, an open quotation mark, no row, too many.
    """
    count = 0
    for frame in _frame_ndjson(lines) if form == "ndjson" else _frame_csv(lines, kind):
        count += 1
        if count > most:
            message = f"the file has more than {most:,} rows; send it in parts"
            raise BrokenFile(message, is_too_large=True)
        yield frame
    if not count:
        message = "the file has no rows"
        raise BrokenFile(message)


def check_frame(frame: Frame, kind: UploadKind) -> FileRow:
    """Check one row of a file."""
    if isinstance(frame.content, bytes):
        return check_row(frame.line, frame.content, kind)
    return _csv_row(frame.line, frame.columns, frame.content, kind)


def check_row(line: int, raw: bytes, kind: UploadKind) -> FileRow:
    """Check one row's JSON as the door checks a body."""
    if len(raw) > MAX_ROW_BYTES:
        return FileRow(line, b"", (FieldError("#", "too_large", f"a row has at most {MAX_ROW_BYTES} bytes"),))
    value: Any = None
    try:
        value = parse_json(raw)
        MODELS[kind].model_validate_json(raw, strict=True)
    except MalformedJson as error:
        return FileRow(line, b"", (FieldError("#", "malformed", str(error).replace("the body", "the row")),))
    except InvalidText as error:
        return FileRow(line, b"", (FieldError(error.pointer, error.code, error.detail),))
    except ValidationError as error:
        return FileRow(line, b"", tuple(field_errors(error, value)[:MAX_FAULTS]))
    return FileRow(line, raw)


def _frame_ndjson(lines: Iterator[bytes]) -> Iterator[Frame]:
    for number, line in enumerate(lines, 1):
        if number == 1 and line.startswith(b"\xef\xbb\xbf"):
            message = "the file begins with a byte order mark; send JSON without it"
            raise BrokenFile(message)
        raw = line.strip(b" \t\r\n")
        if raw:
            yield Frame(number, raw)


def ndjson_lines(readline: Callable[[int], bytes]) -> Iterator[bytes]:
    r"""Cut a file after each `\n`, and a line that is longer than a row may be at that length: it is a bad row.

    Args:
        readline: reads a line of at most so many bytes, as files do.
    """
    most = MAX_ROW_BYTES + 2
    while line := readline(most):
        yield line
        while len(line) == most and not line.endswith(b"\n"):
            line = readline(most)


def csv_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    r"""Cut a file where CSV may end a line: after `\n`, `\r\n` and a lone `\r`.

    >>> list(csv_lines(iter([b"a\r", b"\nb\rc"])))
    [b'a\r\n', b'b\r', b'c']
    """
    rest = b""
    for chunk in chunks:
        parts = (rest + chunk).splitlines(keepends=True)
        # The last one may go on; so may a `\r` at the end of a chunk.
        rest = parts.pop() if parts else b""
        if len(rest) > MAX_ROW_BYTES:
            message = f"a line has more than {MAX_ROW_BYTES} bytes"
            raise BrokenFile(message, is_too_large=True)
        yield from parts
    if rest:
        yield rest


def _frame_csv(lines: Iterator[bytes], kind: UploadKind) -> Iterator[Frame]:
    source = _Source(lines)
    reader = source.open()
    begins = 1
    try:
        columns = _columns_of(next(reader, []), kind)
        begins = reader.line_num + 1
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if cells and any(cells):
                yield Frame(line, cells, columns)
    except csv.Error as error:
        message = f"the row that begins on line {begins} is no CSV: {error}"
        raise BrokenFile(message) from error


class _Source:
    """Decodes lines, and looks at the first one to find the delimiter."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._number = 0

    def open(self) -> Any:  # noqa: ANN401 -- csv has no public name for its reader
        first = next(iter(self), "").removeprefix(_BOM)
        # The csv module would take a row apart at any length: what is longer than a row may be is no row.
        csv.field_size_limit(MAX_ROW_BYTES)
        return csv.reader(self._with(first), delimiter=_delimiter_of(first), strict=True)

    def _with(self, first: str) -> Iterator[str]:
        yield first
        yield from self

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._number += 1
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                message = f"line {self._number} is not UTF-8; save the file as UTF-8"
                raise BrokenFile(message) from error


def _delimiter_of(header: str) -> str:
    """Choose the delimiter that the header has most of; a header of one column may have none."""
    return max(_DELIMITERS, key=header.count)


def _columns_of(header: list[str], kind: UploadKind) -> tuple[str, ...]:
    columns = tuple(name.strip().lower() for name in header)
    known = _COLUMNS[kind]
    errors = [
        FieldError("#", "unknown_column", f"there is no column {name[:80]!r}; known are {', '.join(sorted(known))}")
        for name in columns
        if name not in known
    ]
    twice = {name for name in columns if columns.count(name) > 1} if len(columns) <= len(known) * 2 else set()
    errors += [
        FieldError(f"#/{name}", "repeated_column", f"the column {name} comes twice") for name in sorted(twice & known)
    ]
    if not errors and not any(needed <= set(columns) for needed in _NEEDED[kind]):
        ways = " or ".join(", ".join(sorted(needed)) for needed in _NEEDED[kind])
        errors.append(FieldError("#", "missing_column", f"the header needs {ways}"))
    if errors:
        message = "the first line does not name the columns"
        raise BrokenFile(message, *errors[:MAX_FAULTS])
    return columns


def _csv_row(line: int, columns: tuple[str, ...], cells: list[str], kind: UploadKind) -> FileRow:
    if len(cells) != len(columns):
        detail = f"the row has {len(cells)} cells, the header {len(columns)}"
        return FileRow(line, b"", (FieldError("#", "cells", detail),))
    row: dict[str, Any] = {}
    codes: list[Any] = []
    for column, cell in zip(columns, cells, strict=True):
        if not cell:
            continue  # an empty cell names nothing, so the field stays as it is
        if column in _CODES:
            codes.append({"scheme": column, "value": cell})
        elif column in _JSON:
            try:
                parse_json(cell.encode())
            except MalformedJson as error:
                detail = str(error).replace("the body", "the cell")
                return FileRow(line, b"", (FieldError(f"#/{column}", "malformed", detail),))
            except InvalidText as error:
                return FileRow(line, b"", (FieldError(f"#/{column}{error.pointer[1:]}", error.code, error.detail),))
            row[column] = orjson.Fragment(cell)
        elif column in _NUMBERS and _INTEGER.fullmatch(cell):
            row[column] = orjson.Fragment(cell)
        else:
            row[column] = cell
    if codes:
        named = row.get("identifiers")
        listed = orjson.loads(named.contents) if named is not None else []
        row["identifiers"] = [*listed, *codes] if isinstance(listed, list) else listed
    return check_row(line, orjson.dumps(row), kind)
