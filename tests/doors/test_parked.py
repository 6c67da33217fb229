"""Parked messages through the operators' door: seen, replayed once, discarded, audited; nobody else comes near them."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import orjson
import pytest

from hub.domain.ids import HUB_ID
from hub.messaging.bulk_publisher import Outgoing
from hub.messaging.topology import COMMANDS, DEAD, partition_of
from tests.kit.buggy import Bug, a_bug
from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.operator import Json, Operator
from tests.kit.wait import eventually


@pytest.fixture(scope="module")
async def operator(live: GatewayStage) -> AsyncIterator[Operator]:
    """An operator; the consumers run in the test's process."""
    settings = live.settings.model_copy(update={"janitor_seconds": 3600})
    async with running_consumers(settings):
        yield Operator(live, await live.add_operator_key())


@pytest.fixture
def bug() -> Iterator[Bug]:
    """A bug in the writer."""
    with pytest.MonkeyPatch.context() as patch, a_bug(patch) as found:
        yield found


async def _place(live: GatewayStage, key: TestKey, sku: str, **headers: str) -> httpx.Response:
    return await live.client.post(
        "/api/inventory/",
        json={"sku": sku, "name": "Aspirin", "price": "1.00", "quantity": 3},
        headers=key.headers | {"Prefer": "wait=15"} | headers,
    )


async def test_a_command_that_breaks_is_parked_with_its_reason_origin_and_payload(
    live: GatewayStage, operator: Operator, bug: Bug
) -> None:
    key = await live.add_key()
    answer = await _place(live, key, "BUG-1")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/parked")
    operation_id = answer.json()["operation_id"]
    shown = await operator.operation(operation_id)
    assert (shown["status"], shown["problem"]["type"]) == ("parked", "/problems/parked")
    row = await operator.one_parked(operation_id)
    origin = f"hub.commands.{partition_of(key.pharmacy_id, live.settings.partitions)}"
    assert (row["status"], row["origin"], row["pharmacy_id"]) == ("parked", origin, str(key.pharmacy_id))
    assert "ZeroDivisionError" in row["reason"]
    assert "payload" not in row
    whole = (await operator.call("GET", f"/api/parked/{row['id']}/")).json()
    assert {name: whole[name] for name in row} == row
    assert (whole["payload_encoding"], whole["payload"]["body"]["sku"]) == ("json", "BUG-1")
    assert whole["payload"]["operation_id"] == operation_id
    assert bug.met >= 1


async def test_a_replayed_command_is_applied_once_however_often_it_is_replayed(
    live: GatewayStage, operator: Operator, bug: Bug
) -> None:
    key = await live.add_key()
    operation_id = (await _place(live, key, "BUG-2")).json()["operation_id"]
    row = await operator.one_parked(operation_id)
    after = await _place(live, key, "LATER")
    assert after.status_code == 201
    bug.is_there = False
    answers = await asyncio.gather(
        *(operator.call("POST", f"/api/parked/{row['id']}/replay/", json={"reason": "fixed"}) for _ in range(3))
    )
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {answer.json()["status"] for answer in answers} == {"replayed"}
    shown = await eventually(lambda: operator.operation(operation_id), lambda found: found["status"] == "applied")
    assert [event["type"] for event in shown["events"]] == ["inventory.created"]
    item = await live.client.get("/api/inventory/", params={"sku": "BUG-2"}, headers=key.headers)
    assert [found["quantity"] for found in item.json()["items"]] == [3]
    again = await operator.call("POST", f"/api/parked/{row['id']}/replay/")
    assert again.json()["note"] == "fixed"
    # Whoever sent it finds its outcome; what was sent after it was applied before it.
    events = (await live.client.get("/api/events/", headers=key.headers)).json()["items"]
    assert [event["data"]["inventory"]["sku"] for event in events if event["type"] == "inventory.created"] == [
        "LATER",
        "BUG-2",
    ]


async def test_a_replay_says_pending_until_it_is_applied_and_parks_again_what_fails_again(
    live: GatewayStage, operator: Operator, bug: Bug
) -> None:
    key = await live.add_key()
    operation_id = (await _place(live, key, "BUG-3")).json()["operation_id"]
    first = await operator.one_parked(operation_id)
    answer = await operator.call("POST", f"/api/parked/{first['id']}/replay/")
    assert answer.status_code == 200
    rows = await eventually(lambda: operator.parked(operation_id=operation_id), lambda rows: len(rows) == 2)
    assert [row["status"] for row in rows] == ["parked", "replayed"]
    assert (await operator.operation(operation_id))["status"] == "parked"
    bug.is_there = False
    await operator.call("POST", f"/api/parked/{rows[0]['id']}/replay/")
    await eventually(lambda: operator.operation(operation_id), lambda found: found["status"] == "applied")


async def test_a_repeat_by_the_sender_is_told_that_it_is_parked_and_applies_nothing(
    live: GatewayStage, operator: Operator, bug: Bug
) -> None:
    key = await live.add_key()
    first = await _place(live, key, "BUG-4", **{"Idempotency-Key": "four"})
    bug.is_there = False
    second = await _place(live, key, "BUG-4", **{"Idempotency-Key": "four"})
    assert second.json()["type"] == first.json()["type"] == "/problems/parked"
    assert second.json()["operation_id"] == first.json()["operation_id"]
    await operator.one_parked(first.json()["operation_id"])
    item = await live.client.get("/api/inventory/", params={"sku": "BUG-4"}, headers=key.headers)
    assert item.json()["items"] == []


async def test_a_discarded_message_keeps_its_reason_and_is_never_replayed(
    live: GatewayStage, operator: Operator, bug: Bug
) -> None:
    key = await live.add_key()
    operation_id = (await _place(live, key, "BUG-5")).json()["operation_id"]
    row = await operator.one_parked(operation_id)
    answer = await operator.call("POST", f"/api/parked/{row['id']}/discard/", json={"reason": "sent again by hand"})
    assert (answer.status_code, answer.json()["status"]) == (200, "discarded")
    assert answer.json()["note"] == "sent again by hand"
    refused = await operator.call("POST", f"/api/parked/{row['id']}/replay/")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/immutable")
    assert (await operator.call("DELETE", f"/api/parked/{row['id']}/")).status_code == 204
    assert (await operator.operation(operation_id))["status"] == "parked"


async def test_what_is_no_command_is_shown_as_it_is_and_can_be_given_up(live: GatewayStage, operator: Operator) -> None:
    junk = {
        b"\xff\x00junk " + uuid4().bytes: "base64",
        f"no json {uuid4()}".encode(): "text",
        orjson.dumps({"type": "no.such", "x": str(uuid4())}): "json",
    }
    await live.publisher.publish([Outgoing(COMMANDS, "3", body) for body in junk])

    async def unnamed() -> list[Json]:
        rows = await operator.parked(origin="hub.commands.3", status="parked")
        return [row for row in rows if row["operation_id"] is None]

    rows = await eventually(unnamed, lambda rows: len(rows) == 3)
    seen: dict[bytes, str] = {}
    for row in rows:
        whole = (await operator.call("GET", f"/api/parked/{row['id']}/")).json()
        encoding, payload = whole["payload_encoding"], whole["payload"]
        raw = {
            "json": orjson.dumps,
            "text": lambda value: value.encode(),
            "base64": base64.b64decode,
        }[encoding](payload)
        seen[raw] = encoding
    assert {body: seen.get(body) for body in junk} == junk
    for row in rows:
        assert (await operator.call("DELETE", f"/api/parked/{row['id']}/")).status_code == 204
    assert await unnamed() == []


async def test_what_did_not_come_from_a_partition_is_not_replayed(live: GatewayStage, operator: Operator) -> None:
    await live.publisher.publish([Outgoing("", DEAD, b"who knows whence")])
    rows = await eventually(lambda: operator.parked(origin="unknown"), lambda rows: len(rows) == 1)
    answer = await operator.call("POST", f"/api/parked/{rows[0]['id']}/replay/")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/immutable")


async def test_an_unknown_message_is_not_found_and_a_wrong_body_is_refused(operator: Operator) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "replay/"), ("POST", "discard/")):
        answer = await operator.call(method, f"/api/parked/{uuid4()}/{path}")
        assert answer.status_code == 404, (method, path, answer.text)
    answer = await operator.call("POST", f"/api/parked/{uuid4()}/replay/", json={"because": "x"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/because")
    answer = await operator.call(
        "POST", f"/api/parked/{uuid4()}/replay/", content=b"x", headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 415


async def test_a_pharmacys_key_comes_near_nothing_of_it(live: GatewayStage, operator: Operator, bug: Bug) -> None:
    key = await live.add_key()
    row = await operator.one_parked((await _place(live, key, "BUG-6")).json()["operation_id"])
    for method, path in (
        ("GET", "/api/parked/"),
        ("GET", f"/api/parked/{row['id']}/"),
        ("DELETE", f"/api/parked/{row['id']}/"),
        ("POST", f"/api/parked/{row['id']}/replay/"),
        ("POST", f"/api/parked/{row['id']}/discard/"),
        ("GET", "/api/audit/"),
    ):
        answer = await live.client.request(method, path, headers=key.headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden"), path
    assert (await operator.parked(operation_id=row["operation_id"]))[0]["status"] == "parked"


async def test_an_operator_who_names_a_pharmacy_sees_what_came_from_it(
    live: GatewayStage, operator: Operator, bug: Bug
) -> None:
    one, other = await live.add_key(), await live.add_key()
    for key in (one, other):
        await operator.one_parked((await _place(live, key, "BUG-7")).json()["operation_id"])
    named = {"X-Pharmacy-Id": str(one.pharmacy_id)}
    answer = await operator.call("GET", "/api/parked/", params={"limit": "1"}, headers=named)
    assert [row["pharmacy_id"] for row in answer.json()["items"]] == [str(one.pharmacy_id)]
    assert answer.json()["next"] is None
    theirs = (await operator.parked(pharmacy_id=str(other.pharmacy_id)))[0]
    assert (await operator.call("GET", f"/api/parked/{theirs['id']}/", headers=named)).status_code == 404
    # Replaying is the hub's own business, whoever is named.
    replayed = await operator.call("POST", f"/api/parked/{theirs['id']}/replay/", headers=named)
    assert replayed.status_code == 200


async def test_pages_of_parked_messages_neither_skip_nor_repeat(
    live: GatewayStage, operator: Operator, bug: Bug
) -> None:
    key = await live.add_key()
    for index in range(5):
        await operator.one_parked((await _place(live, key, f"BUG-8-{index}")).json()["operation_id"])
    url: str | None = f"/api/parked/?limit=2&pharmacy_id={key.pharmacy_id}"
    seen: list[Json] = []
    while url:
        page = (await operator.call("GET", url)).json()
        seen += page["items"]
        url = page["next"]
    assert len({row["id"] for row in seen}) == len(seen) == 5
    assert [row["parked_at"] for row in seen] == sorted((row["parked_at"] for row in seen), reverse=True)


async def test_reading_a_payload_and_replaying_it_are_in_the_audit_log(
    live: GatewayStage, operator: Operator, bug: Bug
) -> None:
    key = await live.add_key()
    row = await operator.one_parked((await _place(live, key, "BUG-9")).json()["operation_id"])
    read = await operator.call("GET", f"/api/parked/{row['id']}/", headers={"X-Request-Id": "look-1"})
    assert read.headers["x-request-id"] == "look-1"
    lines = await eventually(
        lambda: operator.audit(subject=f"/api/parked/{row['id']}/"), lambda lines: len(lines) == 1, within=15
    )
    assert (lines[0]["action"], lines[0]["origin"]) == ("parked.read", "127.0.0.1 look-1")
    actor = lines[0]["actor"]
    assert actor.startswith("operator:")
    await operator.call("POST", f"/api/parked/{row['id']}/replay/", headers={"X-Request-Id": "do-1"})
    (line,) = await operator.audit(subject=f"parked/{row['id']}")
    assert (line["action"], line["actor"], line["outcome"], line["pharmacy_id"]) == (
        "parked.replay",
        actor,
        "applied",
        None,
    )
    assert line["origin"] == "127.0.0.1 do-1"
    assert str(HUB_ID) not in str(line)


async def test_the_hubs_own_log_tells_what_was_replayed(live: GatewayStage, operator: Operator, bug: Bug) -> None:
    key = await live.add_key()
    row = await operator.one_parked((await _place(live, key, "BUG-10")).json()["operation_id"])
    await operator.call("POST", f"/api/parked/{row['id']}/replay/")
    async with live.writes.connection() as connection:
        bodies = await connection.fetch(
            "SELECT body FROM events WHERE pharmacy_id = $1 AND type = 'parked_message.replayed'", HUB_ID
        )
    told = [orjson.loads(body[0])["data"] for body in bodies]
    assert any(data["parked_message"]["id"] == row["id"] and data["changed"]["status"] == "parked" for data in told)
    # What is the hub's own is not told to the pharmacy.
    events = (await live.client.get("/api/events/", headers=key.headers)).json()["items"]
    assert not [event for event in events if event["type"].startswith("parked")]
