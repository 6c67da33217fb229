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
