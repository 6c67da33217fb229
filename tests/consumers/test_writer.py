"""The writer against real servers: commands in, rows, outcomes and events out."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
from pydantic import SecretStr

from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import open_connection
from hub.messaging.topology import COMMANDS, partition_of
from hub.settings import Settings
from tests.kit.consumers import running_consumers
from tests.kit.door import open_test_door as open_door

ITEM = {"sku": "A", "name": "Aspirin", "price": "1.50"}


async def test_a_sale_moves_stock_and_is_told_in_order(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer",)})
    async with running_consumers(settings), open_door(settings) as door:
        pharmacy = await door.open_pharmacy()
        created = await door.send(
            pharmacy, "inventory.create", {"sku": "A", "name": "Aspirin", "price": "1.50", "quantity": 5}
        )
        assert created["status"] == "applied"
        assert created["resource"]["quantity"] == 5
        sold = await door.send(
            pharmacy,
            "sale.record",
            {"lines": [{"sku": "A", "quantity": 2, "total_price": "3.00"}] * 2, "reference": "R1"},
        )
        assert [line["quantity_after"] for line in sold["resource"]["lines"]] == [1, 1]
        voided = await door.send(pharmacy, "sale.void", {}, resource_id=sold["resource"]["id"])
        assert voided["status"] == "applied"
        connection = await asyncpg.connect(settings.database_url.get_secret_value())
        try:
            rows = await connection.fetch(
                "SELECT sequence, type, body FROM events WHERE pharmacy_id = $1 ORDER BY 1", pharmacy
            )
            assert [(row["sequence"], row["type"]) for row in rows] == [
                (1, "pharmacy.created"),
                (2, "inventory.created"),
                (3, "sale.recorded"),
                (4, "sale.voided"),
            ]
            assert orjson.loads(rows[3]["body"])["data"]["sale"]["status"] == "voided"
            assert (
                await connection.fetchval("SELECT quantity FROM inventory_items WHERE pharmacy_id = $1", pharmacy) == 5
            )
            assert (
                await connection.fetchval("SELECT sum(delta) FROM stock_movements WHERE pharmacy_id = $1", pharmacy)
                == 5
            )
        finally:
            await connection.close()


async def test_a_repeat_is_answered_with_the_first_outcome_and_changes_nothing(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer",)})
    async with running_consumers(settings), open_door(settings) as door:
        pharmacy = await door.open_pharmacy()
        operation, resource = uuid4(), uuid4()
        body = {"sku": "A", "name": "Aspirin", "price": "1.50", "quantity": 5}
        same = {"operation_id": operation, "resource_id": resource, "fingerprint": "f1"}
        first, second = await asyncio.gather(
            door.send(pharmacy, "inventory.create", body, **same), door.send(pharmacy, "inventory.create", body, **same)
        )
        third = await door.send(pharmacy, "inventory.create", body, **same)
        assert first == second == third
        other = await door.send(pharmacy, "inventory.create", body, **(same | {"fingerprint": "f2"}))
        assert other["mismatch"]
        assert other["problem"]["type"] == "/problems/idempotency-mismatch"


async def test_a_key_that_is_used_again_after_its_operation_is_forgotten_changes_no_row(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer",)})
    line = {"name": "Aspirin", "quantity": 2, "unit_price": "1.50"}
    async with running_consumers(settings), open_door(settings) as door:
        pharmacy = await door.open_pharmacy()
        await door.send(pharmacy, "inventory.create", ITEM | {"quantity": 9})
        commands: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
            ("inventory.create", {"sku": "B", "name": "B", "price": "1.00", "quantity": 7}, {"sku": "C"}),
            ("sale.record", {"sku": "A", "quantity": 1, "total_price": "1.00"}, {"quantity": 4}),
            (
                "order.place",
                {"order_reference": "o1", "items": [line | {"sku": "A"}], "status": "confirmed", "source": "external"},
                {"order_reference": "o2"},
            ),
        ]
        connection = await asyncpg.connect(settings.database_url.get_secret_value())
        try:
            for kind, body, change in commands:
                key = {"operation_id": uuid4(), "resource_id": uuid4()}
                first = await door.send(pharmacy, kind, body, **key, fingerprint="f1")
                assert first["status"] == "applied", first
                before = await _rows_of(connection, pharmacy)
                for again, mark in ((body, "f1"), (body | change, "f2")):
                    await connection.execute("DELETE FROM operations WHERE id = $1", key["operation_id"])
                    # Among others that are fine.
                    others = (
                        door.send(pharmacy, "webhook_event.create", {"event_type": "x", "payload": {}})
                        for _ in range(3)
                    )
                    refused, *_ = await asyncio.gather(
                        door.send(pharmacy, kind, again, **key, fingerprint=mark), *others
                    )
                    assert refused["status"] == "rejected", (kind, again)
                    assert (
                        "duplicate" in (kind_of := refused["problem"]["type"])
                        or kind_of == "/problems/idempotency-mismatch"
                    )
                    assert await _rows_of(connection, pharmacy) == before
        finally:
            await connection.close()


async def _rows_of(connection: asyncpg.Connection, pharmacy: UUID) -> list[asyncpg.Record]:
    return await connection.fetch(
        "SELECT id, sku AS name, quantity, version, to_jsonb(i)::text FROM inventory_items i WHERE pharmacy_id = $1 UNION ALL "
        "SELECT id, reference, 0, version, to_jsonb(s)::text FROM sales s WHERE pharmacy_id = $1 UNION ALL "
        "SELECT id, order_reference, 0, version, to_jsonb(o)::text FROM orders o WHERE pharmacy_id = $1 UNION ALL "
        "SELECT id, reason, delta, 0, '' FROM stock_movements WHERE pharmacy_id = $1 ORDER BY 1",
        pharmacy,
    )


async def test_a_flood_of_one_partition_does_not_stand_before_another(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer",)})
    async with running_consumers(settings), open_door(settings) as door:
        flooding, neighbour = await door.open_pharmacy(), await door.open_pharmacy()
        while partition_of(neighbour, settings.partitions) == (flooded := partition_of(flooding, settings.partitions)):
            neighbour = await door.open_pharmacy()
        connection = await asyncpg.connect(settings.database_url.get_secret_value())
        try:
            before = await connection.fetchval("SELECT count(*) FROM operations")
            async with open_connection(settings.amqp_urls, name="test") as flooder:
                flood = [orjson.dumps([_an_item(flooding) for _ in range(150)]) for _ in range(60)]
                await BulkPublisher(flooder, confirm_seconds=10).publish(
                    [Outgoing(COMMANDS, str(flooded), message) for message in flood]
                )
            assert (await door.send(neighbour, "inventory.create", ITEM))["status"] == "applied"
            applied = await connection.fetchval("SELECT count(*) FROM operations") - before
        finally:
            await connection.close()
    assert applied < 60 * 150 / 2, applied


def _an_item(pharmacy: UUID) -> dict[str, object]:
    return {
        "operation_id": str(uuid4()), "pharmacy_id": str(pharmacy), "resource_id": str(uuid4()), "type": "inventory.create",
        "accepted_at": "2026-11-24T12:00:00Z", "body": ITEM | {"sku": str(uuid4())},
    }  # fmt: skip


async def test_what_cannot_be_read_is_parked_and_its_neighbours_go_on(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer",)})
    async with running_consumers(settings), open_door(settings) as door:
        pharmacy = await door.open_pharmacy()
        partition = partition_of(pharmacy, settings.partitions)
        await door.publish(partition, b'{"type": "no.such"}')
        await door.publish(partition, b"\xff")
        created = await door.send(pharmacy, "inventory.create", {"sku": "A", "name": "Aspirin", "price": "1.50"})
        assert created["status"] == "applied"


async def test_an_unreadable_command_gets_a_parked_operation_and_its_waiter_is_told(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer",)})
    async with running_consumers(settings), open_door(settings) as door:
        pharmacy, operation = await door.open_pharmacy(), uuid4()
        told = await door.send(pharmacy, "no.such", {"a": "secret words"}, operation_id=operation)
        assert told["status"] == told["operation"]["status"] == "parked"
        assert told["problem"]["type"] == "/problems/parked"
        assert "KeyError" not in str(told["problem"])
        # Asked again, it is answered again and stored once.
        assert (await door.send(pharmacy, "no.such", {"a": "secret words"}, operation_id=operation)) == told
        connection = await asyncpg.connect(settings.database_url.get_secret_value())
        try:
            assert await connection.fetchval("SELECT status FROM operations WHERE id = $1", operation) == "parked"
        finally:
            await connection.close()


async def test_the_consumers_go_to_the_next_host_when_one_is_down(settings: Settings) -> None:
    dead = "amqp://hub:x@127.0.0.1:9/"
    several = SecretStr(f"{dead},{settings.amqp_url.get_secret_value()}")
    settings = settings.model_copy(update={"roles": ("writer",), "amqp_url": several})
    async with running_consumers(settings), open_door(settings) as door:
        await door.open_pharmacy()
