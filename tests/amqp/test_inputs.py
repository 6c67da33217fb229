"""What a message may hold: each bad one is refused by name or parked, answered where it asks, and stops nobody."""

from typing import Any
from uuid import uuid4

import httpx
import pika
import pytest
from pamqp import commands, header

from consumers.ingress_message import MAX_BYTES, MAX_ERRORS_IN_A_LIST
from hub.messaging.lenient import read_leniently
from tests.amqp.table import BODIES, ITEM, RABBITMQ_BYTES
from tests.kit.amqp import DIRECT, AmqpStage, Till, properties_of, publish, raw, receipt
from tests.kit.wait import until


@pytest.fixture(scope="module")
def shared(stage: AmqpStage) -> Till:
    """A pharmacy for what changes nothing."""
    return stage.open_pharmacy("Shared")


@pytest.mark.parametrize("what", list(BODIES))
def test_a_wrong_message_is_a_rejected_operation_with_its_reason(shared: Till, what: str) -> None:
    body, changes, slug = BODIES[what]
    properties = dict(changes)
    command = properties.pop("type", "inventory.create")
    with shared.channel() as channel:
        told = receipt(channel, shared, command, body, **properties)
    one = told[0] if isinstance(told, list) else told
    assert (one["status"], one["problem"]["type"]) == ("rejected", f"/problems/{slug}"), one
    assert one == shared.http("GET", f"/api/operations/{one['id']}").json()


def test_what_was_wrong_left_nothing_but_events(stage: AmqpStage, shared: Till) -> None:
    assert shared.http("GET", "/api/inventory/").json()["items"] == []
    assert {event["type"] for event in shared.events()} == {"pharmacy.created", "command.rejected"}


def test_a_list_of_all_the_faults_that_a_message_has_room_for_stops_nobody(shared: Till) -> None:
    names = [
        "<" * 16 + chr(code) for code in range(ord("#"), ord("~")) if chr(code) != "\\"
    ]  # each grows when it is quoted
    faulty = raw([{"items": [dict.fromkeys(names, 1), {}]}] * 500)
    assert len(faulty) <= MAX_BYTES
    with shared.channel() as channel:
        # What the hub says of it would be larger than RabbitMQ takes, with an address and a name that grow in JSON.
        publish(
            channel, shared, "order.place", faulty, reply_to=f"{DIRECT}.{chr(1) * 233}", correlation_id=chr(1) * 255
        )
        told = receipt(channel, shared, "order.place", faulty)
    assert {(one["status"], len(one["problem"]["errors"])) for one in told} == {("rejected", MAX_ERRORS_IN_A_LIST)}
    assert len(told) == 500


def test_a_refusal_is_the_same_operation_however_often_it_is_sent(shared: Till) -> None:
    first = shared.send("inventory.create", {"sku": 1}, message_id="wrong-1")
    assert shared.send("inventory.create", {"sku": 1}, message_id="wrong-1") == first


def test_a_message_that_speaks_for_nobody_is_parked_with_its_reason_and_answered(stage: AmqpStage, till: Till) -> None:
    with till.channel() as channel:
        told = receipt(channel, till, "inventory.create", ITEM, user_id=None)
        assert (told["id"], told["status"], told["problem"]["type"]) == (None, "parked", "/problems/forbidden")
        assert receipt(channel, till, "inventory.create", ITEM)["status"] == "applied"
    until(lambda: bool(_parked(stage, "no user_id that the broker has checked")))
    parked = _parked(stage, "no user_id that the broker has checked")[0]
    assert parked["origin"].startswith("hub.ingress.")
    stranger = str(uuid4())
    connection = pika.BlockingConnection(stage.internal_user(stranger))
    publish(connection.channel(), Till(stage, stranger, ""), "inventory.create", ITEM)
    until(lambda: bool(_parked(stage, "its user is neither pharmacy nor integrator")))
    connection.close()


def test_no_reply_to_is_no_reason_to_be_silent(till: Till) -> None:
    with till.channel() as channel:
        publish(channel, till, "inventory.create", {"sku": 1}, correlation_id="x" * 255)
    until(lambda: till.events()[-1]["type"] == "command.rejected")
    operation = till.events()[-1]["data"]["operation"]
    assert till.http("GET", f"/api/operations/{operation['id']}").json() == operation


def test_a_message_that_expired_before_it_was_read_is_parked(stage: AmqpStage, till: Till) -> None:
    with till.channel() as channel:
        for number in range(20):  # an expiration of 0 ends a message that finds no consumer ready
            publish(channel, till, "webhook_event.receive", {"event_type": till.id, "payload": number}, expiration="0")
        assert receipt(channel, till, "inventory.create", ITEM)["status"] == "applied"

    def all_are_found() -> bool:
        count = f"SELECT count(*) FROM parked_messages WHERE reason LIKE '%expiration%' AND payload LIKE '%{till.id}%'"
        return int(stage.sql(count)) + len(till.http("GET", "/api/webhook-events/").json()["items"]) == 20

    until(all_are_found)


SHORT = b"\xff\xfe\x80"


def _hostile(which: str) -> bytes:
    """Write properties as no client library does."""
    fields = {
        "content_type": b"\x10application/json", "headers": b"\x00\x00\x00\x00", "delivery_mode": b"\x02", "message_id": b"\x03abc",
        "timestamp": b"\x00" * 8, "type": b"\x10inventory.create", "user_id": b"",
    }  # fmt: skip
    fields |= {
        "a message id that is no UTF-8": {"message_id": bytes([len(SHORT)]) + SHORT},
        "a type that is no UTF-8": {"type": bytes([len(SHORT)]) + SHORT},
        "a time beyond all times": {"timestamp": b"\x7f" + b"\xff" * 7},
        "a header of an unknown kind": {"headers": b"\x00\x00\x00\x04\x01a?x"},
        "a delivery mode of 7": {"delivery_mode": b"\x07"},
    }[which]
    return b"".join(
        fields[name] for name in ("content_type", "headers", "delivery_mode", "message_id", "timestamp", "type")
    )


HOSTILE = (
    "a message id that is no UTF-8", "a type that is no UTF-8", "a time beyond all times", "a header of an unknown kind",
    "a delivery mode of 7",
)  # fmt: skip


@pytest.mark.parametrize("which", HOSTILE)
def test_properties_are_read_whatever_they_hold(which: str) -> None:
    read_leniently()
    flags = 0
    for name in ("content_type", "headers", "delivery_mode", "message_id", "timestamp", "message_type"):
        flags |= commands.Basic.Properties.flags[name]
    properties = commands.Basic.Properties()
    properties.unmarshal(flags, _hostile(which))
    assert properties.content_type == "application/json"
    assert properties.delivery_mode in {1, 2}
    assert header.ContentHeader(0, 0, properties).properties is properties


@pytest.mark.parametrize("which", ["message_id", "type", "timestamp"])
def test_hostile_properties_stop_neither_the_consumers_nor_a_neighbour(
    stage: AmqpStage, till: Till, which: str
) -> None:
    with till.channel() as channel:
        properties = properties_of(till, "inventory.create", timestamp=1, message_id="abc")
        encode = properties.encode

        def spoiled() -> list[bytes]:
            whole = b"".join(encode())
            old, new = {
                "message_id": (b"\x03abc", b"\x03\xff\xfe\x80"),
                "type": (b"\x10inventory.create", b"\x10inventory.c\xff\xfe\x80te"),
                "timestamp": (b"\x00" * 7 + b"\x01", b"\x7f" + b"\xff" * 7),
            }[which]
            assert whole.count(old) == 1
            return [whole.replace(old, new)]

        properties.encode = spoiled
        channel.basic_publish("hub.ingress", till.id, raw(ITEM), properties, mandatory=True)
        assert receipt(channel, till, "webhook_event.receive", {"event_type": "after"})["status"] == "applied"
        assert len(till.http("GET", "/api/inventory/").json()["items"]) == int(which == "timestamp")


def test_a_message_of_as_many_bytes_as_the_hub_takes_is_applied(till: Till) -> None:
    assert till.send("inventory.create", raw(ITEM).ljust(MAX_BYTES))["status"] == "applied"


def test_a_message_beyond_the_brokers_limit_ends_its_channel_only(till: Till) -> None:
    connection = till.connect()
    channel = connection.channel()
    channel.confirm_delivery()
    with pytest.raises(
        pika.exceptions.ChannelClosedByBroker, match=f"larger than configured max size {RABBITMQ_BYTES}"
    ):
        publish(channel, till, "inventory.create", b"x" * (RABBITMQ_BYTES + 1))
    connection.close()
    assert till.send("inventory.create", ITEM)["status"] == "applied"


def test_order_is_the_order_of_publishing_with_or_without_confirms(till: Till) -> None:
    item = till.send("inventory.create", {**ITEM, "quantity": 0})["resource"]["id"]
    connection = till.connect()
    channel = connection.channel()
    for number in range(300):  # no confirms: a flood
        if number == 299:
            # RabbitMQ may drop what a channel published without confirms just before it was closed, and closes it all the same.
            # The confirm of one message stands for those before it.
            channel.confirm_delivery()
        publish(
            channel,
            till,
            "inventory.adjust",
            {"id": item, "delta": number + 1, "reason": "received", "note": str(number)},
        )
    connection.close()
    until(lambda: len(till.events()), lambda count: count == 302, within=20)
    notes = [event["data"]["movement"]["note"] for event in till.events() if event["type"] == "inventory.adjusted"]
    assert notes == [str(number) for number in range(300)]


def _parked(stage: AmqpStage, reason: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{stage.hub.url}/api/parked/?limit=500", headers={"X-API-KEY": stage.hub.operator_key})
    return [one for one in answer.json()["items"] if one["reason"] == reason]
