"""Third parties that send webhooks: each scheme's own way to sign a body."""

import hmac
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha1, sha256
from types import MappingProxyType
from typing import Any

import standardwebhooks

Headers = list[tuple[str, str]]
SECRET = "the vendor's secret"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="


def _base64(secret: str, content: bytes) -> str:
    return b64encode(hmac.new(secret.encode(), content, sha256).digest()).decode()


def standard(
    body: bytes, url: str, secret: str = STANDARD_SECRET, *, message_id: str = "msg_1", at: float | None = None
) -> Headers:
    """Sign with the independent library."""
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    signature = standardwebhooks.Webhook(secret).sign(message_id, moment, body.decode())
    return [
        ("webhook-id", message_id), ("webhook-timestamp", str(int(moment.timestamp()))), ("webhook-signature", signature),
    ]  # fmt: skip


def hmac_hex(body: bytes, url: str, secret: str = SECRET, *, message_id: str = "m-1") -> Headers:
    """Sign as the settings of `SETTINGS["hmac"]` say."""
    return [("X-Signature", "sha1=" + hmac.new(secret.encode(), body, sha1).hexdigest()), ("X-Message", message_id)]


def shopify(
    body: bytes, url: str, secret: str = SECRET, *, message_id: str = "e-1", topic: str = "app/ping"
) -> Headers:
    """Sign as Shopify does."""
    return [
        ("X-Shopify-Hmac-SHA256", _base64(secret, body)), ("X-Shopify-Topic", topic), ("X-Shopify-Event-Id", message_id),
    ]  # fmt: skip


def woocommerce(
    body: bytes, url: str, secret: str = SECRET, *, message_id: str = "d-1", topic: str = "action.ping"
) -> Headers:
    """Sign as WooCommerce does."""
    return [
        ("X-WC-Webhook-Signature", _base64(secret, body)), ("X-WC-Webhook-Topic", topic), ("X-WC-Webhook-Delivery-ID", message_id),
    ]  # fmt: skip


def square(body: bytes, url: str, secret: str = SECRET) -> Headers:
    """Sign as Square does: the address and the body."""
    return [("x-square-hmacsha256-signature", _base64(secret, url.encode() + body))]


def stripe(body: bytes, url: str, secret: str = SECRET, *, at: float | None = None) -> Headers:
    """Sign as Stripe does."""
    stamp = str(int(time.time() if at is None else at))
    signed = hmac.new(secret.encode(), stamp.encode() + b"." + body, sha256).hexdigest()
    return [("Stripe-Signature", f"t={stamp},v1={signed},v0=junk")]


def github(body: bytes, url: str, secret: str = SECRET, *, message_id: str = "g-1") -> Headers:
    """Sign as GitHub does."""
    signed = hmac.new(secret.encode(), body, sha256).hexdigest()
    return [("X-Hub-Signature-256", f"sha256={signed}"), ("X-GitHub-Event", "ping"), ("X-GitHub-Delivery", message_id)]


def basic(body: bytes, url: str, secret: str = SECRET, *, message_id: str = "b-1") -> Headers:
    """Authenticate with name and password."""
    return [("Authorization", "Basic " + b64encode(f"till:{secret}".encode()).decode()), ("X-Message", message_id)]


def api_key(body: bytes, url: str, secret: str = SECRET, *, message_id: str = "k-1") -> Headers:
    """Send the secret as it is."""
    return [("X-Their-Key", secret), ("X-Message", message_id)]


SIGN: Mapping[str, Callable[..., Headers]] = MappingProxyType({
    "standard": standard, "hmac": hmac_hex, "shopify": shopify, "woocommerce": woocommerce, "square": square, "stripe": stripe,
    "github": github, "basic": basic, "api_key": api_key,
})  # fmt: skip
SETTINGS: Mapping[str, dict[str, Any]] = MappingProxyType({
    "hmac": {"header": "X-Signature", "prefix": "sha1=", "algorithm": "sha1", "encoding": "hex", "id_header": "X-Message"},
    "basic": {"username": "till", "id_header": "X-Message"},
    "api_key": {"header": "X-Their-Key", "id_header": "X-Message"},
})  # fmt: skip
SIGNATURE_HEADERS: Mapping[str, str] = MappingProxyType({
    "standard": "webhook-signature", "hmac": "x-signature", "shopify": "x-shopify-hmac-sha256", "woocommerce": "x-wc-webhook-signature",
    "square": "x-square-hmacsha256-signature", "stripe": "stripe-signature", "github": "x-hub-signature-256", "basic": "authorization",
    "api_key": "x-their-key",
})  # fmt: skip


def secret_of(scheme: str) -> str:
    """Name the secret that a test's source of this scheme has."""
    return STANDARD_SECRET if scheme == "standard" else SECRET


def a_source(scheme: str, **members: Any) -> dict[str, Any]:
    """Body of `POST /api/sources/`."""
    return {
        "name": f"a {scheme}",
        "scheme": scheme,
        "secret": secret_of(scheme),
        "settings": SETTINGS.get(scheme, {}),
    } | members
