"""What an installation's secret turns into: one key for each purpose, never the secret itself."""

import secrets
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# A new rule of derivation takes a new label; keys of the old one stay what they are.
_LABEL = b"pharmacy-connector-hub/1"


def derive(secret_key: str, purpose: str, operation_id: UUID | None = None, *, length: int = 32) -> bytes:
    """Derive the bytes that serve one purpose, of one operation where one is named.

    The same arguments give the same bytes in every process, so a repeated command shows the same key and no gateway
    has to remember one. Nobody without `secret_key` can tell them from chance.

    Args:
        secret_key: the setting `secret_key`, 32 characters or more.
        purpose: names the use, without NUL; two purposes never share bytes.
        length: wanted bytes, 1 to 8160.
    Source: RFC 5869; label, purpose and operation are told apart by NUL, which none of the first two contains.
    """
    info = b"\0".join((_LABEL, purpose.encode(), operation_id.bytes if operation_id else b""))
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret_key.encode())


def mint_secret_key() -> str:
    """Mint a new installation's `secret_key`: 64 URL-safe characters, 384 bits of chance."""
    return secrets.token_urlsafe(48)


def login_path(secret_key: str) -> str:
    """Name the path below which RabbitMQ asks the gateway about log-ins; nobody can guess it without the secret key."""
    return f"/internal/amqp/{derive(secret_key, 'amqp login', length=24).hex()}"
