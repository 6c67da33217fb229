"""Whole histories for the laws: commands of three pharmacies, good and bad, on few skus and shared ids, some sent twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import strategies as st

from hub.domain.command import Command
from hub.domain.ids import derived_id
from tests.kit.builders import CORNER, HARBOUR, Json, a_command, a_line, an_item, an_order_line

MARKET = derived_id("the pharmacy at the market")
WHO = (CORNER, HARBOUR, MARKET)
SKUS = ("A", "B", "C")
STATES = ("confirmed", "preparing", "ready", "completed", "on_hold", "pending", "cancelled", "rejected", "expired")
WALKS = (
    ("confirmed", "preparing", "ready", "completed"),
    ("confirmed", "preparing", "ready"),
    ("confirmed",),
    ("confirmed", "cancelled"),
    ("confirmed", "on_hold", "confirmed", "preparing"),
    ("on_hold", "pending", "confirmed"),
    ("confirmed", "preparing", "on_hold", "preparing"),
    ("confirmed", "preparing", "ready", "preparing", "ready", "expired"),
    ("confirmed", "rejected"),
    ("completed", "pending"),
)
REASONS = ("received", "sold", "damaged", "dispensed")
EXTRAS: tuple[Any, ...] = ({"a": 1}, {"a": True}, {"a": None}, {"b": {"c": 1}}, None)
NOBODY = derived_id("nobody's")


class Sent(NamedTuple):
    """A command, and the JSON its client sent."""

    command: Command
    said: Json


Intent = tuple[int, int, int, int, int]
Act = Callable[["_Client", int, int, int], None]


@dataclass
class _Client:
    """One pharmacy's system, which knows the ids of what it sent."""

    pharmacy_id: UUID
    sent: list[Sent]
    others: list[UUID]
    made: dict[str, list[UUID]] = field(default_factory=dict)

    def send(self, type_: str, said: Json | None = None, of: UUID | None = None, **envelope: Any) -> UUID:
        body = said or {}
        command = a_command(type_, body, pharmacy=self.pharmacy_id, of=of, number=len(self.sent), **envelope)
        self.sent.append(Sent(command, body))
        if of is None:
            self.made.setdefault(type_.partition(".")[0], []).append(command.resource_id)
            self.others.append(command.resource_id)
        return command.resource_id

    def one(self, kind: str, number: int) -> UUID:
        """One of its own of a kind; now and then a stranger's or nobody's."""
        own = self.made.get(kind, [])
        if number % 11 == 10 or not own:
            return self.others[number % len(self.others)] if self.others and number % 2 else NOBODY
        return own[-1] if number < 4 else own[number % len(own)]


def _match(number: int) -> tuple[int, ...] | None:
    return (1 + number // 5,) if number % 5 == 4 else None


def _lines(client: _Client, a: int, b: int, c: int) -> list[Json]:
    lines = [a_line(SKUS[a % 3], 1 + b % 4, total_price=f"{b}.50")]
    if c % 2:
        lines.append(a_line(SKUS[(a if c % 4 == 1 else c) % 3], 1 + a % 3))
    if c % 3 == 2:
        lines.append(a_line(None, 1, inventory_item=str(client.one("inventory", a))))
    return lines


def _items(a: int, b: int, c: int) -> list[Json]:
    lines = [an_order_line(SKUS[a % 3], 1 + b % 6)]
    return [*lines, an_order_line(SKUS[(a if c % 2 else c) % 3], 1 + c % 5, unit_price="1")] if b % 2 else lines


def _create(client: _Client, a: int, b: int, c: int) -> None:
    client.send("inventory.create", an_item(SKUS[a % 3], quantity=b, low_stock_threshold=c if c < 5 else None))


def _adjust(client: _Client, a: int, b: int, c: int) -> None:
    delta = (b + 1) if b % 2 else -(b + 1)
    body: Json = {"reason": "count", "quantity": b} if c % 5 == 4 else {"reason": REASONS[c % 4], "delta": delta}
    client.send("inventory.adjust", body, client.one("inventory", a), if_match=_match(b))


def _set(client: _Client, a: int, b: int, c: int) -> None:
    body: Json = {"quantity": b} | ({"expected_quantity": c} if c % 2 else {}) | ({"name": "New"} if c % 3 == 0 else {})
    client.send(
        "inventory.update", body, client.one("inventory", a), if_match=None if c % 2 else "*" if c % 4 else _match(b)
    )


def _revise(client: _Client, a: int, b: int, c: int) -> None:
    body: Json = {"extra_data": EXTRAS[b % 5]} if c % 2 else {"sku": SKUS[b % 3]}
    client.send("inventory.update", body, client.one("inventory", a))


def _replace(client: _Client, a: int, b: int, c: int) -> None:
    body = {"sku": SKUS[b % 3], "name": "Put", "price": f"{c}.00"}
    client.send("inventory.replace", body, client.one("inventory", a), if_match=_match(b))


def _remove(client: _Client, a: int, b: int, c: int) -> None:
    client.send("inventory.delete", None, client.one("inventory", a), if_match=_match(b))
    if c % 2:
        for sku in SKUS:
            client.send("inventory.create", an_item(sku, quantity=b))


def _sell(client: _Client, a: int, b: int, c: int) -> None:
    late = {"sale_time": "2026-11-25T00:00:00Z"} if b == 9 else {}
    if c % 4 == 3:
        client.send("sale.record", {"sku": SKUS[a % 3], "quantity": 1 + b, "total_price": "1"} | late)
    else:
        client.send("sale.record", {"lines": _lines(client, a, b, c), "extra_data": {"a": c}} | late)


def _void(client: _Client, a: int, b: int, c: int) -> None:
    if c % 2:
        _sell(client, a, b, c)
    client.send("sale.void", None, client.one("sale", a), if_match=_match(b))


def _amend_sale(client: _Client, a: int, b: int, c: int) -> None:
    body: Json = {"quantity": b + 1} if c == 9 else {"reference": f"r{b % 2}", "extra_data": EXTRAS[c % 5]}
    client.send("sale.update", body, client.one("sale", a))


def _place(client: _Client, a: int, b: int, c: int) -> None:
    client.send("order.place", {"order_reference": f"R{len(client.sent) if c % 5 else a}", "items": _items(a, b, c)})


def _mirror(client: _Client, a: int, b: int, c: int) -> None:
    body = {
        "order_reference": f"E{len(client.sent)}",
        "items": _items(a, b, c),
        "source": "external",
        "status": STATES[c % 9],
    }
    client.send("order.place", body)


def _move(client: _Client, a: int, b: int, c: int) -> None:
    client.send("order.transition", {"status": STATES[b % 9]}, client.one("order", a), if_match=_match(c))


def _walk(client: _Client, a: int, b: int, _c: int) -> None:
    order_id = client.one("order", a)
    for state in WALKS[b]:
        client.send("order.transition", {"status": state}, order_id)


def _switch(client: _Client, a: int, b: int, c: int) -> None:
    """Another item takes over the sku of one that may be held for orders."""
    client.send("inventory.update", {"sku": f"{SKUS[a % 3]}-old"}, client.one("inventory", a + b))
    client.send("inventory.create", an_item(SKUS[a % 3], quantity=c))


def _amend(client: _Client, a: int, b: int, c: int) -> None:
    body: Json = {"extra_data": EXTRAS[b % 5]} if c % 3 == 2 else {"items": _items(b, a, c)}
    client.send("order.update", body | ({"status": STATES[b % 9]} if c % 2 else {}), client.one("order", a))


def _cancel(client: _Client, a: int, b: int, _c: int) -> None:
    client.send("order.cancel", None, client.one("order", a), if_match=_match(b))


def _hook(client: _Client, a: int, b: int, c: int) -> None:
    match b % 3:
        case 0:
            client.send("webhook_event.receive", {"event_type": "x", "payload": EXTRAS[a % 5]})
        case 1:
            client.send(
                "webhook_event.update", {"processed": bool(c % 2)}, client.one("webhook_event", a), if_match=_match(c)
            )
        case _:
            client.send("webhook_event.delete", None, client.one("webhook_event", a))


def _import(client: _Client, a: int, b: int, c: int) -> None:
    whole = {"name": "n", "price": "1"} if c % 2 else {}
    rows: list[Json] = [
        {"line": 1, "row": {"sku": SKUS[a % 3], "quantity": b} | whole},
        {"line": 2, "row": {"sku": SKUS[b % 3]} | whole},
        {"line": 3, "faults": [{"pointer": "#", "code": "malformed", "detail": "d"}]},
        {"line": 4, "row": {"sku": SKUS[a % 3], "quantity": c}},
    ]
    kind = "inventory"
    if a % 2:
        kind = "sale"
        rows = [{"line": line, "row": {"lines": _lines(client, a + line, b, c)}} for line in (1, 2)]
    upload_id = client.send("upload.open", {"kind": "inventory", "rows": len(rows), "digest": "d"})
    client.send(f"{kind}.import", {"digest": "d" if b != 9 else "e", "rows": rows}, upload_id)


def _tenant(client: _Client, a: int, b: int, c: int) -> None:
    match a % 5:
        case 0:
            client.send("pharmacy.create", {"name": "N"}, client.pharmacy_id)
        case 1:
            client.send("pharmacy.update", {"settings": EXTRAS[b % 5], "is_active": bool(c % 2)}, client.pharmacy_id)
        case 2:
            url = f"https://shop.example/{c % 2}" if b % 2 else None
            client.send("pharmacy.update", {"webhook_url": url}, client.pharmacy_id, if_match=_match(b))
        case 3:
            client.send("api_key.create", {"name": f"k{b}"})
        case _:
            client.send("api_key.revoke", None, client.one("api_key", b))


def _nothing(_client: _Client, _a: int, _b: int, _c: int) -> None:
    """What a failing history shrinks to."""


def _again(client: _Client, a: int, b: int, _c: int) -> None:
    client.sent.append(client.sent[(a * 10 + b) % len(client.sent)])


ACTS: tuple[Act, ...] = (
    _nothing,
    _create,
    _adjust,
    _adjust,
    _set,
    _revise,
    _replace,
    _switch,
    _remove,
    _sell,
    _sell,
    _sell,
    _void,
    _amend_sale,
    _place,
    _place,
    _mirror,
    _mirror,
    _move,
    _move,
    _walk,
    _walk,
    _walk,
    _amend,
    _cancel,
    _hook,
    _import,
    _tenant,
    _again,
)


def history_of(intents: list[Intent]) -> list[Sent]:
    """Turn numbers into commands, after a beginning with something on the shelves."""
    sent: list[Sent] = []
    others: list[UUID] = []
    clients = [_Client(pharmacy_id, sent, others) for pharmacy_id in WHO]
    for client in clients[:2]:
        client.send("pharmacy.create", {"name": "N"}, client.pharmacy_id)
        for sku in SKUS[:2]:
            client.send("inventory.create", an_item(sku, quantity=8, low_stock_threshold=3))
        client.send("order.place", {"order_reference": "R", "items": [an_order_line("A", 3)]})
    for act, who, a, b, c in intents:
        ACTS[act](clients[who], a, b, c)
    return sent


_digits = st.integers(0, 9)
_intent = st.tuples(st.integers(0, len(ACTS) - 1), st.sampled_from((0, 0, 0, 0, 1, 1, 2)), _digits, _digits, _digits)
histories = st.lists(_intent, min_size=25, max_size=60).map(history_of)
cuts = st.lists(st.integers(1, 12), min_size=3, max_size=20)


def cut(sent: list[Sent], sizes: list[int]) -> list[list[Command]]:
    """Cut a history into windows of these sizes; what is left is one window."""
    windows = []
    commands = [one.command for one in sent]
    for size in sizes:
        windows.append(commands[:size])
        commands = commands[size:]
    return [window for window in (*windows, commands) if window]
