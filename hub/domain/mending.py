"""What a command does to deliveries: many rows at once, chosen by the database while the deliverers work on them.

A decision cannot load thousands of deliveries, and a deliverer may change each of them at any moment. So it only says what
is to be done; the writer does it in its transaction, in one statement, and the number of rows becomes the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from hub.domain.problem import Problem

Kind = Literal["resend", "recover", "replay", "replay-missing", "cancel", "skip", "begin", "enable", "forgive"]


@dataclass(frozen=True, slots=True)
class Mending:
    """What is to be done to the deliveries of an endpoint.

    Args:
        kind: `resend`: one goes out again. `recover`: what failed. `replay`: what matches. `replay-missing`: what the endpoint
            wants and never got. `cancel`, `skip`: what is pending is not sent. `begin`: nothing of what happened before is
            sent. `enable`: what was left when it was disabled is not sent. `forgive`: the failures so far do not count, as
            with the two before.
        delivery_id: the one that `resend` is about.
        since: made (or, of missing ones, happened) at or after this time.
        until: before this time.
        wanted: a filter on event and delivery; None: all.
        event_types: which events the endpoint wants, for missing ones.
        is_dry: only count.
        is_told: the answer is `{"matched": n}`.
        otherwise: why the command is refused where no row is left to be changed.
    """

    kind: Kind
    pharmacy_id: UUID
    endpoint_id: UUID
    delivery_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    wanted: Mapping[str, Any] | None = None
    event_types: tuple[str, ...] = ()
    is_dry: bool = False
    is_told: bool = False
    otherwise: Problem | None = None
