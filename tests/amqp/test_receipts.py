"""Commands over AMQP: applied as over HTTP, and every one answered."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from hub.messaging.topology import ingress_queue_of
from tests.kit.amqp import AmqpStage, Till, publish, receipt
from tests.kit.buggy import a_bug
from tests.kit.wait import until

ITEM = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5}


def test_a_command_is_applied_and_its_receipt_is_its_operation(till: Till) -> None:
    told = till.send("inventory.create", ITEM)
    assert (told["type"], told["status"], told["problem"]) == ("inventory.create", "applied", None)
    assert told == till.http("GET", f"/api/operations/{told['id']}").json()
    item = till.http("GET", told["resource"]["url"]).json()
    assert (item["sku"], item["quantity"], item["price"]) == ("PZN1", 5, "1.00")
    sold = till.send("sale.record", {"sku": "PZN1", "quantity": 2, "total_price": "2.00"})
    assert [event["type"] for event in sold["events"]] == ["sale.recorded"]
    moved = till.send("inventory.adjust", {"id": item["id"], "delta": 4, "reason": "received"})
    assert moved["status"] == "applied", moved
    assert till.http("GET", told["resource"]["url"]).json()["quantity"] == 7


def test_a_refusal_is_answered_stored_and_told_as_an_event(till: Till) -> None:
    told = till.send("inventory.adjust", {"id": str(uuid4()), "delta": 4, "reason": "received"})
    assert (told["status"], told["problem"]["type"]) == ("rejected", "/problems/not-found")
    assert told == till.http("GET", f"/api/operations/{told['id']}").json()
    last = till.events()[-1]
    assert (last["type"], last["subject"], last["data"]) == (
        "command.rejected", f"operations/{told['id']}", {"operation": told, "changed": {}},
    )  # fmt: skip


def test_a_list_is_answered_with_a_list_in_its_order_and_a_wrong_element_stops_nobody(till: Till) -> None:
    told = till.send("inventory.create", [ITEM, {**ITEM, "price": 1}, {**ITEM, "sku": "PZN2"}, ITEM])
    assert [one["status"] for one in told] == ["applied", "rejected", "applied", "rejected"]
    assert told[1]["problem"]["errors"][0]["pointer"] == "#/price"
    assert told[3]["problem"]["type"] == "/problems/duplicate"
    assert len({one["id"] for one in told}) == 4
    assert [event["type"] for event in till.events()[-4:]] == [
        "inventory.created", "command.rejected", "inventory.created", "command.rejected",
    ]  # fmt: skip


def test_a_list_that_is_applied_in_parts_is_answered_whole_also_when_it_comes_again(
    stage: AmqpStage, till: Till
) -> None:
    large = {**ITEM, "extra_data": dict.fromkeys("abcdefg", "x" * 9_000)}
    item = till.send("inventory.create", large)["resource"]["id"]
    adjustments = [{"id": item, "delta": 1, "reason": "received"}] * 500  # each event has the whole item: 32 MB
    told, again = (till.send("inventory.adjust", adjustments, within=60, message_id="large") for _ in range(2))
    assert [one["status"] for one in told] == ["applied"] * 500
    assert again == told
    log = f"FROM events WHERE pharmacy_id = '{till.id}' AND type = 'inventory.adjusted'"
    assert int(stage.sql(f"SELECT count(DISTINCT time) {log}")) > 1, "it was applied in one go"
    assert [event["sequence"] for one in told for event in one["events"]] == list(range(3, 503))


def test_a_key_sent_over_both_doors_applies_once(till: Till) -> None:
    first = till.http("POST", "/api/inventory/", {**ITEM, "quantity": 6}, Idempotency_Key="till-7")
    told = till.send(
        "inventory.create", {"quantity": 6} | {n: v for n, v in ITEM.items() if n != "quantity"}, message_id="till-7"
    )
    assert told["id"] == first.headers["operation-id"]
    assert told["resource"]["id"] == first.json()["id"]
    again = till.send(
        "inventory.adjust", {"id": first.json()["id"], "delta": 1, "reason": "found"}, message_id="till-8"
    )
    repeat = till.http(
        "POST",
        f"/api/inventory/{first.json()['id']}/adjustments/",
        {"reason": "found", "delta": 1},
        Idempotency_Key="till-8",
    )
    assert repeat.headers["operation-id"] == again["id"]
    assert repeat.json()["quantity"] == 7
    assert len(till.http("GET", "/api/inventory/").json()["items"]) == 1


def test_a_key_sent_over_both_doors_at_the_same_moment_applies_once(till: Till) -> None:
    over_http: list[str] = []
    turn = threading.Barrier(2, timeout=20)

    def post() -> None:
        for number in range(20):
            turn.wait()
            answer = till.http(
                "POST", "/api/inventory/", {**ITEM, "sku": str(number)}, Idempotency_Key=f"both-{number}"
            )
            assert answer.status_code == 201, answer.text
            over_http.append(answer.headers["operation-id"])

    with till.channel() as channel, ThreadPoolExecutor(1) as threads:
        other = threads.submit(post)
        told = []
        for number in range(20):
            turn.wait()
            told.append(
                receipt(channel, till, "inventory.create", {**ITEM, "sku": str(number)}, message_id=f"both-{number}")
            )
        other.result()
    assert [one["status"] for one in told] == ["applied"] * 20
    assert [one["id"] for one in told] == over_http
    assert len(till.events()) == 21


def test_a_command_that_breaks_is_answered_as_parked_and_its_neighbours_as_applied(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_bug(monkeypatch):
        told = till.send("inventory.create", [ITEM, {**ITEM, "sku": "BUG"}, {**ITEM, "sku": "PZN2"}])
    assert [one["status"] for one in told] == ["applied", "parked", "applied"]
    assert told[1]["problem"]["type"] == "/problems/parked"
    assert [till.http("GET", f"/api/operations/{one['id']}").json() for one in told] == told


def test_a_key_used_for_another_body_is_a_refusal_of_its_own_and_the_first_one_stands(till: Till) -> None:
    first = till.send("inventory.create", ITEM, message_id="m-1")
    other = till.send("inventory.create", {**ITEM, "sku": "other"}, message_id="m-1")
    assert (other["status"], other["problem"]["type"]) == ("rejected", "/problems/idempotency-mismatch")
    assert other["id"] != first["id"]
    assert other["resource"]["id"] != first["resource"]["id"]
    assert other == till.http("GET", f"/api/operations/{other['id']}").json()
    assert till.send("inventory.create", {**ITEM, "sku": "other"}, message_id="m-1") == other
    assert till.send("inventory.create", ITEM, message_id="m-1") == first
    assert [one["sku"] for one in till.http("GET", "/api/inventory/").json()["items"]] == ["PZN1"]


@pytest.mark.parametrize("in_one_window", [True, False])
def test_a_key_used_again_without_reply_to_is_no_sale_lost_unseen(till: Till, in_one_window: bool) -> None:  # noqa: FBT001 -- a parameter
    with till.channel() as channel:
        for number in range(3):
            publish(channel, till, "inventory.create", {**ITEM, "sku": str(number)}, message_id="m-1")
            if not in_one_window:
                receipt(channel, till, "webhook_event.receive", {"event_type": "next"})
    refused = until(
        lambda: [one for one in till.events() if one["type"] == "command.rejected"], lambda found: len(found) == 2
    )
    for event in refused:
        operation = event["data"]["operation"]
        assert operation["problem"]["type"] == "/problems/idempotency-mismatch"
        assert till.http("GET", f"/api/operations/{operation['id']}").json() == operation
    assert [one["sku"] for one in till.http("GET", "/api/inventory/").json()["items"]] == ["0"]


def test_a_key_used_first_over_http_is_refused_to_another_command_over_amqp(till: Till) -> None:
    first = till.http("POST", "/api/inventory/", ITEM, Idempotency_Key="m-1")
    with till.channel() as channel:
        publish(channel, till, "inventory.create", [ITEM, {**ITEM, "sku": "PZN2"}], message_id="m-1")
        publish(
            channel,
            till,
            "inventory.adjust",
            {"id": first.json()["id"], "delta": 1, "reason": "found"},
            message_id="m-1",
        )
    until(lambda: len(till.events()) == 4)
    assert [one["type"] for one in till.events()[2:]] == ["inventory.created", "command.rejected"]
    assert till.events()[3]["data"]["operation"]["type"] == "inventory.adjust"


def test_a_receipt_goes_to_no_queue_of_the_senders_choice_and_the_audit_log_says_who_asked(
    stage: AmqpStage, till: Till
) -> None:
    quiet, later, place = stage.open_pharmacy("Quiet"), stage.open_pharmacy("Later"), f"place-{till.id}"
    stage.management("PUT", f"/api/queues/%2F/{place}", {"durable": True})
    with till.channel() as channel, quiet.channel() as direct:
        for properties in ({}, {}, {"user_id": None}):  # applied, rejected, parked
            publish(channel, till, "inventory.create", ITEM, reply_to=place, correlation_id="c", **properties)
        assert receipt(channel, till, "inventory.create", {**ITEM, "sku": "PZN2"})["status"] == "applied"
        assert receipt(channel, till, "inventory.create", ITEM, user_id=None)["status"] == "parked"
        assert receipt(direct, quiet, "inventory.create", ITEM)["status"] == "applied"
        publish(direct, quiet, "inventory.create", ITEM)
    assert later.send("inventory.create", ITEM)["status"] == "applied"
    with later.channel() as channel:
        publish(channel, later, "inventory.create", ITEM, reply_to=place, message_id="later-1")
    assert later.send("inventory.create", {**ITEM, "sku": "PZN2"})["status"] == "applied"
    told = stage.management(
        "POST", f"/api/queues/%2F/{place}/get", {"count": 10, "ackmode": "ack_requeue_true", "encoding": "auto"}
    )
    assert told == []
    stage.management("DELETE", f"/api/queues/%2F/{place}")

    def lines() -> list[dict[str, Any]]:
        found = stage.ask(stage.hub.operator_key, "GET", "/api/audit/?action=receipt.refused&limit=500").json()["items"]
        return [one for one in found if one["subject"] == f"reply_to/{place}"]

    by_actor = {
        one["actor"]: one for one in until(lines, lambda found: any(one["origin"] == "amqp later-1" for one in found))
    }
    # One line a minute for each: the second and third message of the till have none.
    assert by_actor.keys() == {f"pharmacy:{till.id}", f"pharmacy:{later.id}"}
    assert len(lines()) == 2
    line = by_actor[f"pharmacy:{later.id}"]
    assert (line["pharmacy_id"], line["outcome"]) == (later.id, "rejected")


def test_what_is_sent_after_the_other_doors_receipt_comes_after_it(till: Till) -> None:
    item = till.send("inventory.create", {**ITEM, "quantity": 0})["resource"]["id"]
    sent: list[str] = []
    with till.channel() as channel:
        for _ in range(10):
            told = receipt(channel, till, "inventory.adjust", {"id": item, "delta": 1, "reason": "received"})
            over_http = till.http(
                "POST", f"/api/inventory/{item}/adjustments/", {"delta": 10, "reason": "received"}
            ).headers["operation-id"]
            sent += [told["id"], over_http]
    assert [event["causationid"] for event in till.events()[2:]] == sent
    assert till.http("GET", f"/api/inventory/{item}/").json()["quantity"] == 110


def test_each_door_keeps_its_own_order_while_both_are_busy(till: Till) -> None:
    item = till.send("inventory.create", {**ITEM, "quantity": 0})["resource"]["id"]
    path = f"/api/inventory/{item}/adjustments/"
    answered: list[int] = []
    turn = threading.Barrier(2, timeout=20)

    def begin(number: int) -> None:
        if number % 10 == 0:
            turn.wait()  # neither door has done before the other has begun

    def over_http() -> None:
        with httpx.Client(base_url=till.stage.hub.url, headers={"X-API-KEY": till.key}, timeout=30) as web:
            for number in range(60):
                begin(number)
                body = {"delta": 1, "reason": "received", "note": f"http {number}"}
                answered.append(web.post(path, json=body).status_code)

    with till.channel() as channel:
        other = threading.Thread(target=over_http)
        other.start()
        for number in range(60):
            begin(number)
            body = {"id": item, "delta": 1, "reason": "received", "note": f"amqp {number}"}
            publish(channel, till, "inventory.adjust", body)
        other.join()
    assert answered == [202] * 60
    until(lambda: len(till.events()) == 122, within=20)
    notes = [event["data"]["movement"]["note"] for event in till.events() if event["type"] == "inventory.adjusted"]
    for door in ("http", "amqp"):
        assert [note for note in notes if note.startswith(door)] == [f"{door} {number}" for number in range(60)]
    # Both were at it at the same time, or nothing was shown.
    assert sum(before[:4] != after[:4] for before, after in pairwise(notes)) > 1


def test_a_pharmacy_is_led_to_its_queue_before_it_may_publish(stage: AmqpStage, till: Till) -> None:
    with till.channel() as channel:
        assert not _ways(stage, till), "a log-in alone asks for no way"
        assert receipt(channel, till, "inventory.create", ITEM)["status"] == "applied"
    assert _ways(stage, till) == [ingress_queue_of(UUID(till.id))]


def _ways(stage: AmqpStage, till: Till) -> list[str]:
    bindings = stage.management("GET", "/api/exchanges/%2F/hub.ingress/bindings/source")
    return [each["destination"] for each in bindings if each["routing_key"] == till.id]
