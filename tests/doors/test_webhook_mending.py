"""Deliveries mended through the front door: resent, recovered, replayed, made up for, cancelled; and how endpoints fare."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from hub.domain.fields import format_time
from hub.domain.ids import derived_id
from hub.storage import webhook_recovery
from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage
from tests.kit.http import assert_problem
from tests.kit.owner import ENDPOINTS, Json, Owner


@pytest.fixture(scope="module")
async def stage(live: GatewayStage) -> AsyncIterator[GatewayStage]:
    """A gateway and a writer; nobody spreads or delivers."""
    async with running_consumers(live.settings.model_copy(update={"roles": ("writer",)})):
        yield live


@pytest.fixture
async def owner(stage: GatewayStage) -> Owner:
    return Owner(stage, await stage.add_key())


def ago(**span: float) -> str:
    return format_time(datetime.now(UTC) - timedelta(**span))


async def mend(owner: Owner, endpoint: Json, verb: str, body: Json | None = None, status: int = 200) -> Json:
    answer = await owner.call("POST", f"{ENDPOINTS}{endpoint['id']}/{verb}/", body)
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


async def test_a_resent_delivery_is_due_at_once_with_a_new_ladder(owner: Owner) -> None:
    endpoint = await owner.make()
    (delivery_id,) = await owner.add_deliveries(endpoint["id"], status="exhausted", attempts=10)
    answer = await owner.call("POST", f"/api/webhook-deliveries/{delivery_id}/resend/", Idempotency_Key="again")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["attempts"]) == ("pending", 10)
    async with owner.stage.writes.transaction() as connection:
        row = (await connection.fetch("SELECT * FROM webhook_deliveries WHERE id = $1", delivery_id))[0]
        assert (row["status"], row["round_start"]) == ("pending", 10)
        assert row["next_attempt_at"] <= datetime.now(UTC)
        await connection.execute("UPDATE webhook_deliveries SET status = 'delivered' WHERE id = $1", delivery_id)
    # The same request again does nothing again.
    repeat = await owner.call("POST", f"/api/webhook-deliveries/{delivery_id}/resend/", Idempotency_Key="again")
    assert repeat.json() == answer.json()
    assert [one["status"] for one in await owner.deliveries()] == ["delivered"]


async def test_what_cannot_be_sent_again_is_refused_and_stays_as_it_is(owner: Owner) -> None:
    endpoint = await owner.make()
    (lost, kept) = await owner.add_deliveries(endpoint["id"], 2)
    async with owner.stage.writes.transaction() as connection:
        await connection.execute(
            "DELETE FROM events WHERE id = (SELECT event_id FROM webhook_deliveries WHERE id = $1)", lost
        )
    gone = assert_problem(await owner.call("POST", f"/api/webhook-deliveries/{lost}/resend/"), 410)
    assert gone["type"] == "/problems/gone"
    assert_problem(await owner.call("POST", f"/api/webhook-deliveries/{uuid4()}/resend/"), 404)
    await owner.call("PATCH", f"{ENDPOINTS}{endpoint['id']}/", {"enabled": False})
    for path in (
        f"/api/webhook-deliveries/{kept}/resend/", f"{ENDPOINTS}{endpoint['id']}/test/", f"{ENDPOINTS}{endpoint['id']}/replay/",
        f"{ENDPOINTS}{endpoint['id']}/replay-missing/",
    ):  # fmt: skip
        body: Json | None = {} if path.endswith("/replay/") else None
        problem = assert_problem(await owner.call("POST", path, body), 409, path)
        assert problem["type"] == "/problems/endpoint-disabled"
    assert {one["status"] for one in await owner.deliveries()} == {"delivered"}


async def test_recover_sends_what_failed_since_then_and_nothing_else(owner: Owner) -> None:
    endpoint, other = await owner.make(), await owner.make()
    expected = set()
    for status, attempts in (("failed", 1), ("exhausted", 10), ("skipped", 0), ("pending", 3)):
        expected |= set(await owner.add_deliveries(endpoint["id"], 2, status=status, attempts=attempts))
    for status, attempts in (("delivered", 1), ("cancelled", 1), ("pending", 0)):
        await owner.add_deliveries(endpoint["id"], 2, status=status, attempts=attempts)
    await owner.add_deliveries(endpoint["id"], 2, status="exhausted", age_hours=5)
    await owner.add_deliveries(other["id"], 2, status="exhausted")
    since = {"since": ago(hours=2)}
    assert await mend(owner, endpoint, "recover", since | {"dry_run": True}) == {"matched": 8}
    assert await mend(owner, endpoint, "recover", since | {"until": ago(minutes=90)}) == {"matched": 0}
    assert await mend(owner, endpoint, "recover", since) == {"matched": 8}
    async with owner.stage.writes.connection() as connection:
        due = await connection.fetch(
            "SELECT id FROM webhook_deliveries WHERE pharmacy_id = $1 AND status = 'pending' AND next_attempt_at <= now() "
            "AND round_start = attempts",
            owner.key.pharmacy_id,
        )
    assert {UUID(int=record[0].int) for record in due} == expected
    refused = assert_problem(await owner.call("POST", f"{ENDPOINTS}{endpoint['id']}/recover/", {}), 422)
    assert refused["errors"][0]["pointer"] == "#/since"


async def test_replay_sends_what_matches_delivered_or_not(owner: Owner) -> None:
    endpoint = await owner.make()
    await owner.stage.log(owner.key.pharmacy_id, 1)
    await owner.add_deliveries(endpoint["id"], 3)
    await owner.add_deliveries(endpoint["id"], 2, status="exhausted", attempts=10)
    for wanted, number in (
        (None, 5),
        ({}, 5),
        ({"type": "sale.recorded"}, 5),
        ({"type": "order.placed"}, 0),
        ({"status": "exhausted"}, 2),
        ({"attempts": {"$lt": 10}}, 3),
        ({"event_type": {"$in": ["sale.recorded"]}, "last_status_code": 500}, 5),
        ({"sequence": {"$lte": 3}}, 1),
        ({"created_at": {"$gte": ago(minutes=30)}}, 0),
        ({"$or": [{"status": "exhausted"}, {"sequence": {"$lte": 3}}]}, 3),
    ):
        assert await mend(owner, endpoint, "replay", {"filter": wanted, "dry_run": True}) == {"matched": number}, wanted
    assert {one["status"] for one in await owner.deliveries()} == {"delivered", "exhausted"}
    assert await mend(owner, endpoint, "replay", {"filter": {"status": "exhausted"}}) == {"matched": 2}
    assert sorted(one["status"] for one in await owner.deliveries()) == ["delivered"] * 3 + ["pending"] * 2
    assert await mend(owner, endpoint, "replay", {"since": ago(minutes=30)}) == {"matched": 0}
    assert await mend(owner, endpoint, "replay", {}) == {"matched": 5}
    assert {one["status"] for one in await owner.deliveries()} == {"pending"}
    problem = await mend(owner, endpoint, "replay", {"filter": {"event_types": ["sale.*"]}}, status=422)
    assert problem["errors"][0]["pointer"] == "#/filter/event_types"


async def test_a_filter_that_would_look_into_too_much_is_refused_with_what_to_do(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_recovery, "MOST_LOOKED_INTO", 4)
    monkeypatch.setattr(webhook_recovery, "PAGE", 2)
    endpoint = await owner.make()
    await owner.add_deliveries(endpoint["id"], 4)
    assert await mend(owner, endpoint, "replay", {"filter": {"status": "delivered"}}) == {"matched": 4}
    await owner.add_deliveries(endpoint["id"], 1)
    problem = await mend(owner, endpoint, "replay", {"filter": {"type": "sale.recorded"}}, status=422)
    assert problem["errors"][0] == {"pointer": "#/since", "code": "too-many", "detail": problem["detail"]}
    assert [one["status"] for one in await owner.deliveries()].count("delivered") == 1


async def test_events_that_cost_a_filter_much_count_as_several(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_recovery, "PAGE", 2)
    monkeypatch.setattr(webhook_recovery, "MOST_LOOKED_INTO", 40)
    endpoint = await owner.make()
    await owner.add_deliveries(endpoint["id"], 6)
    costly = {"filter": {"$or": [{"type": {"$in": [[number] for number in range(100)]}}] * 50}}
    problem = await mend(owner, endpoint, "replay", costly, status=422)
    assert problem["errors"][0]["code"] == "too-many"


async def test_missing_events_are_those_the_endpoint_wants_and_never_got(owner: Owner) -> None:
    pharmacy = owner.key.pharmacy_id
    before = await owner.stage.log(pharmacy, 4)
    await owner.stage.log(pharmacy, 3, "order.placed")
    await owner.stage.log(pharmacy, 1, "webhook_endpoint.failing")
    endpoint = await owner.make(event_types=["sale.*"])
    await owner.add_deliveries(endpoint["id"], 2)
    assert await mend(owner, endpoint, "replay-missing", {"dry_run": True}) == {"matched": 4}
    assert await mend(owner, endpoint, "replay-missing", {"since": ago(minutes=-1)}) == {"matched": 0}
    assert await mend(owner, endpoint, "replay-missing") == {"matched": 4}
    made = await owner.deliveries(status="pending")
    # They have the ids that the fan-out would give them: it never makes them twice.
    assert {one["id"] for one in made} == {
        str(derived_id(UUID(endpoint["id"]), "delivery", event.id)) for event in before
    }
    assert await mend(owner, endpoint, "replay-missing") == {"matched": 0}
    # The eighth is about an endpoint: it was for its moment only.
    picky = await owner.make(event_types=["*"], filter={"sequence": {"$in": [1, 5, 8, 99]}})
    assert await mend(owner, picky, "replay-missing", {"dry_run": True}) == {"matched": 2}
    assert await mend(owner, picky, "replay-missing", {}) == {"matched": 2}
    assert {one["event_sequence"] for one in await owner.deliveries(endpoint_id=picky["id"])} == {1, 5}


async def test_cancel_disable_and_delete_end_what_is_pending(owner: Owner) -> None:
    for verb, status in (("cancel", "cancelled"), ("disable", "skipped"), ("delete", "cancelled")):
        endpoint = await owner.make()
        await owner.add_deliveries(endpoint["id"], 2, status="pending", attempts=1)
        await owner.add_deliveries(endpoint["id"], 1)
        path = f"{ENDPOINTS}{endpoint['id']}/"
        if verb == "cancel":
            assert await mend(owner, endpoint, "cancel-pending") == {"matched": 2}
        elif verb == "disable":
            assert (await owner.call("PATCH", path, {"enabled": False})).status_code == 200
        else:
            assert (await owner.call("DELETE", path)).status_code == 204
        found = await owner.deliveries(endpoint_id=endpoint["id"])
        assert sorted(one["status"] for one in found) == sorted([status, status, "delivered"]), verb
        assert {one["next_attempt_at"] for one in found} == {None}
        if verb == "disable":
            assert (await owner.call("PATCH", path, {"enabled": True})).status_code == 200
            assert await mend(owner, endpoint, "recover", {"since": ago(hours=2)}) == {"matched": 2}


async def test_taking_webhook_url_away_cancels_what_is_pending_for_it(owner: Owner) -> None:
    pharmacy = f"/api/pharmacies/{owner.key.pharmacy_id}/"
    await owner.call("PATCH", pharmacy, {"webhook_url": "https://one.example/"})
    (endpoint,) = (await owner.call("GET", ENDPOINTS)).json()["items"]
    await owner.add_deliveries(endpoint["id"], 2, status="pending", attempts=0)
    await owner.call("PATCH", pharmacy, {"webhook_url": None})
    assert [one["status"] for one in await owner.deliveries()] == ["cancelled"] * 2


@pytest.mark.parametrize("way", ["webhook_url", "enabled"])
async def test_what_a_closing_left_is_not_sent_when_it_is_opened_again_before_the_janitor_came(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(webhook_recovery, "MOST_ENDED", 2)
    closed: Json
    opened: Json
    if way == "enabled":
        endpoint = await owner.make()
        path, closed, opened = f"{ENDPOINTS}{endpoint['id']}/", {"enabled": False}, {"enabled": True}
    else:
        path = f"/api/pharmacies/{owner.key.pharmacy_id}/"
        closed, opened = {"webhook_url": None}, {"webhook_url": "https://two.example/"}
        await owner.call("PATCH", path, {"webhook_url": "https://one.example/"})
        (endpoint,) = (await owner.call("GET", ENDPOINTS)).json()["items"]
    await owner.add_deliveries(endpoint["id"], 4, status="pending", attempts=0)
    assert (await owner.call("PATCH", path, closed)).status_code == 200
    assert [one["status"] for one in await owner.deliveries()].count("pending") == 2
    assert (await owner.call("PATCH", path, opened)).status_code == 200
    assert [one["status"] for one in await owner.deliveries()] == ["skipped" if way == "enabled" else "cancelled"] * 4


async def test_enabling_forgives_the_failures_so_far(owner: Owner) -> None:
    endpoint = await owner.make(enabled=False)
    async with owner.stage.writes.transaction() as connection:
        await connection.execute(
            "INSERT INTO webhook_health (endpoint_id, pharmacy_id, failing_since, failures, warned_percent, open_until) "
            "VALUES ($1, $2, now() - interval '6 days', 40, 100, now() + interval '1 hour')",
            UUID(endpoint["id"]),
            owner.key.pharmacy_id,
        )
    path = f"{ENDPOINTS}{endpoint['id']}/"
    before = (await owner.call("GET", f"{path}statistics/")).json()
    assert (before["failures"], before["paused_until"] is None) == (40, False)
    failing = datetime.now(UTC) - datetime.fromisoformat(before["failing_since"])
    assert timedelta(days=6) <= failing < timedelta(days=6, minutes=1)
    await owner.call("PATCH", path, {"enabled": True})
    after = (await owner.call("GET", f"{path}statistics/")).json()
    assert (after["failures"], after["failing_since"], after["paused_until"]) == (0, None, None)


async def test_statistics_tell_rate_durations_and_what_waits(owner: Owner) -> None:
    endpoint = await owner.make()
    path = f"{ENDPOINTS}{endpoint['id']}/statistics"
    empty = (await owner.call("GET", path)).json()
    assert (empty["attempts"], empty["success_rate"], empty["p95_ms"], empty["deliveries"]) == (0, None, None, {})
    ids = await owner.add_deliveries(endpoint["id"], 4)
    (waits,) = await owner.add_deliveries(endpoint["id"], 1, status="pending", attempts=1)
    (old,) = await owner.add_deliveries(endpoint["id"], 1, age_hours=48)
    for number, delivery_id in enumerate(ids):
        await owner.add_attempt(delivery_id, 1, 204, (number + 1) * 10)
    await owner.add_attempt(waits, 1, None, 500, error_class="timeout")
    await owner.add_attempt(old, 1, 500, 9000)
    found = (await owner.call("GET", path)).json()
    assert found["deliveries"] == {"delivered": 4, "pending": 1}
    assert (found["attempts"], found["success_rate"], found["p50_ms"], found["p95_ms"]) == (5, 0.8, 30, 500)
    assert found["oldest_pending_at"] is not None
    longer = (await owner.call("GET", f"{path}?since={ago(days=3)}")).json()
    assert (longer["attempts"], longer["success_rate"], longer["p95_ms"]) == (6, 0.6667, 9000)
    assert_problem(await owner.call("GET", f"{path}?since=yesterday"), 400)
    assert_problem(await owner.call("GET", f"{path}?until=now"), 400)


async def test_deliveries_are_found_by_endpoint_event_status_code_and_time(owner: Owner) -> None:
    endpoint, other = await owner.make(), await owner.make()
    (first,) = await owner.add_deliveries(endpoint["id"], 1, status="exhausted", age_hours=3)
    (second,) = await owner.add_deliveries(other["id"], 1)
    await owner.add_attempt(first, 1, 503, 12, address="192.0.2.7", error_class="status")
    for filters, expected in (
        ({"endpoint_id": endpoint["id"]}, [first]),
        ({"status": "delivered"}, [second]),
        ({"event_type": "sale.recorded"}, [first, second]),
        ({"status_code": "500"}, [first, second]),
        ({"status_code": "404"}, []),
        ({"created_since": ago(hours=2)}, [second]),
        ({"created_until": ago(hours=2)}, [first]),
    ):
        assert [one["id"] for one in await owner.deliveries(**filters)] == [str(one) for one in expected], filters
    (attempt,) = (await owner.call("GET", f"/api/webhook-deliveries/{first}/attempts/")).json()["items"]
    assert (attempt["address"], attempt["error_class"], attempt["request_headers"]) == ("192.0.2.7", "status", {})


async def test_a_narrow_key_mends_nothing_and_an_operator_who_does_is_audited(
    stage: GatewayStage, owner: Owner
) -> None:
    endpoint = await owner.make()
    (delivery_id,) = await owner.add_deliveries(endpoint["id"])
    path = f"/api/webhook-deliveries/{delivery_id}/resend/"
    narrow = Owner(stage, await stage.add_key(owner.key.pharmacy_id, ("read", "write")))
    stranger = Owner(stage, await stage.add_key())
    assert_problem(await narrow.call("POST", path), 403)
    assert_problem(await stranger.call("POST", path), 404)
    for verb in ("recover", "replay", "replay-missing"):
        body = {"since": ago(hours=2), "dry_run": True}
        assert_problem(await stranger.call("POST", f"{ENDPOINTS}{endpoint['id']}/{verb}/", body), 404)
    assert [one["status"] for one in await owner.deliveries()] == ["delivered"]
    acting = {
        "X-API-KEY": await stage.add_operator_key(),
        "Prefer": "wait=15",
        "X-Pharmacy-Id": str(owner.key.pharmacy_id),
    }
    assert (await stage.client.post(path, headers=acting)).status_code == 200
    lines = (await stage.client.get("/api/audit/?action=webhook_delivery.resend", headers=acting)).json()["items"]
    assert [line["subject"] for line in lines] == [f"webhook-deliveries/{delivery_id}"]


async def test_ten_thousand_deliveries_are_replayed_by_one_statement(owner: Owner) -> None:
    endpoint = await owner.make()
    (pattern,) = await owner.add_deliveries(endpoint["id"])
    async with owner.stage.writes.transaction() as connection:
        await connection.execute(
            "INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, attempts, "
            "round_start, created_at, updated_at) SELECT gen_random_uuid(), pharmacy_id, endpoint_id, gen_random_uuid(), event_sequence, "
            "event_type, 'exhausted', 1, 0, created_at, updated_at FROM webhook_deliveries, generate_series(1, 9999) WHERE id = $1",
            pattern,
        )
    async with asyncio.timeout(15):
        assert await mend(owner, endpoint, "replay", {}) == {"matched": 10_000}
