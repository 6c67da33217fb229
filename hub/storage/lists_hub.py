"""The lists of the hub itself, for operators: parked messages, the audit log, the operators."""

from typing import Final

from hub.domain.operators import ROLES
from hub.storage import models, models_outside
from hub.storage.list_parts import ALIVE, BY_NAME, REFERENCE, TIMES, VERSIONED, equal, search, since, sorts
from hub.storage.page_sql import item_of
from hub.storage.paging import Filter, Listing, Parent, Sort
from hub.storage.parameter_kinds import BOOLEAN, IDENTIFIER, TIME, one_of, text_of

_STATUS: Final = "CASE WHEN t.replayed_at IS NOT NULL THEN 'replayed' WHEN t.discarded_at IS NOT NULL THEN 'discarded' ELSE 'parked' END"
_WORD: Final = text_of(64)

LISTINGS_HUB: Final = (
    Listing(
        "operators",
        "operators",
        "operator",
        item_of(
            models_outside.Operator,
            (
                "id",
                "username",
                "name",
                "role",
                "is_active",
                "has_password",
                "has_totp",
                "last_signed_in_at",
                *VERSIONED,
            ),
            has_password="(t.password IS NOT NULL)::text",  # noqa: S106 -- whether there is one
            has_totp="(t.totp IS NOT NULL)::text",
        ),
        {
            "username": equal("username", REFERENCE),
            "role": equal("role", one_of(ROLES)),
            "is_active": equal("is_active", BOOLEAN),
            **search("t.username", "normalize(t.name)"),
            **TIMES,
        },
        sorts(username="text") | BY_NAME,
        "created_at",
        scope="id",
        alive=ALIVE,
    ),
    Listing(
        "operator_keys",
        "operator_keys",
        "key",
        item_of(
            models_outside.OperatorKey,
            ("id", "name", "hint", "expires_at", "revoked_at", "last_used_at", *VERSIONED),
        ),
        {
            "name": equal("name", text_of(1000)),
            "is_revoked": Filter(
                BOOLEAN, "(t.revoked_at IS NOT NULL) = {}", "Revoked keys only, or keys in force only."
            ),
            **search("normalize(t.name)"),
            **TIMES,
        },
        sorts() | BY_NAME,
        "created_at",
        scope="id",
    ),
    Listing(
        "parked",
        "parked_messages",
        "parked message",
        item_of(
            models.ParkedMessage,
            (
                "id",
                "pharmacy_id",
                "operation_id",
                "origin",
                "reason",
                "status",
                "payload_bytes",
                "parked_at",
                "replayed_at",
                "discarded_at",
                "note",
            ),
            status=f"to_json({_STATUS})",
            payload_bytes="octet_length(t.payload)::text",
        ),
        {
            "pharmacy_id": equal("pharmacy_id", IDENTIFIER, "What came from this pharmacy."),
            "operation_id": equal("operation_id", IDENTIFIER),
            "origin": equal("origin", text_of(255), "The queue it came from."),
            "status": Filter(one_of(("parked", "replayed", "discarded")), f"{_STATUS} = {{}}"),
            "parked_since": since("parked_at"),
        },
        {"parked_at": Sort("t.parked_at", "timestamptz", lambda item: item["parked_at"])},
        "-parked_at",
        versioned=False,
    ),
    Listing(
        "audit",
        "audit_log",
        "line of the audit log",
        item_of(models.AuditEntry, ("id", "pharmacy_id", "actor", "action", "subject", "outcome", "origin", "at")),
        {
            "pharmacy_id": equal("pharmacy_id", IDENTIFIER, "What was done to this pharmacy."),
            "actor": equal("actor", _WORD, "`operator:<id>`, `key:<id>`, `source:<id>` or `system`."),
            "action": equal("action", _WORD, "The type of a command, or `<what>.read`."),
            "subject": equal("subject", text_of(500)),
            "outcome": equal("outcome", one_of(("applied", "rejected", "parked"))),
            "at_since": since("at"),
            "at_before": Filter(TIME, "t.at < {}", "`at` before this time."),
        },
        {"at": Sort("t.at", "timestamptz", lambda item: item["at"])},
        "-at",
        versioned=False,
    ),
    Listing(
        "integrators",
        "integrators",
        "integrator",
        item_of(models_outside.Integrator, ("id", "name", "is_active", "pharmacy_ids", *VERSIONED)),
        {
            "name": equal("name", text_of(1000)),
            "is_active": equal("is_active", BOOLEAN),
            "pharmacy_id": Filter(IDENTIFIER, "t.pharmacy_ids ? {}::text", "Those that may act for this pharmacy."),
            **TIMES,
        },
        sorts() | BY_NAME,
        "created_at",
        wide=("pharmacy_ids",),
    ),
    Listing(
        "integrator_keys",
        "integrator_keys",
        "key",
        item_of(
            models_outside.IntegratorKey,
            ("id", "integrator_id", "name", "scopes", "hint", "expires_at", "revoked_at", "last_used_at", *VERSIONED),
        ),
        {
            "name": equal("name", text_of(1000)),
            "is_revoked": Filter(
                BOOLEAN, "(t.revoked_at IS NOT NULL) = {}", "Revoked keys only, or keys in force only."
            ),
            **TIMES,
        },
        sorts() | BY_NAME,
        "created_at",
        parent=Parent("integrators", "integrator_id"),
    ),
)
