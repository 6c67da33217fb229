"""The table that every client of the AMQP door has to pass: wrong messages, odd but good ones, and what is refused.

`{till}` and `{other}` stand for the pharmacy that tries it and for the one that it is tried on.
"""

from collections.abc import Mapping
from gzip import compress
from typing import Any, Final
from uuid import uuid4

ITEM: Final = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5}
_JSON: Final = "application/json"
_CLOUD_JSON: Final = "application/cloudevents+json"
_CLOUD: Final = {"specversion": "1.0", "id": "1", "type": "inventory.create", "source": "/pharmacies/x", "data": ITEM}
NESTED: Final = b"[" * 100_000
RABBITMQ_BYTES: Final = 8_388_608
"""The largest message that RabbitMQ takes (`max_message_size`)."""
Spoiled = tuple[object, Mapping[str, Any], str]
"""A body, changes to the properties of `inventory.create` (None: left out), and the problem that is answered."""
Odd = tuple[Mapping[str, Any], tuple[str, str | None] | None]
"""Changes to the properties, and status and problem of the receipt; None: no receipt, and the item is there."""


def _sized(size: int) -> bytes:
    return b'{"sku": "' + b"x" * (size - 11) + b'"}'


BODIES: Final[dict[str, Spoiled]] = {
    "empty": (b"", {}, "malformed"), "no JSON": (b"\x80\x81", {}, "malformed"), "two documents": (b"{}{}", {}, "malformed"),
    "a BOM": (b"\xef\xbb\xbf{}", {}, "malformed"), "NaN": (b'{"price": NaN}', {}, "malformed"), "a key twice": (b'{"a":1,"a":2}', {}, "malformed"),
    "100,000 brackets": (NESTED, {}, "malformed"), "null": (b"null", {}, "validation"), "text": (b'"x"', {}, "validation"),
    "an empty list": (b"[]", {}, "validation"), "501 commands": ([{}] * 501, {}, "too-large"), "10,001 commands": ([{}] * 10_001, {}, "too-large"),
    "a list of lists": ([[]], {}, "validation"), "NUL": (b'{"sku": "a\\u0000"}', {}, "validation"), "an unknown field": ({**ITEM, "x": 1}, {}, "validation"),
    "a number that would grow": (b'{"sku": "a", "name": "a", "price": "1", "extra_data": {"a": 1e308}}', {}, "validation"),
    "an id where none is": ({**ITEM, "id": str(uuid4())}, {}, "validation"), "1 MiB and a byte": (_sized(1_048_577), {}, "too-large"),
    "as much as RabbitMQ takes": (_sized(RABBITMQ_BYTES), {}, "too-large"),
    "no content type": (ITEM, {"content_type": None}, "unsupported-media-type"), "msgpack": (ITEM, {"content_type": "application/msgpack"}, "unsupported-media-type"),
    "Latin-1": (ITEM, {"content_type": "application/json; charset=latin1"}, "unsupported-media-type"),
    "a CloudEvent": (ITEM, {"content_type": "application/cloudevents+json"}, "unsupported-media-type"),
    "a CloudEvent in headers": (ITEM, {"headers": {"cloudEvents:specversion": "1.0", "cloudEvents:source": "/pharmacies/x"}}, "malformed"),
    **{f"a CloudEvent {what}": (body, {"content_type": kind, **more}, slug) for what, body, kind, more, slug in (
        ("0.3", {**_CLOUD, "specversion": "0.3"}, _CLOUD_JSON, {}, "unsupported-media-type"),
        ("without specversion", {"type": "inventory.create", "data": ITEM}, _CLOUD_JSON, {}, "unsupported-media-type"),
        ("of another pharmacy", {**_CLOUD, "source": "/pharmacies/{other}"}, _CLOUD_JSON, {}, "unsupported-media-type"),
        ("of another in headers", ITEM, _JSON, {"headers": {"cloudEvents:source": "/pharmacies/{other}"}}, "malformed"),
        ("in a batch", [_CLOUD], "application/cloudevents-batch+json", {}, "unsupported-media-type"),
        ("in both modes", _CLOUD, _CLOUD_JSON, {"headers": {"cloudEvents:source": "/pharmacies/y"}}, "unsupported-media-type"),
        ("in headers of HTTP", ITEM, _JSON, {"headers": {"ce-specversion": "1.0"}}, "malformed"), ("as plain JSON", _CLOUD, _JSON, {}, "validation"),
    )},
    "a bomb": (compress(b"0" * 10_000_000), {"content_encoding": "gzip"}, "unsupported-media-type"),
    "bytes that are no UTF-8": (b'{"sku": "\xff\xfe"}', {}, "malformed"), "half a surrogate": (b'{"sku": "\\ud800"}', {}, "validation"),
    "gzip": (b"\x1f\x8b" + b"\x00" * 100, {"content_encoding": "gzip"}, "unsupported-media-type"),
    "no type": (ITEM, {"type": None}, "validation"), "an unknown type": (ITEM, {"type": "inventory.explode"}, "validation"),
    "a type that is for HTTP": ({"name": "k"}, {"type": "api_key.create"}, "validation"), "a type of the hub": ({}, {"type": "parked.replay"}, "validation"),
    "a type with NUL": (ITEM, {"type": "a\x00b"}, "validation"), "no message id": (ITEM, {"message_id": None}, "malformed"),
    "an empty message id": (ITEM, {"message_id": ""}, "malformed"), "a message id with a space": (ITEM, {"message_id": "a b"}, "malformed"),
    "a message id with NUL": (ITEM, {"message_id": "a\x00"}, "malformed"), "no id": ({"delta": 1, "reason": "found"}, {"type": "inventory.adjust"}, "validation"),
    "an id that is none": ({"id": 7, "delta": 1, "reason": "found"}, {"type": "inventory.adjust"}, "validation"),
    "a quantity without condition": ({"id": str(uuid4()), "quantity": 1}, {"type": "inventory.update"}, "precondition-required"),
}  # fmt: skip
_FORGED: Final = {
    "x-death": [{"queue": "hub.out.{other}", "exchange": "hub.ingress", "routing-keys": ["{other}"], "count": 99, "reason": "rejected"}],
    "x-delivery-count": 99, "x-first-death-queue": "hub.dead", "pharmacy_id": "{other}", "hub-reason": "forged", "sequence": 1,
}  # fmt: skip
_APPLIED: Final = ("applied", None)
ODD: Final[dict[str, Odd]] = {
    "a copy to another's key": ({"headers": {"CC": ["{other}"]}}, _APPLIED), "a blind copy": ({"headers": {"BCC": ["{other}"]}}, _APPLIED),
    "forged headers of the broker": ({"headers": _FORGED}, _APPLIED), "a long correlation id": ({"correlation_id": "x" * 255}, _APPLIED),
    "a key": ({"message_id": "key-1"}, _APPLIED), "its key again": ({"message_id": "key-1"}, ("rejected", "idempotency-mismatch")),
    "the longest key": ({"message_id": "~" * 255}, _APPLIED), "no user id": ({"user_id": None}, ("parked", "forbidden")),
    "no reply_to": ({"reply_to": None}, None), "not asked to be kept": ({"delivery_mode": 1}, _APPLIED),
    **{f"a receipt in {queue}": ({"reply_to": queue}, None) for queue in (
        "hub.commands.0", "hub.dead", "hub.audit", "hub.ingress.0", "hub.webhooks.fanout", "hub.replies.x", "hub.out.{till}", "hub.out.{other}",
    )},
    "the last": ({}, _APPLIED),
}  # fmt: skip
"""Messages with the body of an item whose sku is the row's name, in this order."""

_STREAM: Final = '{"durable": true, "arguments": {"x-queue-type": "stream"}}'
_DEAD: Final = '{"arguments": {"x-dead-letter-exchange": "hub.ingress", "x-dead-letter-routing-key": "{other}"}}'
_FEED: Final = '{"durable": true, "arguments": {"x-queue-type": "quorum"}}'
Trick = tuple[str, ...]
TRICKS: Final[dict[str, Trick]] = {
    "declare an own queue": ("declare", "{till}.mine", "{}"), "declare an exclusive queue": ("declare", "", '{"exclusive": true}'),
    "declare a stream": ("declare", "{till}.stream", _STREAM), "declare a way by dead-lettering": ("declare", "{till}.dead", _DEAD),
    "declare the own feed again": ("declare", "hub.out.{till}", _FEED), "declare a feed": ("declare", "hub.out.{till}.more", _FEED),
    "declare an exchange": ("exchange", "{till}.mine", "fanout"), "declare ingress again": ("exchange", "hub.ingress", "topic"),
    "declare a way out of what leads nowhere": ("exchange", "{till}.ae", "topic", '{"alternate-exchange": "hub.events"}'),
    "bind the events to ingress": ("bindExchange", "hub.ingress", "hub.events", "#"), "bind ingress to the events": ("bindExchange", "hub.events", "hub.ingress", "#"),
    "bind ingress to the commands": ("bindExchange", "hub.commands", "hub.ingress", "{till}"),
    "bind an own feed to another's events": ("bind", "hub.out.{till}", "hub.events", "{other}.#"), "bind it to all": ("bind", "hub.out.{till}", "hub.events", "#"),
    "bind it to all sales": ("bind", "hub.out.{till}", "hub.events", "*.sale.*"), "bind it to ingress": ("bind", "hub.out.{till}", "hub.ingress", "#"),
    "bind it to the commands": ("bind", "hub.out.{till}", "hub.commands", "0"), "bind it to the notices": ("bind", "hub.out.{till}", "hub.control", ""),
    "bind it to the broker's traces": ("bind", "hub.out.{till}", "amq.rabbitmq.trace", "#"),
    "unbind the own feed": ("unbind", "hub.out.{till}", "hub.events", "{till}.#"), "unbind another's": ("unbind", "hub.out.{other}", "hub.events", "{other}.#"),
    "unbind a partition": ("unbind", "hub.commands.0", "hub.commands", "0"),
    "get from another's feed": ("get", "hub.out.{other}"), "consume another's feed": ("consume", "hub.out.{other}"),
    "have another's feed to itself": ("consume", "hub.out.{other}", "exclusive"), "have the commands to itself": ("consume", "hub.commands.0", "exclusive"),
    "purge another's feed": ("purge", "hub.out.{other}"), "delete another's feed": ("remove", "hub.out.{other}"),
    "delete its own feed": ("remove", "hub.out.{till}"), "delete ingress": ("removeExchange", "hub.ingress"), "delete the events": ("removeExchange", "hub.events"),
    "read commands": ("consume", "hub.commands.0"), "read ingress": ("consume", "hub.ingress.0"), "get from ingress": ("get", "hub.ingress.0"),
    "read parked messages": ("consume", "hub.dead"), "read the audit": ("consume", "hub.audit"), "read deliveries": ("consume", "hub.webhooks.deliver.0"),
    "read what is to be translated": ("consume", "hub.webhooks.translate"), "read the fan-out": ("get", "hub.webhooks.fanout"),
    "read another's receipts": ("consume", "amq.rabbitmq.reply-to.{other}"), "purge the commands": ("purge", "hub.commands.0"),
    "delete a partition": ("remove", "hub.commands.0"),
    "another's routing key": ("publish", "hub.ingress", "{other}"), "a longer routing key": ("publish", "hub.ingress", "{till}.x"),
    "a wild routing key": ("publish", "hub.ingress", "#"), "no routing key": ("publish", "hub.ingress", ""),
    "another spelling of its key": ("publish", "hub.ingress", "{TILL}"), "two keys": ("publish", "hub.ingress", "{till},{other}"),
    "forge a user": ("publish", "hub.ingress", "{till}", "{other}"), "forge the hub": ("publish", "hub.ingress", "{till}", "hub"),
    "publish commands": ("publish", "hub.commands", "0"), "publish to a partition's queue": ("publish", "", "hub.commands.0"),
    "publish to another's feed": ("publish", "", "hub.out.{other}"), "publish to its own feed": ("publish", "", "hub.out.{till}"),
    "publish events": ("publish", "hub.events", "{till}.sale.recorded"), "publish past ingress": ("publish", "hub.ingress.unbound", "{other}"),
    "publish notices": ("publish", "hub.control", ""), "publish to the parked": ("publish", "", "hub.dead"),
    "publish another's receipt": ("publish", "", "amq.rabbitmq.reply-to.{other}"),
    **{f"publish to amq.{name}": ("publish", f"amq.{name}", "{till}") for name in ("direct", "fanout", "headers", "match", "topic", "rabbitmq.trace")},
    "a byte more than RabbitMQ takes": ("publish", "hub.ingress", "{till}", "{till}", str(RABBITMQ_BYTES + 1)),
    "16 MB": ("publish", "hub.ingress", "{till}", "{till}", "16000000"),
}  # fmt: skip
"""A step and its words: what RabbitMQ refuses by closing the channel, and that channel alone."""

LARGEST: Final[dict[str, Trick]] = {"128 MB": ("publish", "hub.ingress", "{till}", "{till}", "128000000")}
"""Tricks that take seconds."""

UNSENDABLE: Final[dict[str, Trick]] = {
    f"a {name} of 10,000 characters": ("spoil", name) for name in ("message_id", "correlation_id", "reply_to", "type")
}
"""What the protocol has no room for: no library sends it, and its connection goes on."""


def filled(value: Any, till: str, other: str) -> Any:
    """Put the two pharmacies into a row."""
    match value:
        case str():
            for name, written in (("{till}", till), ("{TILL}", till.upper()), ("{other}", other)):
                value = value.replace(name, written)
            return value
        case dict():
            return {name: filled(each, till, other) for name, each in value.items()}
        case list() | tuple():
            return [filled(each, till, other) for each in value]
    return value
