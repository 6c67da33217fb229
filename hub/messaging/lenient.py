"""Properties of messages from outside, read whatever they hold.

RabbitMQ passes properties on without looking: a short string that is no UTF-8, a time in the year 292277026596, a table
nested a thousand levels deep, a delivery mode of 7. pamqp fails on each, its failure ends the whole connection, and the
broker then delivers the message again, for ever. One such message of one integrator would stop every consumer of the hub.
"""

from typing import Any, Final

from pamqp import commands, decode

_BREAKS: Final = (ValueError, OverflowError, OSError, RecursionError)
_MODES: Final = frozenset({None, 1, 2})
_read_strictly: Final = commands.Basic.Properties.unmarshal


def read_leniently() -> None:
    """Let this process read the properties of any message (pamqp is pinned, and this is under test)."""
    commands.Basic.Properties.unmarshal = _unmarshal  # type: ignore[method-assign]


def _unmarshal(self: Any, flags: int, data: bytes) -> None:  # noqa: ANN401 -- pamqp's properties
    try:
        _read_strictly(self, flags, data)
    except _BREAKS:
        _read_each(self, flags, data)
    if self.delivery_mode not in _MODES:
        self.delivery_mode = 1


def _read_each(properties: Any, flags: int, data: bytes) -> None:  # noqa: ANN401 -- as above
    """Read one property after the other; what cannot be read is a text with marks, or not there."""
    for name in properties.__slots__:
        if not flags & properties.flags[name]:
            continue
        kind = getattr(type(properties), f"_{name}")
        try:
            consumed, value = decode.by_type(data, kind)
        except _BREAKS:
            consumed, value = _skip(kind, data)
        setattr(properties, name, value)
        data = data[consumed:]


def _skip(kind: str, data: bytes) -> tuple[int, Any]:
    match kind:
        case "shortstr":
            length = data[0] + 1
            return length, data[1:length].decode("utf-8", "replace")
        case "table":
            return 4 + int.from_bytes(data[:4]), {}
        case "timestamp":
            return 8, None
        case _:
            return 1, None
