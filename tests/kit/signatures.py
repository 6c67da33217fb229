"""What a receiver does with `v1a` signatures, as the specification of Standard Webhooks has it."""

from base64 import b64decode
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def refuse_public_signature(headers: Mapping[str, str], body: bytes, public_key: str) -> str | None:
    """Say why no `v1a` signature of a message fits a `whpk_` key, or None when one does; the time is not looked at."""
    key = Ed25519PublicKey.from_public_bytes(b64decode(public_key.removeprefix("whpk_")))
    content = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    for part in headers["webhook-signature"].split(" "):
        version, _, text = part.partition(",")
        if version != "v1a":
            continue
        try:
            key.verify(b64decode(text, validate=True), content)
        except (InvalidSignature, ValueError):
            continue
        return None
    return "no signature fits"
