"""Walls on the broker: nobody reads, writes or speaks for another, tried with every resource and binding trick known."""

import contextlib
from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ProbableAccessDeniedError, ProbableAuthenticationError

from hub.security.derive import login_path
from hub.security.keys import derive_key
from tests.conftest import SECRET_KEY
from tests.kit.amqp import DIRECT, AmqpStage, Till, properties_of, publish, raw, receipt, until

ITEM = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5}


@pytest.fixture(scope="module")
def other(stage: AmqpStage) -> Till:
    """Whom the tricks are played on; whatever happens to it is found at the end of each test."""
    return stage.open_pharmacy("Other")


def _untouched(other: Till) -> None:
    """See that nothing ever happened to the other pharmacy but its own beginning."""
    mark = other.send("webhook_event.receive", {"event_type": "mark"})
    assert mark["status"] == "applied"
    types = {event["type"] for event in other.events()}
    assert types <= {"pharmacy.created", "webhook_event.received", "webhook_event.processed"}, types


@pytest.mark.parametrize("who", ["nobody", "a typo", "another's key", "an operator's key", "upper case", "braces"])
def test_nobody_logs_in_without_a_key_of_that_pharmacy(stage: AmqpStage, till: Till, other: Till, who: str) -> None:
    user, key = {
        "nobody": (till.id, derive_key("another secret key, 32 characters", uuid4())), "a typo": (till.id, till.key[:-1]),
        "another's key": (till.id, other.key), "an operator's key": (till.id, stage.hub.operator_key),
        "upper case": (till.id.upper(), till.key), "braces": ("{" + till.id + "}", till.key),
    }[who]  # fmt: skip
    with pytest.raises((ProbableAuthenticationError, ProbableAccessDeniedError)):
        Till(stage, user, key).connect()


def _own_queue(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.queue_declare(f"{till.id}.mine")


def _exclusive_queue(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.queue_declare("", exclusive=True)


def _own_exchange(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.exchange_declare(f"{till.id}.mine", "fanout")


def _bind_exchange(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.exchange_bind("hub.ingress", "hub.events", "#")


def _bind_feed(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.queue_bind(f"hub.out.{till.id}", "hub.events", f"{other.id}.#")


def _read_feed(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.basic_get(f"hub.out.{other.id}")


def _consume_feed(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.basic_consume(f"hub.out.{other.id}", lambda *_: None)


def _purge_feed(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.queue_purge(f"hub.out.{other.id}")


def _delete_feed(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.queue_delete(f"hub.out.{other.id}")


def _delete_own_feed(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.queue_delete(f"hub.out.{till.id}")


def _read_commands(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.basic_consume("hub.commands.0", lambda *_: None)


def _read_ingress(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.basic_consume("hub.ingress.0", lambda *_: None)


def _read_dead(channel: BlockingChannel, till: Till, other: Till) -> None:
    channel.basic_consume("hub.dead", lambda *_: None)


def _foreign_key(channel: BlockingChannel, till: Till, other: Till) -> None:
    publish(channel, till, "inventory.create", ITEM, routing_key=other.id)


def _longer_key(channel: BlockingChannel, till: Till, other: Till) -> None:
    publish(channel, till, "inventory.create", ITEM, routing_key=f"{till.id}.x")


def _wild_key(channel: BlockingChannel, till: Till, other: Till) -> None:
    publish(channel, till, "inventory.create", ITEM, routing_key="#")


def _upper_key(channel: BlockingChannel, till: Till, other: Till) -> None:
    publish(channel, till, "inventory.create", ITEM, routing_key=till.id.upper())


def _no_key(channel: BlockingChannel, till: Till, other: Till) -> None:
    publish(channel, till, "inventory.create", ITEM, routing_key="")


def _forged_user(channel: BlockingChannel, till: Till, other: Till) -> None:
    publish(channel, till, "inventory.create", ITEM, user_id=other.id)


def _hub_user(channel: BlockingChannel, till: Till, other: Till) -> None:
    publish(channel, till, "inventory.create", ITEM, user_id="hub")


def _to(exchange: str, key: str) -> Callable[[BlockingChannel, Till, Till], None]:
    def attack(channel: BlockingChannel, till: Till, other: Till) -> None:
        channel.basic_publish(
            exchange, key.format(till=till.id, other=other.id), b"[]", properties_of(till, "sale.record")
        )

    return attack


TRICKS: dict[str, Callable[[BlockingChannel, Till, Till], None]] = {
    "declare an own queue": _own_queue, "declare an exclusive queue": _exclusive_queue, "declare an exchange": _own_exchange,
    "bind the events to ingress": _bind_exchange, "bind an own feed to another's events": _bind_feed, "get from another's feed": _read_feed,
    "consume another's feed": _consume_feed, "purge another's feed": _purge_feed, "delete another's feed": _delete_feed,
    "delete its own feed": _delete_own_feed, "read commands": _read_commands, "read ingress": _read_ingress, "read parked messages": _read_dead,
    "another's routing key": _foreign_key, "a longer routing key": _longer_key, "a wild routing key": _wild_key,
    "another spelling of its key": _upper_key, "no routing key": _no_key, "forge a user": _forged_user, "forge the hub": _hub_user,
    "publish commands": _to("hub.commands", "0"), "publish to a partition's queue": _to("", "hub.commands.0"),
    "publish to another's feed": _to("", "hub.out.{other}"), "publish events": _to("hub.events", "{till}.sale.recorded"),
    "publish to the hash": _to("hub.ingress.hash", "{other}"), "publish notices": _to("hub.control", ""),
    "publish to amq.topic": _to("amq.topic", "{till}"), "publish to the parked": _to("", "hub.dead"),
}  # fmt: skip


@pytest.fixture(scope="module")
def thief(stage: AmqpStage, other: Till) -> Till:
    """Who plays the tricks; both have a feed."""
    thief = stage.open_pharmacy("Thief")
    for owner in (thief, other):
        stage.management(
            "PUT", f"/api/queues/%2F/hub.out.{owner.id}", {"durable": True, "arguments": {"x-queue-type": "quorum"}}
        )
    return thief


@pytest.fixture(scope="module")
def line(thief: Till) -> Iterator[pika.BlockingConnection]:
    """One connection for all tricks: a refusal closes the channel alone."""
    connection = thief.connect()
    yield connection
    connection.close()


@pytest.mark.parametrize("trick", list(TRICKS))
def test_the_broker_refuses(line: pika.BlockingConnection, thief: Till, other: Till, trick: str) -> None:
    channel = line.channel()
    channel.confirm_delivery()
    with pytest.raises(AMQPError, match=r"ACCESS_REFUSED|PRECONDITION_FAILED|NOT_FOUND"):
        TRICKS[trick](channel, thief, other)
    assert line.is_open


def test_what_was_refused_touched_nobody(other: Till) -> None:
    _untouched(other)


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_a_copy_to_another_key_speaks_for_its_user_alone(till: Till, other: Till, header: str) -> None:
    told = till.send("inventory.create", ITEM, headers={header: [other.id]})
    assert told["status"] == "applied"
    assert len(till.http("GET", "/api/inventory/").json()["items"]) == 1
    _untouched(other)


def test_dead_lettered_and_bound_messages_speak_for_their_user_alone(stage: AmqpStage, other: Till) -> None:
    # A user of RabbitMQ's own that may configure anything, as an operator may make one by mistake.
    mine = stage.open_pharmacy("Mine")
    connection = pika.BlockingConnection(stage.internal_user(mine.id))
    channel = connection.channel()
    channel.confirm_delivery()
    dead = {"x-dead-letter-exchange": "hub.ingress", "x-dead-letter-routing-key": other.id, "x-message-ttl": 1}
    channel.queue_declare("trick.dead", arguments=dead, exclusive=True)
    channel.exchange_declare("trick.bound", "fanout", auto_delete=True)
    channel.exchange_bind("hub.ingress", "trick.bound")
    channel.basic_publish("", "trick.dead", raw(ITEM), properties_of(mine, "inventory.create"), mandatory=True)
    channel.basic_publish(
        "trick.bound", other.id, raw({**ITEM, "sku": "bound"}), properties_of(mine, "inventory.create"), mandatory=True
    )
    until(lambda: len(mine.http("GET", "/api/inventory/").json()["items"]) == 2)
    connection.close()
    _untouched(other)


def test_forged_headers_of_the_broker_change_nothing(till: Till, other: Till) -> None:
    forged = {
        "x-death": [{"queue": f"hub.out.{other.id}", "exchange": "hub.ingress", "routing-keys": [other.id], "count": 99, "reason": "rejected"}],
        "x-delivery-count": 99, "x-first-death-queue": "hub.dead", "pharmacy_id": other.id, "hub-reason": "forged", "sequence": 1,
    }  # fmt: skip
    assert till.send("inventory.create", ITEM, headers=forged)["status"] == "applied"
    assert len(till.http("GET", "/api/inventory/").json()["items"]) == 1
    _untouched(other)


@pytest.mark.parametrize(
    "queue", ["hub.commands.0", "hub.dead", "hub.audit", "hub.replies.x", "hub.out.{other}", "amq.rabbitmq.reply-to"]
)
def test_a_receipt_goes_nowhere_but_to_a_direct_reply(stage: AmqpStage, till: Till, other: Till, queue: str) -> None:
    name = queue.format(other=other.id)
    parked = stage.sql("SELECT count(*) FROM parked_messages")
    with till.channel() as channel:
        if name == DIRECT:  # asked for by nobody who listens: RabbitMQ refuses it itself
            with pytest.raises(AMQPError):
                publish(channel, till, "inventory.create", ITEM, reply_to=name, correlation_id="c")
        else:
            publish(channel, till, "inventory.create", ITEM, reply_to=name, correlation_id="c")
    assert till.send("inventory.create", {**ITEM, "sku": "after"})["status"] == "applied"
    assert stage.sql("SELECT count(*) FROM parked_messages") == parked
    with contextlib.suppress(httpx.HTTPStatusError):
        assert not stage.management("GET", f"/api/queues/%2F/hub.out.{other.id}").get("messages", 0)


FORGED = [
    "x.y",
    "x",
    "",
    "g2dkAA5odWJAbG9jYWxob3N0AAAB.key",
    "AAAA.AAAA",
    "g2EB.x",
    ".",
    "...",
    "!!!!.!!!!",
    "g2wAAAAB.g2w=",
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_direct_reply_costs_nobody_else_a_receipt(stage: AmqpStage, till: Till, forged: str) -> None:
    neighbour = stage.open_pharmacy("Neighbour")
    with till.channel() as channel, neighbour.channel() as others:
        for sku in ("a", "b", "c", "d", "e"):
            item = {**ITEM, "sku": sku}
            publish(channel, till, "inventory.create", item, reply_to=f"{DIRECT}.{forged}", correlation_id="c")
            assert receipt(others, neighbour, "inventory.create", item)["status"] == "applied"
    until(lambda: [event["type"] for event in till.events()][-5:] == ["inventory.created"] * 5)


@pytest.mark.parametrize("scopes", [["read"], ["webhooks"]])
def test_a_key_without_the_scope_writes_nothing(till: Till, scopes: list[str]) -> None:
    made = till.http("POST", f"/api/pharmacies/{till.id}/keys/", {"name": "narrow", "scopes": scopes}).json()
    with Till(till.stage, till.id, made["api_key"]).channel() as channel, pytest.raises(AMQPError):
        publish(channel, till, "inventory.create", ITEM)


def test_the_login_answers_nobody_who_does_not_know_its_path(stage: AmqpStage, till: Till) -> None:
    known = login_path(SECRET_KEY)
    form = {"username": till.id, "password": till.key}
    assert httpx.post(f"{stage.hub.url}{known}/user", data=form).text.startswith("allow scope_read")
    nowhere = httpx.post(f"{stage.hub.url}/internal/nowhere/at/all", data=form)
    for method, path in (
        ("POST", known[:-1] + "0/user"), ("POST", "/internal/amqp/x/user"), ("GET", f"{known}/user"), ("PUT", f"{known}/user"), ("POST", known),
    ):  # fmt: skip
        answer = httpx.request(method, stage.hub.url + path, data=None if method == "GET" else form)
        assert (answer.status_code, answer.json()["type"]) == (404, nowhere.json()["type"]), (method, path)
    assert "/internal/amqp" not in httpx.get(f"{stage.hub.url}/schema/openapi.json").text
    for check, asked in (("user", {}), ("resource", form), ("topic", {"username": "\x00"}), ("what", form)):
        assert httpx.post(f"{stage.hub.url}{known}/{check}", data=asked).text == "deny"
