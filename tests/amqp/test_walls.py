"""Walls on the broker: nobody logs in, reads, writes or speaks for another; `test_clients.py` plays every trick on resources."""

from contextlib import closing
from urllib.parse import quote
from uuid import uuid4

import httpx
import pika
import pytest
from pamqp import commands
from pika.exceptions import AMQPError, ProbableAccessDeniedError, ProbableAuthenticationError

from hub.messaging.server import CHANNEL_MAX
from hub.security.derive import login_path
from hub.security.keys import derive_key
from tests.amqp.wild import Wild
from tests.conftest import SECRET_KEY
from tests.kit.amqp import DIRECT, AmqpStage, Till, properties_of, publish, raw, receipt, shut
from tests.kit.wait import until

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


@pytest.mark.parametrize("vhost", ["another", "/another", "%2F"])
def test_nobody_logs_in_to_another_virtual_host(stage: AmqpStage, till: Till, vhost: str) -> None:
    stage.management("PUT", f"/api/vhosts/{quote(vhost, safe='')}")
    try:
        with pytest.raises((AMQPError, ProbableAccessDeniedError)):
            till.connect(vhost=vhost)
    finally:
        stage.management("DELETE", f"/api/vhosts/{quote(vhost, safe='')}")


def test_a_transaction_is_no_way_past_a_routing_key(till: Till, other: Till) -> None:
    connection = till.connect()
    channel = connection.channel()
    channel.tx_select()
    publish(channel, till, "inventory.create", ITEM, routing_key=other.id)
    with pytest.raises(AMQPError, match="ACCESS_REFUSED"):
        channel.tx_commit()
    shut(connection)
    _untouched(other)


def test_another_secret_in_the_middle_of_a_connection_makes_nobody_else_of_it(till: Till, other: Till) -> None:
    wild = Wild(till, CHANNEL_MAX)
    with closing(wild.socket):
        wild.enter()
        wild.say(commands.Connection.UpdateSecret(other.key, "a trick"))
        wild.read(commands.Connection.UpdateSecretOk, commands.Connection.Close)
        wild.say(commands.Channel.Open(), 1)
        wild.read(commands.Channel.OpenOk)
        wild.say(commands.Queue.Declare(queue=f"hub.out.{other.id}", passive=True), 1)
        refused = wild.read(commands.Channel.Close)
        assert refused.reply_code in {403, 404}, refused
        wild.say(commands.Channel.CloseOk(), 1)
        wild.say(commands.Channel.Open(), 2)
        wild.read(commands.Channel.OpenOk)
        wild.say(commands.Basic.Get(queue=f"hub.out.{other.id}"), 2)
        assert wild.read(commands.Channel.Close).reply_code == 403
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


def test_a_receipt_is_asked_for_by_nobody_who_does_not_listen(till: Till) -> None:
    with till.channel() as channel, pytest.raises(AMQPError, match="PRECONDITION_FAILED"):
        publish(channel, till, "inventory.create", ITEM, reply_to=DIRECT, correlation_id="c")
    assert till.send("inventory.create", ITEM)["status"] == "applied"


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


def test_a_forged_direct_reply_without_a_user_silences_nobody_else_without_one(stage: AmqpStage, till: Till) -> None:
    neighbour = stage.open_pharmacy("Neighbour")
    with till.channel() as channel, neighbour.channel() as others:
        for forged in FORGED:
            publish(
                channel, till, "inventory.create", ITEM, user_id=None, reply_to=f"{DIRECT}.{forged}", correlation_id="c"
            )
            assert receipt(others, neighbour, "inventory.create", ITEM, user_id=None)["status"] == "parked"


@pytest.mark.parametrize("scopes", [["read"], ["webhooks"]])
def test_a_key_without_the_scope_writes_nothing(till: Till, scopes: list[str]) -> None:
    made = till.http("POST", f"/api/pharmacies/{till.id}/keys/", {"name": "narrow", "scopes": scopes}).json()
    with Till(till.stage, till.id, made["api_key"]).channel() as channel, pytest.raises(AMQPError):
        publish(channel, till, "inventory.create", ITEM)


def test_a_tills_key_opens_nothing_of_the_brokers_management(stage: AmqpStage, till: Till, other: Till) -> None:
    place = f"http://127.0.0.1:{stage.broker.management_port}/api"
    message = {
        "routing_key": other.id,
        "payload": "{}",
        "payload_encoding": "string",
        "properties": {"user_id": other.id},
    }
    with till.channel():  # RabbitMQ has just been told that this key is good
        for method, path, body in (
            ("GET", "whoami", None), ("GET", "queues", None), ("GET", "connections", None), ("GET", "definitions", None),
            ("PUT", "queues/%2F/trick.managed", {"durable": True}), ("POST", "exchanges/%2F/hub.ingress/publish", message),
            ("POST", f"queues/%2F/hub.out.{other.id}/get", {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}),
        ):  # fmt: skip
            answer = httpx.request(method, f"{place}/{path}", auth=(till.id, till.key), json=body, timeout=30)
            assert answer.status_code == 401, (method, path, answer.text)
    _untouched(other)


def test_the_login_answers_nobody_who_does_not_know_its_path(stage: AmqpStage, till: Till) -> None:
    known = login_path(SECRET_KEY)
    form = {"username": till.id, "password": till.key}
    assert httpx.post(f"{stage.hub.url}{known}/user", data=form).text.startswith("allow scope_read")
    nowhere = httpx.post(f"{stage.hub.url}/internal/nowhere/at/all", data=form)
    for method, path in (
        ("POST", known[:-1] + "0/user"), ("POST", "/internal/amqp/x/user"), ("GET", f"{known}/user"), ("PUT", f"{known}/user"), ("POST", known),
        ("OPTIONS", "/internal/amqp/x/user"), ("OPTIONS", f"{known}/user"), ("TRACE", "/internal/amqp/x/user"),
    ):  # fmt: skip
        answer = httpx.request(method, stage.hub.url + path, data=None if method == "GET" else form)
        assert (answer.status_code, answer.json()["type"]) == (404, nowhere.json()["type"]), (method, path)
    assert "/internal/amqp" not in httpx.get(f"{stage.hub.url}/schema/openapi.json").text
    for check, asked in (("user", {}), ("resource", form), ("topic", {"username": "\x00"}), ("what", form)):
        assert httpx.post(f"{stage.hub.url}{known}/{check}", data=asked).text == "deny"
