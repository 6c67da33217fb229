"""Rows of bulk files in lists that were set aside: they count as rejected, so that their upload ends."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from consumers.envelope import SetAside
from consumers.store import Transaction
from hub.domain.state import Ref
from hub.domain.uploads import Upload, UploadError, mark_of, set_aside

_MAX_LINE = 2_147_483_647
_IMPORTS = ("inventory.import", "sale.import")


class _Rows(NamedTuple):
    """A parked list: whose it is, the digest of its file, the lines where its rows begin."""

    pharmacy_id: UUID
    upload: Ref
    mark: Ref
    digest: object
    lines: list[int]


async def settle_parked_rows(transaction: Transaction, aside: Sequence[SetAside], now: datetime) -> None:
    """Count the rows of lists that are parked now; a list that was counted before is not counted again."""
    lists = [rows for rows in map(_rows_of, aside) if rows is not None]
    if not lists:
        return
    found = dict(
        await transaction.load_rows({(rows.pharmacy_id, ref) for rows in lists for ref in (rows.upload, rows.mark)})
    )
    changes: list[Upload | UploadError] = []
    for rows in lists:
        upload: Upload | None = found.get((rows.pharmacy_id, rows.upload))
        if upload is None or upload.digest != rows.digest or found.get((rows.pharmacy_id, rows.mark)) is not None:
            continue
        if len(rows.lines) > upload.rows - upload.applied - upload.rejected:
            continue
        upload, fault = set_aside(upload, rows.mark, rows.lines, now)
        found |= {(rows.pharmacy_id, rows.upload): upload, (rows.pharmacy_id, rows.mark): fault}
        changes += [upload, fault]
    await transaction.save_rows(changes)


def _rows_of(aside: SetAside) -> _Rows | None:
    """Read what can be read of a list of rows; None: it is no such list, or too broken to tell."""
    try:
        envelope = aside.envelope
        if envelope["type"] not in _IMPORTS:
            return None
        upload_id, operation_id = UUID(envelope["resource_id"]), UUID(envelope["operation_id"])
        lines = [int(row["line"]) for row in envelope["body"]["rows"]]
        if not lines or not 0 < min(lines) <= max(lines) <= _MAX_LINE:
            return None
        return _Rows(
            UUID(envelope["pharmacy_id"]),
            Ref(Upload, "id", upload_id),
            mark_of(upload_id, operation_id),
            envelope["body"]["digest"],
            lines,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
