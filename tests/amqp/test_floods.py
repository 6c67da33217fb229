"""A client that knows no measure: more channels than there are, and messages by the thousand whose confirms it never reads."""

import threading
from contextlib import closing

import orjson
import pytest
from pamqp import body, commands, frame, header

from hub.messaging.server import CHANNEL_MAX
from tests.amqp.wild import Wild
from tests.kit.amqp import AmqpStage, Till, receipt
from tests.kit.wait import until

MESSAGES = 2_000
SECONDS = 30
"""A neighbour that shares the flood's queue of ingress, as a quarter of all do, waits until what came before it is through."""
ITEM = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5}


def _publish(till: Till, item: str, number: int) -> bytes:
    told = orjson.dumps({"id": item, "delta": 1, "reason": "received"})
    properties = commands.Basic.Properties(
        content_type="application/json", delivery_mode=2, message_id=f"flood-{number}", message_type="inventory.adjust", user_id=till.id,
    )  # fmt: skip
    return b"".join(
        frame.marshal(part, 1)
        for part in (
            commands.Basic.Publish(exchange="hub.ingress", routing_key=till.id),
            header.ContentHeader(0, len(told), properties),
            body.ContentBody(told),
        )
    )


def _flood(wild: Wild, till: Till, item: str) -> None:
    for number in range(MESSAGES):
        wild.socket.sendall(_publish(till, item, number))


def test_a_flood_whose_confirms_nobody_reads_is_applied_and_stops_no_neighbour(stage: AmqpStage, till: Till) -> None:
    neighbour = stage.open_pharmacy("Neighbour")
    item = till.send("inventory.create", {**ITEM, "quantity": 0})["resource"]["id"]
    wild = Wild(till, CHANNEL_MAX)
    with closing(wild.socket), neighbour.channel() as channel:
        wild.enter()
        wild.say(commands.Channel.Open(), 1)
        wild.read(commands.Channel.OpenOk)
        wild.say(commands.Confirm.Select(), 1)
        wild.read(commands.Confirm.SelectOk)
        flood = threading.Thread(target=_flood, args=(wild, till, item))
        flood.start()
        while flood.is_alive():
            told = receipt(channel, neighbour, "webhook_event.receive", {"event_type": "meanwhile"}, within=SECONDS)
            assert told["status"] == "applied"
        assert receipt(channel, neighbour, "inventory.create", ITEM, within=SECONDS)["status"] == "applied"
        # A connection that is closed over unread confirms loses what is still on its way.
        until(lambda: _quantity(till, item) == MESSAGES, within=60)


def _quantity(till: Till, item: str) -> int:
    return int(till.http("GET", f"/api/inventory/{item}/").json()["quantity"])


def test_who_asks_for_more_channels_than_there_are_is_let_go(stage: AmqpStage, till: Till) -> None:
    neighbour = stage.open_pharmacy("Neighbour")
    wild = Wild(till, 2047)
    with closing(wild.socket), pytest.raises(ConnectionError):
        wild.read()
    assert wild.most_channels == CHANNEL_MAX
    wild = Wild(till, CHANNEL_MAX)
    with closing(wild.socket), neighbour.channel() as channel:
        wild.enter()
        wild.open_channels(CHANNEL_MAX)
        wild.say(commands.Channel.Open(), CHANNEL_MAX + 1)
        refused = wild.read(commands.Connection.Close)
        assert (refused.reply_code, "channel" in refused.reply_text) == (530, True), refused.reply_text
        assert receipt(channel, neighbour, "inventory.create", ITEM)["status"] == "applied"
    assert till.send("inventory.create", ITEM)["status"] == "applied"
