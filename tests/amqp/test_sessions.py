"""Whose key, pharmacy or grant has ended is gone from the broker within five seconds; nobody has more than their share."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pika
import pytest
from pika.exceptions import AMQPConnectionError, ProbableAccessDeniedError, ProbableAuthenticationError

from hub.messaging.server import CHANNEL_MAX
from hub.settings import Settings
from tests.amqp.wild import Storm
from tests.kit.amqp import AmqpStage, Till, connections_of, publish, shut
from tests.kit.wait import until

REFUSED = (ProbableAuthenticationError, ProbableAccessDeniedError, AMQPConnectionError)
BURSTS = 5
MOST = Settings.model_fields["amqp_connections"].default
SURPLUS = 4
LOGINS = 10 * MOST
ITEM = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5}


def _ends(connection: pika.BlockingConnection, within: float) -> float:
    """Wait until the broker closes a connection; say how long it took."""
    began = time.monotonic()
    try:
        while time.monotonic() - began < within:
            connection.process_data_events(0.05)
    except AMQPConnectionError:
        return time.monotonic() - began
    finally:
        shut(connection)
    pytest.fail(f"it is still open after {within} s")


def _is_refused(till: Till, within: float) -> None:
    def refused() -> bool:
        try:
            till.connect().close()
        except REFUSED:
            return True
        return False

    until(refused, within=within)


def test_a_revoked_keys_connections_end_within_five_seconds_and_it_logs_in_no_more(till: Till) -> None:
    made = till.http("POST", f"/api/pharmacies/{till.id}/keys/", {"name": "second"}).json()
    second = Till(till.stage, till.id, made["api_key"])
    connection = second.connect()
    began = time.monotonic()
    assert till.http("DELETE", f"/api/pharmacies/{till.id}/keys/{made['id']}/").status_code == 204
    _ends(connection, 5)
    _is_refused(second, 5 - (time.monotonic() - began))
    assert time.monotonic() - began < 5
    until(lambda: till.send("inventory.create", ITEM)["status"] == "applied", within=5)  # the other key goes on


def test_a_deactivated_pharmacys_connections_end_within_five_seconds(stage: AmqpStage, till: Till) -> None:
    busy = till.connect()
    channel = busy.channel()
    channel.confirm_delivery()
    publish(channel, till, "inventory.create", ITEM)
    began = time.monotonic()
    assert stage.ask(stage.hub.operator_key, "DELETE", f"/api/pharmacies/{till.id}/").status_code == 204
    try:
        while True:  # a busy channel: RabbitMQ asks about its rights no more
            publish(channel, till, "inventory.adjust", {"id": till.id, "delta": 1, "reason": "found"})
            assert time.monotonic() - began < 5, "it still publishes"
    except AMQPConnectionError:
        shut(busy)
    _is_refused(till, 5 - (time.monotonic() - began))


def test_an_expired_keys_connections_end(till: Till) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=2)
    made = till.http(
        "POST", f"/api/pharmacies/{till.id}/keys/", {"name": "short", "expires_at": ends.isoformat()}
    ).json()
    connection = Till(till.stage, till.id, made["api_key"]).connect()
    _ends(connection, 2 + 5)
    _is_refused(Till(till.stage, till.id, made["api_key"]), 5)


def test_what_slips_in_beyond_the_limit_is_closed_within_five_seconds_whenever_it_comes(stage: AmqpStage) -> None:
    # Within three seconds RabbitMQ asks once about the same key, and it shows single connections by its own clock only.
    bursts: list[tuple[Till, float]] = []
    lasted: dict[str, float] = {}
    began = time.monotonic()
    with ExitStack() as stack:
        while len(lasted) < BURSTS:
            if len(bursts) < BURSTS and time.monotonic() - began >= len(bursts):
                till = stage.open_pharmacy("Burst")
                shut(till.connect())  # from now on RabbitMQ remembers the key
                storm = Storm(till, MOST + SURPLUS)
                stack.enter_context(storm.raging())
                until(lambda: storm.let_in, lambda let_in: let_in == MOST + SURPLUS)  # noqa: B023 -- at once
                bursts.append((till, time.monotonic()))
            for till, since in bursts:
                if till.id not in lasted and connections_of(stage, till) <= MOST:
                    lasted[till.id] = time.monotonic() - since
            assert time.monotonic() - began < 30, lasted
        assert max(lasted.values()) < 5, lasted
        assert [connections_of(stage, till) for till, _ in bursts] == [MOST] * BURSTS


def test_a_pharmacy_has_so_many_connections_and_its_neighbour_is_not_asked(stage: AmqpStage, till: Till) -> None:
    flood = [till.connect() for _ in range(MOST)]
    try:
        until(lambda: _takes_no_more(till, flood), within=10)
        until(lambda: connections_of(stage, till) == MOST, within=10)
        assert stage.open_pharmacy("Neighbour").send("inventory.create", ITEM)["status"] == "applied"
    finally:
        for connection in flood:
            shut(connection)


def _takes_no_more(till: Till, flood: list[pika.BlockingConnection]) -> bool:
    """Log in once more; what slips in stays, so that nobody's place becomes free by looking."""
    try:
        flood.append(till.connect())
    except REFUSED:
        return True
    time.sleep(1)  # a client that tries once a second: faster, and it is a storm
    return False


def test_a_storm_of_logins_within_rabbitmqs_memory_of_one_is_over_in_seconds(stage: AmqpStage, till: Till) -> None:
    neighbour = stage.open_pharmacy("Neighbour")
    calm = neighbour.connect()
    storm = Storm(till, LOGINS)
    with storm.raging():
        until(lambda: storm.tried == LOGINS and storm.let_in > 2 * MOST)
        # RabbitMQ's memory of a login, and two looks.
        until(lambda: connections_of(stage, till) <= MOST, within=7)
        assert calm.is_open
        assert neighbour.send("inventory.create", ITEM)["status"] == "applied"
    until(lambda: till.send("inventory.create", ITEM)["status"] == "applied", within=5)  # whoever calmed down is let in
    shut(calm)


def test_a_connection_has_so_many_channels(till: Till) -> None:
    connection = till.connect()
    assert connection._impl.params.channel_max == CHANNEL_MAX
    connection.close()
