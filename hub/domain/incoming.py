"""What an incoming webhook says of itself: its type, and the vendor's own id of it."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hub.domain.fields import Reference
from hub.domain.fingerprint import fingerprint_of

UNKNOWN = "unknown"
MAX_ID = 255
_REFERENCE: TypeAdapter[str] = TypeAdapter(Reference)
_TYPE_HEADERS: Mapping[str, str] = {
    "shopify": "x-shopify-topic",
    "woocommerce": "x-wc-webhook-topic",
    "github": "x-github-event",
}
_ID_HEADERS: Mapping[str, str] = {
    "standard": "webhook-id",
    "shopify": "x-shopify-event-id",
    "woocommerce": "x-wc-webhook-delivery-id",
    "github": "x-github-delivery",
}
_ID_PATHS: Mapping[str, str] = {"square": "/event_id", "stripe": "/id"}

Find = Callable[[str], str | None]
"""Reads a header that comes once."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a message says of itself.

    Args:
        event_type: `unknown` where it says none that can be stored.
        message_id: the vendor's own id; None: it has none, so that a repeat cannot be told from a second message.
        key: what a repeat has in common with the first; None as above.
    """

    event_type: str
    message_id: str | None
    key: str | None


def introduce(scheme: str, settings: Mapping[str, Any], event_type_path: str, find: Find, payload: Any) -> Introduction:  # noqa: ANN401 -- a JSON value
    """Read a message's type and id, where its scheme or its source's settings say that they stand.

    Shopify gives all messages that one act of a merchant caused the same event id: there the topic and the resource count too.
    WooCommerce's id is a digest of the webhook and the second, the same for all orders of a second: there the topic and the whole
    message count too (`WC_Webhook::get_new_delivery_id`).
    """
    type_header = _TYPE_HEADERS.get(scheme) or settings.get("type_header")
    said = find(type_header) if type_header else find_pointer(payload, event_type_path)
    event_type = _reference(said) or UNKNOWN
    id_header = _ID_HEADERS.get(scheme) or settings.get("id_header")
    id_path = _ID_PATHS.get(scheme) or settings.get("id_path")
    found = find(id_header) if id_header else find_pointer(payload, id_path) if id_path else None
    message_id = _identifier(found)
    if message_id is None:
        return Introduction(event_type, None, None)
    key = message_id
    if scheme == "shopify":
        members = payload if isinstance(payload, dict) else {}
        about = [str(members.get(name, ""))[:100] for name in ("id", "inventory_item_id", "location_id")]
        key = "\n".join((message_id, event_type, *about))
    elif scheme == "woocommerce":
        key = "\n".join((message_id, fingerprint_of(event_type, None, payload)))
    return Introduction(event_type, message_id, key)


def find_pointer(value: Any, pointer: str) -> Any:  # noqa: ANN401 -- JSON values
    """Find what a JSON pointer (RFC 6901) names; None: nothing.

    >>> find_pointer({"a": [{"b/c": 1}]}, "/a/0/b~1c")
    1
    """
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(value):
            value = value[int(name[:9])]
        else:
            return None
    return value


def _reference(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return _REFERENCE.validate_python(unicodedata.normalize("NFC", value.strip()))
    except ValidationError:
        return None


def _identifier(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if 0 < len(text) <= MAX_ID and text.isprintable() else None
