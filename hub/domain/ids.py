"""Ids that follow from other ids, so that a repeat through any gateway names the same things."""

from hashlib import sha256
from uuid import UUID, SafeUUID

HUB_ID = UUID(int=0)
"""The scope of commands that belong to no pharmacy."""

_FIXED = 0x8 << 76 | 0x2 << 62  # version 8, variant 2
_FREE = ~(0xF << 76 | 0x3 << 62)
_RUN = 2**32
_UNKNOWN = SafeUUID.unknown  # looked up in an enumeration each time, it takes as long as the hash


def derived_id(*parts: UUID | str | int) -> UUID:
    """Derive a UUIDv8 from the SHA-256 of the parts (RFC 9562, section 5.8).

    >>> derived_id("a", "b") == derived_id("a", "b") != derived_id("ab")
    True
    >>> derived_id("a").version
    8
    """
    # Not `type(part) is UUID`: the database driver's UUIDs are of a class of their own, and name the same thing.
    text = b"\x1f".join([part.bytes if isinstance(part, UUID) else str(part).encode() for part in parts])
    number = int.from_bytes(sha256(text).digest()[:16], "big")
    return _uuid_of((number & _FREE) | _FIXED)


def numbered_id(run: UUID, number: int) -> UUID:
    """Name one of a run of ids, which all begin like `run`; in an index they lie side by side, in the order of their numbers.

    Args:
        run: derived from what they are all made of.
        number: below 2^32.
    """
    assert 0 <= number < _RUN, number
    return _uuid_of(run.int // _RUN * _RUN + number)


def _uuid_of(number: int) -> UUID:
    # As Python 3.14's own `UUID._from_int`: the constructor's checks take longer than the hash, and rows have several ids.
    value = object.__new__(UUID)
    object.__setattr__(value, "int", number)
    object.__setattr__(value, "is_safe", _UNKNOWN)
    return value


def operation_id_for(scope: UUID, idempotency_key: str) -> UUID:
    """Derive the operation that an `Idempotency-Key` (or an AMQP `message_id`) of this scope stands for."""
    return derived_id(scope, "operation", idempotency_key)


def resource_id_for(operation_id: UUID) -> UUID:
    """Derive the id of the resource that this operation creates."""
    return derived_id(operation_id, "resource")


def event_id_for(operation_id: UUID, index: int) -> UUID:
    """Derive the id of the operation's event number `index`, counted from 0."""
    return numbered_id(derived_id(operation_id, "event"), index)


def event_ids_for(operation_id: UUID, count: int) -> list[UUID]:
    """Derive the ids of all events of an operation."""
    run = derived_id(operation_id, "event")
    return [numbered_id(run, index) for index in range(count)]


def default_endpoint_id(pharmacy_id: UUID) -> UUID:
    """Derive the id of the webhook endpoint that a pharmacy's `webhook_url` stands for."""
    return derived_id(pharmacy_id, "default-endpoint")
