"""Incoming webhooks, stored as facts and processed in the background."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, NotNull, Reference, format_id, format_time, same_json
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, refuse
from hub.domain.problem import FieldError, not_found
from hub.domain.state import Ref, State
from hub.domain.versions import current


class ReceiveWebhook(Body):
    """A webhook that came in: what it says it is, and what it says."""

    event_type: Reference
    payload: JsonValue = Field(default_factory=dict)


class ReplaceWebhookEvent(Body):
    """All of a received webhook: only `processed` may differ from what was received."""

    event_type: Reference
    payload: JsonValue = Field(default_factory=dict)
    processed: bool | None = Field(default=None, strict=True)


class UpdateWebhookEvent(Body):
    """Whether a received webhook is processed; the rest is a fact and stays."""

    event_type: NotNull[Reference] = None
    payload: JsonValue = None
    processed: NotNull[Annotated[bool, Field(strict=True)]] = None


class RemoveWebhookEvent(Body):
    """Take a received webhook off the list."""


class ReprocessWebhook(Body):
    """Translate a received webhook again: what was applied of it stays applied once."""


class SettledCommand(Body):
    """A command that a webhook became, and how its operation ended."""

    operation_id: UUID
    type: str
    status: Literal["applied", "rejected", "parked"]


class SettleWebhook(Body):
    """What came of a webhook; of the hub's own sending.

    `processed` is true once every command is applied or rejected; `reason` says why something of it was not.
    """

    processed: Annotated[bool, Field(strict=True)]
    reason: str | None = None
    commands: list[SettledCommand] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A received webhook.

    Args:
        message_id: the vendor's own id of the message.
        commands: what it became, each `{"operation_id", "type", "status"}`.
        reason: why something of it was not applied.
    """

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    event_type: str
    payload: Any
    source_id: UUID | None
    received_at: datetime
    processed: bool
    processed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int
    message_id: str | None = None
    commands: list[dict[str, Any]] = field(default_factory=list)
    reason: str | None = None
    deleted_at: datetime | None = None


def dump_webhook_event(event: WebhookEvent) -> dict[str, Any]:
    """Represent a received webhook as clients see it."""
    return {
        "id": format_id(event.id),
        "pharmacy_id": format_id(event.pharmacy_id),
        "event_type": event.event_type,
        "payload": event.payload,
        "source_id": None if event.source_id is None else format_id(event.source_id),
        "received_at": format_time(event.received_at),
        "processed": event.processed,
        "processed_at": None if event.processed_at is None else format_time(event.processed_at),
        "message_id": event.message_id,
        "commands": event.commands,
        "reason": event.reason,
        "created_at": format_time(event.created_at),
        "updated_at": format_time(event.updated_at),
        "version": event.version,
    }


def _subject(event: WebhookEvent) -> str:
    return f"webhook-events/{event.id}"


def _touch(command: Command) -> Iterable[Ref]:
    yield Ref(WebhookEvent, "id", command.resource_id)


def _receive(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, ReceiveWebhook)
    kind, _, sender = command.actor.partition(":")
    received = WebhookEvent(
        id=command.resource_id,
        pharmacy_id=state.pharmacy_id,
        event_type=body.event_type,
        payload=body.payload,
        source_id=UUID(sender) if kind == "source" else None,
        received_at=command.accepted_at,
        processed=False,
        processed_at=None,
        created_at=state.now,
        updated_at=state.now,
        version=1,
        message_id=command.minted.get("message_id"),
    )
    data = {"webhook_event": dump_webhook_event(received), "changed": {}}
    return Accepted(
        (received,), (Event("webhook_event.received", _subject(received), data),), dump_webhook_event(received)
    )


def _revise(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, ReplaceWebhookEvent | UpdateWebhookEvent)
    event = current(state, command, WebhookEvent, "webhook event")
    if isinstance(event, Rejected):
        return event
    named = set(type(body).model_fields) if isinstance(body, ReplaceWebhookEvent) else body.model_fields_set
    fixed = [
        name
        for name in ("event_type", "payload")
        if name in named and not same_json(getattr(body, name), getattr(event, name))
    ]
    if fixed:
        errors = [FieldError(f"#/{name}", "immutable", "it was received and stays") for name in fixed]
        return refuse("immutable", "a received webhook changes only in `processed`", *errors)
    if body.processed is None or body.processed == event.processed:
        return Accepted((), (), dump_webhook_event(event))
    after = replace(
        event,
        processed=body.processed,
        processed_at=state.now if body.processed else None,
        updated_at=state.now,
        version=event.version + 1,
    )
    return _accepted("webhook_event.processed", event, after)


def _accepted(name: str, before: WebhookEvent, after: WebhookEvent) -> Accepted:
    data = {
        "webhook_event": dump_webhook_event(after),
        "changed": changed(dump_webhook_event(before), dump_webhook_event(after)),
    }
    return Accepted((after,), (Event(name, _subject(after), data),), dump_webhook_event(after))


def _reprocess(state: State, command: Command) -> Outcome:
    event = current(state, command, WebhookEvent, "webhook event")
    if isinstance(event, Rejected):
        return event
    after = replace(event, processed=False, processed_at=None, updated_at=state.now, version=event.version + 1)
    return _accepted("webhook_event.reopened", event, after)


def _settle(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, SettleWebhook)
    if command.door != "system":
        return refuse("forbidden", "what came of a webhook is the hub's own to say")
    event = state.find(WebhookEvent, command.resource_id)
    if event is None:
        return Rejected(not_found("webhook event"))
    after = replace(
        event,
        processed=body.processed,
        processed_at=state.now if body.processed else None,
        reason=body.reason,
        commands=[one.model_dump(mode="json") for one in body.commands],
        updated_at=state.now,
        version=event.version + 1,
    )
    return _accepted("webhook_event.processed", event, after)


def _remove(state: State, command: Command) -> Outcome:
    event = current(state, command, WebhookEvent, "webhook event")
    if isinstance(event, Rejected):
        return event
    after = replace(event, deleted_at=state.now, updated_at=state.now, version=event.version + 1)
    data = {"webhook_event": dump_webhook_event(after), "changed": {}}
    return Accepted((after,), (Event("webhook_event.deleted", _subject(after), data),), None)


RULES = (
    Rule("webhook_event.receive", ReceiveWebhook, _receive, "webhook-events"),
    Rule("webhook_event.replace", ReplaceWebhookEvent, _revise, "webhook-events", _touch),
    Rule("webhook_event.update", UpdateWebhookEvent, _revise, "webhook-events", _touch),
    Rule("webhook_event.reprocess", ReprocessWebhook, _reprocess, "webhook-events", _touch),
    Rule("webhook_event.settle", SettleWebhook, _settle, "webhook-events", _touch),
    Rule("webhook_event.delete", RemoveWebhookEvent, _remove, "webhook-events", _touch),
)
