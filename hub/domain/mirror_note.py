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


class Mirrored(Body):
    """Where the news comes from: the source, and the incoming webhook that caused it."""

    source_id: UUID
    causation_id: UUID
    hops: Annotated[int, Field(strict=True, ge=0)] = 0
    revision: Revision | None = None


def noted(extra_data: Json, body: Mirrored) -> dict[str, Any]:
    """Note news that changed the row."""
    return dict(extra_data) | {
        MIRROR: {
            "source_id": format_id(body.source_id),
            "causation_id": format_id(body.causation_id),
            "hops": body.hops,
            "revision": _newest(_known(extra_data, body), body),
        }
    }


def kept(extra_data: Json, body: Mirrored) -> dict[str, Any] | None:
    """Note news that changed nothing, so that older ones are told from them; None: there is nothing to note.

    The rest of the note stays what the last event said.
    """
    if body.revision is None:
        return None
    if not isinstance(extra_data.get(MIRROR), dict):
        return noted(extra_data, body)
    known = _known(extra_data, body)
    if not known or known.get("revision") == body.revision:
        return None
    return dict(extra_data) | {MIRROR: known | {"revision": body.revision}}


def is_older(body: Mirrored, extra_data: Json) -> bool:
    """Tell whether newer news of the same source was recorded before."""
    return body.revision is not None and body.revision != _newest(_known(extra_data, body), body)


def _known(extra_data: Json, body: Mirrored) -> dict[str, Any]:
    """Read the note, where it is of the same source; clients may have written anything there."""
    note = extra_data.get(MIRROR)
    return note if isinstance(note, dict) and note.get("source_id") == format_id(body.source_id) else {}


def _newest(known: Json, body: Mirrored) -> int | None:
    revisions = [one for one in (known.get("revision"), body.revision) if isinstance(one, int)]
    return max(revisions, default=None)
