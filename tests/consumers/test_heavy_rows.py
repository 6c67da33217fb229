"""Commands of a few bytes on rows of many: they cost nobody else his turn, and the writer no memory without a bound."""

import time
from typing import Any
from uuid import uuid4

import orjson
import pytest

from hub.domain.fields import MAX_FREE_BYTES
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import open_connection
from hub.messaging.topology import COMMANDS, partition_of
from hub.settings import Settings
from tests.doors.test_short_of_memory import MEGABYTE, memory_of
from tests.kit.builders import an_item, an_order, an_order_line
from tests.kit.gateway import GatewayStage, TestKey, running_gateway
from tests.kit.http import WAIT
from tests.kit.processes import consumers_process
from tests.promises.outages import counted

MOVES, TOGETHER = 400, 200
LINES = 400
GROWN_BYTES = 100 * MEGABYTE


@pytest.mark.timeout(180)
async def test_four_hundred_moves_of_a_long_order_cost_the_neighbour_a_moment_and_the_writer_a_window(
    settings: Settings,
) -> None:
    settings = settings.model_copy(update={"roles": ("writer",), "partitions": 1})
    with consumers_process(settings) as consumers:
        async with running_gateway(settings) as stage:
            mover, neighbour = [await stage.add_key() for _ in range(2)]
            order_id = await an_order_of_many_bytes(stage, mover)
            for status in ("confirmed", "preparing"):
                moved = await stage.client.post(
                    f"/api/orders/{order_id}/transitions/", json={"status": status}, headers=mover.headers | WAIT
                )
                assert moved.status_code == 200, moved.text
            before = memory_of(consumers.pid, "VmRSS")
            await publish_moves(settings, mover, order_id)
            began = time.monotonic()
            waited = await stage.client.post("/api/inventory/", json=an_item(), headers=neighbour.headers | WAIT)
            seconds = time.monotonic() - began
            assert waited.status_code == 201, waited.text
            shown = await stage.client.get(f"/api/orders/{order_id}/", headers=mover.headers)
            assert shown.json()["version"] == 3 + MOVES
            grown = memory_of(consumers.pid, "VmHWM") - before
            counted("a write behind 400 moves of an order of 120 kB, ms", int(seconds * 1000))
            counted("MB that the writer grew by", grown // MEGABYTE)
            assert grown < GROWN_BYTES


async def an_order_of_many_bytes(stage: GatewayStage, key: TestKey) -> str:
    """Place the longest that there is, nearly."""
    body = an_order(
        [an_order_line(f"a sku of a shelf {number:06d}", 1) for number in range(LINES)],
        source="external",
        extra_data={f"{number}": "y" * 1_000 for number in range(MAX_FREE_BYTES // 1_020)},
    )
    placed = await stage.client.post("/api/orders/", json=body, headers=key.headers | WAIT)
    assert placed.status_code == 201, placed.text
    order_id: str = placed.json()["id"]
    return order_id


async def publish_moves(settings: Settings, key: TestKey, order_id: str) -> None:
    """Have it moved there and back."""

    def move(number: int) -> dict[str, Any]:
        return {
            "operation_id": str(uuid4()), "pharmacy_id": str(key.pharmacy_id), "resource_id": order_id, "type": "order.transition",
            "accepted_at": "2026-11-24T12:00:00Z", "body": {"status": ("ready", "preparing")[number % 2]},
        }  # fmt: skip

    async with open_connection(settings.amqp_urls, name="test") as connection:
        await BulkPublisher(connection, confirm_seconds=20).publish([
            Outgoing(
                COMMANDS,
                str(partition_of(key.pharmacy_id, settings.partitions)),
                orjson.dumps([*map(move, range(first, first + TOGETHER))]),
            )
            for first in range(0, MOVES, TOGETHER)
        ])  # fmt: skip
