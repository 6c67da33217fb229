"""The stock of one pharmacy, kept by hand: what the accepted commands said, summed.

It reads the clients' JSON and shares no line with the rules, so that a mistake there does not happen here too.
"""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
HOLDING = {"confirmed", "preparing", "ready"}


@dataclass(eq=False)
class Shelf:
    """So many units of one sku, some of them held for orders."""

    sku: str
    quantity: int
    held: int = 0
    is_gone: bool = False

    @property
    def free(self) -> int:
        return max(0, self.quantity - self.held)


@dataclass(eq=False)
class Wish:
    """A line of an order: wanted, held at a shelf, given."""

    said: tuple[Any, ...]
    sku: str
    wanted: int
    shelf: Shelf | None = None
    held: int = 0
    given: int = 0


@dataclass(eq=False)
class OrderBook:
    """An order: where it stands, and its lines."""

    is_external: bool
    lines: list[Wish]
    state: str = "new"
    left: str = ""

    @property
    def is_holding(self) -> bool:
        return (self.left if self.state == "on_hold" else self.state) in HOLDING


@dataclass
class StockOracle:
    """Sums what one pharmacy's accepted commands said."""

    shelves: list[Shelf] = field(default_factory=list)
    by_id: dict[str, Shelf] = field(default_factory=dict)
    sales: dict[str, list[tuple[Shelf, int]]] = field(default_factory=dict)
    orders: dict[str, OrderBook] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)

    def stock(self) -> dict[str, tuple[int, int]]:
        """Quantity and reserved of every sku on the list."""
        return {shelf.sku: (shelf.quantity, shelf.held) for shelf in self.shelves if not shelf.is_gone}

    def take(self, kind: str, said: Json, target: str) -> None:
        """Take note of an accepted command."""
        resource, _, verb = kind.partition(".")
        if resource == "inventory" and verb != "import":
            self._item(verb, said, target)
        elif resource == "sale" and verb != "import":
            self._sale(verb, said, target)
        elif resource == "order":
            self._order(verb, said, target)
        elif verb == "import":
            for row in said["rows"]:
                if row.get("row"):
                    self._imported(resource, row["row"])

    def _shelf(self, line: Json) -> Shelf | None:
        if "inventory_item" in line:
            shelf = self.by_id.get(line["inventory_item"])
            return None if shelf is None or shelf.is_gone else shelf
        return next((shelf for shelf in self.shelves if shelf.sku == line["sku"] and not shelf.is_gone), None)

    def _item(self, verb: str, said: Json, target: str) -> None:
        if verb == "create":
            self.by_id[target] = Shelf(said["sku"], said.get("quantity", 0))
            self.shelves.append(self.by_id[target])
            return
        shelf = self.by_id[target]
        if verb == "delete":
            assert not shelf.held, "an item was deleted while it was held"
            shelf.quantity, shelf.is_gone = 0, True
        elif "delta" in said:
            shelf.quantity += said["delta"]
        else:
            assert said.get("expected_quantity", shelf.quantity) == shelf.quantity, "a stale quantity was accepted"
            shelf.sku = said.get("sku", shelf.sku)
            shelf.quantity = said.get("quantity", shelf.quantity)

    def _sale(self, verb: str, said: Json, target: str) -> None:
        if verb == "record":
            sold = [(self._shelf(line), line["quantity"]) for line in said.get("lines", [said])]
            self.sales[target] = [(shelf, units) for shelf, units in sold if shelf is not None]
            assert len(self.sales[target]) == len(sold), "a sale of an unknown item was accepted"
            for shelf, units in self.sales[target]:
                shelf.quantity -= units
        elif verb == "void":
            for shelf, units in self.sales.pop(target, []):
                shelf.quantity += 0 if shelf.is_gone else units

    def _imported(self, resource: str, row: Json) -> None:
        if resource == "sale":
            sold = [(self._shelf(line), line["quantity"]) for line in row.get("lines", [row])]
            for shelf, units in sold if all(shelf for shelf, _ in sold) else []:
                assert shelf is not None
                shelf.quantity -= units
        elif (shelf := self._shelf({"sku": row["sku"]})) is not None:
            shelf.quantity = row.get("quantity", shelf.quantity)
        elif "name" in row and "price" in row:
            self.shelves.append(Shelf(row["sku"], row.get("quantity", 0)))

    def _order(self, verb: str, said: Json, target: str) -> None:
        if verb == "place":
            order = self.orders[target] = OrderBook(said.get("source") == "external", _wishes(said["items"]))
            self._go(order, said.get("status", "pending"))
            return
        order = self.orders[target]
        if "items" in said and [line.said for line in order.lines] != [line.said for line in _wishes(said["items"])]:
            assert order.state == "pending", "the items of an order changed after it was pending"
            order.lines = _wishes(said["items"])
        self._go(order, "cancelled" if verb == "cancel" else said.get("status", order.state))

    def _go(self, order: OrderBook, state: str) -> None:
        if state == order.state:
            return
        if state == "completed":
            if order.is_external:
                self._hold(order)
            for line in order.lines:
                if line.shelf is not None:
                    line.shelf.quantity -= line.held
                line.given += line.held
            _let_go(order)
        elif state in {"cancelled", "rejected", "expired"} or (state == "pending" and order.is_external):
            _let_go(order)
        elif state in HOLDING and not order.is_holding:
            self._hold(order)
        order.left = order.state if state == "on_hold" else ""
        order.state = state

    def _hold(self, order: OrderBook) -> None:
        for line in order.lines:
            shelf = line.shelf if line.held else self._shelf({"sku": line.sku})
            missing = line.wanted - line.given - line.held
            units = min(missing, shelf.free) if shelf is not None else 0
            assert order.is_external or units == missing, "an order was confirmed although it was short"
            if shelf is not None and units:
                line.shelf = shelf
                shelf.held += units
                line.held += units


def _wishes(items: list[Json]) -> list[Wish]:
    return [
        Wish(
            (item["sku"], item.get("name", ""), item["quantity"], float(item["unit_price"])),
            item["sku"],
            item["quantity"],
        )
        for item in items
    ]


def _let_go(order: OrderBook) -> None:
    for line in order.lines:
        if line.shelf is not None:
            line.shelf.held -= line.held
        line.held = 0
