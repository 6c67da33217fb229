"""An order whose vendor named no lines, as Square's messages do, is no order of nothing: its page says what is missing."""

import json
from pathlib import Path

from tests.kit.console import portal
from tests.kit.hooks import open_shop
from tests.kit.in_process import Hub

MESSAGE = Path(__file__).parents[1] / "vectors/webhooks/square_order.json"
SENTENCE = "No lines: its vendor&#39;s message had none."


def test_an_order_without_its_lines_says_so(hub: Hub) -> None:
    with open_shop(hub) as shop:
        message = json.loads(MESSAGE.read_text())
        source = shop.register("square", mapping={"adapter": "square", "skus": {"FGQ5JJWT": "PZN1"}})
        shop.deliver(source, message)
        (order,) = shop.items("/api/orders/")
        assert (order["status"], order["items"], order["total_amount"]) == ("pending", [], "0.00")
        person = portal(hub, shop.key)
        assert SENTENCE in person.get(f"/admin/orders/{order['id']}/").text
        # As docs/webhooks.md says that one's own system may post it.
        lines = [{"catalog_object_id": "FGQ5JJWT", "quantity": "2", "base_price_money": {"amount": 525}}]
        whole = {"id": "eA3vssLH", "version": 1, "state": "OPEN", "line_items": lines, "total_money": {"amount": 1050}}
        shop.deliver(source, {"type": "order.updated", "event_id": "own", "data": {"object": {"order": whole}}})
        (order,) = shop.items("/api/orders/")
        assert ([line["quantity"] for line in order["items"]], order["total_amount"]) == ([2], "10.50")
        assert SENTENCE not in person.get(f"/admin/orders/{order['id']}/").text
