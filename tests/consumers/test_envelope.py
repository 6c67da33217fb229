"""Reading what lies in a partition: whatever it is, the reader names it and goes on."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest

from consumers.envelope import Arrived, SetAside, read_message

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROBLEM = {"type": "/problems/parked"}


def a_command(**members: Any) -> dict[str, Any]:
    return {
        "operation_id": str(uuid4()),
        "pharmacy_id": str(uuid4()),
        "resource_id": str(uuid4()),
        "type": "inventory.create",
        "accepted_at": "2026-01-01T00:00:00.000000Z",
        "body": {"sku": "A", "name": "Aspirin", "price": "1.00"},
        "fingerprint": "f",
        "actor": "system",
        "door": "http",
        "reply_to": "hub.replies.1",
    } | members


def a_nest(depth: int) -> Any:
    nest: Any = []
    for _ in range(depth):
        nest = [nest]
    return nest


def test_a_good_command_keeps_the_json_it_came_with() -> None:
    envelope = a_command()
    (arrived,) = read_message(orjson.dumps([envelope]), 3)
    assert isinstance(arrived, Arrived)
    assert arrived.envelope == envelope
    assert arrived.partition == 3
    assert arrived.command.accepted_at.tzinfo is UTC


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "no.such"},
        {"type": ["x"]},
        {"accepted_at": "2026-01-01T00:00:00"},
        {"accepted_at": "0001-01-01T00:00:00+23:59"},
        {"accepted_at": 5},
        {"resource_id": "x"},
        {"actor": "a" * 65},
        {"actor": "\x00"},
        {"door": "a long door"},
        {"fingerprint": {"a": 1}},
        {"reply_to": "q" * 256},
        {"reply_to": "ä" * 200},
        {"body": {"sku": "A"}},
        {"body": a_nest(200)},
    ],
    ids=repr,
)
def test_a_wrong_command_is_set_aside_with_its_operation_and_its_neighbours_are_read(wrong: dict[str, Any]) -> None:
    bad, good = a_command(**wrong), a_command()
    message = orjson.dumps([bad, good])
    aside, arrived = read_message(message, 0)
    assert isinstance(arrived, Arrived)
    assert isinstance(aside, SetAside)
    assert aside.body() == orjson.dumps(bad)
    operation = aside.operation("parked", PROBLEM, NOW)
    assert operation is not None
    assert (str(operation.id), operation.status) == (bad["operation_id"], "parked")
    # What is stored fits its columns.
    assert len(operation.type) <= 64
    assert len(operation.actor) <= 64
    assert len(operation.door) <= 8
    assert "\x00" not in operation.actor
    assert operation.accepted_at.tzinfo is not None
    assert len(aside.reply_to()) <= 255


@pytest.mark.parametrize(
    "message",
    [b"", b"\xff", b"{}", b"[]", b"null", b'{"type":"inventory.create"}', b"[" * 2000],
    ids=lambda message: repr(message[:20]),
)
def test_a_message_that_is_no_list_is_set_aside_whole(message: bytes) -> None:
    (aside,) = read_message(message, 0)
    assert isinstance(aside, SetAside)
    assert aside.body() == message
    assert aside.operation("parked", PROBLEM, NOW) is None
    assert aside.facts() == {}
    assert aside.reply_to() == ""


def test_what_nests_too_deep_to_be_written_is_set_aside_with_the_whole_message() -> None:
    message = b"[" * 600 + b"]" * 600
    (aside,) = read_message(message, 0)
    assert isinstance(aside, SetAside)
    assert aside.body() == message


@pytest.mark.parametrize("element", [None, 5, True, "x", [], [1], {}], ids=repr)
def test_an_element_that_is_no_command_is_set_aside_alone(element: Any) -> None:
    first, last = a_command(), a_command()
    before, aside, after = read_message(orjson.dumps([first, element, last]), 0)
    assert isinstance(before, Arrived)
    assert isinstance(after, Arrived)
    assert (before.envelope, after.envelope) == (first, last)
    assert isinstance(aside, SetAside)
    assert aside.body() == orjson.dumps(element)


@pytest.mark.parametrize(
    "member",
    [1, "x", None, [], [1], {"operation_id": 5}, {"operation_id": "0198f000-0000-7000-8000-000000000001"}],
    ids=repr,
)
def test_a_member_that_is_no_command_has_no_operation(member: Any) -> None:
    (aside,) = read_message(orjson.dumps([member]), 0)
    assert isinstance(aside, SetAside)
    assert aside.operation("parked", PROBLEM, NOW) is None
