"""Derived ids, fingerprints, and the event as every receiver gets it."""

from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from asyncpg.pgproto import pgproto

from hub.domain.event import NumberedEvent, routing_key_of, source_of
from hub.domain.fingerprint import fingerprint_of
from hub.domain.ids import (
    HUB_ID,
    default_endpoint_id,
    derived_id,
    event_id_for,
    event_ids_for,
    numbered_id,
    operation_id_for,
    resource_id_for,
)
from hub.domain.outcome import Event
from tests.kit.builders import CORNER, HARBOUR, NOON

OPERATION = UUID("0198f000-0000-7000-8000-000000000001")


def test_derived_ids_are_version_8_and_stay_what_they_are() -> None:
    found = [derived_id("a"), operation_id_for(CORNER, "k"), resource_id_for(OPERATION), event_id_for(OPERATION, 0)]
    assert {(value.version, value.variant) for value in found} == {(8, "specified in RFC 4122")}
    # An upgrade that changed these would apply repeated requests twice.
    assert str(operation_id_for(HUB_ID, "key-1")) == "52f21d98-23fb-8cc7-ae6e-68e3ee373d67"
    assert str(resource_id_for(OPERATION)) == "0362bbc9-9831-89a1-8ad1-df2fe5cc4513"


def test_ids_differ_with_everything_they_are_made_of() -> None:
    scopes, keys = (CORNER, HARBOUR, HUB_ID), ("a", "b", "a b")
    found = {operation_id_for(scope, key) for scope in scopes for key in keys}
    found |= {resource_id_for(OPERATION), default_endpoint_id(CORNER), default_endpoint_id(HARBOUR)}
    found |= {event_id_for(OPERATION, index) for index in range(12)} | {event_id_for(CORNER, 1)}
    assert len(found) == 9 + 3 + 13
    assert derived_id("a", "b") != derived_id("ab")
    assert derived_id("a", 1) == derived_id("a", "1")


def test_the_ids_of_a_run_stand_in_the_order_of_their_numbers() -> None:
    numbers = (0, 1, 255, 256, 100_000, 2**32 - 1)
    found = [numbered_id(derived_id("file"), number) for number in numbers]
    assert found == sorted(set(found), key=str)
    assert {(value.version, value.variant) for value in found} == {(8, "specified in RFC 4122")}
    assert {str(value)[:26] for value in found} == {str(derived_id("file"))[:26]}
    assert not set(found) & {numbered_id(derived_id("another"), number) for number in numbers}


def test_the_drivers_uuid_names_the_same_thing() -> None:
    one = uuid4()
    assert derived_id(pgproto.UUID(str(one)), "delivery") == derived_id(one, "delivery")


def test_a_fingerprint_is_blind_to_the_order_of_members_only() -> None:
    body = {"a": 1, "b": {"c": [1, 2], "d": None}, "e": "\u00e9"}
    for members in permutations(body.items()):
        assert fingerprint_of("sale.record", None, dict(members)) == fingerprint_of("sale.record", None, body)
    others = [
        fingerprint_of("sale.record", None, body | {"a": True}),
        fingerprint_of("sale.record", None, body | {"b": {"c": [2, 1], "d": None}}),
        fingerprint_of("sale.record", OPERATION, body),
        fingerprint_of("sale.update", None, body),
        fingerprint_of("sale.record", None, body | {"a": "1"}),
        fingerprint_of("sale.record", None, []),
    ]
    assert len({*others, fingerprint_of("sale.record", None, body)}) == 7
    assert len(others[0]) == 64


def an_event() -> NumberedEvent:
    event = Event("sale.recorded", "sales/1", {"sale": {"id": "1"}, "changed": {}})
    return NumberedEvent(event_id_for(OPERATION, 0), event, CORNER, OPERATION, 42, NOON)


def test_an_event_is_a_cloudevent_with_its_number() -> None:
    event = an_event()
    assert event.dump() == {
        "specversion": "1.0",
        "id": str(event_id_for(OPERATION, 0)),
        "type": "sale.recorded",
        "source": f"/pharmacies/{CORNER}",
        "subject": "sales/1",
        "time": "2026-11-24T12:00:00.000000Z",
        "timestamp": "2026-11-24T12:00:00.000000Z",
        "datacontenttype": "application/json",
        "dataschema": "/schemas/sale.recorded.json",
        "sequence": 42,
        "pharmacyid": str(CORNER),
        "causationid": str(OPERATION),
        "data": {"sale": {"id": "1"}, "changed": {}},
    }


def test_attribute_names_are_lower_case_letters_and_digits_only() -> None:
    # CloudEvents 1.0, "Naming conventions".
    assert all(name.isalnum() and name.islower() for name in an_event().dump())


def test_an_events_id_follows_from_its_operation_and_place() -> None:
    assert event_ids_for(OPERATION, 3) == [event_id_for(OPERATION, index) for index in range(3)]
    assert event_ids_for(OPERATION, 0) == []


@pytest.mark.parametrize(
    ("pharmacy_id", "source", "key"),
    [(CORNER, f"/pharmacies/{CORNER}", f"{CORNER}.sale.recorded"), (HUB_ID, "/hub", "hub.sale.recorded")],
)
def test_events_of_the_hub_are_no_pharmacys(pharmacy_id: UUID, source: str, key: str) -> None:
    assert (source_of(pharmacy_id), routing_key_of(pharmacy_id, "sale.recorded")) == (source, key)


def test_times_have_six_digits() -> None:
    event = an_event()._replace(time=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
    assert event.dump()["time"] == "2026-01-02T03:04:05.000006Z"
