"""Standard Webhooks, symmetric: `webhook-signature: v1,<base64 of HMAC-SHA256 over id.timestamp.body>`.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, "Signature scheme".
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from hub.security.derive import derive

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the public prefix of every secret
SECRET_BYTES: Final = (24, 64)
TOLERANCE_SECONDS: Final = 300
SIGNATURES: Final = 16  # of one message; a header with more was written to keep us busy

_DERIVED_BYTES = 32
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,255}")  # visible ASCII without the dot: it separates id from timestamp
_TIMESTAMP = re.compile(r"[1-9][0-9]{8,10}")
_HEADER_LENGTH = 2048


def derive_webhook_secret(secret_key: str, operation_id: UUID) -> str:
    """Derive the `whsec_` secret that an operation mints: a repeat of the operation shows the same one.

    >>> derive_webhook_secret("s" * 32, UUID(int=1))
    'whsec_lcJwc5c7AAFjqTYk4jTN0wD97ulp/hKe9Fw3ef4iAkA='
    """
    return SECRET_PREFIX + b64encode(derive(secret_key, "webhook-secret", operation_id, length=_DERIVED_BYTES)).decode()


def refuse_secret(secret: str) -> str | None:
    """Say why a string is no webhook secret, or None: `whsec_` and the base64 of 24 to 64 bytes, padded."""
    fewest, most = SECRET_BYTES
    if not secret.startswith(SECRET_PREFIX):
        return f"a webhook secret begins with {SECRET_PREFIX}"
    if len(secret) > len(SECRET_PREFIX) + 4 * -(-most // 3):
        return f"a webhook secret holds at most {most} bytes"
    try:
        raw = b64decode(secret[len(SECRET_PREFIX) :], validate=True)
    except ValueError:
        return f"after {SECRET_PREFIX} a webhook secret is standard base64 with its padding"
    if not fewest <= len(raw) <= most:
        return f"a webhook secret holds {fewest} to {most} bytes, this one {len(raw)}"
    return None


def sign(message_id: str, at: datetime, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """Sign one attempt: the three headers to send with exactly these bytes.

    Args:
        message_id: the event's id; it stays the same on every attempt.
        at: the moment of this attempt, aware; receivers allow five minutes.
        secrets: all that are valid now, newest first; during a rotation each gives a signature.

    Raises:
        ValueError: the id or a secret is not well formed, or no secret is given.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        message = "a webhook-id is 1 to 255 visible ASCII characters without a dot"
        raise ValueError(message)
    stamp = str(int(at.timestamp()))
    signatures = [_signature(message_id, stamp, body, secret) for secret in secrets]
    if not signatures:
        message = "a webhook is signed with one secret or more"
        raise ValueError(message)
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": " ".join(signatures)}


def refuse_signature(headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: datetime) -> str | None:
    """Say why a message is not genuine, or None when it is. The reason is for the audit, never for the sender.

    Signatures of other versions are skipped, not refused. Comparison takes the same time wherever the bytes differ.

    Args:
        headers: names in lower case. `webhook-id`; `webhook-timestamp`, whole seconds since 1970 in plain digits;
            `webhook-signature`, `v1,<base64>` once or more with spaces between. Which of two headers with one name
            counts is the caller's to decide; best none.
        body: the raw bytes as they came, not parsed and dumped again.
        secrets: all that are valid now.
        now: five minutes before or after the timestamp at most.
    """
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signature = headers.get("webhook-signature", "")
    if not _MESSAGE_ID.fullmatch(message_id):
        return "the webhook-id is missing or malformed"
    if not _TIMESTAMP.fullmatch(timestamp):
        return "the webhook-timestamp is missing or malformed"
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        return f"the webhook-timestamp is more than {TOLERANCE_SECONDS} seconds away"
    if not signature or len(signature) > _HEADER_LENGTH or not signature.isascii():
        return "the webhook-signature is missing or malformed"
    candidates = [part.encode("ascii") for part in signature.split(" ") if part.startswith("v1,")]
    if not 0 < len(candidates) <= SIGNATURES:
        return f"the webhook-signature holds {len(candidates)} signatures of version v1, wanted are 1 to {SIGNATURES}"
    expected = [_signature(message_id, timestamp, body, secret).encode("ascii") for secret in secrets]
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in candidates]
    return None if any(matches) else "no signature fits"


def _signature(message_id: str, timestamp: str, body: bytes, secret: str) -> str:
    refused = refuse_secret(secret)
    if refused:
        raise ValueError(refused)
    content = b".".join((message_id.encode("ascii"), timestamp.encode("ascii"), body))
    return "v1," + b64encode(hmac.digest(b64decode(secret[len(SECRET_PREFIX) :]), content, sha256)).decode("ascii")
