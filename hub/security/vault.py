"""What is kept at rest and must come back: endpoint and source secrets, under AES-256-GCM."""

import os
from base64 import b64decode, b64encode
from collections.abc import Iterable
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.faults import HubFault
from hub.security.derive import derive

_NONCE_BYTES = 12
_TAG_BYTES = 16


def endpoint_aad(endpoint_id: UUID) -> str:
    """Name the place that a webhook endpoint's secret is encrypted for."""
    return f"endpoint:{endpoint_id}"


def source_aad(source_id: UUID) -> str:
    """Name the place that a source's secrets are encrypted for."""
    return f"source:{source_id}"


def operator_aad(operator_id: UUID) -> str:
    """Name the place that an operator's TOTP secret is encrypted for."""
    return f"operator:{operator_id}"


class Undecryptable(HubFault):
    """A ciphertext opens with none of the installation's keys, or belongs to another row.

    The operator looks whether `HUB_SECRET_KEY` is the one that the data was written under (a restored dump, a second
    installation), or gives the receiver a new secret.
    """


class Vault:
    """Encrypts under the newest secret and decrypts under any that is still given.

    A ciphertext is one key-id byte, twelve of nonce, then content and tag: 29 bytes more than the plaintext. The id is
    a hint, not a number somebody counts: two secrets may share one, then both are tried. Random nonces are safe for
    2**32 ciphertexts of one secret.

    Args:
        secret_key: the setting `secret_key`; everything is encrypted under it.
        previous: secrets that were replaced; they only decrypt, until a rotation has rewritten all rows.
        purpose: keeps the keys of several uses apart.
    """

    __slots__ = ("_current", "_keys")

    def __init__(self, secret_key: str, previous: Iterable[str] = (), *, purpose: str = "at-rest") -> None:
        self._keys = tuple(
            (derive(secret, f"vault-id:{purpose}", length=1), AESGCM(derive(secret, f"vault:{purpose}")))
            for secret in (secret_key, *previous)
        )
        self._current = self._keys[0]

    def encrypt(self, plaintext: bytes, aad: str) -> bytes:
        """Encrypt for one place.

        Args:
            aad: names the place, e.g. `endpoint:<id>`; moved to another row, the ciphertext does not open.
        """
        key_id, cipher = self._current
        nonce = os.urandom(_NONCE_BYTES)
        return key_id + nonce + cipher.encrypt(nonce, plaintext, aad.encode())

    def decrypt(self, ciphertext: bytes, aad: str) -> bytes:
        """Decrypt what `encrypt` gave for the same place.

        Raises:
            Undecryptable: wrong secret, wrong place, or changed bytes; which of them cannot be told.
        """
        if len(ciphertext) >= 1 + _NONCE_BYTES + _TAG_BYTES:
            nonce, content = ciphertext[1 : 1 + _NONCE_BYTES], ciphertext[1 + _NONCE_BYTES :]
            for key_id, cipher in self._keys:
                if key_id != ciphertext[:1]:
                    continue
                try:
                    return cipher.decrypt(nonce, content, aad.encode())
                except InvalidTag:
                    continue
        message = f"{aad} opens with no secret of this installation: compare HUB_SECRET_KEY, or set a new one there"
        raise Undecryptable(message)

    def encrypt_text(self, plaintext: str, aad: str) -> str:
        """Encrypt text into base64, the form that commands and rows carry."""
        return b64encode(self.encrypt(plaintext.encode(), aad)).decode("ascii")

    def decrypt_text(self, ciphertext: str, aad: str) -> str:
        """Decrypt what `encrypt_text` gave for the same place.

        Raises:
            Undecryptable: as `decrypt`, or the text is no base64.
        """
        try:
            raw = b64decode(ciphertext, validate=True)
        except ValueError:
            raw = b""
        return self.decrypt(raw, aad).decode()

    def renew_text(self, ciphertext: str, aad: str) -> str | None:
        """Encrypt anew, under the newest secret, what another one has encrypted; None: it is of the newest already.

        Raises:
            Undecryptable: as `decrypt_text`.
        """
        plaintext = self.decrypt_text(ciphertext, aad)
        raw = b64decode(ciphertext)
        # The id in the first byte is only a hint: another secret may have the same one.
        try:
            self._current[1].decrypt(raw[1 : 1 + _NONCE_BYTES], raw[1 + _NONCE_BYTES :], aad.encode())
        except InvalidTag:
            return self.encrypt_text(plaintext, aad)
        return None
