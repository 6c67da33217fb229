"""Every table. The domain's rows have the same field names; `tables.py` maps them.

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


def _json() -> Any:  # noqa: ANN401 -- a Tortoise field
    return fields.JSONField(encoder=dump_json, decoder=load_json)


class _Versioned(Model):
    id = fields.UUIDField(primary_key=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    version = fields.IntField()

    class Meta:
        abstract = True


class Pharmacy(_Versioned):
    """The tenants."""

    name = fields.TextField()
    is_active = fields.BooleanField()
    webhook_url = fields.TextField(null=True)
    settings = _json()

    class Meta:
        table = "pharmacies"


class ApiKey(_Versioned):
    """Keys of pharmacies, as SHA-256."""

    pharmacy_id = fields.UUIDField()
    name = fields.TextField()
    digest = fields.CharField(max_length=64, unique=True)
    hint = fields.CharField(max_length=8)
    scopes = _json()
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_keys"


class OperatorKey(_Versioned):
    """Keys of operators, as SHA-256."""

    name = fields.TextField()
    digest = fields.CharField(max_length=64, unique=True)
    hint = fields.CharField(max_length=8)
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "operator_keys"


class InventoryItem(_Versioned):
    """Items of stock."""

    pharmacy_id = fields.UUIDField()
    sku = fields.CharField(max_length=128)
    name = fields.TextField()
    quantity = fields.IntField()
    reserved = fields.IntField()
    price = fields.DecimalField(max_digits=12, decimal_places=2)
    extra_data = _json()
    identifiers = _json()
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


class Sale(_Versioned):
    """Sales with their lines."""

    pharmacy_id = fields.UUIDField()
    lines = _json()
    total_price = fields.DecimalField(max_digits=18, decimal_places=2)
    sale_time = fields.DatetimeField()
    reference = fields.CharField(max_length=128, null=True)
    status = fields.CharField(max_length=16)
    extra_data = _json()

    class Meta:
        table = "sales"


class Order(_Versioned):
    """Orders with their lines."""

    pharmacy_id = fields.UUIDField()
    order_reference = fields.CharField(max_length=128)
    items = _json()
    total_amount = fields.DecimalField(max_digits=12, decimal_places=2)
    status = fields.CharField(max_length=16)
    held_from = fields.CharField(max_length=16, null=True)
    reason = fields.TextField()
    source = fields.CharField(max_length=128)
    extra_data = _json()

    class Meta:
        table = "orders"


class WebhookEvent(_Versioned):
    """Webhooks that came in."""

    pharmacy_id = fields.UUIDField()
    event_type = fields.CharField(max_length=128)
    payload = _json()
    source_id = fields.UUIDField(null=True)
    received_at = fields.DatetimeField()
    processed = fields.BooleanField()
    processed_at = fields.DatetimeField(null=True)
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "webhook_events"


class Upload(_Versioned):
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


class WebhookEndpoint(_Versioned):
    """URLs that want events; `secret` is ciphertext."""

    pharmacy_id = fields.UUIDField()
    url = fields.TextField()
    secret = fields.TextField()
    event_types = _json()
    enabled = fields.BooleanField()
    is_default = fields.BooleanField()
    description = fields.TextField()
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "webhook_endpoints"


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


class WebhookCursor(Model):
    """How far the log is spread to an endpoint: every event up to here has its delivery, if it was wanted."""

    endpoint_id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField()
    sequence = fields.BigIntField()

    class Meta:
        table = "webhook_cursors"


class WebhookDelivery(Model):
    """One event for one endpoint, and when it is due."""

    id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField()
    endpoint_id = fields.UUIDField()
    event_id = fields.UUIDField()
    event_sequence = fields.BigIntField()
    event_type = fields.CharField(max_length=64)
    status = fields.CharField(max_length=16)
    attempts = fields.IntField()
    next_attempt_at = fields.DatetimeField(null=True)
    last_status_code = fields.IntField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "webhook_deliveries"


class WebhookAttempt(Model):
    """One HTTP call of a delivery."""

    id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField()
    delivery_id = fields.UUIDField()
    number = fields.IntField()
    at = fields.DatetimeField()
    status_code = fields.IntField(null=True)
    error = fields.TextField(null=True)
    duration_ms = fields.IntField()
    response_body = fields.TextField()

    class Meta:
        table = "webhook_attempts"


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


class Source(_Versioned):
    """Third parties that may send webhooks; `secret` is ciphertext."""

    pharmacy_id = fields.UUIDField()
    name = fields.TextField()
    scheme = fields.CharField(max_length=16)
    secret = fields.TextField()
    event_type_path = fields.TextField()
    mapping = _json()
    enabled = fields.BooleanField()
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sources"


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
