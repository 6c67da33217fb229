"""What a decision can be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hub.domain.fields import TOO_LONG, is_too_long, same_json
from hub.domain.mending import Mending
from hub.domain.problem import FieldError, Problem
from hub.domain.state import Row


class Event(NamedTuple):
    """A fact, before it has its number: type `<resource>.<past>`, subject `<route>/<id>`, and the data."""

    type: str
    subject: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The rules say yes.

    Args:
        changes: the rows as they are from now on, in order.
        events: what happened; empty when nothing changed.
        resource: the representation of the resource that the client asked about; None when it is gone.
        mending: what is to be done to deliveries besides.
        is_kept: no event shows this `resource`, so the operation keeps it for who asks again.
    """

    changes: tuple[Row, ...]
    events: tuple[Event, ...]
    resource: Mapping[str, Any] | None
    mending: Mending | None = None
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The rules say no."""

    problem: Problem


Outcome = Accepted | Rejected


def refuse(slug: str, detail: str, *errors: FieldError, **extra: object) -> Rejected:
    """Reject with a problem of the catalogue."""
    return Rejected(Problem(slug, detail, errors, extra))


def overlong(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Rejected | None:
    """Refuse free data that has grown beyond its bound by what was merged into it.

    Args:
        name: the member of the body that changes it; where it changes nothing, both are the same object.
    """
    if after is before or not is_too_long(after):
        return None
    return refuse("validation", f"{name}: {TOO_LONG}", FieldError(f"#/{name}", "object_too_long", TOO_LONG))


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Name the old values of what changed, without the bookkeeping every change brings."""
    return {
        name: value
        for name, value in before.items()
        if name not in {"updated_at", "version"} and not same_json(value, after.get(name))
    }
