"""The models of what comes from outside and goes there."""

from typing import Final

from gateway.admin.registry import Action, Column, Form, Input, Model

_TIMES: Final = (Column("created_at", "time"), Column("updated_at", "time"), Column("version", "number"))

_COMMANDS: Final = (
    Column("type", "code", "Command"),
    Column("status", "badge"),
    Column("operation_id", "id", "Operation", model="operations"),
)

_WEBHOOK_EVENTS: Final = Model(
    name="webhook-events",
    noun="webhook event",
    plural="Received",
    icon="inbox",
    listing="webhook_events",
    path="/api/webhook-events",
    none_yet="Nothing received yet: what a source sends to its address or the pharmacy to the API lands here.",
    one="/api/webhook-events/{id}",
    group="Webhooks",
    title=lambda row: str(row["event_type"]),
    columns=(
        Column("received_at", "time", "Received"),
        Column("event_type", "link", "Type"),
        Column("processed", "flag"),
        Column("source_id", "id", "Source", model="sources", wide=True),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
    ),
    details=(
        Column("id", "id"),
        Column("pharmacy_id", "pharmacy", "Pharmacy"),
        Column("event_type", "code", "Type"),
        Column("source_id", "id", "Source", model="sources"),
        Column("received_at", "time", "Received"),
        Column("processed", "flag"),
        Column("processed_at", "time", "Processed at"),
        Column("message_id", "code", "Message id"),
        Column("reason", label="Not all applied, because"),
        Column("commands", "lines", "What it became", columns=_COMMANDS),
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
        {
            "processed": Input(
                help="A mark for people: changing it translates nothing, Reprocess does. The rest is a fact and stays."
            )
        },
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
            confirm="Only the mark changes. What the hub makes of it goes on, and what it made stays.",
            bulk=True,
        ),
        Action(
            "reprocess",
            "Reprocess",
            "webhook_event.reprocess",
            "/api/webhook-events/{id}/reprocess",
            icon="refresh",
            confirm=(
                "It is translated once more, by the mapping that its source has now. What was applied of it stays applied once; "
                "what was refused is tried again. A webhook without a source or a mapping becomes nothing."
            ),
            bulk=True,
        ),
    ),
)

_UPLOADS: Final = Model(
    name="uploads",
    noun="upload",
    plural="Uploads",
    icon="upload",
    listing="uploads",
    path="/api/uploads",
    none_yet="No uploads yet: every file that is imported here or sent in bulk over the API becomes one.",
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

_SETTINGS: Final = Input(
    widget="json",
    whole=True,
    value={},
    help="What the scheme needs beside the secret: header, encoding, prefix, username, id_path, ... Most need nothing.",
)
_MAPPING: Final = Input(
    widget="json", whole=True, help="What its messages mean, as commands. Empty: they are kept and nothing else."
)
_SECRET: Final = Input(help="The vendor's. Empty: one is made and shown once.")

_SOURCES: Final = Model(
    name="sources",
    noun="source",
    plural="Sources",
    icon="plug",
    listing="sources",
    path="/api/sources",
    none_yet="No sources yet: a third party that shall send webhooks gets one, with an address of its own.",
    one="/api/sources/{id}",
    group="Webhooks",
    title=lambda row: str(row["name"]),
    columns=(
        Column("name", "link"),
        Column("scheme", "code"),
        Column("enabled", "flag"),
        Column("url", "code", "Address", wide=True),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
        Column("created_at", "time", wide=True),
    ),
    details=(
        Column("id", "id"),
        Column("pharmacy_id", "pharmacy", "Pharmacy"),
        Column("scheme", "code"),
        Column("enabled", "flag"),
        Column("url", "code", "Address"),
        Column("event_type_path", "code"),
        Column("previous_valid_until", "time", "Old secret good until"),
        Column("settings", "object"),
        Column("mapping", "json"),
        *_TIMES,
    ),
    filters=("scheme", "enabled"),
    secrets=("secret",),
    search="Search names",
    about="Third parties that may send webhooks, each verified by its own scheme.",
    create=Form(
        "source.create",
        "/api/sources",
        "POST",
        ("name", "scheme", "secret", "event_type_path", "enabled", "settings", "mapping"),
        {"secret": _SECRET, "settings": _SETTINGS, "mapping": _MAPPING},
    ),
    edit=Form(
        "source.update",
        "/api/sources/{id}",
        "PATCH",
        ("name", "event_type_path", "enabled", "settings", "mapping"),
        {"settings": _SETTINGS, "mapping": _MAPPING},
    ),
    delete=Action(
        "delete",
        "Delete",
        "source.delete",
        "/api/sources/{id}",
        "DELETE",
        "trash",
        confirm="Nothing of it is taken in any more. What it sent stays.",
        danger=True,
        bulk=True,
    ),
    actions=(
        Action(
            "rotate",
            "Rotate secret",
            "source.rotate_secret",
            "/api/sources/{id}/rotate-secret",
            icon="refresh",
            fields=("secret", "overlap_seconds"),
            inputs={"secret": _SECRET, "overlap_seconds": Input(help="How long the old secret stays good.")},
        ),
    ),
)

ENTRIES: Final = (_UPLOADS, _SOURCES, _WEBHOOK_EVENTS)
