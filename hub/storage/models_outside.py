"""The tables of who talks to the hub from outside: operators, integrators, sources, webhook endpoints, feeds."""

from tortoise import fields
from tortoise.models import Model

from hub.storage.models import Versioned, json_field


class OperatorKey(Versioned):
    """Keys of operators, as SHA-256."""

    name = fields.TextField()
    digest = fields.CharField(max_length=64, unique=True)
    hint = fields.CharField(max_length=8)
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "operator_keys"


class Operator(Versioned):
    """People who sign in at the console; `password` is argon2id, `totp` ciphertext. A new `epoch` ends their sessions."""

    username = fields.CharField(max_length=128)
    name = fields.TextField()
    role = fields.CharField(max_length=16)
    password = fields.TextField(null=True)
    totp = fields.TextField(null=True)
    epoch = fields.IntField()
    is_active = fields.BooleanField()
    last_signed_in_at = fields.DatetimeField(null=True)
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "operators"


class EndedSession(Model):
    """Console sessions that were signed out before their time; kept until `expires_at`."""

    id = fields.UUIDField(primary_key=True)
    operator_id = fields.UUIDField(null=True)
    ended_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "ended_sessions"


class Integrator(Versioned):
    """Vendors whose software serves many pharmacies: `pharmacy_ids` are those it may act for."""

    name = fields.TextField()
    is_active = fields.BooleanField()
    pharmacy_ids = json_field()

    class Meta:
        table = "integrators"


class IntegratorKey(Versioned):
    """Keys of integrators, as SHA-256."""

    integrator_id = fields.UUIDField()
    name = fields.TextField()
    digest = fields.CharField(max_length=64, unique=True)
    hint = fields.CharField(max_length=8)
    scopes = json_field()
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "integrator_keys"


class EventQueue(Versioned):
    """A pharmacy's own feed on the broker, `hub.out.<pharmacy id>`: which types it takes and how long it may grow."""

    pharmacy_id = fields.UUIDField()
    types = json_field()
    max_length = fields.IntField()
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "event_queues"


class Source(Versioned):
    """Third parties that may send webhooks; `secret` and `previous_secret` are ciphertext.

    `settings` holds what a scheme needs beside the secret (header, encoding, prefix, algorithm, address, answer).
    """

    pharmacy_id = fields.UUIDField()
    name = fields.TextField()
    scheme = fields.CharField(max_length=16)
    secret = fields.TextField()
    previous_secret = fields.TextField(null=True)
    previous_valid_until = fields.DatetimeField(null=True)
    event_type_path = fields.TextField()
    settings = json_field()
    mapping = json_field()
    enabled = fields.BooleanField()
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sources"


class WebhookEndpoint(Versioned):
    """URLs that want events. `secret`, `auth` and the secrets in `previous_secrets` are ciphertext."""

    pharmacy_id = fields.UUIDField()
    url = fields.TextField()
    secret = fields.TextField()
    previous_secrets = json_field()
    previous_valid_until = fields.DatetimeField(null=True)
    signing = fields.CharField(max_length=8)
    public_key = fields.TextField(null=True)
    auth = fields.TextField(null=True)
    auth_type = fields.CharField(max_length=8, null=True)
    headers = json_field()
    event_types = json_field()
    event_filter = json_field(null=True)
    ordered = fields.BooleanField()
    timeout_seconds = fields.IntField()
    ladder_seconds = json_field(null=True)
    throttle_per_second = fields.IntField(null=True)
    enabled = fields.BooleanField()
    disabled_reason = fields.TextField(null=True)
    source_id = fields.UUIDField(null=True)
    is_default = fields.BooleanField()
    description = fields.TextField()
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "webhook_endpoints"


class WebhookHealth(Model):
    """How the calls to an endpoint go, written by the deliverer: since when it fails, how far it was warned, its breaker."""

    endpoint_id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField()
    failing_since = fields.DatetimeField(null=True)
    failures = fields.IntField()
    warned_percent = fields.IntField()
    open_until = fields.DatetimeField(null=True)
    last_success_at = fields.DatetimeField(null=True)
    last_failure_at = fields.DatetimeField(null=True)

    class Meta:
        table = "webhook_health"


class WebhookCursor(Model):
    """How far the log is spread to an endpoint: every event up to here has its delivery, if it was wanted."""

    endpoint_id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField()
    sequence = fields.BigIntField()

    class Meta:
        table = "webhook_cursors"


class WebhookDelivery(Model):
    """One event for one endpoint, and when it is due. `round_start` is the attempt after which its ladder began (again)."""

    id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField()
    endpoint_id = fields.UUIDField()
    event_id = fields.UUIDField()
    event_sequence = fields.BigIntField()
    event_type = fields.CharField(max_length=64)
    status = fields.CharField(max_length=16)
    attempts = fields.IntField()
    round_start = fields.IntField()
    next_attempt_at = fields.DatetimeField(null=True)
    last_status_code = fields.IntField(null=True)
    last_error = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "webhook_deliveries"


class WebhookAttempt(Model):
    """One HTTP call of a delivery: what was sent, to which address, and what came back."""

    id = fields.UUIDField(primary_key=True)
    pharmacy_id = fields.UUIDField()
    delivery_id = fields.UUIDField()
    number = fields.IntField()
    at = fields.DatetimeField()
    address = fields.TextField(null=True)
    request_headers = json_field()
    status_code = fields.IntField(null=True)
    error = fields.TextField(null=True)
    error_class = fields.CharField(max_length=32, null=True)
    duration_ms = fields.IntField()
    response_body = fields.TextField()

    class Meta:
        table = "webhook_attempts"
