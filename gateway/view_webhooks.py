"""What clients see of outbound webhooks, as models; `gateway.views` names them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from gateway.view_resources import Count, FreeObject, Instant, Sequence, Versioned, View


class WebhookEndpoint(Versioned):
    """A URL that wants events, without its secret."""

    id: UUID
    pharmacy_id: UUID
    url: str
    event_types: list[str]
    filter: FreeObject | None
    description: str
    enabled: bool
    disabled_reason: Annotated[
        str | None, Field(description="Why the hub disabled it: `gone` (it answered 410) or `failing` (for days).")
    ]
    ordered: bool
    headers: dict[str, str]
    auth_type: Literal["basic", "bearer"] | None
    signing: Literal["v1", "v1a"]
    public_key: Annotated[str | None, Field(description="`whpk_...`, with which receivers verify `v1a`.")]
    previous_valid_until: Annotated[
        Instant | None, Field(description="Until then the secret before this one signs too.")
    ]
    timeout_seconds: Count
    ladder_seconds: Annotated[list[Count] | None, Field(description="null: the installation's.")]
    throttle_per_second: Count | None
    source_id: Annotated[
        UUID | None, Field(description="The source that is the same system: what it caused is not sent to it.")
    ]
    is_default: Annotated[bool, Field(description="The pharmacy's `webhook_url` stands for it.")]


class WebhookDelivery(View):
    """One event for one endpoint."""

    id: UUID
    pharmacy_id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_sequence: Sequence
    event_type: str
    status: Literal["pending", "delivered", "failed", "exhausted", "cancelled", "skipped"]
    attempts: Count
    next_attempt_at: Instant | None
    last_status_code: int | None
    last_error: str | None
    created_at: Instant
    updated_at: Instant


class WebhookAttempt(View):
    """One HTTP call of a delivery; no `status_code` where nothing was answered, and then an `error`."""

    number: Annotated[int, Field(ge=1)]
    at: Instant
    address: Annotated[str | None, Field(description="The address that was called.")]
    request_headers: Annotated[dict[str, str], Field(description="As sent, without signatures and credentials.")]
    status_code: int | None
    error: str | None
    error_class: str | None
    duration_ms: Count
    response_body: Annotated[str, Field(description="The beginning of the answer.")]


class EndpointStatistics(View):
    """How the calls to an endpoint go: `since` and `until` bound the deliveries that are counted."""

    endpoint_id: UUID
    since: Instant
    until: Instant
    deliveries: Annotated[dict[str, Count], Field(description="Deliveries by status.")]
    attempts: Count
    success_rate: Annotated[float | None, Field(ge=0, le=1, description="Of the attempts; null: there was none.")]
    p50_ms: Count | None
    p95_ms: Count | None
    oldest_pending_at: Instant | None
    failing_since: Annotated[Instant | None, Field(description="The first failure after the last success.")]
    failures: Annotated[Count, Field(description="Failures since then.")]
    paused_until: Annotated[Instant | None, Field(description="Nothing is sent before then: its circuit is open.")]
    last_success_at: Instant | None
    last_failure_at: Instant | None
