"""The relay against a real broker and a real log: in order, no gap, no double."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from gateway.keys import KeyCache
from gateway.relay import Relay, open_relay
from gateway.subscription import BUFFER_EVENTS, BelowRetention, BeyondEnd, Subscription, Types
from hub.domain.event import routing_key_of
from hub.domain.ids import HUB_ID
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import HubConnection, open_connection
from hub.messaging.declaring import declare_topology
from hub.messaging.topology import EVENTS
from hub.settings import Settings
from hub.storage.database import Database, open_database
from hub.storage.events import StoredEvent, append, take_numbers
from tests.kit.wait import eventually

ALL = Types()


@dataclass(frozen=True, slots=True)
class Stage:
    """A relay, and the two steps of whoever writes events: to the log, then to the broker."""

    relay: Relay
    consuming: HubConnection
    writes: Database
    publisher: BulkPublisher

    async def log(self, pharmacy_id: UUID, count: int, event_type: str = "sale.recorded") -> list[StoredEvent]:
        """Commit some events."""
        async with self.writes.transaction() as connection:
            first = (await take_numbers(connection, {pharmacy_id: count}))[pharmacy_id]
            events = []
            for sequence in range(first, first + count):
                event_id = uuid4()
                body = json.dumps({"id": str(event_id), "type": event_type, "sequence": sequence, "data": {"é": "  "}})
                events.append(
                    StoredEvent(event_id, pharmacy_id, sequence, event_type, uuid4(), datetime.now(UTC), body)
                )
            await append(connection, events)
        return events

    async def publish(self, events: Sequence[StoredEvent]) -> None:
        """Publish events as the writer does."""
        await self.publisher.publish(
            [
                Outgoing(
                    EVENTS,
                    routing_key_of(event.pharmacy_id, event.type),
                    event.body.encode(),
                    "application/cloudevents+json",
                    str(event.id),
                    headers={"sequence": event.sequence, "pharmacy_id": str(event.pharmacy_id)},
                    mandatory=False,
                )
                for event in events
            ]
        )

    async def happen(self, pharmacy_id: UUID, count: int = 1, event_type: str = "sale.recorded") -> list[StoredEvent]:
        """Commit, then publish."""
        events = await self.log(pharmacy_id, count, event_type)
        await self.publish(events)
        return events


@asynccontextmanager
async def open_stage(settings: Settings) -> AsyncIterator[Stage]:
    url = settings.database_url.get_secret_value()
    async with AsyncExitStack() as stack:
        reads = await stack.enter_async_context(open_database(url, "hub_read", pool=4))
        writes = await stack.enter_async_context(open_database(url, "hub_write", pool=2))
        publishing = await stack.enter_async_context(open_connection(settings.amqp_urls, name="test publishing"))
        consuming = await stack.enter_async_context(open_connection(settings.amqp_urls, name="test consuming"))
        await declare_topology(publishing, 1)
        relay = await stack.enter_async_context(open_relay(consuming, reads, KeyCache(reads)))
        await eventually(is_true(lambda: relay.is_listening), bool)
        yield Stage(relay, consuming, writes, BulkPublisher(publishing, confirm_seconds=5))


def is_true(look: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def looking() -> bool:
        return look()

    return looking


async def take(subscription: Subscription, count: int, seconds: float = 10) -> list[int]:
    """Take so many events and name their sequences."""
    found: list[int] = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            found += [event.sequence for event in await subscription.take()]
    return found


async def test_a_live_event_arrives_with_the_bytes_of_the_log(settings: Settings) -> None:
    pharmacy = uuid4()
    async with open_stage(settings) as stage, stage.relay.join(pharmacy, after=None, types=ALL) as subscription:
        (written,) = await stage.happen(pharmacy)
        (event,) = await subscription.take()
        assert (event.sequence, event.type, event.body) == (1, "sale.recorded", written.body)
        assert event.frame == '{"type":"event","event":' + written.body + "}"


async def test_the_backlog_comes_first_then_what_is_live_without_gap_or_double(settings: Settings) -> None:
    pharmacy = uuid4()
    async with open_stage(settings) as stage:
        await stage.happen(pharmacy, 450)
        async with asyncio.TaskGroup() as tasks, stage.relay.join(pharmacy, after=3, types=ALL) as subscription:

            async def go_on() -> None:
                for _ in range(50):
                    await stage.happen(pharmacy, 3)

            tasks.create_task(go_on())
            assert await take(subscription, 597) == list(range(4, 601))


async def test_nothing_of_another_pharmacy_nor_of_the_hub_is_relayed(settings: Settings) -> None:
    mine, other = uuid4(), uuid4()
    async with (
        open_stage(settings) as stage,
        stage.relay.join(mine, after=0, types=ALL) as subscription,
        stage.relay.join(other, after=0, types=ALL) as others,
        stage.relay.join(HUB_ID, after=0, types=ALL) as hubs,
    ):
        await stage.happen(other, 2)
        await stage.happen(HUB_ID, 1, "pharmacy.created")
        await stage.happen(mine, 1)
        assert await take(subscription, 1) == [1]
        assert await take(others, 2) == [1, 2]
        (event,) = await hubs.take()
        assert event.type == "pharmacy.created"


async def test_an_event_the_broker_lost_is_read_from_the_log(settings: Settings) -> None:
    pharmacy = uuid4()
    async with open_stage(settings) as stage, stage.relay.join(pharmacy, after=None, types=ALL) as subscription:
        await stage.log(pharmacy, 2)  # never published
        await stage.happen(pharmacy)
        assert await take(subscription, 3) == [1, 2, 3]


async def test_an_event_published_twice_arrives_once(settings: Settings) -> None:
    pharmacy = uuid4()
    async with open_stage(settings) as stage, stage.relay.join(pharmacy, after=None, types=ALL) as subscription:
        events = await stage.happen(pharmacy, 3)
        await stage.publish(events)
        await stage.happen(pharmacy)
        assert await take(subscription, 4) == [1, 2, 3, 4]


async def test_types_choose_and_the_rest_is_passed_over(settings: Settings) -> None:
    pharmacy = uuid4()
    async with open_stage(settings) as stage:
        await stage.happen(pharmacy, 3, "order.placed")
        await stage.happen(pharmacy, 1, "sale.voided")
        async with stage.relay.join(pharmacy, after=0, types=Types.parse("sale.*,order.updated")) as subscription:
            assert await take(subscription, 1) == [4]
            await stage.happen(pharmacy, 2, "order.placed")
            await stage.happen(pharmacy, 1, "order.updated")
            assert await take(subscription, 1) == [7]


async def test_a_lost_connection_to_the_broker_costs_no_event(settings: Settings) -> None:
    pharmacy = uuid4()
    async with open_stage(settings) as stage, stage.relay.join(pharmacy, after=None, types=ALL) as subscription:
        await stage.happen(pharmacy)
        assert await take(subscription, 1) == [1]
        underlay = stage.consuming.underlay
        assert underlay is not None
        await stage.consuming.abandon(underlay)
        await stage.happen(pharmacy, 2)
        assert await take(subscription, 2) == [2, 3]
        await stage.happen(pharmacy, 1)
        assert await take(subscription, 1) == [4]


async def test_a_burst_larger_than_the_buffer_is_read_from_the_log(settings: Settings) -> None:
    pharmacy = uuid4()
    async with open_stage(settings) as stage, stage.relay.join(pharmacy, after=None, types=ALL) as subscription:
        await stage.happen(pharmacy, BUFFER_EVENTS + 500)
        await eventually(is_true(lambda: subscription._must_read and len(subscription._buffer) == 499), bool)
        assert await take(subscription, BUFFER_EVENTS + 500) == list(range(1, BUFFER_EVENTS + 501))


async def test_positions_outside_the_log_are_named(settings: Settings) -> None:
    pharmacy = uuid4()
    async with open_stage(settings) as stage:
        await stage.happen(pharmacy, 5)
        with pytest.raises(BeyondEnd) as beyond:
            async with stage.relay.join(pharmacy, after=6, types=ALL):
                pass
        assert beyond.value.last_sequence == 5
        async with stage.writes.connection() as connection:
            await connection.execute("DELETE FROM events WHERE sequence <= 3")
        with pytest.raises(BelowRetention) as below:
            async with stage.relay.join(pharmacy, after=2, types=ALL):
                pass
        assert below.value.first_sequence == 4
        async with stage.relay.join(pharmacy, after=3, types=ALL) as subscription:
            assert await take(subscription, 2) == [4, 5]


async def test_only_pharmacies_with_a_subscriber_are_bound(settings: Settings) -> None:
    pharmacy = uuid4()
    async with open_stage(settings) as stage:
        async with stage.relay.join(pharmacy, after=None, types=ALL) as first:
            async with stage.relay.join(pharmacy, after=None, types=ALL):
                pass
            await stage.happen(pharmacy)
            assert await take(first, 1) == [1]
        await eventually(is_true(lambda: not stage.relay._topics), bool)
        async with stage.relay.join(pharmacy, after=None, types=ALL) as again:
            await stage.happen(pharmacy)
            assert await take(again, 1) == [2]
