"""What a pharmacy may have only so many of: each costs the hub something with every event, request or look."""

from dataclasses import dataclass, replace
from typing import ClassVar, Final, Literal
from uuid import UUID

from hub.domain.outcome import Rejected, refuse
from hub.domain.state import State

MOST: Final = 100
"""Endpoints, sources and valid keys of one pharmacy, each."""

Held = Literal["endpoints", "sources", "keys"]


@dataclass(frozen=True, slots=True)
class Holdings:
    """How many there are, counted when the window begins; what it adds is counted on, what it takes away is not."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    endpoints: int = 0
    sources: int = 0
    keys: int = 0


def one_more(state: State, held: Held) -> Holdings | Rejected:
    """Count one more, unless there are as many as there may be."""
    now = state.find(Holdings, state.pharmacy_id) or Holdings(state.pharmacy_id, state.pharmacy_id)
    count = getattr(now, held)
    if count >= MOST:
        return refuse(
            "limit-reached", f"this pharmacy has {count} {held}, and may have {MOST}; remove one that is not needed"
        )
    return replace(now, **{held: count + 1})
