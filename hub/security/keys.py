"""API keys: `<prefix>_<secret><checksum>`, shown once, kept as a hash."""

import hmac
import re
import string
import zlib
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

from hub.security.derive import derive

KeyKind = Literal["pharmacy", "operator", "integrator"]

PREFIXES: Final[Mapping[KeyKind, str]] = {"pharmacy": "phk_", "operator": "pho_", "integrator": "phi_"}
# For secret scanners; the checksum tells a key from a chance match.
KEY_PATTERN: Final = r"\bph[koi]_[0-9A-Za-z]{39}\b"

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_BYTES = 24
_SECRET_LENGTH = 33  # 62**33 > 2**192
_CHECKSUM_LENGTH = 6  # 62**6 > 2**32
_SHAPE = re.compile(r"(ph[koi]_)([0-9A-Za-z]{33})([0-9A-Za-z]{6})")
_KINDS: Final[Mapping[str, KeyKind]] = {prefix: kind for kind, prefix in PREFIXES.items()}


def derive_key(secret_key: str, operation_id: UUID, kind: KeyKind = "pharmacy") -> str:
    """Derive the API key that an operation mints: a repeat of the operation shows the same one.

    >>> derive_key("s" * 32, UUID(int=1))
    'phk_1p5pW7VxCRF9lPswswXG1jHFqBNbPK8o22CyQmf'
    """
    chance = derive(secret_key, f"api-key:{kind}", operation_id, length=_SECRET_BYTES)
    body = PREFIXES[kind] + _base62(int.from_bytes(chance), _SECRET_LENGTH)
    return body + _checksum(body)


def mint_key(secret_key: str, operation_id: UUID, kind: KeyKind = "pharmacy") -> tuple[str, dict[str, str]]:
    """Derive a key, and what travels with its command in its stead: the hash and the last four characters."""
    key = derive_key(secret_key, operation_id, kind)
    return key, {"key_digest": hash_key(key).hex(), "key_hint": hint_of(key)}


def kind_of(key: str) -> KeyKind | None:
    """Name the kind of a well-formed key, else None. Says nothing about whether the key is known.

    A typo or a cut key fails the checksum, so it costs no look-up. Any string may be asked.
    """
    shape = _SHAPE.fullmatch(key)
    if shape is None or not hmac.compare_digest(_checksum(shape[1] + shape[2]), shape[3]):
        return None
    return _KINDS[shape[1]]


def is_wellformed(key: str) -> bool:
    """Tell whether a string can be an API key of any kind: prefix, length, alphabet and checksum."""
    return kind_of(key) is not None


def hash_key(key: str) -> bytes:
    """Hash a key for keeping and look-up: SHA-256, 32 bytes. Its 192 bits of chance need no slow hash."""
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


def hint_of(key: str) -> str:
    """Show the last four characters, by which people tell their keys apart; they are checksum, not secret."""
    return key[-4:]


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode("ascii")), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
