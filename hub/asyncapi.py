"""The AsyncAPI 3 document: every queue the hub reads, as FastStream describes it, and the channels of integrators.

The queues come from the topology, the commands from the register, so the document cannot know less than the hub.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from faststream.rabbit import RabbitBroker, RabbitQueue
from faststream.specification.asyncapi import AsyncAPI
from pydantic import BaseModel

from hub import VERSION
from hub.domain.event_types import OF_A_PHARMACY
from hub.domain.feeds import DEFAULT_LENGTH
from hub.messaging.topology import (
    AUDIT,
    COMMANDS,
    DEAD,
    DEFAULT_PARTITIONS,
    DELIVER,
    EVENTS,
    FANOUT,
    INGRESS,
    OUT,
    TRANSLATE,
    topology,
)
from hub.resources import AMQP_COMMANDS
from hub.resources import COMMANDS as RULES

Json = dict[str, Any]

RECEIPTS: Final = "amq.rabbitmq.reply-to"
MAX_COMMANDS: Final = 500
MAX_BYTES: Final = 1_048_576

_READ: Final[Mapping[str, tuple[str, str]]] = {
    COMMANDS: ("writer", "A partition: lists of commands, applied in order by one consumer at a time."),
    INGRESS: (
        "ingress",
        "What integrators published to `hub.ingress`; a pharmacy's messages always go to the same of these queues, in order.",
    ),
    FANOUT: ("fanout", "Events that wake the fan-out: it reads the log and makes deliveries."),
    TRANSLATE: ("translate", "Received webhooks, to be translated into commands."),
    DELIVER: ("deliver", "Ids of deliveries that are due, by endpoint."),
    AUDIT: ("janitor", "Lines of the audit log and keys in use, batched by gateways."),
    DEAD: ("parker", "Messages that were set aside, on their way to rows that operators see."),
}
"""Queues that the hub reads, by the first part of their names: the role that does, and what they hold."""

_PROBLEM: Final[Json] = {
    "type": ["object", "null"],
    "description": "Why it was refused (RFC 9457); null where it was applied. All types: docs/problems.md.",
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
        "instance": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object", "required": ["pointer", "code", "detail"],
                "properties": {"pointer": {"type": "string"}, "code": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}  # fmt: skip
_INSTANT: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
OPERATION: Final[Json] = {
    "type": "object",
    "description": "The operation, as `GET /api/operations/<id>` shows it. `id` is null where the message spoke for no pharmacy.",
    "required": ["id", "type", "status", "accepted_at", "finished_at", "resource", "events", "problem"],
    "properties": {
        "id": {"type": ["string", "null"], "format": "uuid"}, "type": {"type": ["string", "null"]},
        "status": {"enum": ["applied", "rejected", "parked", "pending"]}, "accepted_at": _INSTANT, "finished_at": _INSTANT,
        "resource": {
            "type": ["object", "null"], "required": ["type", "id", "url"],
            "properties": {"type": {"type": "string"}, "id": {"type": "string", "format": "uuid"}, "url": {"type": "string"}},
        },
        "events": {
            "type": "array",
            "items": {
                "type": "object", "required": ["id", "type", "sequence"],
                "properties": {"id": {"type": "string", "format": "uuid"}, "type": {"type": "string"}, "sequence": {"type": "integer"}},
            },
        },
        "problem": _PROBLEM,
    },
}  # fmt: skip
PROPERTIES: Final[Mapping[str, str]] = {
    "user_id": "Required: the user you logged in as. RabbitMQ refuses any other.",
    "message_id": "Required: your idempotency key, 1 to 255 visible ASCII characters. Same key, same operation, over HTTP as well.",
    "type": "Required: the command.",
    "content_type": "Required: `application/json`, in UTF-8; no `content_encoding`.",
    "reply_to": f"`{RECEIPTS}`, where you want a receipt; any other queue is ignored.",
    "correlation_id": "Comes back with the receipt.",
    "delivery_mode": "2, so that the message outlives the broker's restart.",
    "expiration": "Best left out: a message that expires before it is read is parked, not applied.",
}
"""The properties of a command's message, and what each means."""
EVENT_HEADERS: Final[Json] = {
    "type": "object", "required": ["sequence", "pharmacy_id"],
    "properties": {
        "sequence": {"type": "integer", "minimum": 1, "description": "Gap-free number of the event in its pharmacy."},
        "pharmacy_id": {"type": "string", "format": "uuid"},
    },
}  # fmt: skip


class HubSpecification(AsyncAPI):
    """What `faststream docs gen consumers.app:create_app --factory` writes: the same document that `/asyncapi/` shows."""

    def to_specification(self) -> Any:  # noqa: ANN401 -- FastStream's specification, with our document in it
        """Describe the hub."""
        return _Written()


class _Written:
    """A document as FastStream's tools take it."""

    def to_jsonable(self) -> Json:
        return asyncapi_document()

    def to_json(self) -> str:
        return orjson.dumps(asyncapi_document(), option=orjson.OPT_INDENT_2).decode()

    def to_yaml(self) -> str:
        return self.to_json()  # JSON is YAML

    @property
    def schema(self) -> Json:
        return asyncapi_document()


@lru_cache(maxsize=4)
def asyncapi_document(partitions: int = DEFAULT_PARTITIONS) -> Json:
    """Write the document; an event's `data` has its schema at `/schemas/<type>.json`."""
    document = _described_by_faststream(partitions)
    schemas: Json = document["components"].setdefault("schemas", {})
    messages: Json = {}
    schemas["Operation"] = OPERATION
    for command, names_target in AMQP_COMMANDS.items():
        schemas |= _command_schemas(command, names_target=names_target)
        messages[command] = _command_message(command)
    # An integrator's come first; the hub's own queues follow in the order of their names.
    document["channels"] = {
        "ingress": _ingress(messages), "receipts": _receipts(), "feed": _feed(), "events": _events(),
    } | dict(sorted(document["channels"].items()))  # fmt: skip
    document["operations"] = {
        "publishCommands": {
            "action": "receive", "channel": {"$ref": "#/channels/ingress"}, "title": "Publish commands",
            "summary": "Send one command, or a list of them; with `reply_to`, every one is answered.",
            "messages": [{"$ref": f"#/channels/ingress/messages/{name}"} for name in messages],
            "reply": {"channel": {"$ref": "#/channels/receipts"}, "messages": [{"$ref": "#/channels/receipts/messages/receipt"}]},
        },
        "consumeFeed": {
            "action": "send", "channel": {"$ref": "#/channels/feed"}, "title": "Consume the pharmacy's events",
            "summary": "In order of their sequence, with acks by hand; made by `POST /api/event-queue/`.",
        },
    } | dict(sorted(document["operations"].items()))  # fmt: skip
    return document


def _described_by_faststream(partitions: int) -> Json:
    """Let FastStream describe the queues that the hub reads."""
    broker = RabbitBroker("amqp://hub.example.org:5672/", logger=None)
    for queue in topology(partitions).queues:
        kind = next((name for name in _READ if queue.name == name or queue.name.startswith(f"{name}.")), None)
        if kind is None:
            continue
        role, text = _READ[kind]

        async def handle(body: bytes) -> None:
            """Read by a role of the consumers."""

        broker.subscriber(
            RabbitQueue(queue.name, declare=False), title=queue.name, description=f"{text} Read by the role `{role}`."
        )(handle)
    title = "Pharmacy Connector Hub over AMQP"
    text = "Log in with a pharmacy's id and its API key, or an integrator's. docs/integrator.md begins from zero."
    found: Json = AsyncAPI(broker, title=title, version=VERSION, description=text).to_specification().to_jsonable()
    found["servers"] = {
        "broker": {
            "host": "hub.example.org:5672", "pathname": "/", "protocol": "amqp", "protocolVersion": "0.9.1",
            "description": "User name: the pharmacy's or integrator's id; password: its API key; virtual host `/`.",
            "security": [{"type": "userPassword"}],
        }
    }  # fmt: skip
    for channel in found["channels"].values():
        channel.pop("servers", None)
    return found


def _command_schemas(command: str, *, names_target: bool) -> Json:
    model: type[BaseModel] = RULES[command].body
    schema = model.model_json_schema(mode="validation", ref_template="#/components/schemas/{model}")
    defined: Json = schema.pop("$defs", {})
    if names_target:
        member = {"type": "string", "format": "uuid", "description": "What the HTTP path would name."}
        schema["properties"] = {"id": member, **schema.get("properties", {})}
        schema["required"] = ["id", *schema.get("required", [])]
    schema["title"] = command
    return {**defined, command: schema}


def _command_message(command: str) -> Json:
    one = {"$ref": f"#/components/schemas/{command}"}
    return {
        "name": command, "title": command, "contentType": "application/json",
        "payload": {"oneOf": [one, {"type": "array", "minItems": 1, "maxItems": MAX_COMMANDS, "items": one}]},
        "correlationId": {"location": "$message.header#/correlation_id"},
        "bindings": {"amqp": {"messageType": command, "bindingVersion": "0.3.0"}},
        "summary": f"The body of the same command over HTTP, or a list of up to {MAX_COMMANDS}; at most {MAX_BYTES} bytes.",
    }  # fmt: skip


def _ingress(messages: Json) -> Json:
    described = "\n".join(f"* `{name}`: {text}" for name, text in PROPERTIES.items())
    return {
        "address": INGRESS, "title": "Commands", "messages": messages,
        "description": (
            "Publish here with the pharmacy's id as routing key. In a list, element i has its operation from (`message_id`, i).\n\n"
            f"Properties of every message:\n{described}"
        ),
        "bindings": {
            "amqp": {
                "is": "routingKey", "bindingVersion": "0.3.0",
                "exchange": {"name": INGRESS, "type": "topic", "durable": True, "autoDelete": False, "vhost": "/"},
            }
        },
    }  # fmt: skip


def _receipts() -> Json:
    operation = {"$ref": "#/components/schemas/Operation"}
    return {
        "address": RECEIPTS, "title": "Receipts",
        "description": "RabbitMQ's direct reply-to: consume it without acks on the channel that publishes, before you publish.",
        "messages": {
            "receipt": {
                "name": "receipt", "contentType": "application/json", "payload": {"oneOf": [operation, {"type": "array", "items": operation}]},
                "summary": "One operation, or for a list the operations in its order. At least once: a repeat may come.",
                "correlationId": {"location": "$message.header#/correlation_id"},
            }
        },
    }  # fmt: skip


def _feed() -> Json:
    return {
        "address": f"{OUT}.{{pharmacy_id}}", "title": "A pharmacy's own feed",
        "parameters": {"pharmacy_id": {"description": "Your user name."}},
        "description": (
            f"One consumer at a time, events in order of `sequence`. Beyond its `max_length` ({DEFAULT_LENGTH} unless you choose) the oldest are "
            "dropped; what is missing is at `GET /api/events/?after=`."
        ),
        "messages": {name: _event_message(name, _event_payload(name)) for name in OF_A_PHARMACY},
        "bindings": {
            "amqp": {
                "is": "queue", "bindingVersion": "0.3.0",
                "queue": {"name": f"{OUT}.{{pharmacy_id}}", "durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"},
            }
        },
    }  # fmt: skip


def _event_payload(name: str) -> Json:
    """Describe an event's envelope; its `data` has a schema of its own, which no viewer would fetch from here."""
    text: Json = {"type": "string"}
    members: Json = {
        "specversion": {"const": "1.0"}, "id": text, "type": {"const": name}, "source": text, "subject": text, "time": text, "timestamp": text,
        "datacontenttype": text, "dataschema": {"const": f"/schemas/{name}.json"}, "sequence": {"type": "integer", "minimum": 1},
        "pharmacyid": text, "causationid": text, "data": {"type": "object", "description": f"As `/schemas/{name}.json` says."},
    }  # fmt: skip
    return {"type": "object", "required": list(members), "properties": members}


def _event_message(name: str, payload: Json) -> Json:
    return {"name": name, "contentType": "application/cloudevents+json", "headers": EVENT_HEADERS, "payload": payload}


def _events() -> Json:
    return {
        "address": EVENTS, "title": "All events, inside the hub",
        "description": "Routing key `<pharmacy id>.<type>`, or `hub.<type>` for the hub's own log. Nobody but the hub reads it.",
        "messages": {"event": _event_message("event", {"type": "object"})},
        "bindings": {
            "amqp": {"is": "routingKey", "bindingVersion": "0.3.0", "exchange": {"name": EVENTS, "type": "topic", "durable": True, "vhost": "/"}}
        },
    }  # fmt: skip
