"""Outbound webhooks: endpoints, which events they want, and what comes after an attempt."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from hub.domain.fields import format_id, format_time
from hub.domain.ids import default_endpoint_id
from hub.domain.mending import Mending
from hub.domain.state import State

SUCCESS = range(200, 300)
GONE = 410
TIMEOUT_SECONDS = 20
OPERATIONAL = ("webhook_endpoint.", "webhook_delivery.")
"""Events about webhooks themselves: the endpoint they speak of is never told."""

TESTED = "webhook_endpoint.tested"
"""The one that is told to the endpoint it speaks of, and to no other."""


Signing = Literal["v1", "v1a"]


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """A registered URL.

    `secret`, `auth` and the secrets of `previous_secrets` are ciphertext; the plaintext exists only in answers and in the
    deliverer.

    Args:
        previous_secrets: `{"secret", "valid_until"}` of secrets that were rotated, newest first; the deliverer signs with
            those that are still valid as well.
        previous_valid_until: until when the secret before this one signs, or signed.
        signing: `v1` is HMAC-SHA256, `v1a` ed25519, whose `public_key` receivers verify with.
        auth_type: `basic` or `bearer` where `auth` is set.
        event_filter: conditions of `hub.domain.webhook_filter`.
        ordered: the next event goes out only after the last is settled.
        ladder_seconds: waits between attempts; None: the installation's.
        source_id: the source that is the same system: what it caused is not sent to it.
        disabled_reason: why the hub disabled it: `gone`, `failing`; None where a client did.
        is_default: the pharmacy's `webhook_url` stands for it.
    """

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    url: str
    secret: str
    event_types: list[str]
    enabled: bool
    is_default: bool
    description: str
    created_at: datetime
    updated_at: datetime
    version: int
    deleted_at: datetime | None = None
    previous_secrets: list[dict[str, str]] = field(default_factory=list)
    previous_valid_until: datetime | None = None
    signing: Signing = "v1"
    public_key: str | None = None
    auth: str | None = None
    auth_type: Literal["basic", "bearer"] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    event_filter: dict[str, Any] | None = None
    ordered: bool = False
    timeout_seconds: int = TIMEOUT_SECONDS
    ladder_seconds: list[int] | None = None
    throttle_per_second: int | None = None
    source_id: UUID | None = None
    disabled_reason: str | None = None


def set_default_endpoint(
    state: State, url: str | None, secret: str
) -> tuple[tuple[WebhookEndpoint, ...], Mending | None]:
    """Make the endpoint that a pharmacy's `webhook_url` stands for; without a URL, end it.

    One that is there keeps what was set about it, but is enabled and given the new secret, signed with `v1`.

    Returns:
        the endpoint as it is from now on, if it changes, and what that means for its deliveries.
    """
    endpoint_id = default_endpoint_id(state.pharmacy_id)
    found = state.find_even_deleted(WebhookEndpoint, endpoint_id)
    if url is None:
        if found is None or found.deleted_at is not None:
            return (), None
        ended = replace(found, enabled=False, deleted_at=state.now, updated_at=state.now, version=found.version + 1)
        return (ended,), Mending("cancel", state.pharmacy_id, endpoint_id)
    fresh = WebhookEndpoint(
        endpoint_id,
        state.pharmacy_id,
        url,
        secret,
        ["*"],
        enabled=True,
        is_default=True,
        description="webhook_url",
        created_at=state.now,
        updated_at=state.now,
        version=1,
    )
    if found is None:
        return (fresh,), None
    if found.deleted_at is not None:
        revived = replace(fresh, created_at=found.created_at, version=found.version + 1)
        return (revived,), Mending("begin", state.pharmacy_id, endpoint_id)
    changed = replace(
        found,
        url=url,
        secret=secret,
        signing="v1",
        public_key=None,
        previous_secrets=[],
        previous_valid_until=None,
        enabled=True,
        disabled_reason=None,
        updated_at=state.now,
        version=found.version + 1,
    )
    return (changed,), Mending("forgive", state.pharmacy_id, endpoint_id)


def wants(event_types: Sequence[str], event_type: str) -> bool:
    """Tell whether a list of types, each exact or with a trailing `*`, takes an event.

    >>> wants(["sale.*", "order.placed"], "sale.voided"), wants(["sale.*"], "order.placed"), wants(["*"], "x.y")
    (True, False, True)
    """
    return any(
        event_type.startswith(wanted[:-1]) if wanted.endswith("*") else event_type == wanted for wanted in event_types
    )


def dump_endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Represent an endpoint as clients see it, without its secrets."""
    valid_until = endpoint.previous_valid_until
    return {
        "id": str(endpoint.id),
        "pharmacy_id": str(endpoint.pharmacy_id),
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "filter": endpoint.event_filter,
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
        "ordered": endpoint.ordered,
        "headers": endpoint.headers,
        "auth_type": endpoint.auth_type,
        "signing": endpoint.signing,
        "public_key": endpoint.public_key,
        "previous_valid_until": None if valid_until is None else format_time(valid_until),
        "timeout_seconds": endpoint.timeout_seconds,
        "ladder_seconds": endpoint.ladder_seconds,
        "throttle_per_second": endpoint.throttle_per_second,
        "source_id": None if endpoint.source_id is None else format_id(endpoint.source_id),
        "is_default": endpoint.is_default,
        "created_at": format_time(endpoint.created_at),
        "updated_at": format_time(endpoint.updated_at),
        "version": endpoint.version,
    }


DeliveryStatus = Literal["pending", "delivered", "failed", "exhausted", "cancelled", "skipped"]


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What came of one HTTP call: the status, or the word for why there is none."""

    status_code: int | None
    error: str | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver answered 2xx."""


@dataclass(frozen=True, slots=True)
class RetryIn:
    """Try again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The ladder is at its end, or the receiver is gone; the delivery stays in the list and can be resent."""


def next_step(
    attempt: int, outcome: AttemptResult, ladder: Sequence[float], jitter: float = 0.0
) -> Delivered | RetryIn | Exhausted:
    """Say what comes after an attempt.

    Args:
        attempt: its number, counted from 1.
        ladder: seconds to wait after the first, second, ... failure; then the delivery is exhausted.
        jitter: -1.0 to 1.0, moves the wait by up to 20 % so that receivers are not met by a herd.
    Source: Standard Webhooks, "Operational considerations"; `Retry-After` RFC 9110, 10.2.3, taken up to a day.

    >>> next_step(1, AttemptResult(204), (5.0,)), next_step(1, AttemptResult(302), (5.0,)), next_step(2, AttemptResult(500), (5.0,))
    (Delivered(), RetryIn(seconds=5.0), Exhausted())
    """
    if outcome.status_code is not None and outcome.status_code in SUCCESS:
        return Delivered()
    if attempt > len(ladder) or outcome.status_code == GONE:
        return Exhausted()
    wait = ladder[attempt - 1] * (1 + 0.2 * jitter)
    if outcome.retry_after_seconds is not None and outcome.status_code in {429, 502, 503, 504}:
        wait = max(wait, min(outcome.retry_after_seconds, 86400.0))
    return RetryIn(wait)
