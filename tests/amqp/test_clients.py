"""Clients that nobody adapted pass the whole table: what is wrong is answered by name, what is not theirs is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from hub.asyncapi import OPERATION
from tests.amqp.players import CLIENTS, MADE_UP_BY_AIO_PIKA, Case, play
from tests.amqp.table import BODIES, ITEM, LARGEST, ODD, TRICKS, UNSENDABLE, Trick, filled
from tests.kit.amqp import AmqpStage, Till, raw, receipt
from tests.kit.wait import until

REFUSED = (
    "ACCESS_REFUSED", "ACCESS-REFUSED", "PRECONDITION_FAILED", "PRECONDITION-FAILED", "NOT_FOUND", "NOT-FOUND", "RESOURCE_LOCKED",
)  # fmt: skip
TOO_LARGE = ("larger than configured max size 8388608",)
TOO_LONG = ("ShortStringTooLong", "exceeds maximum length of 255 bytes", "must be a string (up to 255 chars)")
"""How pika, aio-pika and amqplib say that a property does not fit."""


@pytest.fixture
def pair(stage: AmqpStage) -> tuple[Till, Till]:
    """Two pharmacies with feeds: the one tries what is the other's."""
    both = stage.open_pharmacy("Client"), stage.open_pharmacy("Other")
    for till in both:
        assert till.http("POST", "/api/event-queue/", {}).status_code == 201
    return both


def _cases(client: str, till: Till, other: Till) -> list[Case]:
    left_out = MADE_UP_BY_AIO_PIKA if client == "aio-pika" else frozenset[str]()
    wrong = [
        Case(name, raw(filled(body, till.id, other.id)), filled(changes, till.id, other.id), is_answered=True)
        for name, (body, changes, _) in BODIES.items()
        if name not in left_out
    ]
    return wrong + [
        Case(name, raw({**ITEM, "sku": name}), filled(changes, till.id, other.id), is_answered=answer is not None)
        for name, (changes, answer) in ODD.items()
    ]


def _parked(stage: AmqpStage) -> int:
    return int(stage.sql("SELECT count(*) FROM parked_messages"))


def _not_said(refusals: Mapping[str, str], tricks: Mapping[str, Trick], words: tuple[str, ...]) -> dict[str, str]:
    """Find the tricks to which something else was said."""
    return {name: refusals[name] for name in tricks if not any(word in refusals[name] for word in words)}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_nobody_adapted_passes_the_whole_table(
    stage: AmqpStage, pair: tuple[Till, Till], client: str, tmp_path: Path
) -> None:
    till, other = pair
    before, parked = other.events(), _parked(stage)
    feed = other.http("GET", "/api/event-queue/").json()
    cases = _cases(client, till, other)
    played = play(client, till, cases, filled(TRICKS | UNSENDABLE, till.id, other.id), tmp_path)
    sent = {case.name for case in cases}
    expected: dict[str, tuple[str, str | None]] = {
        what: ("rejected", slug) for what, (_, _, slug) in BODIES.items() if what in sent
    }
    expected |= {what: answer for what, (_, answer) in ODD.items() if answer is not None}
    receipts = {what: told[0] if isinstance(told, list) else told for what, told in played.answers.items()}
    for told in receipts.values():
        jsonschema_rs.validator_for(OPERATION).validate(told)
    assert {what: (told["status"], _slug(told)) for what, told in receipts.items()} == expected
    assert _not_said(played.refusals, TRICKS, REFUSED) == {}
    assert _not_said(played.refusals, UNSENDABLE, TOO_LONG) == {}
    items = till.http("GET", "/api/inventory/?limit=500").json()["items"]
    assert {item["sku"] for item in items} == {
        what for what, (_, answer) in ODD.items() if answer in {None, ("applied", None)}
    }
    assert (other.events(), other.http("GET", "/api/event-queue/").json()) == (before, feed)
    # Its own feed was named as a place for receipts: there is nothing in it but its events.
    until(lambda: till.http("GET", "/api/event-queue/").json()["depth"] == len(till.events()) - 1)
    until(lambda: _parked(stage) > parked)  # what has no user
    assert _parked(stage) == parked + 1
    until(lambda: f"pharmacy:{till.id}" in _who_asked_for_receipts_elsewhere(stage))


def _slug(told: Mapping[str, Any]) -> str | None:
    return str(told["problem"]["type"]).removeprefix("/problems/") if told["problem"] else None


def _who_asked_for_receipts_elsewhere(stage: AmqpStage) -> set[str]:
    path = "/api/audit/?action=receipt.refused&limit=500"
    return {line["actor"] for line in stage.ask(stage.hub.operator_key, "GET", path).json()["items"]}


@pytest.mark.long
@pytest.mark.parametrize("client", CLIENTS)
def test_the_largest_messages_end_their_channel_alone_and_nothing_else(
    stage: AmqpStage, pair: tuple[Till, Till], client: str, tmp_path: Path
) -> None:
    till, other = pair
    with other.channel() as channel:
        played = play(client, till, [], filled(LARGEST, till.id, other.id), tmp_path)
        assert _not_said(played.refusals, LARGEST, TOO_LARGE) == {}
        assert receipt(channel, other, "inventory.create", ITEM)["status"] == "applied"
    assert till.send("inventory.create", ITEM)["status"] == "applied"
    assert [event["type"] for event in till.events()] == ["pharmacy.created", "inventory.created"]
