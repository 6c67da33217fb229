"""What the hub hands out and trusts when it comes back: accepted tokens, cursors, tickets, sessions."""

import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from hub.security.derive import derive
from hub.security.vault import Undecryptable, Vault

SEAL_LENGTH: Final = 4096  # characters; longer ones are not even decoded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAC_BYTES = 16
_ACCEPTED = re.compile(r"([1-9][0-9]{0,16})\.([0-9A-Za-z_-]{22})([0-9A-Za-z_-]{22})")
_BASE64URL = re.compile(r"[0-9A-Za-z_-]+")
_EXPIRY_BYTES = 8


class Tokens:
    """Makes and reads the tokens of one installation; every gateway with the same secret reads all of them.

    Args:
        secret_key: the setting `secret_key`.
        previous: secrets that were replaced; their tokens are still read.
    """

    __slots__ = ("_macs", "_seals")

    def __init__(self, secret_key: str, previous: Iterable[str] = ()) -> None:
        older = tuple(previous)
        self._macs = tuple(derive(secret, "accepted-token") for secret in (secret_key, *older))
        self._seals = Vault(secret_key, older, purpose="seal")

    def accepted_token(self, operation_id: UUID, pharmacy_id: UUID, at: datetime) -> str:
        """Make the `accepted` token of a 202: `<microseconds since 1970>.<mac>`, URL-safe.

        Args:
            pharmacy_id: in whose scope the command runs; the second half of the mac is bound to it.
            at: when the broker confirmed, aware.
        """
        stamp = str((at - _EPOCH) // _MICROSECOND)
        told = operation_id.bytes + stamp.encode("ascii")
        return f"{stamp}.{_mac(self._macs[0], told)}{_mac(self._macs[0], told + pharmacy_id.bytes)}"

    def accepted_at(self, token: str, operation_id: UUID) -> datetime | None:
        """Read when this very operation was accepted, or None if this installation never said so.

        The token does not expire: the caller compares the time with how long operations are kept.
        """
        shape = _ACCEPTED.fullmatch(token)
        if shape is None:
            return None
        told = operation_id.bytes + shape[1].encode("ascii")
        if not any(hmac.compare_digest(_mac(key, told), shape[2]) for key in self._macs):
            return None
        return _EPOCH + int(shape[1]) * _MICROSECOND

    def is_accepted_for(self, token: str, operation_id: UUID, pharmacy_id: UUID) -> bool:
        """Tell whether a token that `accepted_at` has read is of a command of this pharmacy."""
        shape = _ACCEPTED.fullmatch(token)
        if shape is None:
            return False
        told = operation_id.bytes + shape[1].encode("ascii") + pharmacy_id.bytes
        return any(hmac.compare_digest(_mac(key, told), shape[3]) for key in self._macs)

    def seal(self, value: object, purpose: str, expires_at: datetime | None = None) -> str:
        """Seal a short JSON value: unreadable and unchangeable for whoever carries it, URL-safe, one spelling only.

        Args:
            value: anything that `json` writes; keep it short, `SEAL_LENGTH` is the limit of the whole seal.
            purpose: what it is good for and whose, e.g. `cursor:<pharmacy id>:sales`; another purpose does not open it.
            expires_at: aware; from then on it does not open. None: never.

        Raises:
            ValueError: the value is too long.
        """
        expiry = (expires_at - _EPOCH) // _MICROSECOND if expires_at else 0
        content = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        sealed = _encode(self._seals.encrypt(expiry.to_bytes(_EXPIRY_BYTES) + content, purpose))
        if len(sealed) > SEAL_LENGTH:
            message = f"a sealed value takes {len(sealed)} characters, at most {SEAL_LENGTH} are allowed"
            raise ValueError(message)
        return sealed

    def unseal(self, sealed: str, purpose: str, at: datetime) -> object | None:
        """Open a seal: the value, or None if it is not ours, of another purpose, changed, or expired at `at`.

        Sealing `None` makes no sense for that reason. Any string may be asked.
        """
        if len(sealed) > SEAL_LENGTH or not _BASE64URL.fullmatch(sealed):
            return None
        try:
            raw = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
            # The unused bits of the last character must be zero: one ticket has one spelling, so it is spent once.
            content = self._seals.decrypt(raw, purpose) if _encode(raw) == sealed else b""
        except (ValueError, Undecryptable):
            return None
        if not content:
            return None
        expiry = int.from_bytes(content[:_EXPIRY_BYTES])
        if expiry and at >= _EPOCH + expiry * _MICROSECOND:
            return None
        value: object = json.loads(content[_EXPIRY_BYTES:])
        return value


def _mac(key: bytes, told: bytes) -> str:
    return _encode(hmac.digest(key, told, sha256)[:_MAC_BYTES])


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode("ascii").rstrip("=")
