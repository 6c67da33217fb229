"""The models of the hub itself, for its operators: what was set aside, and who did what."""

from typing import Final

from gateway.admin.registry import Action, Column, Input, Model

_PARKED: Final = Model(
    name="parked",
    noun="parked message",
    plural="Parked",
    icon="alert-triangle",
    listing="parked",
    path="/api/parked",
    none_yet="Nothing is parked: a command comes here only when it could not be applied.",
    one="/api/parked/{id}",
    is_hubs=True,
    group="Hub",
    sort="-parked_at",
    title=lambda row: str(row["reason"])[:60],
    columns=(
        Column("parked_at", "time", "Parked"),
        Column("reason", "link"),
        Column("status", "badge"),
        Column("origin", "code", wide=True),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
    ),
    details=(
        Column("id", "id"),
        Column("pharmacy_id", "pharmacy", "Pharmacy"),
        Column("operation_id", "id", "Operation"),
        Column("origin", "code"),
        Column("reason"),
        Column("status", "badge"),
        Column("note"),
        Column("parked_at", "time", "Parked"),
        Column("replayed_at", "time", "Replayed"),
        Column("discarded_at", "time", "Discarded"),
        Column("payload", "json"),
    ),
    filters=("status",),
    about="Commands that could not be applied. They wait here for a decision; nothing else waits for them.",
    actions=(
        Action(
            "replay",
            "Replay",
            "parked.replay",
            "/api/parked/{id}/replay",
            icon="player-play",
            fields=("reason",),
            inputs={"reason": Input(widget="textarea", help="Kept with the message.")},
            when=lambda row: row["status"] == "parked",
            confirm="It is applied once more, after all that came in meanwhile.",
            bulk=True,
        ),
        Action(
            "discard",
            "Discard",
            "parked.discard",
            "/api/parked/{id}/discard",
            icon="trash",
            fields=("reason",),
            inputs={"reason": Input(widget="textarea", help="Kept with the message.")},
            when=lambda row: row["status"] == "parked",
            confirm="It is given up; its operation stays parked for good.",
            danger=True,
            bulk=True,
        ),
    ),
)

_AUDIT: Final = Model(
    name="audit",
    noun="audit line",
    plural="Audit",
    icon="history",
    listing="audit",
    path="/api/audit",
    none_yet="No audit lines yet: signing in, an operator's change and the reading of what others sent write one each.",
    is_hubs=True,
    group="Hub",
    sort="-at",
    columns=(
        Column("at", "time", "When"),
        Column("actor", "ref"),
        Column("action", "code"),
        Column("subject", "ref"),
        Column("outcome", "badge"),
        Column("origin", "ref", wide=True),
        Column("pharmacy_id", "pharmacy", "Pharmacy", wide=True),
    ),
    filters=("actor", "action", "subject", "outcome", "at_since", "at_before"),
)

ENTRIES: Final = (_PARKED, _AUDIT)
