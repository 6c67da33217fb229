"""A client that knows no measure: more channels than there are, and messages by the thousand whose confirms it never reads."""

import socket
import threading
from contextlib import closing
from typing import Any

import orjson
import pytest
from pamqp import body, commands, frame, header

from tests.kit.amqp import AmqpStage, Till, receipt
from tests.kit.wait import until

MESSAGES = 2_000
SECONDS = 30
"""A neighbour that shares the flood's queue of ingress, as a quarter of all do, waits until what came before it is through."""
ITEM = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5}


class Wild:
    """Speaks AMQP by hand: no library lets its user do this."""

    def __init__(self, till: Till, channels: int) -> None:
        """Log in and ask for so many channels; a small buffer fills soon with what is not read."""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", till.stage.broker.amqp_port))
        self._data = b""
        self.socket.sendall(header.ProtocolHeader().marshal())
        self.read(commands.Connection.Start)
        self.say(commands.Connection.StartOk({}, "PLAIN", f"\0{till.id}\0{till.key}", "en_US"))
        self.most_channels: int = self.read(commands.Connection.Tune).channel_max
        self.say(commands.Connection.TuneOk(channels, 131_072, 0))

    def enter(self) -> None:
        """Open the virtual host."""
        self.say(commands.Connection.Open("/"))
        self.read(commands.Connection.OpenOk)

    def say(self, value: Any, channel: int = 0) -> None:
        """Send a frame."""
        self.socket.sendall(frame.marshal(value, channel))

    def read(self, *kinds: type) -> Any:
        """Read a frame, which has to be one of these."""
        while True:
            size, _, value = frame.unmarshal(self._data) if len(self._data) > 7 else (0, 0, None)
            if size and value is not None:
                self._data = self._data[size:]
                assert isinstance(value, kinds), value
                return value
            more = self.socket.recv(65_536)
            if not more:
                message = "the broker ended the connection without a word"
                raise ConnectionResetError(message)
            self._data += more


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
    wild = Wild(till, 1024)
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
    assert wild.most_channels == 1024
    wild = Wild(till, 1024)
    with closing(wild.socket), neighbour.channel() as channel:
        wild.enter()
        for number in range(1, 1025):
            wild.say(commands.Channel.Open(), number)
            wild.read(commands.Channel.OpenOk)
        wild.say(commands.Channel.Open(), 1025)
        refused = wild.read(commands.Connection.Close)
        assert (refused.reply_code, "channel" in refused.reply_text) == (530, True), refused.reply_text
        assert receipt(channel, neighbour, "inventory.create", ITEM)["status"] == "applied"
    assert till.send("inventory.create", ITEM)["status"] == "applied"
