"""What operators see of the hub itself, and what a pharmacy reconciles with, as models; `gateway.views` names them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from gateway.view_resources import Anything, Count, Instant, Key, OperatorKey, Scope, Versioned, View


class Parked(View):
    """A message that was set aside, without its payload."""

    id: UUID
    pharmacy_id: UUID | None
    operation_id: UUID | None
    origin: Annotated[str, Field(description="The queue it came from.")]
    reason: str
    status: Literal["parked", "replayed", "discarded"]
    payload_bytes: Count
    parked_at: Instant
    replayed_at: Instant | None
    discarded_at: Instant | None
    note: Annotated[str | None, Field(description="What the operator said when it was replayed or discarded.")]


class ParkedWhole(Parked):
    """A message that was set aside, with its payload: JSON where it is some, else text, else base64."""

    payload: Anything
    payload_encoding: Literal["json", "text", "base64"]
    payload_truncated: Annotated[bool, Field(description="Only the first MiB is shown, as base64.")]


class AuditLine(View):
    """Who did what, to what, when and from where."""

    id: UUID
    pharmacy_id: UUID | None
    actor: str
    action: str
    subject: str
    outcome: Literal["applied", "rejected", "parked"] | None
    origin: str
    at: Instant


class Operator(Versioned):
    """A person who signs in at the console."""

    id: UUID
    username: str
    name: str
    role: Annotated[
        Literal["viewer", "operator", "admin"],
        Field(description="From seeing everything, over changing what pharmacies have, to deciding who may come in."),
    ]
    is_active: bool
    has_password: bool
    has_totp: Annotated[bool, Field(description="A second factor is asked for.")]
    last_signed_in_at: Instant | None


class KnownKey(Key):
    """A pharmacy's key as the list shows it; `last_used_at` is right to about ten seconds."""

    last_used_at: Instant | None


class KnownOperatorKey(OperatorKey):
    """An operator's key as the list shows it; `last_used_at` is right to about ten seconds."""

    last_used_at: Instant | None


class Integrator(Versioned):
    """A vendor whose software serves many pharmacies over AMQP, and those that it may act for."""

    id: UUID
    name: str
    is_active: bool
    pharmacy_ids: list[UUID]


class IntegratorKey(Versioned):
    """An integrator's key, without the key itself; `hint` is its last four characters."""

    id: UUID
    integrator_id: UUID
    name: str
    scopes: list[Scope]
    hint: str
    expires_at: Instant | None
    revoked_at: Instant | None


class KnownIntegratorKey(IntegratorKey):
    """An integrator's key as the list shows it; `last_used_at` is when it last logged in."""

    last_used_at: Instant | None


class EventQueue(Versioned):
    """A pharmacy's own feed: the queue in which it reads its events over AMQP."""

    id: UUID
    pharmacy_id: UUID
    queue: Annotated[str, Field(description="The queue's name, `hub.out.<pharmacy id>`.")]
    types: Annotated[
        list[str], Field(description="The types of events it takes; `sale.*` is all of a resource's, `*` all.")
    ]
    max_length: Annotated[Count, Field(description="Beyond that, or 256 MiB, the oldest events are dropped.")]


class EventQueueState(EventQueue):
    """A feed as the broker has it."""

    depth: Annotated[
        Count | None, Field(description="Events that wait to be delivered; null: the broker does not say.")
    ]
    consumers: Annotated[
        Count | None,
        Field(description="Who reads it; null as above. RabbitMQ says 0 of both while a queue is too busy to answer."),
    ]
    last_sequence: Annotated[Count, Field(description="The last event that belongs to this feed; 0: there was none.")]


class DeliveryStates(View):
    """The deliveries that were made on the day, by where they stand now."""

    pending: Count
    delivered: Count
    failed: Count
    exhausted: Count
    cancelled: Count
    skipped: Count


class Reconciliation(View):
    """One day (UTC) in figures; `accepted` = applied + rejected + parked + pending."""

    day: str
    pharmacy_id: Annotated[UUID | None, Field(description="null: all pharmacies and the hub itself.")]
    accepted: Annotated[
        Count, Field(description="Operations whose command was taken in on the day, as far as they are known.")
    ]
    applied: Count
    rejected: Count
    parked: Count
    pending: Annotated[Count, Field(description="Parked, and replayed, and not applied yet.")]
    events: Annotated[Count, Field(description="Events of the day in the log.")]
    deliveries: DeliveryStates


class EndpointHealth(View):
    """How the calls to an endpoint have gone since it last answered well."""

    failing_since: Instant
    failures: Annotated[Count, Field(description="Attempts that failed since then.")]
    percent: Annotated[
        Literal[50, 70, 90] | None, Field(description="Of the time after which it is disabled; in warnings.")
    ]
    reason: Annotated[
        Literal["gone", "failing"] | None,
        Field(description="Why it was disabled: it answered 410, or failed too long."),
    ]
