"""The topology is declared as written, again without harm, and never over another installation."""

import doctest
import json
import re
from pathlib import Path
from uuid import UUID, uuid4

import aio_pika
import pytest

from hub.faults import SettingsError, Unavailable
from hub.messaging import declaring, feeds, server, topology
from hub.messaging.connection import open_connection
from tests.rooms.broker_proxy import a_free_port

ROOT = Path(__file__).parents[2]


def test_a_pharmacy_keeps_its_partition_for_ever() -> None:
    known = {UUID(int=0): (5, 85), UUID(int=1): (3, 195), UUID("018f3c5e-7b1a-7c3d-8e4f-0123456789ab"): (5, 93)}
    for pharmacy, expected in known.items():
        assert (topology.partition_of(pharmacy, 8), topology.partition_of(pharmacy, 256)) == expected


def test_pharmacies_spread_over_all_partitions() -> None:
    counts = [0] * 8
    for number in range(4000):
        counts[topology.partition_of(UUID(int=number << 64 | 0x7000), 8)] += 1
    assert min(counts) > 300


@pytest.mark.parametrize("partitions", [0, -1, 257])
def test_a_number_of_partitions_out_of_range_is_refused(partitions: int) -> None:
    with pytest.raises(ValueError, match="1 to 256"):
        topology.partition_of(uuid4(), partitions)
    with pytest.raises(SettingsError, match="HUB_PARTITIONS"):
        topology.topology(partitions)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert [doctest.testmod(module).failed for module in (server, topology)] == [0, 0]


def test_the_definitions_file_is_the_topology() -> None:
    written = json.loads((ROOT / "rabbitmq" / "definitions.json").read_text())
    assert written == topology.definitions(topology.DEFAULT_PARTITIONS)
    assert not {"users", "permissions", "topic_permissions"} & written.keys()


def test_the_servers_files_are_what_the_hub_wants_of_a_server() -> None:
    lines = (ROOT / "rabbitmq" / "rabbitmq.conf").read_text().splitlines()
    written = [tuple(line.split(" = ")) for line in lines if line and not line.startswith("#")]
    assert sorted(written) == sorted({**server.COMMON, **server.LOGINS, **server.BY_HAND}.items())
    assert (ROOT / "rabbitmq" / "enabled_plugins").read_text() == server.dump_plugins()


def test_every_queue_keeps_messages_for_ever_and_the_ordered_ones_have_one_consumer() -> None:
    for queue in topology.topology(8).queues:
        assert queue.arguments["x-queue-type"] == "quorum"
        assert queue.arguments["x-delivery-limit"] == 2147483647
        assert queue.arguments["x-quorum-initial-group-size"] == 3
        assert queue.arguments["x-queue-leader-locator"] == "balanced"
        ordered = (
            re.fullmatch(r"hub\.((commands|ingress|webhooks\.deliver)\.\d+|webhooks\.translate)", queue.name)
            is not None
        )
        assert queue.arguments.get("x-single-active-consumer", False) is ordered


def test_the_way_of_a_message_hangs_on_its_routing_key_alone() -> None:
    """RabbitMQ's other exchanges (a consistent hash, a random one) lead elsewhere after a restart: that is no order."""
    assert {exchange.kind for exchange in topology.topology(8).exchanges} == {"direct", "topic", "fanout"}


async def test_what_earlier_versions_declared_is_removed(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as plain:
        channel = await plain.channel()
        ingress = await channel.declare_exchange(topology.INGRESS, "topic", durable=True)
        former = await channel.declare_exchange("hub.ingress.hash", "fanout", durable=True, internal=True)
        await former.bind(ingress, "#")
        async with open_connection([amqp_url], name="test") as connection:
            await declaring.declare_topology(connection, 1)
        with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
            await channel.get_exchange("hub.ingress.hash", ensure=True)


async def test_declaring_twice_changes_nothing(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        await declaring.declare_topology(connection, 3)
        await declaring.declare_topology(connection, 3)
        assert connection.fault() is None
    async with await aio_pika.connect(amqp_url) as plain:
        channel = await plain.channel()
        for queue in topology.topology(3).queues:
            await channel.declare_queue(queue.name, passive=True)


async def test_what_integrators_send_reaches_the_queue_of_their_pharmacy(amqp_url: str) -> None:
    pharmacies = [UUID(int=number << 64) for number in range(40)]
    async with open_connection([amqp_url], name="test") as connection:
        await declaring.declare_topology(connection, 1)
        await declaring.bind_ingress(connection, pharmacies)
        await declaring.bind_ingress(connection, pharmacies)
    async with await aio_pika.connect(amqp_url) as plain:
        channel = await plain.channel()
        ingress = await channel.get_exchange(topology.INGRESS, ensure=False)
        for pharmacy in pharmacies:
            await ingress.publish(aio_pika.Message(b"x"), str(pharmacy))
        counts = []
        for number in range(topology.INGRESS_QUEUES):
            queue = await channel.declare_queue(topology.ingress_queue(number), passive=True)
            counts.append(queue.declaration_result.message_count or 0)
        expected = [topology.ingress_queue_of(pharmacy) for pharmacy in pharmacies]
        assert counts == [expected.count(topology.ingress_queue(number)) for number in range(topology.INGRESS_QUEUES)]
        assert min(counts) > 4, "they are spread"


async def test_events_reach_those_who_want_them(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        await declaring.declare_topology(connection, 1)
    async with await aio_pika.connect(amqp_url) as plain:
        channel = await plain.channel()
        pharmacy = str(uuid4())
        events = await channel.get_exchange(topology.EVENTS, ensure=False)
        for event_type in ("pharmacy.updated", "webhook_endpoint.created", "webhook_event.received", "sale.recorded"):
            await events.publish(aio_pika.Message(b"x"), f"{pharmacy}.{event_type}")
        queue = await channel.declare_queue(topology.FANOUT, passive=True)
        assert queue.declaration_result.message_count == 2, "a sale is heard once its pharmacy has an endpoint"
        queue = await channel.declare_queue(topology.TRANSLATE, passive=True)
        assert queue.declaration_result.message_count == 1
        async with open_connection([amqp_url], name="test") as connection:
            await declaring.bind_fanout(connection, [UUID(pharmacy)])
            await events.publish(aio_pika.Message(b"x"), f"{pharmacy}.sale.recorded")
            await declaring.unbind_fanout(connection, UUID(pharmacy))
            await events.publish(aio_pika.Message(b"x"), f"{pharmacy}.sale.recorded")
        queue = await channel.declare_queue(topology.FANOUT, passive=True)
        assert queue.declaration_result.message_count == 3


@pytest.mark.parametrize("other", [2, 5])
async def test_another_number_of_partitions_is_refused_before_anything_changes(amqp_url: str, other: int) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        await declaring.declare_topology(connection, 3)
        with pytest.raises(SettingsError, match=rf"HUB_PARTITIONS is {other}, but .* installed with 3"):
            await declaring.declare_topology(connection, other)
        await declaring.declare_topology(connection, 3)
    async with await aio_pika.connect(amqp_url) as plain:
        channel = await plain.channel()
        with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
            await channel.declare_queue(topology.command_queue(3), passive=True)


async def test_an_installation_cut_short_is_completed(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        await declaring.declare_topology(connection, 3)
        async with await aio_pika.connect(amqp_url) as plain:
            channel = await plain.channel()
            await channel.queue_delete(topology.command_queue(2))
        await declaring.declare_topology(connection, 3)
        async with await aio_pika.connect(amqp_url) as plain:
            await (await plain.channel()).declare_queue(topology.command_queue(2), passive=True)


async def test_other_arguments_are_refused_with_their_queue_and_name(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as plain:
        channel = await plain.channel()
        await channel.declare_queue(topology.command_queue(0), durable=True, arguments=topology.QUORUM)
    async with open_connection([amqp_url], name="test") as connection:
        with pytest.raises(SettingsError, match=r"queue 'hub\.commands\.0' has another 'x-single-active-consumer'"):
            await declaring.declare_topology(connection, 2)


async def test_a_user_that_may_not_declare_is_named(amqp_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = topology.Topology((topology.Exchange("amq.reserved", "topic"),), (), ())
    monkeypatch.setattr(declaring, "topology", lambda _: wanted)
    async with open_connection([amqp_url], name="test") as connection:
        with pytest.raises(SettingsError, match="may not declare"):
            await declaring.declare_topology(connection, 1)


async def test_a_pharmacy_s_own_queue_gets_its_own_events_only(amqp_url: str) -> None:
    mine, other = uuid4(), uuid4()
    async with open_connection([amqp_url], name="test") as connection:
        await declaring.declare_topology(connection, 1)
        await feeds.declare_feed(connection, mine, feeds.binding_keys(mine, ["*"]))
        await feeds.declare_feed(connection, mine, feeds.binding_keys(mine, ["*"]))
        async with await aio_pika.connect(amqp_url) as plain:
            channel = await plain.channel()
            events = await channel.get_exchange(topology.EVENTS, ensure=False)
            for owner in (mine, other):
                await events.publish(aio_pika.Message(b"x"), f"{owner}.sale.recorded")
            queue = await channel.declare_queue(feeds.out_queue(mine), passive=True)
            assert queue.declaration_result.message_count == 1


async def test_without_a_broker_declaring_fails_at_once() -> None:
    url = f"amqp://guest:guest@127.0.0.1:{a_free_port()}/"
    async with open_connection([url], name="test", wait_seconds=0.1) as connection:
        with pytest.raises(Unavailable):
            await declaring.declare_topology(connection, 1)
