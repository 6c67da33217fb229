"""The states of an order, and the table of its moves."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

EXTERNAL = "external"
"""The source of orders whose truth lies elsewhere: they may be in any state and jump."""


class OrderStatus(StrEnum):
    """Where an order stands."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    PREPARING = "preparing"
    READY = "ready"
    ON_HOLD = "on_hold"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


_S = OrderStatus
NEXT: Mapping[OrderStatus, frozenset[OrderStatus]] = MappingProxyType(
    {
        _S.PENDING: frozenset({_S.CONFIRMED, _S.ON_HOLD, _S.REJECTED, _S.CANCELLED}),
        _S.CONFIRMED: frozenset({_S.PREPARING, _S.ON_HOLD, _S.CANCELLED, _S.REJECTED}),
        _S.PREPARING: frozenset({_S.READY, _S.ON_HOLD, _S.CANCELLED}),
        _S.READY: frozenset({_S.COMPLETED, _S.PREPARING, _S.CANCELLED, _S.EXPIRED}),
        # ... and the state it left.
        _S.ON_HOLD: frozenset({_S.CANCELLED, _S.REJECTED}),
        _S.COMPLETED: frozenset(),
        _S.CANCELLED: frozenset(),
        _S.REJECTED: frozenset(),
        _S.EXPIRED: frozenset(),
    }
)
RESERVING = frozenset({_S.CONFIRMED, _S.PREPARING, _S.READY})
ENDED = frozenset({_S.COMPLETED, _S.CANCELLED, _S.REJECTED, _S.EXPIRED})
_OPEN = frozenset({_S.PENDING, _S.CONFIRMED, _S.PREPARING, _S.READY})


def moved_to(now: str, held_from: str | None, said: OrderStatus | None, said_before: object) -> OrderStatus:
    """Say where an external order stands once its vendor says where it stands there.

    A vendor tells the whole order with every change of it: what it said before it only repeats, and what the pharmacy moved on
    meanwhile stays so.

    Args:
        said: None: it did not say.
        said_before: the status in the vendor's message before; None: not known.
    """
    stands = OrderStatus(now)
    if said is None or (said == said_before and (said not in ENDED or stands in ENDED)):
        return stands
    if said in ENDED:
        return said
    # Elsewhere than the vendor left it, it was moved here.
    is_moved_here = stands != said_before
    if is_moved_here and (stands in ENDED or (stands is _S.ON_HOLD and said in _OPEN)):
        return stands
    if said is _S.ON_HOLD:
        return said
    if stands is _S.ON_HOLD:
        return _further(OrderStatus(held_from or said), said)
    return _further(stands, said) if is_moved_here else said


def _further(one: OrderStatus, other: OrderStatus) -> OrderStatus:
    return max(one, other, key=list(OrderStatus).index)
