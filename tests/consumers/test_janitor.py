"""The janitor against a real database: what is old goes, what anybody still needs stays, whoever else is at work."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from consumers.janitor import Delete, Janitor
from consumers.window import Window
from hub import clock
from hub.messaging.bulk_publisher import BulkPublisher
from hub.messaging.connection import open_connection
from hub.settings import Settings
from hub.storage.database import open_database
from hub.storage.retention import (
    delete_deliveries,
    delete_events,
    delete_operations,
    delete_parked,
    delete_upload_errors,
)
from tests.kit.consumers import running_consumers
from tests.kit.door import open_test_door
from tests.kit.janitor import DAY, open_janitor_stage
from tests.kit.janitor import JanitorStage as Stage
from tests.kit.wait import eventually


@pytest.fixture(name="stage")
async def _stage(settings: Settings) -> AsyncIterator[Stage]:
    async with open_janitor_stage(settings) as stage:
        yield stage


async def test_old_operations_go_but_never_one_that_is_parked_or_pending(stage: Stage) -> None:
    old, young = clock.now() - 31 * DAY, clock.now() - 29 * DAY
    kept = {await stage.operation(status, old) for status in ("parked", "pending")}
    kept |= {await stage.operation(status, young) for status in ("applied", "rejected")}
    for status in ("applied", "rejected"):
        await stage.operation(status, old)
    done = await stage.janitor.work()
    assert done.deleted["operations"] == 2
    assert await stage.left("operations") == kept


async def test_old_events_go_from_the_beginning_and_the_log_keeps_its_tail(stage: Stage) -> None:
    old, young = clock.now() - 91 * DAY, clock.now() - 89 * DAY
    cut, all_old, all_young, jumped = (uuid4() for _ in range(4))
    await stage.log(cut, old, old, young, young)
    await stage.log(all_old, old, old, old)
    await stage.log(all_young, young, young)
    await stage.log(jumped, old, young, old, young)  # a clock that went back makes no gap
    await stage.janitor.work()
    assert await stage.sequences(cut) == [3, 4]
    assert await stage.sequences(all_old) == [3]
    assert await stage.sequences(all_young) == [1, 2]
    assert await stage.sequences(jumped) == [2, 3, 4]


async def test_no_event_goes_that_an_open_endpoint_has_not_passed(stage: Stage) -> None:
    old = clock.now() - 91 * DAY
    waiting, unread, closed = (uuid4() for _ in range(3))
    for pharmacy_id in (waiting, unread, closed):
        await stage.log(pharmacy_id, *[old] * 5)
    await stage.endpoint(waiting, 2)
    await stage.endpoint(waiting, 4)
    await stage.endpoint(unread, None)
    await stage.endpoint(closed, 1, enabled=False)
    await stage.endpoint(closed, 1, deleted=True)
    await stage.janitor.work()
    assert await stage.sequences(waiting) == [3, 4, 5]
    assert await stage.sequences(unread) == [1, 2, 3, 4, 5]
    assert await stage.sequences(closed) == [5]


async def test_no_event_goes_whose_delivery_is_not_settled(stage: Stage) -> None:
    old, pharmacy_id = clock.now() - 91 * DAY, uuid4()
    await stage.log(pharmacy_id, *[old] * 5)
    await stage.endpoint(pharmacy_id, 5)
    delivery = await stage.delivery("pending", old, pharmacy_id, sequence=3, next_attempt_at=clock.now() + DAY)
    await stage.janitor.work()
    assert await stage.sequences(pharmacy_id) == [3, 4, 5]
    assert delivery in await stage.left("webhook_deliveries")
    await stage.owner.execute("UPDATE webhook_deliveries SET status = 'delivered' WHERE id = $1", delivery)
    await stage.janitor.work()
    assert await stage.sequences(pharmacy_id) == [5]


async def test_settled_deliveries_go_with_their_attempts(stage: Stage) -> None:
    old, young = clock.now() - 31 * DAY, clock.now() - 29 * DAY
    settled = ("delivered", "exhausted", "cancelled", "skipped")
    for status in settled:
        await stage.delivery(status, old)
    kept = {await stage.delivery(status, old) for status in ("pending", "failed")}
    kept |= {await stage.delivery(status, young) for status in settled}
    done = await stage.janitor.work()
    assert done.deleted["webhook_deliveries"] == len(settled)
    assert await stage.left("webhook_deliveries") == kept
    attempted = {record[0] for record in await stage.owner.fetch("SELECT delivery_id FROM webhook_attempts")}
    assert attempted == kept


async def test_parked_messages_go_only_when_an_operator_settled_them(stage: Stage) -> None:
    old, young = clock.now() - 31 * DAY, clock.now() - 29 * DAY
    row: dict[str, Any] = {
        "origin": "hub.commands.0",
        "reason": "x",
        "payload": b"",
        "parked_at": clock.now() - 400 * DAY,
    }
    kept = {
        await stage.add("parked_messages", **row),
        await stage.add("parked_messages", **row, replayed_at=young),
        await stage.add("parked_messages", **row, discarded_at=young),
    }
    await stage.add("parked_messages", **row, replayed_at=old)
    await stage.add("parked_messages", **row, discarded_at=old)
    await stage.janitor.work()
    assert await stage.left("parked_messages") == kept


async def test_faults_of_old_uploads_go_and_their_counts_stay(stage: Stage) -> None:
    old = clock.now() - 31 * DAY
    kept, uploads = set(), set()
    for rejected, at in ((2, old), (1, old), (2, clock.now())):  # the second waits for a row
        upload_id = await stage.add(
            "uploads", pharmacy_id=uuid4(), kind="sales", digest="", rows=2, applied=0, rejected=rejected, created_at=at,
            updated_at=at, version=1,
        )  # fmt: skip
        uploads.add(upload_id)
        fault = {"upload_id": upload_id, "pharmacy_id": uuid4(), "line": 1, "pointer": "#", "code": "x", "detail": "x"}
        fault_id = await stage.add("upload_errors", **fault)
        if (rejected, at) != (2, old):
            kept.add(fault_id)
    await stage.janitor.work()
    assert await stage.left("upload_errors") == kept
    assert await stage.left("uploads") == uploads


async def test_more_than_a_batch_goes_batch_by_batch(stage: Stage) -> None:
    await stage.owner.execute(
        "CREATE TABLE statements (rows bigint);"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
        "$$ BEGIN INSERT INTO statements SELECT count(*) FROM gone; RETURN NULL; END $$;"
        "CREATE TRIGGER note AFTER DELETE ON operations REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note()"
    )
    await stage.owner.execute(
        "INSERT INTO operations (id, pharmacy_id, type, status, fingerprint, resource_type, accepted_at, finished_at, event_count, "
        "actor, door) SELECT gen_random_uuid(), gen_random_uuid(), 'x', 'applied', '', '', now(), now() - interval '31 days', 0, '', '' "
        "FROM generate_series(1, 2500)"
    )
    done = await stage.janitor.work()
    assert done.deleted["operations"] == 2500
    assert [row[0] for row in await stage.owner.fetch("SELECT rows FROM statements")] == [1000, 1000, 500]


@pytest.mark.parametrize(
    "delete", [delete_deliveries, delete_events, delete_operations, delete_parked, delete_upload_errors]
)
async def test_a_delete_is_bounded_whatever_there_is_to_delete(stage: Stage, delete: Delete) -> None:
    old, pharmacy_id = clock.now() - 400 * DAY, uuid4()
    await stage.log(pharmacy_id, *[old] * 5)
    upload_id = await stage.add(
        "uploads", pharmacy_id=pharmacy_id, kind="sales", digest="", rows=5, applied=0, rejected=5, created_at=old, updated_at=old, version=1,
    )  # fmt: skip
    fault = {"upload_id": upload_id, "pharmacy_id": pharmacy_id, "line": 1, "pointer": "#", "code": "x", "detail": "x"}
    message = {"origin": "hub.commands.0", "reason": "x", "payload": b"", "parked_at": old, "replayed_at": old}
    for _ in range(5):
        await stage.operation("applied", old)
        await stage.delivery("delivered", old)
        await stage.add("upload_errors", **fault)
        await stage.add("parked_messages", **message)
    counts = []
    for _ in range(3):
        async with stage.writes.transaction() as connection:
            counts.append(await delete(connection, clock.now() - 100 * DAY, 2))
    assert counts == [2, 2, 0 if delete is delete_events else 1]  # a log keeps its last event


@pytest.mark.parametrize(
    ("setting", "table"),
    [
        ("retention_operations_days", "operations"),
        ("retention_events_days", "events"),
        ("retention_attempts_days", "webhook_deliveries"),
        ("retention_parked_days", "parked_messages"),
    ],
)
async def test_how_long_a_thing_is_kept_is_its_own_setting(stage: Stage, setting: str, table: str) -> None:
    old = clock.now() - 5 * DAY
    await stage.operation("applied", old)
    await stage.log(uuid4(), old, old)
    await stage.delivery("delivered", old)
    await stage.add("parked_messages", origin="hub.commands.0", reason="x", payload=b"", parked_at=old, replayed_at=old)
    assert set((await stage.janitor.work()).deleted.values()) == {0}
    shorter = stage.settings.model_copy(update={setting: 4})
    done = await Janitor(Window(), stage.writes, stage.publisher, shorter).work()
    assert {name: count for name, count in done.deleted.items() if count} == {table: 1}


async def test_while_one_janitor_is_at_work_another_does_nothing(stage: Stage) -> None:
    await stage.operation("applied", clock.now() - 31 * DAY)
    async with stage.writes.transaction() as other:
        assert await other.fetchval("SELECT pg_try_advisory_xact_lock(7140200)")
        done = await stage.janitor.work()
        assert sum(done.deleted.values()) == 0
    assert (await stage.janitor.work()).deleted["operations"] == 1


async def test_overdue_deliveries_are_counted_and_none_waits_without_a_time(stage: Stage) -> None:
    now = clock.now()
    await stage.delivery("pending", now, next_attempt_at=now - timedelta(seconds=59))
    await stage.delivery("pending", now, next_attempt_at=now + DAY)
    assert (await stage.janitor.work()).overdue.count == 0
    since = now - timedelta(seconds=120)
    await stage.delivery("pending", now, next_attempt_at=since)
    timeless = await stage.delivery("pending", now)
    overdue = (await stage.janitor.work()).overdue
    assert (overdue.count, overdue.since) == (1, since)
    (shown,) = [one for one in stage.figures.collect() if one.name == "hub_deliveries_overdue"]
    assert [sample.value for sample in shown.samples] == [1]
    assert (
        await stage.owner.fetchval("SELECT next_attempt_at FROM webhook_deliveries WHERE id = $1", timeless) is not None
    )


async def test_what_waits_for_its_own_endpoint_is_not_overdue(stage: Stage) -> None:
    now = clock.now()
    minutes = timedelta(minutes=1)
    for health in (
        {"open_until": now + minutes},  # its circuit is open
        {"last_success_at": now - minutes / 6},  # it works off a backlog
        {"last_failure_at": now - minutes / 6},
        {"open_until": now - 2 * minutes, "last_failure_at": now - 3 * minutes},  # nobody took up its probe
        {"last_success_at": now - 3 * minutes},
    ):
        delivery = await stage.delivery("pending", now, next_attempt_at=now - 30 * minutes)
        query = "SELECT endpoint_id FROM webhook_deliveries WHERE id = $1"
        endpoint = await stage.owner.fetchval(query, delivery)
        await stage.owner.execute(
            f"INSERT INTO webhook_health (endpoint_id, pharmacy_id, {', '.join(health)}) "
            f"VALUES ($1, $2, {', '.join(f'${n}' for n in range(3, 3 + len(health)))})",
            endpoint, uuid4(), *health.values(),
        )  # fmt: skip
    assert (await stage.janitor.work()).overdue.count == 2


async def test_what_is_handed_out_again_and_again_and_never_tried_is_overdue(stage: Stage) -> None:
    now = clock.now()
    leased = now + timedelta(seconds=40)
    made = now - timedelta(seconds=90)
    pharmacy_id = uuid4()
    await stage.delivery("pending", now - timedelta(seconds=50), next_attempt_at=leased, round_start=1)
    await stage.delivery("pending", made, next_attempt_at=now + DAY, round_start=1)  # put off
    on_ladder = await stage.delivery("pending", made, pharmacy_id, sequence=1, next_attempt_at=leased)
    assert (await stage.janitor.work()).overdue.count == 0
    stuck = await stage.delivery("pending", made, pharmacy_id, sequence=2, next_attempt_at=leased, round_start=1)
    overdue = (await stage.janitor.work()).overdue
    assert (overdue.count, overdue.since) == (1, made)
    endpoint_id = await stage.endpoint(pharmacy_id, None)
    await stage.owner.execute(
        "UPDATE webhook_deliveries SET endpoint_id = $1 WHERE id = ANY($2::uuid[])", endpoint_id, [on_ladder, stuck]
    )
    assert (await stage.janitor.work()).overdue.count == 1
    await stage.owner.execute("UPDATE webhook_endpoints SET ordered = true WHERE id = $1", endpoint_id)
    assert (await stage.janitor.work()).overdue.count == 0, "the one before it waits on the ladder"


async def test_orders_nobody_fetched_expire_by_a_command_and_give_their_stock_back(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer",), "orders_expire_hours": 48})
    url = settings.database_url.get_secret_value()
    owner = await asyncpg.connect(url)
    async with (
        running_consumers(settings),
        open_test_door(settings) as door,
        open_connection(settings.amqp_urls, name="test publishing") as connection,
        open_database(url, "hub_write", pool=2) as writes,
    ):
        janitor = Janitor(Window(), writes, BulkPublisher(connection, confirm_seconds=5), settings)
        pharmacy_id = await door.open_pharmacy()
        await door.send(
            pharmacy_id, "inventory.create", {"sku": "A", "name": "Aspirin", "price": "1.00", "quantity": 9}
        )
        orders = {}
        for name, source in (("old", "hub"), ("young", "hub"), ("mirrored", "external")):
            line = {"sku": "A", "name": "", "quantity": 2, "unit_price": "1.00"}
            body = {"order_reference": name, "items": [line], "source": source}
            orders[name] = UUID((await door.send(pharmacy_id, "order.place", body))["resource"]["id"])
            for status in ("confirmed", "preparing", "ready"):
                await door.send(pharmacy_id, "order.transition", {"status": status}, resource_id=orders[name])
        assert (await janitor.work()).expired == 0
        late = clock.now() - timedelta(hours=49)
        await owner.execute("UPDATE orders SET updated_at = $1 WHERE order_reference IN ('old', 'mirrored')", late)
        # Two at once may each find the other at work; however often the order is told, it expires once.
        await asyncio.gather(janitor.work(), janitor.work())
        await janitor.work()

        async def statuses() -> dict[str, str]:
            return {row[0]: row[1] for row in await owner.fetch("SELECT order_reference, status FROM orders")}

        wanted = {"old": "expired", "young": "ready", "mirrored": "ready"}
        await eventually(statuses, lambda found: found == wanted)
        assert await owner.fetchval("SELECT reserved FROM inventory_items") == 4
        bodies = await owner.fetch("SELECT body FROM events WHERE type = 'order.status_changed' ORDER BY sequence")
        expired = [order for row in bodies if (order := orjson.loads(row[0])["data"]["order"])["status"] == "expired"]
        assert [order["reason"] for order in expired] == ["not fetched within 48 hours"]
        assert (await janitor.work()).expired == 0
    await owner.close()
