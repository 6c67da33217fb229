"""Random histories of commands, and an oracle that knows only what the commands said."""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from hub import clock

WEIGHTS = {
    "create": 10,
    "adjust": 20,
    "count": 4,
    "sell": 30,
    "void": 5,
    "place": 8,
    "move": 15,
    "rename": 4,
    "remove": 1,
    "hook": 3,
}
"""How often each kind of command is invented."""

_STATES = ("confirmed", "preparing", "ready", "completed", "cancelled", "on_hold", "rejected", "expired", "pending")


@dataclass(frozen=True, slots=True)
class Wish:
    """A command as it was sent."""

    operation_id: UUID
    pharmacy_id: UUID
    resource_id: UUID
    type: str
    body: dict[str, Any]

    def envelope(self) -> bytes:
        """Write it as it travels."""
        return orjson.dumps(
            {
                "operation_id": str(self.operation_id),
                "pharmacy_id": str(self.pharmacy_id),
                "resource_id": str(self.resource_id),
                "type": self.type,
                "body": self.body,
                "accepted_at": clock.now().isoformat(),
                "actor": "system",
                "door": "system",
            }
        )


@dataclass(slots=True)
class Teller:
    """Invents the commands of one pharmacy; remembers ids so that later commands hit earlier rows."""

    pharmacy_id: UUID
    chance: random.Random
    items: dict[str, UUID] = field(default_factory=dict)
    sales: list[UUID] = field(default_factory=list)
    orders: list[UUID] = field(default_factory=list)
    made: int = 0

    def next(self) -> Wish:
        """Invent the next command; about one in six will be refused."""
        self.made += 1
        kind = self.chance.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        if not self.items:
            kind = "create"
        tell: Callable[[], Wish] = getattr(self, f"_{kind}")
        return tell()

    def _wish(self, command: str, body: dict[str, Any], resource_id: UUID | None = None) -> Wish:
        return Wish(clock.new_id(), self.pharmacy_id, resource_id or clock.new_id(), command, body)

    def _sku(self) -> str:
        return self.chance.choice(list(self.items))

    def _create(self) -> Wish:
        sku = f"S{self.chance.randrange(40)}"
        body = {"sku": sku, "name": f"Item {sku}", "price": "1.25", "quantity": self.chance.randrange(50)}
        wish = self._wish("inventory.create", body)
        self.items.setdefault(sku, wish.resource_id)
        return wish

    def _adjust(self) -> Wish:
        delta = self.chance.choice((-7, -2, -1, 1, 5, 20))
        body = {"delta": delta, "reason": self.chance.choice(("sold", "received", "damaged"))}
        return self._wish("inventory.adjust", body, self.items[self._sku()])

    def _count(self) -> Wish:
        return self._wish(
            "inventory.adjust", {"reason": "count", "quantity": self.chance.randrange(60)}, self.items[self._sku()]
        )

    def _sell(self) -> Wish:
        lines = [
            {
                "sku": self._sku() if self.chance.random() > 0.02 else "NONE",
                "quantity": self.chance.randint(1, 4),
                "total_price": "2.50",
            }
            for _ in range(self.chance.randint(1, 3))
        ]
        wish = self._wish("sale.record", {"lines": lines, "reference": f"R{self.made}"})
        self.sales.append(wish.resource_id)
        return wish

    def _void(self) -> Wish:
        return self._wish("sale.void", {}, self.chance.choice(self.sales)) if self.sales else self._sell()

    def _place(self) -> Wish:
        items = [
            {"sku": self._sku(), "quantity": self.chance.randint(1, 3), "unit_price": "1.00"}
            for _ in range(self.chance.randint(1, 2))
        ]
        wish = self._wish("order.place", {"order_reference": f"O{self.chance.randrange(400)}", "items": items})
        self.orders.append(wish.resource_id)
        return wish

    def _move(self) -> Wish:
        if not self.orders:
            return self._place()
        return self._wish(
            "order.transition", {"status": self.chance.choice(_STATES[:6])}, self.chance.choice(self.orders[-6:])
        )

    def _rename(self) -> Wish:
        return self._wish("inventory.update", {"name": f"Renamed {self.made}"}, self.items[self._sku()])

    def _remove(self) -> Wish:
        return self._wish("inventory.delete", {}, self.items[self._sku()])

    def _hook(self) -> Wish:
        return self._wish("webhook_event.receive", {"event_type": "x.y", "payload": {"n": self.made}})


def quantities_said(applied: Sequence[Wish]) -> dict[UUID, int]:  # noqa: C901, PLR0912 -- one arm per command
    """Sum what the applied commands of one pharmacy said, in their order, without any code of the hub."""
    quantity: dict[UUID, int] = {}
    by_sku: dict[str, UUID] = {}
    sold: dict[UUID, dict[UUID, int]] = {}
    wanted: dict[UUID, list[tuple[str, int]]] = {}
    held: dict[UUID, dict[UUID, int]] = {}
    for wish in applied:
        body, target = wish.body, wish.resource_id
        match wish.type:
            case "inventory.create":
                quantity[target], by_sku[body["sku"]] = body["quantity"], target
            case "inventory.adjust":
                quantity[target] = body["quantity"] if body["reason"] == "count" else quantity[target] + body["delta"]
            case "inventory.delete":
                quantity[target] = 0
                by_sku = {sku: item for sku, item in by_sku.items() if item != target}
            case "sale.record":
                sold[target] = defaultdict(int)
                for line in body["lines"]:
                    item = by_sku[line["sku"]]
                    quantity[item] -= line["quantity"]
                    sold[target][item] += line["quantity"]
            case "sale.void":
                for item, units in sold.pop(target, {}).items():
                    if item in by_sku.values():
                        quantity[item] += units
            case "order.place":
                wanted[target] = [(line["sku"], line["quantity"]) for line in body["items"]]
            case "order.transition":
                if body["status"] == "confirmed" and target not in held:
                    held[target] = defaultdict(int)
                    for sku, units in wanted[target]:
                        held[target][by_sku[sku]] += units
                if body["status"] == "completed":
                    for item, units in held.pop(target, {}).items():
                        quantity[item] -= units
    return quantity
