"""What resources look like to clients, as models; `gateway.views` has the rest and says what they are for."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from hub.domain.order_states import OrderStatus
from hub.domain.source_bodies import Scheme as SourceScheme
from hub.domain.stock import Reason

_INT4: Final = 2_147_483_647

Money = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]{1,16}\.[0-9]{2}$", "examples": ["9.99"]})
]
Instant = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
            "examples": ["2026-11-24T12:00:00.000000Z"],
        }
    ),
]
Count = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=-_INT4, le=_INT4)]
Version = Annotated[int, Field(ge=1, description="Counts up with every change; the `ETag` is this number in quotes.")]
Sequence = Annotated[int, Field(ge=1, description="Gap-free number of an event in its pharmacy.")]
Url = Annotated[str, Field(description="An address, mostly relative to the gateway's.")]
FreeObject = Annotated[dict[str, JsonValue], WithJsonSchema({"type": "object", "additionalProperties": True})]
Anything = Annotated[JsonValue, WithJsonSchema({})]
Scope = Literal["read", "write", "webhooks"]


class View(BaseModel):
    """A representation: these members and no others."""

    model_config = ConfigDict(extra="forbid")


class Versioned(View):
    """What every resource ends with."""

    created_at: Instant
    updated_at: Instant
    version: Version


class Pharmacy(Versioned):
    """A pharmacy."""

    id: UUID
    name: str
    is_active: bool
    webhook_url: str | None
    settings: FreeObject


class Key(Versioned):
    """A pharmacy's key, without the key itself; `hint` is its last four characters."""

    id: UUID
    pharmacy_id: UUID
    name: str
    scopes: list[Scope]
    hint: str
    expires_at: Instant | None
    revoked_at: Instant | None


class OperatorKey(Versioned):
    """An operator's key, without the key itself; `hint` is its last four characters."""

    id: UUID
    name: str
    hint: str
    expires_at: Instant | None
    revoked_at: Instant | None


class KnownIdentifier(View):
    """A code of a product."""

    scheme: str
    value: str


class Inventory(Versioned):
    """An item of stock; `available` is `quantity` less `reserved`."""

    id: UUID
    pharmacy_id: UUID
    sku: str
    name: str
    quantity: Number
    reserved: Count
    available: int
    price: Money
    extra_data: FreeObject
    identifiers: list[KnownIdentifier]
    low_stock_threshold: Count | None


class Movement(View):
    """A line of the ledger: why a quantity changed."""

    id: UUID
    delta: int
    quantity_after: Number
    reason: Reason
    note: str
    reference_uri: str | None
    occurred_at: Instant
    recorded_at: Instant
    operation_id: UUID


class LedgerLine(Movement):
    """A line of a pharmacy's whole ledger: of which item as well."""

    pharmacy_id: UUID
    item_id: UUID
    sku: Annotated[str | None, Field(description="The item's sku now, or its last one where it was deleted.")]


class SoldLine(View):
    """So many of one item; `quantity_after` is what was left of it, null where the item is gone."""

    sku: str
    inventory_item: UUID
    quantity: Count
    total_price: Money
    quantity_after: Number | None


class Sale(Versioned):
    """A sale in both forms: its lines, and flat; the flat item is null where there are several lines."""

    id: UUID
    pharmacy_id: UUID
    lines: list[SoldLine]
    sku: str | None
    inventory_item: UUID | None
    quantity: Count
    total_price: Money
    sale_time: Instant
    reference: str | None
    status: Literal["recorded", "voided"]
    extra_data: FreeObject


class OrderLine(View):
    """A line of an order: what was ordered, what is held for it, what was handed over."""

    sku: str
    name: str
    quantity: Count
    unit_price: Money
    inventory_item: UUID | None
    reserved: Count
    supplied: Count
    short: bool


class Order(Versioned):
    """An order; `held_from` is the state to which `on_hold` returns."""

    id: UUID
    pharmacy_id: UUID
    order_reference: str
    items: list[OrderLine]
    total_amount: Money
    status: OrderStatus
    held_from: OrderStatus | None
    reason: str
    source: str
    extra_data: FreeObject


class SettledCommand(View):
    """A command that a webhook became; `status` is its operation's."""

    operation_id: UUID
    type: str
    status: Literal["applied", "rejected", "parked"]


class WebhookEvent(Versioned):
    """A webhook that came in; `reason` says why something of it was not applied."""

    id: UUID
    pharmacy_id: UUID
    event_type: str
    payload: Anything
    source_id: UUID | None
    received_at: Instant
    processed: bool
    processed_at: Instant | None
    message_id: Annotated[str | None, Field(description="The vendor's own id of the message.")]
    commands: list[SettledCommand]
    reason: str | None


class Upload(Versioned):
    """A bulk file and how far it is: `rows` = applied + rejected + pending."""

    id: UUID
    pharmacy_id: UUID
    kind: Literal["inventory", "sales"]
    rows: Count
    applied: Count
    rejected: Count
    pending: Count
    status: Literal["pending", "done"]


class UploadError(View):
    """A fault of a row; `line` is where the row begins in the file."""

    line: Annotated[int, Field(ge=1)]
    pointer: str
    code: str
    detail: str


class Source(Versioned):
    """A third party that may send webhooks, without its secret; `url` is where it posts to."""

    id: UUID
    pharmacy_id: UUID
    name: str
    scheme: SourceScheme
    settings: FreeObject
    event_type_path: str
    mapping: FreeObject
    enabled: bool
    previous_valid_until: Instant | None
    url: Url
