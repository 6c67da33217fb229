"""Import a file in the browser: look at it first, then send it the way of every bulk upload."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Stream

from gateway.admin.choosing import acting, choose, may_write
from gateway.admin.csv_files import csv_file
from gateway.admin.files import FORM_BYTES, read_form
from gateway.admin.form_page import key_of
from gateway.admin.frame import flash, visitor_here
from gateway.admin.inside import ask
from gateway.admin.pages import redirect, render
from gateway.admin.panels import FAULTS
from gateway.admin.sessions import Visitor
from gateway.bulk import MAX_FILE_BYTES
from gateway.problems import refused
from hub import clock
from hub.domain.problem import FieldError
from hub.domain.upload_rows import MAX_FAULTS, MAX_ROWS, BrokenFile, FileRow, Format, csv_lines, ndjson_lines, read_rows
from hub.domain.uploads import UploadKind

Asked = Request[Any, Any, Any]

SHOWN_ROWS: Final = 10
SHOWN_FAULTS: Final = 50
_KINDS: Final[dict[str, UploadKind]] = {"inventory": "inventory", "sales": "sales"}
_CHUNK: Final = 65_536


@dataclass(slots=True)
class Look:
    """What a file holds.

    Args:
        fault: why it cannot be taken at all; then nothing else counts.
    """

    rows: int = 0
    faulty: int = 0
    columns: tuple[str, ...] = ()
    first: list[dict[str, Any]] = field(default_factory=list)
    faults: list[tuple[int, FieldError]] = field(default_factory=list)
    fault: str = ""


@get("/import", opt={"console": "signed-in"})
async def show_import(request: Asked) -> Response[Any]:
    """Ask for a file."""
    _check_role(visitor_here(request))
    return await _page(request, None, "inventory")


@post("/import", opt={"console": "signed-in"}, status_code=200, request_max_body_size=FORM_BYTES)
async def take_file(request: Asked) -> Response[Any]:
    """Look at a file (`check`), or send it."""
    visitor = visitor_here(request)
    _check_role(visitor)
    form = await read_form(request)
    kind = _KINDS.get(str(form.get("kind", "")), "inventory")
    sent = {name: value for name, value in form.items() if isinstance(value, str)}
    choice = await choose(request, sent)
    file = form.get("file")
    if choice.chosen is None:
        return await _page(request, Look(fault="Choose the pharmacy whose file it is."), kind, sent)
    if not isinstance(file, UploadFile) or not file.filename:
        return await _page(request, Look(fault="Choose a file."), kind, sent)
    content = await file.read()
    name = file.filename.lower()
    form_of: Format = "ndjson" if name.endswith((".ndjson", ".jsonl")) else "csv"
    if "check" in form:
        return await _page(request, look(content, form_of, kind), kind, sent)
    said = await ask(
        request,
        acting(visitor, choice.chosen),
        "POST",
        f"/api/{kind}/bulk",
        content=content,
        headers={
            "content-type": "application/x-ndjson" if form_of == "ndjson" else "text/csv",
            "idempotency-key": key_of(sent.get("key", ""), kind.encode(), content),
        },
    )
    if said.is_problem:
        problem = said.problem()
        faults = [(1, one) for one in problem.errors]
        return await _page(request, Look(fault=problem.detail, faults=faults), kind, sent)
    flash(request, f"{said.json['rows']:,} rows are on their way.")
    return redirect(request, f"/admin/uploads/{said.json['upload_id']}/?pharmacy={choice.chosen}")


def _check_role(visitor: Visitor) -> None:
    """Let in whoever may import.

    Raises:
        Refused: 403.
    """
    if not may_write(visitor):
        least = "a key with the scope write" if visitor.is_portal else "the role operator; yours is viewer"
        raise refused("forbidden", f"importing takes {least}")


async def _page(request: Asked, found: Look | None, kind: str, sent: Mapping[str, str] | None = None) -> Response[Any]:
    choice = await choose(request, sent)
    key = (sent or {}).get("key") or str(clock.new_id())
    return render(
        request, "import.html", title="Import", choice=choice, look=found, kind=kind, key=key, most_bytes=MAX_FILE_BYTES
    )


def look(content: bytes, form: Format, kind: UploadKind) -> Look:
    """Read a whole file as the bulk upload would, and keep the first rows and faults of it."""
    found = Look()
    lines: Iterator[bytes] = (
        ndjson_lines(BytesIO(content).readline)
        if form == "ndjson"
        else csv_lines(content[start : start + _CHUNK] for start in range(0, len(content), _CHUNK))
    )
    try:
        for row in read_rows(lines, form, kind):
            _note(found, row)
    except BrokenFile as error:
        return Look(fault=error.detail, faults=[(1, one) for one in error.errors])
    found.columns = tuple(dict.fromkeys(name for row in found.first for name in row))
    return found


def _note(found: Look, row: FileRow) -> None:
    found.rows += 1
    if row.faults:
        found.faulty += 1
        if len(found.faults) < SHOWN_FAULTS:
            found.faults += [(row.line, fault) for fault in row.faults]
    elif len(found.first) < SHOWN_ROWS:
        found.first.append(orjson.loads(row.raw))


@get("/import/{upload_id:uuid}/refused-rows.csv", opt={"console": "signed-in"})
async def export_faults(request: Asked, upload_id: FromPath[UUID]) -> Stream:
    """Send what is wrong with the refused rows of a file as CSV."""
    caller = acting(visitor_here(request), (await choose(request)).chosen)
    columns = [one.name for one in FAULTS]
    path = f"/api/uploads/{upload_id}/errors"
    return await csv_file(request, caller, path, [], columns, "refused-rows", most=MAX_ROWS * MAX_FAULTS)


HANDLERS: Final = (show_import, take_file, export_faults)
