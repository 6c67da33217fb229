"""Bulk uploads: a file becomes one opening and lists of rows; every row ends as applied or rejected."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from hub.domain import inventory, sales
from hub.domain.command import Command, Rule
from hub.domain.fields import Body, format_time
from hub.domain.ids import derived_id, numbered_id
from hub.domain.inventory_bodies import UpsertItem
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, refuse
from hub.domain.problem import not_found
from hub.domain.sale_bodies import RecordSale
from hub.domain.state import Ref, Row, State
from hub.domain.stock import InventoryItem

UploadKind = Literal["inventory", "sales"]
PARKED = "parked"
"""The code of the fault that says that a list of rows was set aside."""


class OpenUpload(Body):
    """A file was taken in whole: its kind, its rows, and the digest of its bytes."""

    kind: UploadKind
    rows: Annotated[int, Field(ge=0)]
    digest: str


class RowFault(Body):
    """What is wrong with a row."""

    pointer: str
    code: str
    detail: str


class ImportedItem(Body):
    """A row of an inventory file: the line where it begins, and its content or its faults."""

    line: int
    row: UpsertItem | None = None
    faults: list[RowFault] = Field(default_factory=list)


class ImportedSale(Body):
    """A row of a sales file."""

    line: int
    row: RecordSale | None = None
    faults: list[RowFault] = Field(default_factory=list)


class ImportItems(Body):
    """Some rows of an inventory file, in the order of the file."""

    digest: str
    rows: list[ImportedItem]


class ImportSales(Body):
    """Some rows of a sales file, in the order of the file."""

    digest: str
    rows: list[ImportedSale]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file and how far it is; `rows` = applied + rejected + pending."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    kind: str
    digest: str
    rows: int
    applied: int
    rejected: int
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class UploadError:
    """One fault of one row; `line` is where the row begins in the file."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    upload_id: UUID
    line: int
    pointer: str
    code: str
    detail: str


def dump_upload(upload: Upload) -> dict[str, Any]:
    """Represent an upload as clients see it."""
    pending = upload.rows - upload.applied - upload.rejected
    return {
        "id": str(upload.id),
        "pharmacy_id": str(upload.pharmacy_id),
        "kind": upload.kind,
        "rows": upload.rows,
        "applied": upload.applied,
        "rejected": upload.rejected,
        "pending": pending,
        "status": "pending" if pending else "done",
        "created_at": format_time(upload.created_at),
        "updated_at": format_time(upload.updated_at),
        "version": upload.version,
    }


def _open(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, OpenUpload)
    upload = Upload(
        command.resource_id, state.pharmacy_id, body.kind, body.digest, body.rows, 0, 0, state.now, state.now, version=1
    )
    return Accepted((upload,), (), dump_upload(upload))


def mark_of(upload_id: UUID, operation_id: UUID) -> Ref:
    """Name the line among an upload's faults that says that a list of its rows was parked."""
    return Ref(UploadError, "id", derived_id(upload_id, "parked", operation_id))


def set_aside(upload: Upload, mark: Ref, lines: Sequence[int], now: datetime) -> tuple[Upload, UploadError]:
    """Count the rows of a list that was parked as rejected, or the upload would never be done.

    Args:
        mark: what `mark_of` names.
        lines: where the list's rows begin in the file; not more than the upload has pending.
    """
    detail = f"the {len(lines)} rows of lines {min(lines)} to {max(lines)} were set aside; an operator can replay them"
    assert isinstance(mark.value, UUID)
    fault = UploadError(mark.value, upload.pharmacy_id, upload.id, min(lines), "#", PARKED, detail)
    after = replace(upload, rejected=upload.rejected + len(lines), updated_at=now, version=upload.version + 1)
    return after, fault


def _taken_back(state: State, command: Command, upload: Upload, rows: int) -> tuple[Upload, list[UploadError]]:
    """Count the rows of a list that was parked and is replayed as pending again."""
    mark = mark_of(upload.id, command.operation_id)
    assert isinstance(mark.value, UUID)
    fault = state.find(UploadError, mark.value)
    if fault is None or fault.code != PARKED:
        return upload, []
    told = replace(
        fault, code="replayed", detail=fault.detail.replace("an operator can replay", "an operator replayed")
    )
    return replace(upload, rejected=upload.rejected - rows), [told]


def _touch_rows(command: Command) -> Iterable[Ref]:
    yield Ref(Upload, "id", command.resource_id)
    yield mark_of(command.resource_id, command.operation_id)
    body = command.body
    assert isinstance(body, ImportItems | ImportSales)
    for imported in body.rows:
        if type(imported.row) is UpsertItem:  # `isinstance` of a pydantic model takes a microsecond
            yield Ref(InventoryItem, "sku", imported.row.sku)
        elif type(imported.row) is RecordSale:
            yield from sales.touch_lines(imported.row.all_lines())


def _import(state: State, command: Command) -> Outcome:
    """Decide the rows one after the other; each sees what the rows before it did."""
    body = command.body
    assert isinstance(body, ImportItems | ImportSales)
    upload = state.find(Upload, command.resource_id)
    if upload is None:
        return Rejected(not_found("upload"))
    if upload.digest != body.digest:
        return refuse("idempotency-mismatch", "this Idempotency-Key was used for another file")
    changes: list[Row] = []
    events: list[Event] = []
    upload, errors = _taken_back(state, command, upload, len(body.rows))
    rejected = 0
    lines = derived_id(upload.id, "lines")
    for imported in body.rows:
        row_id = numbered_id(lines, imported.line)
        outcome = None if imported.row is None else _decide_row(state, command, row_id, imported)
        if isinstance(outcome, Accepted):
            state.apply(outcome.changes)
            changes += outcome.changes
            events += outcome.events
        else:
            rejected += 1
            errors += _errors_of(upload, imported, outcome)
    after = replace(
        upload,
        applied=upload.applied + len(body.rows) - rejected,
        rejected=upload.rejected + rejected,
        updated_at=state.now,
        version=upload.version + 1,
    )
    return Accepted((after, *changes, *errors), tuple(events), dump_upload(after))


def _decide_row(state: State, command: Command, row_id: UUID, imported: ImportedItem | ImportedSale) -> Outcome:
    if type(imported.row) is UpsertItem:
        return inventory.upsert(state, command, row_id, imported.row)
    assert type(imported.row) is RecordSale
    # One sale, one act: its movements bear their own ids although the whole list is one operation.
    return sales.record(state, command, row_id, imported.row)


def _errors_of(
    upload: Upload, imported: ImportedItem | ImportedSale, outcome: Rejected | None
) -> Iterable[UploadError]:
    faults = [(fault.pointer, fault.code, fault.detail) for fault in imported.faults]
    if outcome is not None:
        problem = outcome.problem
        faults = [(error.pointer, error.code, error.detail) for error in problem.errors] or [
            ("#", problem.slug, problem.detail)
        ]
    for index, (pointer, code, detail) in enumerate(faults):
        yield UploadError(
            derived_id(upload.id, "error", imported.line, index),
            upload.pharmacy_id,
            upload.id,
            imported.line,
            pointer,
            code,
            detail,
        )


RULES = (
    Rule("upload.open", OpenUpload, _open, "uploads"),
    Rule("inventory.import", ImportItems, _import, "uploads", _touch_rows),
    Rule("sale.import", ImportSales, _import, "uploads", _touch_rows),
)
