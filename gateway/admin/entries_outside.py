"""The models of what comes from outside and goes there."""

from typing import Final

from gateway.admin.registry import Action, Column, Form, Input, Model

_TIMES: Final = (Column("created_at", "time"), Column("updated_at", "time"), Column("version", "number"))

_WEBHOOK_EVENTS: Final = Model(
    name="webhook-events",
    noun="webhook event",
    plural="Received",
    icon="inbox",
    listing="webhook_events",
    path="/api/webhook-events",
    one="/api/webhook-events/{id}",
    group="Webhooks",
    title=lambda row: str(row["event_type"]),
    columns=(
        Column("received_at", "time", "Received"),
        Column("event_type", "link", "Type"),
        Column("processed", "flag"),
        Column("source_id", "id", "Source", wide=True),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
    ),
    details=(
        Column("id", "id"),
        Column("pharmacy_id", "pharmacy", "Pharmacy"),
        Column("event_type", "code", "Type"),
        Column("source_id", "id", "Source"),
        Column("received_at", "time", "Received"),
        Column("processed", "flag"),
        Column("processed_at", "time", "Processed"),
        Column("payload", "json"),
        *_TIMES,
    ),
    filters=("processed", "event_type"),
    search="Search types",
    about="What third parties and pharmacies sent in by webhook, as it came.",
    create=Form(
        "webhook_event.receive",
        "/api/webhook-events",
        "POST",
        ("event_type", "payload"),
        {
            "event_type": Input(label="Type", placeholder="order.created"),
            "payload": Input(widget="json", help="Any JSON value.", value={}),
        },
    ),
    edit=Form(
        "webhook_event.update",
        "/api/webhook-events/{id}",
        "PATCH",
        ("processed",),
        {"processed": Input(help="Switched off, the hub processes it once more. The rest is a fact and stays.")},
    ),
    delete=Action(
        "delete",
        "Delete",
        "webhook_event.delete",
        "/api/webhook-events/{id}",
        "DELETE",
        "trash",
        confirm="It is taken off the list. What it caused stays.",
        danger=True,
        bulk=True,
    ),
    actions=(
        Action(
            "mark",
            "Mark as processed",
            "webhook_event.update",
            "/api/webhook-events/{id}",
            "PATCH",
            "check",
            body={"processed": True},
            when=lambda row: not row["processed"],
            confirm="The hub leaves it alone from now on.",
            bulk=True,
        ),
    ),
)

_DELIVERIES: Final = Model(
    name="deliveries",
    noun="delivery",
    plural="Deliveries",
    icon="send",
    listing="webhook_deliveries",
    path="/api/webhook-deliveries",
    one="/api/webhook-deliveries/{id}",
    group="Webhooks",
    title=lambda row: f"{row['event_type']} #{row['event_sequence']}",
    columns=(
        Column("created_at", "time", "Made"),
        Column("event_type", "link", "Event"),
        Column("event_sequence", "number", "Sequence"),
        Column("status", "badge"),
        Column("attempts", "number"),
        Column("last_status_code", "number", "Last answer"),
        Column("next_attempt_at", "time", "Next attempt", wide=True),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
    ),
    details=(
        Column("id", "id"),
        Column("pharmacy_id", "pharmacy", "Pharmacy"),
        Column("endpoint_id", "id", "Endpoint"),
        Column("event_id", "id", "Event"),
        Column("event_type", "code"),
        Column("event_sequence", "number"),
        Column("status", "badge"),
        Column("attempts", "number"),
        Column("last_status_code", "number", "Last answer"),
        Column("next_attempt_at", "time", "Next attempt"),
        Column("created_at", "time"),
        Column("updated_at", "time"),
    ),
    filters=("status", "event_type"),
)

_UPLOADS: Final = Model(
    name="uploads",
    noun="upload",
    plural="Uploads",
    icon="upload",
    listing="uploads",
    path="/api/uploads",
    one="/api/uploads/{id}",
    title=lambda row: f"Upload {row['id'][-8:]}",
    columns=(
        Column("created_at", "time", "Sent"),
        Column("kind", "link"),
        Column("status", "badge"),
        Column("rows", "number"),
        Column("applied", "number"),
        Column("rejected", "number"),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
    ),
    details=(
        Column("id", "id"),
        Column("pharmacy_id", "pharmacy", "Pharmacy"),
        Column("kind"),
        Column("status", "badge"),
        Column("rows", "number"),
        Column("applied", "number"),
        Column("rejected", "number"),
        Column("pending", "number"),
        *_TIMES,
    ),
    filters=("kind", "status"),
)

ENTRIES: Final = (_UPLOADS, _WEBHOOK_EVENTS, _DELIVERIES)
