"""Standard Webhooks: `webhook-signature: v1,<base64 of HMAC-SHA256 over id.timestamp.body>`, or `v1a,` with ed25519.

A secret says by its prefix how it signs: `whsec_` with HMAC, `whsk_` with ed25519, where receivers hold only the public
`whpk_`. Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, "Signature scheme".
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.security.derive import derive

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 -- the public prefix of every secret
SIGNING_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"
SECRET_BYTES: Final = (24, 64)
TOLERANCE_SECONDS: Final = 300
SIGNATURES: Final = 16  # of one message; a header with more was written to keep us busy

_DERIVED_BYTES = 32
_SEED_BYTES = 32
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,255}")  # visible ASCII without the dot: it separates id from timestamp
_TIMESTAMP = re.compile(r"[1-9][0-9]{8,10}")
_HEADER_LENGTH = 2048


def derive_webhook_secret(secret_key: str, operation_id: UUID) -> str:
    """Derive the `whsec_` secret that an operation mints: a repeat of the operation shows the same one.

    >>> derive_webhook_secret("s" * 32, UUID(int=1))
    'whsec_lcJwc5c7AAFjqTYk4jTN0wD97ulp/hKe9Fw3ef4iAkA='
    """
    return SECRET_PREFIX + b64encode(derive(secret_key, "webhook-secret", operation_id, length=_DERIVED_BYTES)).decode()


def derive_signing_key(secret_key: str, operation_id: UUID) -> str:
    """Derive the `whsk_` key that an operation mints for an endpoint with `signing: v1a`.

    It holds seed and public key, 64 bytes, as the specification's own libraries write it.

    >>> public_key_of(derive_signing_key("s" * 32, UUID(int=1)))
    'whpk_1wbRB+C8ufTRHirAwjAY8GBT1VENXjrgCGDNih3XBZU='
    """
    seed = derive(secret_key, "webhook-signing-key", operation_id, length=_SEED_BYTES)
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return SIGNING_PREFIX + b64encode(seed + public).decode()


def public_key_of(signing_key: str) -> str:
    """Give the `whpk_` key with which receivers verify what a `whsk_` key signs.

    Raises:
        ValueError: it is no signing key.
    """
    return PUBLIC_PREFIX + b64encode(_signing_key(signing_key).public_key().public_bytes_raw()).decode()


@lru_cache(maxsize=1024)
def _signing_key(text: str) -> Ed25519PrivateKey:
    raw = _raw(text, SIGNING_PREFIX)
    if len(raw) not in {_SEED_BYTES, 2 * _SEED_BYTES}:
        message = f"a signing key holds a seed of {_SEED_BYTES} bytes, and may hold its public key as well"
        raise ValueError(message)
    return Ed25519PrivateKey.from_private_bytes(raw[:_SEED_BYTES])


def _raw(text: str, prefix: str) -> bytes:
    if not text.startswith(prefix):
        message = f"a key of this kind begins with {prefix}"
        raise ValueError(message)
    return b64decode(text[len(prefix) :], validate=True)


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
        secrets: all that are valid now, newest first, `whsec_` or `whsk_`; during a rotation each gives a signature.

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


@lru_cache(maxsize=4096)
def _secret_key(secret: str) -> bytes:
    refused = refuse_secret(secret)
    if refused:
        raise ValueError(refused)
    return b64decode(secret[len(SECRET_PREFIX) :])


def _signature(message_id: str, timestamp: str, body: bytes, secret: str) -> str:
    content = b".".join((message_id.encode("ascii"), timestamp.encode("ascii"), body))
    if secret.startswith(SIGNING_PREFIX):
        return "v1a," + b64encode(_signing_key(secret).sign(content)).decode("ascii")
    return "v1," + b64encode(hmac.digest(_secret_key(secret), content, sha256)).decode("ascii")
