"""The lists of what comes from outside and goes there: incoming webhooks, bulk files, outbound webhooks."""

from typing import Final, get_args

from hub.domain.source_bodies import Scheme
from hub.domain.webhooks import DeliveryStatus
from hub.storage import models, models_outside
from hub.storage.list_parts import ALIVE, REFERENCE, TIMES, VERSIONED, equal, search, since, sorts
from hub.storage.page_sql import item_of
from hub.storage.paging import Filter, Listing, Parent, Sort
from hub.storage.parameter_kinds import BOOLEAN, IDENTIFIER, INTEGER, TIME, one_of, text_of

_PENDING: Final = "(t.rows - t.applied - t.rejected)"

LISTINGS_OUTSIDE: Final = (
    Listing(
        "webhook_events",
        "webhook_events",
        "webhook event",
        item_of(
            models.WebhookEvent,
            (
                "id",
                "pharmacy_id",
                "event_type",
                "payload",
                "source_id",
                "received_at",
                "processed",
                "processed_at",
                "message_id",
                "commands",
                "reason",
                *VERSIONED,
            ),
        ),
        {
            "event_type": equal("event_type", REFERENCE),
            "processed": equal("processed", BOOLEAN),
            "source_id": equal("source_id", IDENTIFIER),
            "received_since": since("received_at"),
            "message_id": equal("message_id", text_of(255), "The vendor's own id of the message."),
            **search("t.event_type"),
            **TIMES,
        },
        sorts(received_at="timestamptz", event_type="text"),
        "created_at",
        alive=ALIVE,
        wide=("payload", "commands", "reason"),
    ),
    Listing(
        "sources",
        "sources",
        "source",
        item_of(
            models_outside.Source,
            (
                "id",
                "pharmacy_id",
                "name",
                "scheme",
                "settings",
                "event_type_path",
                "mapping",
                "enabled",
                "previous_valid_until",
                "url",
                *VERSIONED,
            ),
            # The gateway puts its own address before it.
            url="to_json('/hooks/' || t.id)",
        ),
        {
            "name": equal("name", text_of(1000)),
            "scheme": equal("scheme", one_of(get_args(Scheme))),
            "enabled": equal("enabled", BOOLEAN),
            **search("t.name"),
            **TIMES,
        },
        sorts(),
        "created_at",
        alive=ALIVE,
        wide=("settings", "mapping"),
    ),
    Listing(
        "uploads",
        "uploads",
        "upload",
        item_of(
            models.Upload,
            ("id", "pharmacy_id", "kind", "rows", "applied", "rejected", "pending", "status", *VERSIONED),
            pending=f"{_PENDING}::text",
            status=f"""CASE WHEN {_PENDING} > 0 THEN '"pending"' ELSE '"done"' END""",
        ),
        {
            "kind": equal("kind", one_of(("inventory", "sales"))),
            "status": Filter(
                one_of(("pending", "done")), f"CASE WHEN {_PENDING} > 0 THEN 'pending' ELSE 'done' END = {{}}"
            ),
            **TIMES,
        },
        sorts(),
        "created_at",
    ),
    Listing(
        "upload_errors",
        "upload_errors",
        "fault of a row",
        item_of(models.UploadError, ("line", "pointer", "code", "detail")),
        {"line": equal("line", INTEGER), "code": equal("code", REFERENCE)},
        {"line": Sort("t.line", "int4", None)},
        "line",
        is_sortable=False,
        parent=Parent("uploads", "upload_id"),
        versioned=False,
        wide=("pointer", "detail"),
    ),
    Listing(
        "webhook_endpoints",
        "webhook_endpoints",
        "webhook endpoint",
        item_of(
            models_outside.WebhookEndpoint,
            (
                "id",
                "pharmacy_id",
                "url",
                "event_types",
                "filter",
                "description",
                "enabled",
                "disabled_reason",
                "ordered",
                "headers",
                "auth_type",
                "signing",
                "public_key",
                "previous_valid_until",
                "timeout_seconds",
                "ladder_seconds",
                "throttle_per_second",
                "source_id",
                "is_default",
                *VERSIONED,
            ),
            filter="coalesce(t.event_filter::text, 'null')",
        ),
        {
            "enabled": equal("enabled", BOOLEAN),
            "is_default": equal("is_default", BOOLEAN),
            "url": equal("url", text_of(2048)),
            **search("t.url", "t.description"),
            **TIMES,
        },
        sorts(),
        "created_at",
        alive=ALIVE,
        wide=("event_types", "event_filter", "headers"),
    ),
    Listing(
        "webhook_deliveries",
        "webhook_deliveries",
        "webhook delivery",
        item_of(
            models_outside.WebhookDelivery,
            (
                "id",
                "pharmacy_id",
                "endpoint_id",
                "event_id",
                "event_sequence",
                "event_type",
                "status",
                "attempts",
                "next_attempt_at",
                "last_status_code",
                "last_error",
                "created_at",
                "updated_at",
            ),
        ),
        {
            "endpoint_id": equal("endpoint_id", IDENTIFIER),
            "event_id": equal("event_id", IDENTIFIER),
            "event_type": equal("event_type", text_of(64)),
            "status": equal("status", one_of(get_args(DeliveryStatus))),
            "status_code": Filter(
                INTEGER, "t.last_status_code = {}", "The last attempt was answered with this status."
            ),
            "attempts": equal("attempts", INTEGER),
            "created_until": Filter(TIME, "t.created_at < {}", "`created_at` before this time."),
            **TIMES,
        },
        sorts(event_sequence="int8"),
        "created_at",
        versioned=False,
    ),
    Listing(
        "webhook_attempts",
        "webhook_attempts",
        "attempt",
        item_of(
            models_outside.WebhookAttempt,
            (
                "number",
                "at",
                "address",
                "request_headers",
                "status_code",
                "error",
                "error_class",
                "duration_ms",
                "response_body",
            ),
        ),
        {"status_code": equal("status_code", INTEGER), "error_class": equal("error_class", text_of(32))},
        {"number": Sort("t.number", "int4", None)},
        "number",
        is_sortable=False,
        parent=Parent("webhook_deliveries", "delivery_id"),
        versioned=False,
        wide=("request_headers", "response_body"),
    ),
)
