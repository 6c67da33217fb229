"""What the deliverer tells of endpoints and deliveries, as commands: warnings, ends, recoveries, and deliveries given up.

No client sends these: they carry the actor `system`, and are refused to everybody else.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, Time, format_id, format_time
from hub.domain.mending import Mending
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, refuse
from hub.domain.problem import not_found
from hub.domain.state import State
from hub.domain.webhooks import WebhookEndpoint, dump_endpoint

Failures = Annotated[int, Field(ge=0)]


class WarnOfEndpoint(Body):
    """An endpoint has failed for so many percent of the time after which it is disabled."""

    failing_since: Time
    failures: Failures
    percent: Literal[50, 70, 90]


class DisableEndpoint(Body):
    """An endpoint is called no more: it answered 410, or failed for too long."""

    failing_since: Time
    failures: Failures
    reason: Literal["gone", "failing"]


class ClearEndpoint(Body):
    """An endpoint that was warned of answers again."""

    failing_since: Time
    failures: Failures


class ExhaustDelivery(Body):
    """A delivery has no attempt left."""

    endpoint_id: UUID
    event_id: UUID
    event_sequence: Annotated[int, Field(ge=1)]
    event_type: Annotated[str, Field(max_length=64)]
    attempts: Annotated[int, Field(ge=1)]
    last_status_code: int | None
    last_error: Annotated[str, Field(max_length=32)] | None = None
    created_at: Time
    ended_at: Time


def _decide_endpoint(state: State, command: Command) -> Outcome:
    """Decide what is told of an endpoint; one that is gone or disabled meanwhile needs no telling."""
    if command.actor != "system":
        return refuse("forbidden", "only the hub itself says so")
    found = state.find(WebhookEndpoint, command.resource_id)
    if found is None:
        return Rejected(not_found("webhook endpoint"))
    body = command.body
    assert isinstance(body, WarnOfEndpoint | DisableEndpoint | ClearEndpoint)
    before = dump_endpoint(found)
    health: dict[str, Any] = {
        "failing_since": format_time(body.failing_since), "failures": body.failures, "percent": None, "reason": None,
    }  # fmt: skip
    match body:
        case WarnOfEndpoint() | DisableEndpoint() if not found.enabled:
            return Accepted((), (), before)
        case WarnOfEndpoint():
            return Accepted(
                (), (_tell("webhook_endpoint.failing", before, {}, health | {"percent": body.percent}),), before
            )
        case DisableEndpoint():
            disabled = replace(
                found, enabled=False, disabled_reason=body.reason, updated_at=state.now, version=found.version + 1
            )
            mending = Mending("skip", state.pharmacy_id, found.id)
            after = dump_endpoint(disabled)
            event = _tell("webhook_endpoint.disabled", after, changed(before, after), health | {"reason": body.reason})
            return Accepted((disabled,), (event,), after, mending)
        case ClearEndpoint():
            return Accepted((), (_tell("webhook_endpoint.recovered", before, {}, health),), before)


def _tell(event_type: str, endpoint: Mapping[str, Any], old: Mapping[str, Any], health: Mapping[str, Any]) -> Event:
    data = {"webhook_endpoint": endpoint, "changed": old, "health": health}
    return Event(event_type, f"webhook-endpoints/{endpoint['id']}", data)


def _decide_delivery(state: State, command: Command) -> Outcome:
    if command.actor != "system":
        return refuse("forbidden", "only the hub itself says so")
    body = command.body
    assert isinstance(body, ExhaustDelivery)
    delivery = {
        "id": format_id(command.resource_id),
        "pharmacy_id": format_id(state.pharmacy_id),
        "endpoint_id": format_id(body.endpoint_id),
        "event_id": format_id(body.event_id),
        "event_sequence": body.event_sequence,
        "event_type": body.event_type,
        "status": "exhausted",
        "attempts": body.attempts,
        "next_attempt_at": None,
        "last_status_code": body.last_status_code,
        "last_error": body.last_error,
        "created_at": format_time(body.created_at),
        "updated_at": format_time(body.ended_at),
    }
    event = Event(
        "webhook_delivery.exhausted",
        f"webhook-deliveries/{delivery['id']}",
        {"webhook_delivery": delivery, "changed": {"status": "pending"}},
    )
    return Accepted((), (event,), delivery)


RULES = (
    Rule("webhook_health.warn", WarnOfEndpoint, _decide_endpoint, "webhook-endpoints"),
    Rule("webhook_health.disable", DisableEndpoint, _decide_endpoint, "webhook-endpoints"),
    Rule("webhook_health.clear", ClearEndpoint, _decide_endpoint, "webhook-endpoints"),
    Rule("webhook_delivery.exhaust", ExhaustDelivery, _decide_delivery, "webhook-deliveries"),
)
