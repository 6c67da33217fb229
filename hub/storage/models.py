"""The tables of what pharmacies keep, and of commands and events. `models_outside.py` has those of who talks to the hub.

The domain's rows have the same field names; `tables.py` maps them.

Constraints, partial indexes, policies and grants stand as SQL in the migrations: Tortoise and aerich drop them silently.
"""

from typing import Any

import orjson
from tortoise import fields
from tortoise.models import Model


def dump_json(value: object) -> str:
    """Write a JSON column."""
    return orjson.dumps(value).decode()


def load_json(text: str | bytes) -> Any:  # noqa: ANN401 -- a JSON value
    """Read a JSON column."""
    return orjson.loads(text)


def json_field(*, null: bool = False) -> Any:  # noqa: ANN401 -- a Tortoise field
    """Make a column of JSON."""
    return fields.JSONField(encoder=dump_json, decoder=load_json, null=null)


class Versioned(Model):
    """What every resource has."""

    id = fields.UUIDField(primary_key=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    version = fields.IntField()

    class Meta:
        abstract = True


class Pharmacy(Versioned):
    """The tenants."""

    name = fields.TextField()
    is_active = fields.BooleanField()
    webhook_url = fields.TextField(null=True)
    settings = json_field()

    class Meta:
        table = "pharmacies"


class ApiKey(Versioned):
    """Keys of pharmacies, as SHA-256."""

    pharmacy_id = fields.UUIDField()
    name = fields.TextField()
    digest = fields.CharField(max_length=64, unique=True)
    hint = fields.CharField(max_length=8)
    scopes = json_field()
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_keys"


class InventoryItem(Versioned):
    """Items of stock."""

    pharmacy_id = fields.UUIDField()
    sku = fields.CharField(max_length=128)
    name = fields.TextField()
    quantity = fields.IntField()
    reserved = fields.IntField()
    price = fields.DecimalField(max_digits=12, decimal_places=2)
    extra_data = json_field()
    identifiers = json_field()
    low_stock_threshold = fields.IntField(null=True)
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "inventory_items"


class StockMovement(Model):
    """The ledger; `position` is the order in which movements were applied."""

    position = fields.BigIntField(primary_key=True, generated=True)
    id = fields.UUIDField()
    pharmacy_id = fields.UUIDField()
    item_id = fields.UUIDField()
    operation_id = fields.UUIDField()
    delta = fields.IntField()
    quantity_after = fields.IntField()
    reason = fields.CharField(max_length=16)
    note = fields.TextField()
    reference_uri = fields.TextField(null=True)
    occurred_at = fields.DatetimeField()
    recorded_at = fields.DatetimeField()

    class Meta:
        table = "stock_movements"


class Sale(Versioned):
    """Sales with their lines."""

    pharmacy_id = fields.UUIDField()
    lines = json_field()
    total_price = fields.DecimalField(max_digits=18, decimal_places=2)
    sale_time = fields.DatetimeField()
    reference = fields.CharField(max_length=128, null=True)
    status = fields.CharField(max_length=16)
    extra_data = json_field()

    class Meta:
        table = "sales"


class Order(Versioned):
    """Orders with their lines."""

    pharmacy_id = fields.UUIDField()
    order_reference = fields.CharField(max_length=128)
    items = json_field()
    total_amount = fields.DecimalField(max_digits=12, decimal_places=2)
    status = fields.CharField(max_length=16)
    held_from = fields.CharField(max_length=16, null=True)
    reason = fields.TextField()
    source = fields.CharField(max_length=128)
    extra_data = json_field()

    class Meta:
        table = "orders"


class WebhookEvent(Versioned):
    """Webhooks that came in."""

    pharmacy_id = fields.UUIDField()
    event_type = fields.CharField(max_length=128)
    payload = json_field()
    source_id = fields.UUIDField(null=True)
    received_at = fields.DatetimeField()
    processed = fields.BooleanField()
    processed_at = fields.DatetimeField(null=True)
    message_id = fields.CharField(max_length=255, null=True)
    commands = json_field()
    reason = fields.TextField(null=True)
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "webhook_events"


class Upload(Versioned):
    """Bulk files and how far they are."""

    pharmacy_id = fields.UUIDField()
    kind = fields.CharField(max_length=16)
    digest = fields.CharField(max_length=64)
    rows = fields.IntField()
    applied = fields.IntField()
    rejected = fields.IntField()

    class Meta:
        table = "uploads"


class UploadError(Model):
    """Faults of rows of bulk files."""

    id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField()
    upload_id = fields.UUIDField()
    line = fields.IntField()
    pointer = fields.TextField()
    code = fields.TextField()
    detail = fields.TextField()

    class Meta:
        table = "upload_errors"


class Operation(Model):
    """The inbox and the outcome in one: a command with this id is applied once.

    Its events are those of its pharmacy from `first_sequence` on, `event_count` of them. `result` keeps the answer of
    an operation that caused no event.
    """

    id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField()
    type = fields.CharField(max_length=64)
    status = fields.CharField(max_length=16)
    fingerprint = fields.CharField(max_length=64)
    resource_type = fields.CharField(max_length=32)
    resource_id = fields.UUIDField(null=True)
    accepted_at = fields.DatetimeField()
    finished_at = fields.DatetimeField()
    first_sequence = fields.BigIntField(null=True)
    event_count = fields.IntField()
    problem = fields.JSONField[Any](encoder=dump_json, decoder=load_json, null=True)
    result = fields.JSONField[Any](encoder=dump_json, decoder=load_json, null=True)
    actor = fields.CharField(max_length=64)
    door = fields.CharField(max_length=8)

    class Meta:
        table = "operations"


class EventSequence(Model):
    """The last number given to an event of a pharmacy (nil: of the hub)."""

    pharmacy_id = fields.UUIDField(primary_key=True)
    last_sequence = fields.BigIntField()

    class Meta:
        table = "event_sequences"


class Event(Model):
    """The log; `body` is the text that every receiver gets. The key (pharmacy, sequence) stands in the migration."""

    id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField()
    sequence = fields.BigIntField()
    type = fields.CharField(max_length=64)
    operation_id = fields.UUIDField()
    time = fields.DatetimeField()
    body = fields.TextField()

    class Meta:
        table = "events"


class ParkedMessage(Model):
    """Messages set aside, with their reason."""

    id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField(null=True)
    operation_id = fields.UUIDField(null=True)
    origin = fields.TextField()
    reason = fields.TextField()
    payload = fields.BinaryField()
    parked_at = fields.DatetimeField()
    replayed_at = fields.DatetimeField(null=True)
    discarded_at = fields.DatetimeField(null=True)
    note = fields.TextField(null=True)

    class Meta:
        table = "parked_messages"


class AuditEntry(Model):
    """Who did what, when, from where; only ever added to. Monthly partitions and the key (at, id) stand in the migration."""

    id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField(null=True)
    actor = fields.CharField(max_length=64)
    action = fields.CharField(max_length=64)
    subject = fields.TextField()
    at = fields.DatetimeField()
    origin = fields.TextField()
    outcome = fields.CharField(max_length=16, null=True)

    class Meta:
        table = "audit_log"
