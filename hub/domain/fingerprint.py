"""What tells two requests under one Idempotency-Key apart."""

from hashlib import sha256
from uuid import UUID

import orjson


def fingerprint_of(command_type: str, target: UUID | None, body: object) -> str:
    """Digest a command so that the same wish has the same digest at every door: SHA-256 in hex, 64 characters.

    Headers, minted ids and secrets are no part of it, nor are the body's spacing and the order of its members.

    Args:
        target: the resource that the route or the message's `id` names; None where the command makes a new one.
        body: the client's body, parsed (`hub.domain.json_input.parse_json`).
    Source: design, section 9, "Fingerprint".

    >>> fingerprint_of("sale.record", None, {"a": 1, "b": 2}) == fingerprint_of("sale.record", None, {"b": 2, "a": 1})
    True
    """
    head = f"{command_type}\n{'' if target is None else target}\n".encode()
    return sha256(head + orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
