"""What a received webhook becomes: by the adapter or the rules of its source, never the echo of what that source caused."""

from typing import Any, Final

import orjson

from hub.domain.adapters import shopify, square, woocommerce
from hub.domain.adapters.wish import Untranslatable, Wish
from hub.domain.mapping import MAX_COMMANDS, Mapping, apply_rules
from hub.domain.mirror_note import MIRROR, hops_noted
from hub.domain.paths import MAX_STEPS, TooManySteps

MAX_BYTES: Final = 262_144
"""What a source's rules may make of one message: a rule can copy all of it into each of a hundred commands."""
MAX_HOPS: Final = 8
"""How often a change may come in as the consequence of one that went out."""

_ADAPTERS: Final = {
    "shopify": shopify.translate, "woocommerce": woocommerce.translate, "square": square.translate,
}  # fmt: skip
NOTHING: Final = "no mapping matches"


def translate(source_id: str, mapping: Mapping, event_type: str, payload: Any) -> list[Wish]:  # noqa: ANN401 -- a JSON value
    """Say what a message means.

    Raises:
        Untranslatable: nothing, and why.
    """
    if not mapping.writes:
        raise Untranslatable("the source has no mapping")
    notes = _notes(payload)
    if any(note.get("source_id") == source_id for note, _ in notes):
        raise Untranslatable("it is the echo of a change that this source caused")
    if hops_of(payload) >= MAX_HOPS:
        message = f"it is the consequence of {MAX_HOPS} changes that went out and came in again: a loop"
        raise Untranslatable(message)
    if mapping.adapter is None:
        found = _by_rules(mapping, event_type, payload)
    elif isinstance(payload, dict):
        found = _ADAPTERS[mapping.adapter](event_type, payload, mapping)
    else:
        found = []
    if not found:
        raise Untranslatable(NOTHING)
    if len(found) > MAX_COMMANDS:
        message = f"it would become {len(found)} commands, more than {MAX_COMMANDS}"
        raise Untranslatable(message)
    return found


def _by_rules(mapping: Mapping, event_type: str, payload: Any) -> list[Wish]:  # noqa: ANN401 -- a JSON value
    found: list[Wish] = []
    size = 0
    try:
        for command, body in apply_rules(mapping.rules, event_type, payload):
            size += len(orjson.dumps(body))
            if size > MAX_BYTES:
                message = f"it would become commands of more than {MAX_BYTES} bytes"
                raise Untranslatable(message)
            found.append(_wish(command, body))
            if len(found) > MAX_COMMANDS:
                message = f"it would become more than {MAX_COMMANDS} commands"
                raise Untranslatable(message)
    except TooManySteps:
        message = f"the mapping's rules touch more than {MAX_STEPS} values of it"
        raise Untranslatable(message) from None
    return found


def hops_of(payload: Any) -> int:  # noqa: ANN401 -- a JSON value
    """Tell how often the change that this event of a hub tells of went out and came in before.

    0: it is no event of a hub, or tells of a change that was made there, whatever changed the row before.
    """
    hops = [hops_noted(note, version) for note, version in _notes(payload)]
    return max((one + 1 for one in hops if one is not None), default=0)


def _notes(payload: Any) -> list[tuple[dict[str, Any], object]]:  # noqa: ANN401 -- a JSON value
    """Find what a hub noted in an event of its own about where rows came from, each with the row's version."""
    if (
        not isinstance(payload, dict)
        or payload.get("specversion") != "1.0"
        or not isinstance(payload.get("data"), dict)
    ):
        return []
    found = []
    for resource in payload["data"].values():
        extra = resource.get("extra_data") if isinstance(resource, dict) else None
        note = extra.get(MIRROR) if isinstance(extra, dict) else None
        if isinstance(note, dict):
            found.append((note, resource.get("version")))
    return found


def _wish(command: str, body: dict[str, Any]) -> Wish:
    if command == "inventory.mirror":
        sku = body.pop("sku", None)
        if not isinstance(sku, str | int) or isinstance(sku, bool):
            raise Untranslatable("the mapping finds no `sku`")
        return Wish("inventory.mirror", str(sku), body)
    if command == "order.mirror":
        reference = body.get("order_reference")
        if not isinstance(reference, str | int) or isinstance(reference, bool):
            raise Untranslatable("the mapping finds no `order_reference`")
        return Wish("order.mirror", str(reference), body | {"order_reference": str(reference)})
    return Wish("sale.record", "", body)
