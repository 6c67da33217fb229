"""Time and chance: the only module that reads a clock or mints an id."""

import time
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat


def now() -> datetime:
    """Read the time of day, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Read a clock that never goes back, in seconds; only differences mean anything."""
    return time.monotonic()


def new_id() -> UUID:
    """Mint a UUIDv7 (RFC 9562): ids of one process sort by their time of minting."""
    return uuid_utils.compat.uuid7()
