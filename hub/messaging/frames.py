"""Messages as AMQP 0-9-1 frames, and what goes into one.

pamqp writes a publish in about 30 us, and publishing events is what limits the hub; this writer knows the few
properties that the hub sets and takes a fifth of that. Tests read its output back with pamqp.
"""

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

_FRAME = Struct(">BHI")  # type, channel, size
_PUBLISH_START = b"\x00\x3c\x00\x28\x00\x00"  # class 60 basic, method 40 publish, reserved
_HEADER = Struct(">HHQH")  # class 60, weight 0, body size, property flags
_LONG = Struct(">I")
_SIGNED = Struct(">q")

_CONTENT_TYPE, _HEADERS, _DELIVERY_MODE = 0x8000, 0x2000, 0x1000
_CORRELATION_ID, _MESSAGE_ID = 0x0400, 0x0080
_END = b"\xce"
_SHORT_BYTES = 255

HeaderValue = str | int | bool


class Outgoing(NamedTuple):
    """One message for the broker.

    Args:
        exchange: empty for the default exchange, whose routing key is a queue's name.
        mandatory: no queue takes it = the publish fails. False where nobody may be listening (replies, notices).
        persistent: survives a restart of the broker.
        message_id: made up when absent and the message is mandatory: the broker's return is matched by it.
    """

    exchange: str
    routing_key: str
    body: bytes
    content_type: str = "application/json"
    message_id: str | None = None
    correlation_id: str | None = None
    headers: Mapping[str, HeaderValue] | None = None
    mandatory: bool = True
    persistent: bool = True


def publish_frames(out: list[bytes], channel: int, frame_bytes: int, message: Outgoing, message_id: str | None) -> None:
    """Append the frames of one publish to `out`.

    Args:
        frame_bytes: the largest body that one frame of this connection carries.
        message_id: goes on the wire; None leaves the property out.
    Raises:
        ValueError: a short string is longer than 255 bytes.
    """
    flags = _CONTENT_TYPE | _DELIVERY_MODE
    properties = [_known(message.content_type)]
    if message.headers:
        flags |= _HEADERS
        properties.append(_table(message.headers))
    properties.append(b"\x02" if message.persistent else b"\x01")
    if message.correlation_id is not None:
        flags |= _CORRELATION_ID
        properties.append(_short(message.correlation_id))
    if message_id is not None:
        flags |= _MESSAGE_ID
        properties.append(_short(message_id))
    body = message.body
    header = _HEADER.pack(60, 0, len(body), flags) + b"".join(properties)
    method = _method_frame(channel, message.exchange, message.routing_key, message.mandatory)
    out += (method, _FRAME.pack(2, channel, len(header)), header, _END)
    if len(body) <= frame_bytes:
        if body:
            out += (_FRAME.pack(3, channel, len(body)), body, _END)
        return
    for start in range(0, len(body), frame_bytes):
        part = body[start : start + frame_bytes]
        out += (_FRAME.pack(3, channel, len(part)), part, _END)


@lru_cache(maxsize=4096)
def _method_frame(channel: int, exchange: str, routing_key: str, mandatory: bool) -> bytes:  # noqa: FBT001 -- a cache's key
    """Write the first frame, which says where a message goes: most messages go where others went before."""
    bits = b"\x01" if mandatory else b"\x00"
    method = b"".join((_PUBLISH_START, _short(exchange), _short(routing_key), bits))
    return _FRAME.pack(1, channel, len(method)) + method + _END


def _short(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > _SHORT_BYTES:
        message = f"longer than {_SHORT_BYTES} bytes: {text[:40]}..."
        raise ValueError(message)
    return bytes((len(raw),)) + raw


# For what is the same in every message: content types, names of headers.
_known = lru_cache(maxsize=256)(_short)


def _table(headers: Mapping[str, HeaderValue]) -> bytes:
    parts: list[bytes] = []
    for name, value in headers.items():
        parts.append(_known(name))
        match value:
            case bool():
                parts.append(b"t\x01" if value else b"t\x00")
            case int():
                parts.append(b"l" + _SIGNED.pack(value))
            case str():
                raw = value.encode()
                parts += (b"S", _LONG.pack(len(raw)), raw)
    joined = b"".join(parts)
    return _LONG.pack(len(joined)) + joined
