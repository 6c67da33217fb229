"""Everything that clients are shown, as models: the OpenAPI document and the schemas of events are made of them.

Nothing is rendered by them: representations come from the `dump_*` functions and from SQL; tests hold the three equal.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from gateway.view_hub import (
    AuditLine,
    EventQueue,
    EventQueueState,
    Integrator,
    IntegratorKey,
    KnownIntegratorKey,
    KnownKey,
    KnownOperatorKey,
    Operator,
    Parked,
    ParkedWhole,
    Reconciliation,
)
from gateway.view_resources import (
    Count,
    FreeObject,
    Instant,
    Inventory,
    Key,
    LedgerLine,
    Movement,
    OperatorKey,
    Order,
    Pharmacy,
    Sale,
    Sequence,
    Source,
    Upload,
    UploadError,
    Url,
    View,
    WebhookEvent,
)
from gateway.view_webhooks import EndpointStatistics, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from hub.domain.problem import CATALOGUE


class ResourceLink(View):
    """A resource's route, id and address."""

    type: str
    id: UUID
    url: Url


class Accepted(View):
    """A write was taken in: the broker has it. What becomes of it shows at `operation_url`."""

    operation_id: UUID
    status: Literal["accepted"]
    operation_url: Url
    resource: ResourceLink


class UploadAccepted(Accepted):
    """A bulk file was taken in; how far it is shows at `upload_url`."""

    upload_id: UUID
    rows: Count
    upload_url: Url


class FieldFault(View):
    """A fault of a request: where (a JSON pointer into the body, or `?name` of a query parameter), a stable code, a sentence."""

    pointer: str
    code: str
    detail: str


class Problem(BaseModel):
    """Why a request is refused (RFC 9457). Some types have further members."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(json_schema_extra={"enum": [f"/problems/{slug}" for slug in CATALOGUE]})]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: str | None
    errors: list[FieldFault]


class EventLink(View):
    """An event that an operation caused."""

    id: UUID
    type: str
    sequence: Sequence


class Operation(View):
    """The life of one command; `type` is null while it is pending."""

    id: UUID
    type: str | None
    status: Literal["pending", "applied", "rejected", "parked"]
    accepted_at: Instant
    finished_at: Instant | None
    resource: ResourceLink | None
    events: list[EventLink]
    problem: Problem | None


class Event(BaseModel):
    """An event: CloudEvents 1.0, structured JSON. `/schemas/<type>.json` says what `data` holds."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: UUID
    type: str
    source: str
    subject: str
    time: Instant
    timestamp: Instant
    datacontenttype: Literal["application/json"]
    dataschema: str
    sequence: Sequence
    pharmacyid: UUID
    causationid: UUID
    data: FreeObject


class EventPage(View):
    """A piece of the log; `next_after` is the next call's `after`."""

    items: list[Event]
    next_after: Count
    last_sequence: Count


class Ticket(View):
    """Opens one WebSocket within 30 s."""

    ticket: str
    expires_at: Instant


class RotatedSecret(View):
    """An endpoint has a new secret, shown beside this; the one before signs too until then."""

    previous_valid_until: Instant


class Tested(View):
    """A test event is on its way to an endpoint, as this delivery."""

    event_id: UUID
    delivery_id: UUID


class PublicKey(View):
    """What receivers verify `v1a` signatures with."""

    endpoint_id: UUID
    public_key: Annotated[str, Field(pattern="^whpk_")]


class Matched(View):
    """How many deliveries it was about, or would be."""

    matched: Count


class HookTaken(View):
    """A webhook was taken in."""

    operation_id: UUID
    status: Literal["accepted"]


class Liveness(View):
    """The process answers."""

    status: Literal["alive"]


class PartState(View):
    """Whether a part is ready, and why not."""

    ready: bool
    detail: str | None = None


class Readiness(View):
    """Which servers answer, and whether reads and writes are served."""

    status: Literal["ready", "not ready"]
    reads: PartState
    writes: PartState
    dependencies: dict[str, PartState]


VIEWS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType({
    "pharmacy": Pharmacy, "key": Key, "operator_key": OperatorKey, "inventory": Inventory, "movement": Movement, "ledger_line": LedgerLine, "sale": Sale,
    "order": Order, "webhook_event": WebhookEvent, "upload": Upload, "upload_accepted": UploadAccepted, "upload_error": UploadError,
    "webhook_endpoint": WebhookEndpoint, "webhook_delivery": WebhookDelivery, "webhook_attempt": WebhookAttempt, "source": Source,
    "accepted": Accepted, "operation": Operation, "problem": Problem, "event": Event, "event_page": EventPage, "ticket": Ticket,
    "rotated_secret": RotatedSecret, "matched": Matched, "tested": Tested, "public_key": PublicKey, "endpoint_statistics": EndpointStatistics, "hook_taken": HookTaken, "liveness": Liveness, "readiness": Readiness,
    "known_key": KnownKey, "parked": Parked, "parked_whole": ParkedWhole, "audit_line": AuditLine, "reconciliation": Reconciliation,
    "operator": Operator, "known_operator_key": KnownOperatorKey,
    "integrator": Integrator, "integrator_key": IntegratorKey, "known_integrator_key": KnownIntegratorKey, "event_queue": EventQueue,
    "event_queue_state": EventQueueState,
})  # fmt: skip
"""Name of a representation to its model."""

ITEMS: Final[Mapping[str, str]] = MappingProxyType({
    "pharmacies": "pharmacy", "keys": "known_key", "inventory": "inventory", "movements": "movement", "ledger": "ledger_line", "sales": "sale", "orders": "order",
    "webhook_events": "webhook_event", "uploads": "upload", "upload_errors": "upload_error", "webhook_endpoints": "webhook_endpoint",
    "sources": "source", "webhook_deliveries": "webhook_delivery", "webhook_attempts": "webhook_attempt", "parked": "parked", "audit": "audit_line", "operators": "operator", "operator_keys": "known_operator_key", "integrators": "integrator", "integrator_keys": "known_integrator_key",
})  # fmt: skip
"""Name of a list (`hub.storage.lists.LISTINGS`) to the representation of its items."""


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Make a model's JSON Schema (2020-12), as it is sent: members that are always there are required."""
    return model.model_json_schema(mode="serialization")
