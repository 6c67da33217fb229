"""Rows of the API as a CSV file that a spreadsheet may open."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import orjson
from litestar import Request
from litestar.response import Stream

from gateway.admin.inside import ask, read_all
from gateway.auth import Caller
from hub import clock

MOST_EXPORTED: Final = 100_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_PART: Final = 500


async def csv_file(
    request: Request[Any, Any, Any],
    caller: Caller,
    path: str,
    query: Sequence[tuple[str, str]],
    columns: Sequence[str],
    name: str,
    most: int = MOST_EXPORTED,
) -> Stream:
    """Send a list of the API as a file, page by page.

    Args:
        name: what the file is called, before the time.
        most: how many rows it has at most.
    Raises:
        Refused: what the API says to the request.
    """
    # One row first: what is wrong with the request is a page, not half a file.
    (await ask(request, caller, "GET", path, query=[*query, ("limit", "1")])).or_refuse()

    async def lines() -> AsyncIterator[bytes]:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\r\n")
        writer.writerow(columns)
        count = 0
        async for row in read_all(request, caller, path, query, most):
            writer.writerow([plain(row.get(column)) for column in columns])
            count += 1
            if count % _PART == 0:
                yield _taken(buffer)
        yield _taken(buffer)

    file = f"{name}-{clock.now():%Y%m%d-%H%M%S}.csv"
    return Stream(
        lines(), media_type="text/csv; charset=utf-8", headers={"content-disposition": f'attachment; filename="{file}"'}
    )


def plain(value: Any) -> str:  # noqa: ANN401 -- a JSON value
    """Write a value for a CSV cell. Text that a spreadsheet would run as a formula begins with an apostrophe.

    >>> plain("=1+1"), plain(-5), plain("-5.00"), plain("@SUM(A1)"), plain(None), plain({"a": 1})
    ("'=1+1", '-5', '-5.00', "'@SUM(A1)", '', '{"a":1}')
    """
    match value:
        case None:
            return ""
        case bool() | int() | float():
            return orjson.dumps(value).decode()
        case str():
            return f"'{value}" if value.startswith(_FORMULA) and not _is_number(value) else value
        case _:
            return orjson.dumps(value).decode()


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isascii() and text[1:].replace(".", "", 1).isdigit()


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")
