"""What a mirrored row remembers of its news: where they came from, and how new the newest of them was."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from hub.domain.fields import Body, format_id

MIRROR = "mirror"
"""The member of `extra_data` that says where a mirrored row comes from, and how new the vendor's news was."""

Revision = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
"""Counts up with every change at the vendor's: its version, or microseconds since 1970."""

Json = Mapping[str, Any]
Counts = Mapping[str, Json]
"""By location of a vendor: `quantity`, and the `revision` of it."""


class Mirrored(Body):
    """Where the news comes from: the source, and the incoming webhook that caused it."""

    source_id: UUID
    causation_id: UUID
    hops: Annotated[int, Field(strict=True, ge=0)] = 0
    revision: Revision | None = None


def noted(
    extra_data: Json, body: Mirrored, version: int, *, status: str | None = None, counts: Counts | None = None
) -> dict[str, Any]:
    """Note news that changed the row.

    Args:
        version: of the row, as the news made it: a later one was not made by them, and has come no hops (`hops_noted`).
        status: where the vendor says that an order stands; None: it did not say.
        counts: what each location of the source counts from now on; None: the news is of no location.
    """
    known = known_of(extra_data, body)
    return dict(extra_data) | {
        MIRROR: {
            "source_id": format_id(body.source_id),
            "causation_id": format_id(body.causation_id),
            "hops": body.hops,
            "revision": newest(known, body),
            "version": version,
        }
        | _status(known, status)
        | _all_counts(extra_data, body, counts)
    }


def kept(
    extra_data: Json, body: Mirrored, version: int, *, status: str | None = None, counts: Counts | None = None
) -> dict[str, Any] | None:
    """Note news that changed nothing, so that older ones are told from them; None: there is nothing to note.

    The rest of the note stays what the last event said.
    """
    note = extra_data.get(MIRROR)
    if not isinstance(note, dict):
        said_nothing = body.revision is None and status is None and counts is None
        return None if said_nothing else noted(extra_data, body, version, status=status, counts=counts)
    after = note | _all_counts(extra_data, body, counts)
    if known := known_of(extra_data, body):
        after |= {"revision": newest(known, body)} | _status(known, status)
    return None if after == note else dict(extra_data) | {MIRROR: after}


def hops_noted(note: Json, version: object) -> int | None:
    """Read how many hops the change behind a version of a row had come; None: it did not come in from outside."""
    hops = note.get("hops")
    # What a release before this one noted names no version.
    is_of_it = note.get("version", version) == version
    return hops if is_of_it and isinstance(hops, int) and not isinstance(hops, bool) else None


def is_older(body: Mirrored, known: Json) -> bool:
    """Tell whether news are older than what is known, each with its `revision`."""
    return body.revision is not None and body.revision != newest(known, body)


def known_of(extra_data: Json, body: Mirrored) -> dict[str, Any]:
    """Read what was noted of the same source; clients may have written anything there."""
    note = extra_data.get(MIRROR)
    return note if isinstance(note, dict) and note.get("source_id") == format_id(body.source_id) else {}


def counts_of(extra_data: Json, body: Mirrored) -> dict[str, Json]:
    """Read what the locations of the same source counted last, each with its `revision`."""
    found = _counts(extra_data).get(format_id(body.source_id))
    return {
        location: count
        for location, count in (found.items() if isinstance(found, dict) else ())
        if isinstance(count, dict) and isinstance(count.get("quantity"), int)
    }


def _status(known: Json, status: str | None) -> dict[str, Any]:
    said = known.get("status") if status is None else status
    return {} if said is None else {"status": said}


def _counts(extra_data: Json) -> dict[str, Any]:
    note = extra_data.get(MIRROR)
    found = note.get("counts") if isinstance(note, dict) else None
    return found if isinstance(found, dict) else {}


def _all_counts(extra_data: Json, body: Mirrored, counts: Counts | None) -> dict[str, Any]:
    """Leave what other sources count as it is: they may tell of one location at a time, too."""
    found = _counts(extra_data) | ({} if counts is None else {format_id(body.source_id): counts})
    return {"counts": found} if found else {}


def newest(known: Json, body: Mirrored) -> int | None:
    """Name the newest revision of what is known and the news."""
    revisions = [one for one in (known.get("revision"), body.revision) if isinstance(one, int)]
    return max(revisions, default=None)
