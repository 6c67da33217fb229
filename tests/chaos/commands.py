"""Commands with a unique ref in each: what clients wish for, and how they say it over HTTP."""

import re
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from hub.domain.ids import operation_id_for, resource_id_for
from tests.promises.histories import Teller, Wish

UNKEYED = 0.15
"""So many of the commands that need no id of their own go without an `Idempotency-Key`: once, and never again."""

_FREE = {"sale.record", "inventory.adjust", "webhook_event.receive"}
_REF = re.compile(r"x(\d{2})\.\d{6}")
_SHELF = "K"

ROUTES = {
    "inventory.create": ("POST", "/api/inventory/"),
    "inventory.adjust": ("POST", "/api/inventory/{}/adjustments/"),
    "inventory.update": ("PATCH", "/api/inventory/{}/"),
    "inventory.delete": ("DELETE", "/api/inventory/{}/"),
    "sale.record": ("POST", "/api/sales/"),
    "sale.void": ("DELETE", "/api/sales/{}/"),
    "order.place": ("POST", "/api/orders/"),
    "order.transition": ("POST", "/api/orders/{}/transitions/"),
    "webhook_event.receive": ("POST", "/api/webhook-events/"),
}


def ref_of(pharmacy: int, number: int) -> str:
    """Name a command: nobody else's text contains this."""
    return f"x{pharmacy:02d}.{number:06d}"


def stranger_in(pharmacy: int, text: str) -> str | None:
    """Find a ref of another pharmacy in what one was sent."""
    own = f"{pharmacy:02d}"
    return next((found.group() for found in _REF.finditer(text) if found.group(1) != own), None)


@dataclass(frozen=True, slots=True)
class Command(Wish):
    """A wish with its ref. With a key it may be said again, and its ids are known before it is said."""

    ref: str = ""
    is_keyed: bool = True

    @property
    def request(self) -> tuple[str, str]:
        """Name its method and path."""
        method, path = ROUTES[self.type]
        return method, path.format(self.resource_id)


@dataclass(slots=True)
class RefTeller(Teller):
    """Invents the commands of one pharmacy; what they make is named by their refs.

    Args:
        number: of the pharmacy.
    """

    number: int = 0
    said: int = 0

    def shelf(self, places: int) -> list[Command]:
        """Invent the items that are never taken away: rows of files and orders find them."""
        made = []
        for place in range(places):
            sku = f"{_SHELF}{place}"
            made.append(self._wish("inventory.create", {"sku": sku, "name": "", "price": "1.25", "quantity": 50_000}))
            self.items[sku] = made[-1].resource_id
        return made

    def rows(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """Invent the rows of a file of sales, each with its ref; none of them can be refused."""
        kept = [sku for sku in self.items if sku.startswith(_SHELF)]
        rows = []
        for _ in range(count):
            ref = self._next_ref()
            lines = [
                {"sku": self.chance.choice(kept), "quantity": self.chance.randint(1, 3), "total_price": "2.50"}
                for _ in range(self.chance.randint(1, 2))
            ]
            rows.append((ref, {"lines": lines, "reference": ref}))
        return rows

    def last_word(self) -> Command:
        """Invent a command that waits behind everything that was said."""
        return replace(self._wish("webhook_event.receive", {"event_type": "x.y", "payload": {}}), is_keyed=True)

    def file_key(self) -> str:
        """Name a file; it is no command, so it counts for nothing."""
        return f"file-{self.number}.{self.said}"

    def _next_ref(self) -> str:
        self.said += 1
        return ref_of(self.number, self.said)

    def _wish(self, command: str, body: dict[str, Any], resource_id: UUID | None = None) -> Command:
        ref = self._next_ref()
        operation_id = operation_id_for(self.pharmacy_id, ref)
        is_keyed = command not in _FREE or self.chance.random() >= UNKEYED
        return Command(
            operation_id,
            self.pharmacy_id,
            resource_id or resource_id_for(operation_id),
            command,
            _with_ref(command, body, ref),
            ref,
            is_keyed,
        )

    def _remove(self) -> Command:
        skus = [sku for sku in self.items if not sku.startswith(_SHELF)]
        if not skus:
            return self._wish("webhook_event.receive", {"event_type": "x.y", "payload": {}})
        return self._wish("inventory.delete", {}, self.items.pop(self.chance.choice(skus)))


_PLACES = {
    "inventory.create": "name",
    "inventory.update": "name",
    "inventory.adjust": "note",
    "sale.record": "reference",
    "order.place": "order_reference",
    "order.transition": "reason",
}


def _with_ref(command: str, body: dict[str, Any], ref: str) -> dict[str, Any]:
    if command == "webhook_event.receive":
        return body | {"payload": {"ref": ref}}
    return body | {_PLACES[command]: ref} if command in _PLACES else body


def ref_in(event: dict[str, Any]) -> str | None:
    """Find the ref of the command that an event tells of; None where the event does not repeat what was said."""
    data = event["data"]
    match event["type"]:
        case "inventory.created" | "inventory.updated":
            ref = data["inventory"]["name"]
        case "inventory.adjusted":
            ref = data["movement"]["note"]
        case "sale.recorded":
            ref = data["sale"]["reference"]
        case "order.placed":
            ref = data["order"]["order_reference"]
        case "order.status_changed":
            ref = data["order"]["reason"]
        case "webhook_event.received":
            ref = data["webhook_event"]["payload"].get("ref")
        case _:
            return None
    return ref if isinstance(ref, str) and _REF.fullmatch(ref) else None
