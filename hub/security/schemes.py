"""Is a webhook genuine? One check per scheme, over the raw bytes, in constant time.

A header of a scheme that comes twice is refused, whatever the two say: no proxy or second header decides which one counts.
The reasons are for the hub's log, never for the sender.

Sources: the vendors' own documentation of their signatures (Shopify, WooCommerce, Square, Stripe, GitHub); Standard Webhooks
in `signatures.py`; basic authentication is RFC 7617.
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from hub.security.signatures import SIGNATURES, TOLERANCE_SECONDS, refuse_signature

MAX_HEADER_CHARACTERS: Final = 2048
_STAMP: Final = re.compile(r"[1-9][0-9]{8,10}")
_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a source's messages must bear.

    Args:
        settings: as `hub.domain.source_bodies.SourceSettings` has them.
        secrets: all that are good now, newest first.
        url: the address that the vendor was told; Square signs it.
    """

    scheme: str
    secrets: Sequence[str] = field(repr=False)
    settings: Mapping[str, Any]
    url: str = ""


class _Forged(Exception):
    """The message is not genuine, and why."""


class MessageHeaders:
    """The headers of a message by their lower-case names; each that counts must come once."""

    __slots__ = ("_found",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._found: dict[str, list[bytes]] = {}
        for name, value in raw:
            self._found.setdefault(name.decode("latin-1").lower(), []).append(value)

    def find(self, name: str) -> str | None:
        """Read a header that comes once and is ASCII; None: it is missing, or no such header."""
        values = self._found.get(name.lower(), ())
        if len(values) != 1 or len(values[0]) > MAX_HEADER_CHARACTERS or not values[0].isascii():
            return None
        return values[0].decode("ascii").strip()

    def get(self, name: str) -> str:
        """Read a header that must be there, once.

        Raises:
            _Forged: it is missing, comes twice, is too long or not ASCII.
        """
        value = self.find(name)
        if not value:
            reason = f"the header {name} does not come exactly once, in ASCII"
            raise _Forged(reason)
        return value


def refuse_message(expected: Expected, headers: MessageHeaders, body: bytes, now: datetime) -> str | None:
    """Say why a message is not genuine, or None when it is.

    Args:
        body: the raw bytes as they came, not parsed and dumped again.
        now: where the scheme has a timestamp, it lies within five minutes of this.
    """
    try:
        return _refuse(expected, headers, body, now)
    except _Forged as forged:
        return str(forged)


def _refuse(expected: Expected, headers: MessageHeaders, body: bytes, now: datetime) -> str | None:
    match expected.scheme:
        case "standard":
            names = ("webhook-id", "webhook-timestamp", "webhook-signature")
            return refuse_signature({name: headers.get(name) for name in names}, body, expected.secrets, now)
        case "stripe":
            return _refuse_stripe(expected, headers, body, now)
        case "basic":
            return _refuse_credentials(
                [f"{expected.settings['username']}:{secret}" for secret in expected.secrets], _basic(headers)
            )
        case "api_key":
            given = headers.get(expected.settings.get("header") or "x-api-key")
            return _refuse_credentials(expected.secrets, given.encode("ascii"))
        case _:
            header, sign = _signature_of(expected)
            theirs = headers.get(header)
            if expected.scheme == "github" or _is_hex(expected):
                theirs = theirs.lower()
            ours = [sign(secret.encode(), body) for secret in expected.secrets]
            return _compare(ours, [theirs.encode("ascii")])


def _is_hex(expected: Expected) -> bool:
    return expected.scheme == "hmac" and expected.settings.get("encoding") != "base64"


def _signature_of(expected: Expected) -> tuple[str, Any]:
    """Name the header, and the function of secret and body that gives what must stand there."""
    settings = expected.settings
    url = (settings.get("notification_url") or expected.url).encode()
    match expected.scheme:
        case "shopify":
            return "x-shopify-hmac-sha256", _base64
        case "woocommerce":
            return "x-wc-webhook-signature", _base64
        case "square":
            return "x-square-hmacsha256-signature", lambda key, body: _base64(key, url + body)
        case "github":
            return "x-hub-signature-256", lambda key, body: b"sha256=" + _hex(key, body)
        case "hmac":
            algorithm = settings.get("algorithm") or "sha256"
            prefix = (settings.get("prefix") or "").encode("ascii")
            if not _is_hex(expected):
                return settings["header"], lambda key, body: prefix + _base64(key, body, algorithm)
            # The header is compared in lower case, for hexadecimal digits have two.
            return settings["header"], lambda key, body: prefix.lower() + _hex(key, body, algorithm)
        case _:
            message = f"unknown scheme {expected.scheme}"
            raise ValueError(message)


def _refuse_stripe(expected: Expected, headers: MessageHeaders, body: bytes, now: datetime) -> str | None:
    stamps: list[str] = []
    theirs: list[bytes] = []
    for part in headers.get("stripe-signature").split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            stamps.append(value)
        elif name == "v1" and _HEX.fullmatch(value):
            theirs.append(value.encode("ascii"))
    if len(stamps) != 1 or not _STAMP.fullmatch(stamps[0]):
        return "the timestamp of Stripe-Signature is missing, malformed or there twice"
    if abs(now.timestamp() - int(stamps[0])) > TOLERANCE_SECONDS:
        return f"the timestamp is more than {TOLERANCE_SECONDS} seconds away"
    if not 0 < len(theirs) <= SIGNATURES:
        return f"Stripe-Signature holds {len(theirs)} signatures v1, wanted are 1 to {SIGNATURES}"
    signed = stamps[0].encode("ascii") + b"." + body
    return _compare([_hex(secret.encode(), signed) for secret in expected.secrets], theirs)


def _basic(headers: MessageHeaders) -> bytes:
    kind, _, encoded = headers.get("authorization").partition(" ")
    if kind.lower() != "basic":
        reason = "the authorization is not Basic"
        raise _Forged(reason)
    try:
        return b64decode(encoded.strip(), validate=True)
    except ValueError:
        reason = "the authorization is no base64"
        raise _Forged(reason) from None


def _refuse_credentials(ours: Sequence[str], theirs: bytes) -> str | None:
    # Digests have one length: how long the secret is does not show in the time the comparison takes.
    return _compare([sha256(one.encode()).digest() for one in ours], [sha256(theirs).digest()])


def _compare(ours: Sequence[bytes], theirs: Sequence[bytes]) -> str | None:
    matches = [hmac.compare_digest(one, other) for one in ours for other in theirs]
    return None if any(matches) else "no signature fits"


def _base64(key: bytes, content: bytes, algorithm: str = "sha256") -> bytes:
    return b64encode(hmac.digest(key, content, algorithm))


def _hex(key: bytes, content: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.digest(key, content, algorithm).hex().encode("ascii")
