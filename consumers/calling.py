"""How an endpoint is called: its URL, headers, credentials and signatures, made ready once for each of its versions."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx
import orjson

from hub.faults import HubFault
from hub.security.destinations import Network, check_url
from hub.security.signatures import sign
from hub.security.vault import Vault, endpoint_aad
from hub.storage.deliveries import CalledEndpoint

USER_AGENT: Final = "Pharmacy-Connector-Hub"
HIDDEN: Final = "***"
_BASE: Final = {
    "accept": "*/*",
    "accept-encoding": "identity",
    "content-type": "application/cloudevents+json",
    "user-agent": USER_AGENT,
}
_TELLING = ("authorization", "token", "secret", "password", "api-key", "apikey", "signature")


@dataclass(frozen=True, slots=True)
class Calling:
    """All that stays the same between two attempts.

    Args:
        fault: why it cannot be called at all; the attempt ends with this sentence.
        shown: the headers as the list of attempts shows them, JSON without its closing brace.
        secrets: with the time until each signs; None: for good.
    """

    url: httpx.URL
    host: str
    headers: Mapping[str, str]
    shown: str
    secrets: tuple[tuple[str, datetime | None], ...]
    timeout_seconds: float
    fault: str | None = None

    def sign(self, message_id: str, at: datetime, body: bytes) -> tuple[dict[str, str], str]:
        """Give the headers of one attempt, and their JSON for the list of attempts.

        Every secret that is valid at the time signs, the newest first: receivers change over in their own time.
        """
        secrets = [secret for secret, until in self.secrets if until is None or at < until]
        signed = sign(message_id, at, body, secrets)
        shown = (
            f'{self.shown},"webhook-id":"{message_id}","webhook-timestamp":"{signed["webhook-timestamp"]}",'
            f'"webhook-signature":"{HIDDEN}"}}'
        )
        return {**self.headers, **signed}, shown


def prepare(endpoint: CalledEndpoint, vault: Vault, networks: tuple[Network, ...], longest_seconds: float) -> Calling:
    """Make an endpoint ready to be called.

    Args:
        networks: what may be reached besides public addresses.
        longest_seconds: limit of one attempt, whatever the endpoint says.
    """
    fault = None
    headers: dict[str, str] = {}
    secrets: tuple[tuple[str, datetime | None], ...] = ()
    try:
        # Checked again: the row may be older than a rule, and a port is not looked at when a socket is opened.
        reasons = check_url(endpoint.url, networks)
        fault = reasons[0].detail if reasons else None
        aad = endpoint_aad(endpoint.id)
        secrets = (
            (vault.decrypt_text(endpoint.secret, aad), None),
            *(
                (vault.decrypt_text(old["secret"], aad), datetime.fromisoformat(old["valid_until"]))
                for old in endpoint.previous_secrets
            ),
        )
        own = {name.lower(): value for name, value in endpoint.headers.items()}
        headers = {**_BASE, **own}
        if endpoint.auth is not None:
            headers["authorization"] = _authorization(orjson.loads(vault.decrypt_text(endpoint.auth, aad)))
    except HubFault as error:
        fault = str(error)
    shown = {name: HIDDEN if any(word in name for word in _TELLING) else value for name, value in headers.items()}
    url = httpx.URL(endpoint.url if fault is None else "https://refused.invalid/")
    return Calling(
        url,
        # Not `url.host`, which takes `xn--` for IDNA 2008 and raises where it is none; a resolver does not care.
        f"{url.raw_host.decode('ascii')}:{url.port or url.scheme}",
        headers,
        orjson.dumps(shown).decode()[:-1],
        secrets,
        min(float(endpoint.timeout_seconds), longest_seconds),
        fault,
    )


def digest_of(endpoint: CalledEndpoint) -> bytes:
    """Tell two states of an endpoint apart by all that `prepare` reads."""
    parts = (endpoint.url, endpoint.secret, endpoint.previous_secrets, endpoint.auth, endpoint.headers)
    return hashlib.sha256(repr((endpoint.version, endpoint.timeout_seconds, parts)).encode()).digest()


def _authorization(auth: Mapping[str, Any]) -> str:
    if auth["type"] == "basic":
        return "Basic " + b64encode(f"{auth['username']}:{auth['password']}".encode()).decode()
    return f"Bearer {auth['token']}"
