"""A JSON Schema for every type of event: the envelope, and what `data` holds. Made of the views, so they cannot differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel

from gateway.view_hub import EndpointHealth
from gateway.views import VIEWS, Event, schema_of

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class EventKind:
    """A type of event.

    Args:
        view: name of the representation in `data`, under `member`.
        member: the type's first word, unless said otherwise.
        help: when it happens.
        with_movement: there is a `movement` as well.
        with_health: there is `health` as well: since when an endpoint fails.
    """

    view: str
    member: str
    help: str
    with_movement: bool = False
    with_health: bool = False


def _kinds(member: str, view: str, **verbs: str) -> dict[str, EventKind]:
    return {f"{member}.{verb}": EventKind(view, member, text) for verb, text in verbs.items()}


EVENTS: Final[Mapping[str, EventKind]] = MappingProxyType(
    _kinds(
        "pharmacy",
        "pharmacy",
        created="A pharmacy was made.",
        updated="A pharmacy changed.",
        deactivated="A pharmacy was stopped.",
    )
    | _kinds("api_key", "key", created="A key was minted.", revoked="A key was ended.")
    | _kinds(
        "operator_key",
        "operator_key",
        created="An operator's key was minted; in the hub's own log.",
        revoked="An operator's key was ended; in the hub's own log.",
    )
    | _kinds(
        "source",
        "source",
        created="A source of webhooks was registered.",
        updated="A source changed.",
        deleted="A source was removed.",
    )
    | _kinds(
        "inventory",
        "inventory",
        created="An item was added.",
        updated="An item changed, its quantity not.",
        deleted="An item was taken off the list; what was left of it was written off.",
        stock_negative="A quantity went below zero.",
        stock_low="What is available fell to the item's threshold.",
    )
    | {
        "inventory.adjusted": EventKind(
            "inventory", "inventory", "A quantity changed by a movement.", with_movement=True
        )
    }
    | _kinds(
        "sale",
        "sale",
        recorded="A sale was recorded; its lines say what was left.",
        updated="A sale's reference or extra data changed.",
        voided="A sale was taken back.",
    )
    | _kinds(
        "order",
        "order",
        placed="An order was placed.",
        updated="An order changed, its status not.",
        status_changed="An order moved.",
    )
    | _kinds(
        "webhook_event",
        "webhook_event",
        received="A webhook came in.",
        processed="A webhook was processed, or is to be again.",
        reopened="A webhook is translated once more.",
        deleted="A webhook was taken off the list.",
    )
    | _kinds("command", "operation", rejected="A command that came over AMQP was refused.")
    | _kinds(
        "webhook_endpoint",
        "webhook_endpoint",
        created="An endpoint was registered.",
        updated="An endpoint changed.",
        tested="A test was sent to this endpoint, and to no other.",
        deleted="An endpoint was removed.",
    )
    | {
        f"webhook_endpoint.{verb}": EventKind("webhook_endpoint", "webhook_endpoint", text, with_health=True)
        for verb, text in (
            ("failing", "An endpoint has failed for half, 70 % or 90 % of the time after which it is disabled."),
            ("disabled", "An endpoint is called no more: it answered 410, or failed for too long."),
            ("recovered", "An endpoint that was warned of answers again."),
        )
    }
    | _kinds("webhook_delivery", "webhook_delivery", exhausted="All attempts of a delivery have failed.")
    | _kinds(
        "operator",
        "operator",
        created="Somebody may sign in at the console; in the hub's own log.",
        updated="An operator changed, or their password or second factor did; in the hub's own log.",
        deleted="An operator was removed; in the hub's own log.",
        signed_in="An operator signed in at the console; in the hub's own log.",
    )
    | _kinds(
        "integrator",
        "integrator",
        created="An integrator was made; in the hub's own log.",
        updated="An integrator or its grants changed; in the hub's own log.",
        deactivated="An integrator was stopped; in the hub's own log.",
    )
    | _kinds(
        "integrator_key",
        "integrator_key",
        created="A key of an integrator was minted; in the hub's own log.",
        revoked="A key of an integrator was ended; in the hub's own log.",
    )
    | _kinds(
        "parked_message",
        "parked",
        replayed="A parked command was put back; in the hub's own log.",
        discarded="A parked message was given up; in the hub's own log.",
    ),
)
"""Every type of event, in the order of the contract."""


@cache
def event_schema(event_type: str) -> dict[str, Any]:
    """Make the JSON Schema (2020-12) of a type of event.

    Raises:
        KeyError: there is no such type.
    """
    kind = EVENTS[event_type]
    definitions: dict[str, Any] = {}
    resource = _define(VIEWS[kind.view], definitions)
    members: dict[str, Any] = {kind.member: resource, "changed": _changed(definitions[VIEWS[kind.view].__name__])}
    if kind.with_movement:
        members["movement"] = _define(VIEWS["movement"], definitions)
    if kind.with_health:
        members["health"] = _define(EndpointHealth, definitions)
    envelope = schema_of(Event)
    properties = envelope["properties"]
    properties["type"] = {"const": event_type}
    properties["dataschema"] = {"const": f"/schemas/{event_type}.json"}
    properties["source"] = {"type": "string", "pattern": "^(/hub|/pharmacies/[0-9a-f-]{36})$"}
    properties["subject"] = {"type": "string", "pattern": "^[a-z-]+/[0-9a-f-]{36}$"}
    properties["data"] = {
        "type": "object", "properties": members, "required": list(members), "additionalProperties": False,
    }  # fmt: skip
    return {
        "$schema": DIALECT, "$id": f"/schemas/{event_type}.json", "title": event_type, "description": kind.help, "type": "object",
        "properties": properties, "required": envelope["required"], "additionalProperties": False, "$defs": definitions,
    }  # fmt: skip


def _define(model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, str]:
    schema = schema_of(model)
    definitions |= schema.pop("$defs", {})
    definitions[model.__name__] = schema
    return {"$ref": f"#/$defs/{model.__name__}"}


def _changed(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the old values of what changed: any of the resource's members, without the bookkeeping of every change."""
    properties = {
        name: schema for name, schema in resource["properties"].items() if name not in {"updated_at", "version"}
    }
    return {
        "type": "object", "description": "The old values of what changed.", "properties": properties, "additionalProperties": False,
    }  # fmt: skip
