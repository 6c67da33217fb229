"""Outbound webhooks: endpoints, which events they want, and what comes after an attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from hub.domain.fields import format_time
from hub.domain.ids import default_endpoint_id
from hub.domain.state import State

SUCCESS = range(200, 300)
GONE = 410
OPERATIONAL = ("webhook_endpoint.", "webhook_delivery.")
"""Events about webhooks themselves: the endpoint they speak of is never told."""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """A registered URL. `secret` is ciphertext; the plaintext exists only in answers and in the deliverer."""

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


def set_default_endpoint(state: State, url: str | None, secret: str) -> tuple[WebhookEndpoint, ...]:
    """Make the endpoint that a pharmacy's `webhook_url` stands for; without a URL, end it."""
    endpoint_id = default_endpoint_id(state.pharmacy_id)
    found = state.find_even_deleted(WebhookEndpoint, endpoint_id)
    if url is None:
        if found is None or found.deleted_at is not None:
            return ()
        return (replace(found, enabled=False, deleted_at=state.now, updated_at=state.now, version=found.version + 1),)
    if found is None:
        return (
            WebhookEndpoint(
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
            ),
        )
    return (
        replace(
            found,
            url=url,
            secret=secret,
            enabled=True,
            deleted_at=None,
            updated_at=state.now,
            version=found.version + 1,
        ),
    )


def wants(event_types: Sequence[str], event_type: str) -> bool:
    """Tell whether a list of types, each exact or with a trailing `*`, takes an event.

    >>> wants(["sale.*", "order.placed"], "sale.voided"), wants(["sale.*"], "order.placed"), wants(["*"], "x.y")
    (True, False, True)
    """
    return any(
        event_type.startswith(wanted[:-1]) if wanted.endswith("*") else event_type == wanted for wanted in event_types
    )


def dump_endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Represent an endpoint as clients see it, without its secret."""
    return {
        "id": str(endpoint.id),
        "pharmacy_id": str(endpoint.pharmacy_id),
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "enabled": endpoint.enabled,
        "description": endpoint.description,
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


def is_operational(event: Mapping[str, Any]) -> bool:
    """Tell whether an event speaks of webhooks themselves."""
    return str(event["type"]).startswith(OPERATIONAL)
