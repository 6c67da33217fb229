"""Integrators: one key for many pharmacies, for those alone that are granted now."""

import time
from typing import Any
from uuid import uuid4

import pytest
from pika.exceptions import AMQPError

from gateway.event_schemas import event_schema
from tests.kit.amqp import DIRECT, AmqpStage, Till, publish, receipt, shut
from tests.kit.wait import until

BREAKING = "g2dkAA5odWJAbG9jYWxob3N0AAAB.key"
"""An address of a direct reply that ends the connection of whoever publishes to it."""

ITEM = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5}


def _make(stage: AmqpStage, *granted: Till) -> Till:
    answer = stage.ask(
        stage.hub.operator_key,
        "POST",
        "/api/integrators/",
        {"name": "Vendor", "pharmacy_ids": [till.id for till in granted]},
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["api_key"].startswith("phi_")
    return Till(stage, answer.json()["id"], answer.json()["api_key"])


def _change(stage: AmqpStage, vendor: Till, **members: Any) -> None:
    answer = stage.ask(stage.hub.operator_key, "PATCH", f"/api/integrators/{vendor.id}/", members)
    assert answer.status_code == 200, answer.text


def test_an_integrator_speaks_for_its_pharmacies_and_for_no_other(stage: AmqpStage) -> None:
    one, two, other = stage.open_pharmacy("One"), stage.open_pharmacy("Two"), stage.open_pharmacy("Other")
    vendor = _make(stage, one, two)
    with vendor.channel() as channel:
        for owner in (one, two):
            told = receipt(channel, vendor, "inventory.create", ITEM, routing_key=owner.id)
            assert told["status"] == "applied"
            assert owner.http("GET", f"/api/operations/{told['id']}").json() == told
    for key in (other.id, vendor.id, "#", f"{one.id}.x", "", one.id.upper()):
        with vendor.channel() as channel, pytest.raises(AMQPError, match="ACCESS_REFUSED"):
            publish(channel, vendor, "inventory.create", ITEM, routing_key=key)
    with vendor.channel() as channel:  # a copy speaks for the pharmacy of the key alone
        told = receipt(
            channel, vendor, "inventory.create", {**ITEM, "sku": "cc"}, routing_key=one.id, headers={"CC": [other.id]}
        )
        assert told["status"] == "applied"
    assert other.http("GET", "/api/inventory/").json()["items"] == []
    assert {event["type"] for event in other.events()} == {"pharmacy.created"}


def test_an_integrators_key_opens_no_other_door(stage: AmqpStage, till: Till) -> None:
    vendor = _make(stage, till)
    for headers in ({}, {"X_Pharmacy_Id": till.id}):
        assert stage.ask(vendor.key, "GET", "/api/inventory/", **headers).status_code == 401


def test_a_revoked_grant_is_gone_within_five_seconds_even_on_a_busy_channel(stage: AmqpStage) -> None:
    kept, lost = stage.open_pharmacy("Kept"), stage.open_pharmacy("Lost")
    vendor = _make(stage, kept, lost)
    connection = vendor.connect()
    channel = connection.channel()
    channel.confirm_delivery()
    publish(channel, vendor, "inventory.create", ITEM, routing_key=lost.id)
    _change(stage, vendor, pharmacy_ids=[kept.id])
    began = time.monotonic()
    while True:
        assert time.monotonic() - began < 5, "it still publishes for the pharmacy that it lost"
        try:
            if channel.is_closed or connection.is_closed:
                shut(connection)
                connection = vendor.connect()
                channel = connection.channel()
                channel.confirm_delivery()
            publish(channel, vendor, "inventory.create", {**ITEM, "sku": str(uuid4())}, routing_key=lost.id)
        except AMQPError as error:
            if "ACCESS_REFUSED" in repr(error):
                break
    shut(connection)
    until(lambda: _sends(vendor, kept), within=5)


def _sends(vendor: Till, kept: Till) -> bool:
    try:
        with vendor.channel() as channel:
            return bool(
                receipt(channel, vendor, "inventory.create", {**ITEM, "sku": str(uuid4())}, routing_key=kept.id)[
                    "status"
                ]
                == "applied"
            )
    except AMQPError:
        return False


def test_an_integrator_that_forges_an_address_under_a_pharmacys_key_silences_itself_alone(
    stage: AmqpStage, till: Till
) -> None:
    vendor = _make(stage, till)
    first = till.send("inventory.create", ITEM, message_id="till-1")
    with till.channel() as own, vendor.channel() as channel:
        for body in (ITEM, {**ITEM, "sku": "another"}):  # what is answered again, and what is a mismatch
            publish(
                channel, vendor, "inventory.create", body, routing_key=till.id, message_id="till-1",
                reply_to=f"{DIRECT}.{BREAKING}", correlation_id="c",
            )  # fmt: skip
        assert receipt(own, till, "inventory.create", ITEM, message_id="till-1") == first
        answers: list[bytes] = []
        channel.basic_consume(DIRECT, lambda _c, _m, _p, body: answers.append(body), auto_ack=True)
        publish(
            channel, vendor, "inventory.create", {**ITEM, "sku": "silent"}, routing_key=till.id,
            reply_to=DIRECT, correlation_id="c",
        )  # fmt: skip
        # One queue, one partition: the vendor's would have gone out before this one.
        assert receipt(own, till, "inventory.create", {**ITEM, "sku": "loud"})["status"] == "applied"
        channel.basic_qos(prefetch_count=1)  # is answered behind what was on its way to this channel
        channel.connection.process_data_events(0)
    assert answers == [], "who forged it was found"
    assert {item["sku"] for item in till.http("GET", "/api/inventory/").json()["items"]} == {"PZN1", "silent", "loud"}


def test_ingress_asks_about_the_grant_again(stage: AmqpStage, till: Till) -> None:
    # The broker is passed by: a user of its own with the integrator's id, that may write anything.
    vendor = _make(stage)
    import pika

    connection = pika.BlockingConnection(stage.internal_user(vendor.id))
    channel = connection.channel()
    channel.confirm_delivery()
    told = receipt(channel, vendor, "inventory.create", ITEM, routing_key=till.id)
    assert (told["status"], told["problem"]["type"]) == ("parked", "/problems/forbidden")
    _change(stage, vendor, pharmacy_ids=[till.id])

    def is_taken() -> bool:
        again = receipt(channel, vendor, "inventory.create", {**ITEM, "sku": str(uuid4())}, routing_key=till.id)
        return bool(again["status"] == "applied")

    until(is_taken, within=5)
    shut(connection)
    _change(stage, vendor, pharmacy_ids=[])

    def is_parked() -> bool:
        # The hub closes the connections of whoever lost a grant, by their name.
        try:
            past = pika.BlockingConnection(stage.internal_user(vendor.id))
            try:
                again = receipt(
                    past.channel(), vendor, "inventory.create", {**ITEM, "sku": str(uuid4())}, routing_key=till.id
                )
            finally:
                shut(past)
        except AMQPError:
            return False
        return bool(again["status"] == "parked")

    until(is_parked, within=5)
    stage.management("DELETE", f"/api/users/{vendor.id}")


def test_a_deactivated_integrator_and_a_revoked_key_are_out(stage: AmqpStage, till: Till) -> None:
    vendor = _make(stage, till)
    keys = f"/api/integrators/{vendor.id}/keys/"
    made = stage.ask(stage.hub.operator_key, "POST", keys, {"name": "second", "scopes": ["write"]}).json()
    second = Till(stage, vendor.id, made["api_key"])
    assert _sends(second, till)
    assert stage.ask(stage.hub.operator_key, "DELETE", f"{keys}{made['id']}/").status_code == 204
    until(lambda: not _sends(second, till), within=5)
    until(lambda: _sends(vendor, till), within=8)
    listed = stage.ask(stage.hub.operator_key, "GET", keys).json()["items"]
    assert [(one["name"], one["revoked_at"] is None) for one in listed] == [("first key", True), ("second", False)]
    assert stage.ask(stage.hub.operator_key, "DELETE", f"/api/integrators/{vendor.id}/").status_code == 204
    until(lambda: not _sends(vendor, till), within=5)
    stranger = _make(stage)
    other = f"/api/integrators/{stranger.id}/keys/{listed[0]['id']}/"
    assert stage.ask(stage.hub.operator_key, "DELETE", other).status_code == 404


def test_grants_are_for_pharmacies_that_exist_once(stage: AmqpStage, till: Till) -> None:
    answer = stage.ask(
        stage.hub.operator_key,
        "POST",
        "/api/integrators/",
        {"name": "V", "pharmacy_ids": [till.id, str(uuid4()), till.id]},
    )
    assert answer.status_code == 422
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        ("#/pharmacy_ids/1", "unknown_pharmacy"), ("#/pharmacy_ids/2", "repeated"),
    ]  # fmt: skip
    assert stage.ask(till.key, "GET", "/api/integrators/").status_code == 403


def test_what_happens_to_integrators_stands_in_the_hubs_own_log(stage: AmqpStage) -> None:
    import jsonschema_rs
    import orjson

    rows = stage.sql("SELECT body FROM events WHERE type LIKE 'integrator%'").splitlines()
    events = [orjson.loads(row) for row in rows]
    assert {event["type"] for event in events} == {
        "integrator.created", "integrator.updated", "integrator.deactivated", "integrator_key.created", "integrator_key.revoked",
    }  # fmt: skip
    for event in events:
        jsonschema_rs.validator_for(event_schema(event["type"])).validate(event)
