"""Deliveries, and how they are mended: one sent again, failed ones recovered, others replayed or cancelled."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import Field

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, FreeObject, Time, format_id, format_time
from hub.domain.mending import Mending
from hub.domain.outcome import Accepted, Outcome, Rejected, refuse
from hub.domain.problem import FieldError, Problem, not_found
from hub.domain.state import Ref, State
from hub.domain.webhook_filter import MEMBERS, filter_faults
from hub.domain.webhooks import DeliveryStatus, WebhookEndpoint

OF_DELIVERIES = frozenset(
    ("event_id", "event_type", "event_sequence", "status", "attempts", "last_status_code", "last_error", "created_at")
)
"""What a replay's filter may ask of a delivery, beside the members of its event."""

_Flag = Annotated[bool, Field(strict=True)]


class ResendDelivery(Body):
    """Send a delivery again, whatever became of it; it begins a new ladder."""


class RecoverEndpoint(Body):
    """Send what was not delivered since then: what failed, was skipped, or waits for its next attempt."""

    since: Time
    until: Time | None = None
    dry_run: _Flag = False


class ReplayEndpoint(Body):
    """Send deliveries again, delivered or not: those whose event matches `filter`.

    The filter is written as an endpoint's, and may ask for the delivery's own `event_type`, `status`, `attempts`,
    `last_status_code`, `last_error`, `event_id`, `event_sequence` and `created_at` as well.
    """

    filter: FreeObject | None = None
    since: Time | None = None
    until: Time | None = None
    dry_run: _Flag = False


class ReplayMissing(Body):
    """Send the events of the log that the endpoint wants and for which there is no delivery, as for a new endpoint."""

    since: Time | None = None
    until: Time | None = None
    dry_run: _Flag = False


class CancelPending(Body):
    """Give up what is still to be delivered."""


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One event for one endpoint. The deliverers change it all the time: a decision looks at it and never saves it."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_sequence: int
    event_type: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    last_status_code: int | None
    last_error: str | None
    created_at: datetime
    updated_at: datetime


def dump_delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    """Represent a delivery as clients see it."""
    due = delivery.next_attempt_at
    return {
        "id": format_id(delivery.id),
        "pharmacy_id": format_id(delivery.pharmacy_id),
        "endpoint_id": format_id(delivery.endpoint_id),
        "event_id": format_id(delivery.event_id),
        "event_sequence": delivery.event_sequence,
        "event_type": delivery.event_type,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_attempt_at": None if due is None else format_time(due),
        "last_status_code": delivery.last_status_code,
        "last_error": delivery.last_error,
        "created_at": format_time(delivery.created_at),
        "updated_at": format_time(delivery.updated_at),
    }


def _touch_delivery(command: Command) -> Iterable[Ref]:
    yield Ref(WebhookDelivery, "id", command.resource_id)


def _touch_endpoint(command: Command) -> Iterable[Ref]:
    yield Ref(WebhookEndpoint, "id", command.resource_id)


def _resend(state: State, command: Command) -> Outcome:
    delivery = state.find(WebhookDelivery, command.resource_id)
    if delivery is None:
        return Rejected(not_found("webhook delivery"))
    endpoint = state.find(WebhookEndpoint, delivery.endpoint_id)
    if endpoint is None or not endpoint.enabled:
        return refuse("endpoint-disabled", "its endpoint is disabled or gone, so it would not be sent")
    again = replace(delivery, status="pending", next_attempt_at=state.now, updated_at=state.now)
    detail = "the event of this delivery is past its retention; there is nothing left to send"
    mending = Mending("resend", state.pharmacy_id, endpoint.id, delivery.id, otherwise=Problem("gone", detail))
    return Accepted((), (), dump_delivery(again), mending, is_kept=True)


def _recover(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, RecoverEndpoint)
    return _mend(state, command, "recover", since=body.since, until=body.until, is_dry=body.dry_run)


def _replay(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, ReplayEndpoint)
    if faults := replay_faults(body):
        return refuse("validation", "the filter does not fit; see `errors`", *faults)
    return _mend(
        state, command, "replay", since=body.since, until=body.until, wanted=body.filter or None, is_dry=body.dry_run
    )


def replay_faults(body: ReplayEndpoint) -> list[FieldError]:
    """Name what is wrong with the filter of a replay."""
    return [] if body.filter is None else filter_faults(body.filter, members=MEMBERS | OF_DELIVERIES)


def _replay_missing(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, ReplayMissing)
    endpoint = state.find(WebhookEndpoint, command.resource_id)
    return _mend(
        state,
        command,
        "replay-missing",
        since=body.since,
        until=body.until,
        wanted=None if endpoint is None else endpoint.event_filter,
        event_types=() if endpoint is None else tuple(endpoint.event_types),
        is_dry=body.dry_run,
    )


def _cancel(state: State, command: Command) -> Outcome:
    return _mend(state, command, "cancel")


def _mend(state: State, command: Command, kind: Any, **members: Any) -> Outcome:  # noqa: ANN401 -- Mending's members
    """Mend the deliveries of the endpoint that the command names; what is sent needs it enabled."""
    endpoint = state.find(WebhookEndpoint, command.resource_id)
    if endpoint is None:
        return Rejected(not_found("webhook endpoint"))
    mending = Mending(kind, state.pharmacy_id, endpoint.id, is_told=True, **members)
    if not endpoint.enabled and kind != "cancel" and not mending.is_dry:
        return refuse("endpoint-disabled", "a disabled endpoint is not called; enable it first")
    return Accepted((), (), {"matched": 0}, mending, is_kept=True)


RULES = (
    Rule("webhook_delivery.resend", ResendDelivery, _resend, "webhook-deliveries", _touch_delivery),
    Rule("webhook_endpoint.recover", RecoverEndpoint, _recover, "webhook-endpoints", _touch_endpoint),
    Rule("webhook_endpoint.replay", ReplayEndpoint, _replay, "webhook-endpoints", _touch_endpoint),
    Rule("webhook_endpoint.replay_missing", ReplayMissing, _replay_missing, "webhook-endpoints", _touch_endpoint),
    Rule("webhook_endpoint.cancel_pending", CancelPending, _cancel, "webhook-endpoints", _touch_endpoint),
)
