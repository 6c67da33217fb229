"""How the hub behaves towards a receiver: Standard Webhooks, against real servers; every call verified by its library."""

from datetime import timedelta
from uuid import UUID, uuid4

import orjson
import pytest

from hub import clock
from hub.security.signatures import derive_webhook_secret, public_key_of
from hub.settings import Settings
from tests.kit.endpoints import ITEMS, Endpoint, calling, create_items, sending
from tests.kit.receiver import Received, open_receiver
from tests.kit.signatures import refuse_public_signature
from tests.kit.wait import eventually


def retry_at(call: Received) -> int:
    return int(call.headers["webhook-timestamp"])


async def test_every_attempt_has_the_same_bytes_and_id_and_a_fresh_time_until_a_2xx(settings: Settings) -> None:
    settings = calling(settings, 1.1, 0.1, 0.1, 0.1)
    async with sending(settings) as (door, receiver, desk), open_receiver() as canary:
        answers = [(302, {"location": canary.url}), (500, {}), (404, {}), (204, {})]
        receiver.answer = lambda _: answers[len(receiver.calls) - 1]
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(
            pharmacy, receiver.url, ITEMS, headers={"X-Team": "stock", "X-Api-Token": "hidden-value"},
            auth={"type": "basic", "username": "till", "password": "swordfish"},
        )  # fmt: skip
        await create_items(door, pharmacy, 1)
        calls = await receiver.wait_for(4)
        await eventually(lambda: desk.deliveries(endpoint, "status, attempts"), lambda rows: rows == [("delivered", 4)])
        assert len({call.body for call in calls}) == 1
        assert {call.headers["webhook-id"] for call in calls} == {calls[0].event["id"]}
        assert retry_at(calls[1]) > retry_at(calls[0])
        for call in calls:
            endpoint.verify(call)
            assert call.headers["authorization"] == "Basic dGlsbDpzd29yZGZpc2g="
            assert call.headers["x-team"] == "stock"
        assert canary.calls == []
        rows = await desk.attempts(endpoint, "number, status_code, error_class, address, request_headers")
        assert [row[:4] for row in rows] == [(n, answers[n - 1][0], None, "127.0.0.1") for n in (1, 2, 3, 4)]
        shown = [orjson.loads(row[4]) for row in rows]
        assert [one["webhook-timestamp"] for one in shown] == [call.headers["webhook-timestamp"] for call in calls]
        assert {one["x-team"] for one in shown} == {"stock"}
        for secret in ("swordfish", "dGlsbDpzd29yZGZpc2g", "hidden-value", "v1,"):
            assert all(secret not in row[4] for row in rows)


async def test_410_ends_an_endpoint_at_once_and_tells_the_others_but_not_itself(settings: Settings) -> None:
    settings = calling(settings, 5.0)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda call: 410 if call.path == "/gone" else 204
        pharmacy = await door.open_pharmacy()
        gone = await desk.add(
            pharmacy,
            receiver.url.replace("/hook", "/gone"),
            ("inventory.*", "webhook_endpoint.*", "webhook_delivery.*"),
        )
        other = await desk.add(pharmacy, receiver.url, ("webhook_endpoint.*", "webhook_delivery.*"))
        await create_items(door, pharmacy, 1)
        calls = await receiver.wait_for(2, path="/hook")
        told = {call.event["type"]: call.event["data"] for call in calls}
        assert set(told) == {"webhook_endpoint.disabled", "webhook_delivery.exhausted"}
        assert told["webhook_endpoint.disabled"]["health"]["reason"] == "gone"
        assert told["webhook_endpoint.disabled"]["webhook_endpoint"]["enabled"] is False
        assert told["webhook_endpoint.disabled"]["changed"]["enabled"] is True
        assert told["webhook_delivery.exhausted"]["webhook_delivery"]["last_status_code"] == 410
        for call in calls:
            other.verify(call)
        await create_items(door, pharmacy, 1, first=2)
        await eventually(lambda: desk.deliveries(other), lambda rows: rows == [("delivered",), ("delivered",)])
        assert await desk.deliveries(gone, "status, attempts") == [("exhausted", 1)]
        assert len(receiver.at("/gone")) == 1


async def test_410_to_news_of_webhooks_ends_an_endpoint_as_well_and_that_ends_by_itself(settings: Settings) -> None:
    settings = calling(settings, 5.0)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda call: 204 if call.path == "/ear" else 410
        pharmacy = await door.open_pharmacy()
        one = await desk.add(pharmacy, receiver.url.replace("/hook", "/one"), ("webhook_endpoint.*",))
        two = await desk.add(pharmacy, receiver.url.replace("/hook", "/two"), ("webhook_endpoint.*",))
        ear = await desk.add(pharmacy, receiver.url.replace("/hook", "/ear"), ("webhook_endpoint.disabled", *ITEMS))
        changed = await door.send(pharmacy, "webhook_endpoint.update", {"description": "x"}, resource_id=two.id)
        assert changed["status"] == "applied"
        # The first hears of the second's change and says that it is gone; the second hears of that, and is gone too.
        calls = await receiver.wait_for(2, path="/ear")
        assert [call.event["data"]["webhook_endpoint"]["id"] for call in calls] == [str(one.id), str(two.id)]
        assert {call.event["data"]["health"]["reason"] for call in calls} == {"gone"}
        await create_items(door, pharmacy, 1)
        await eventually(lambda: desk.deliveries(ear), lambda rows: rows == [("delivered",)] * 3)
        assert [len(receiver.at(path)) for path in ("/one", "/two")] == [1, 1]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_retry_after_keeps_everything_from_the_endpoint_for_that_long(settings: Settings, status: int) -> None:
    settings = calling(settings, 0.05, 0.05)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda _: (status, {"retry-after": "2"}) if len(receiver.calls) == 1 else 204
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, receiver.url, ITEMS)
        await create_items(door, pharmacy, 1)
        await receiver.wait_for(1)
        await eventually(lambda: desk.attempts(endpoint, "number"), lambda rows: len(rows) == 1)
        await create_items(door, pharmacy, 3, first=2)
        calls = await receiver.wait_for(5)
        assert min(call.at for call in calls[1:]) - calls[0].at >= 2
        await eventually(lambda: desk.deliveries(endpoint), lambda rows: rows == [("delivered",)] * 4)
        # Those that came meanwhile were not attempted and failed: they waited.
        assert await desk.deliveries(endpoint, "attempts") == [(2,), (1,), (1,), (1,)]


async def test_an_endpoints_own_time_and_ladder_count_and_where_it_has_none_the_installations(
    settings: Settings,
) -> None:
    settings = calling(settings, 600.0)
    async with sending(settings) as (door, receiver, desk):
        receiver.seconds = lambda call: 3.0 if call.path == "/slow" else 0.0
        receiver.answer = lambda call: 500 if call.path == "/bad" else 204
        slow, bad = (receiver.url.replace("/hook", path) for path in ("/slow", "/bad"))
        pharmacy = await door.open_pharmacy()
        # A row may hold less than the 15 s that the door takes.
        impatient = await desk.add(pharmacy, slow, ITEMS, timeout_seconds=1)
        patient = await desk.add(pharmacy, slow, ITEMS)
        steep = await desk.add(pharmacy, bad, ITEMS, ladder_seconds=[1, 1])
        plain = await desk.add(pharmacy, bad, ITEMS)
        await create_items(door, pharmacy, 1)
        settled = {impatient: ("pending", 1), patient: ("delivered", 1), steep: ("exhausted", 3), plain: ("pending", 1)}

        async def seen() -> list[list[tuple[object, ...]]]:
            return [await desk.deliveries(one, "status, attempts") for one in settled]

        await eventually(seen, lambda found: found == [[wanted] for wanted in settled.values()], within=15)
        ((error, milliseconds),) = await desk.attempts(impatient, "error_class, duration_ms")
        assert error == "timeout"
        assert 1000 <= milliseconds < 2900


async def test_each_wait_is_the_ladders_give_or_take_up_to_a_fifth(settings: Settings) -> None:
    settings = calling(settings, 1000.0)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda _: 500
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, receiver.url, ITEMS)
        await create_items(door, pharmacy, 9)  # one fewer than open its circuit
        waits = await eventually(
            lambda: desk.attempts(endpoint, "extract(epoch FROM d.next_attempt_at - a.at)::float8"),
            lambda rows: len(rows) == 9,
        )
        seconds = sorted(wait for (wait,) in waits)
        # From the beginning of the call; its end, from which the wait counts, is hardly later.
        assert seconds[0] >= 800
        assert seconds[-1] <= 1210
        assert seconds[-1] - seconds[0] > 20  # nine draws from 400 s are never so close together


async def test_secrets_that_are_still_valid_sign_too_and_v1a_verifies_with_the_public_key(settings: Settings) -> None:
    settings = calling(settings)
    old, older = (derive_webhook_secret("another installation's secret key", UUID(int=n)) for n in (1, 2))
    async with sending(settings) as (door, receiver, desk):
        pharmacy = await door.open_pharmacy()
        now = clock.now()
        previous = [(old, now + timedelta(hours=1)), (older, now - timedelta(seconds=1))]
        rotated = await desk.add(pharmacy, receiver.url, ITEMS, previous=previous)
        signing = await desk.add(
            pharmacy, receiver.url.replace("/hook", "/v1a"), ITEMS, signing="v1a", previous=previous
        )
        await create_items(door, pharmacy, 1)
        (call,) = await receiver.wait_for(1, path="/hook")
        (asymmetric,) = await receiver.wait_for(1, path="/v1a")
        rotated.verify(call)
        rotated.verify(call, old)
        assert len(call.headers["webhook-signature"].split(" ")) == 2
        with pytest.raises(Exception, match="No matching signature"):
            rotated.verify(call, older)
        headers = asymmetric.headers
        assert refuse_public_signature(headers, asymmetric.body, public_key_of(signing.secret)) is None
        signing.verify(asymmetric, old)


async def test_an_endpoint_gets_what_its_filter_wants_and_nothing_else(settings: Settings) -> None:
    settings = calling(settings)
    async with sending(settings) as (door, receiver, desk):
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(
            pharmacy, receiver.url, ITEMS, event_filter={"data.inventory.sku": {"$in": ["PZN2", "PZN4"]}}
        )
        await create_items(door, pharmacy, 4)
        calls = await receiver.wait_for(2)
        assert sorted(call.event["data"]["inventory"]["sku"] for call in calls) == ["PZN2", "PZN4"]
        assert len(await desk.deliveries(endpoint)) == 2


async def test_a_delivery_whose_endpoint_is_nowhere_ends_and_stops_nobody(settings: Settings) -> None:
    """What a table that was restored from another day leaves behind."""
    async with sending(calling(settings, 5.0)) as (door, receiver, desk):
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, receiver.url, ITEMS)
        await create_items(door, pharmacy, 1)
        await eventually(lambda: desk.deliveries(endpoint), lambda rows: rows == [("delivered",)])
        nowhere = Endpoint(uuid4(), endpoint.secret)
        await desk.connection.execute(
            "UPDATE webhook_deliveries SET endpoint_id = $1, status = 'pending', next_attempt_at = now()", nowhere.id
        )
        await eventually(lambda: desk.deliveries(nowhere), lambda rows: rows == [("cancelled",)], within=30)
        await create_items(door, pharmacy, 1, first=2)
        await eventually(lambda: desk.deliveries(endpoint), lambda rows: rows == [("delivered",)])


async def test_a_name_that_is_no_idna_is_a_failed_call_and_stops_nobody(settings: Settings) -> None:
    async with sending(calling(settings, 0.2)) as (door, receiver, desk):
        pharmacy = await door.open_pharmacy()
        await desk.add(pharmacy, receiver.url, ITEMS)
        odd = await desk.add(pharmacy, "https://xn--a.example/", ITEMS)
        await create_items(door, pharmacy, 1)
        await receiver.wait_for(1)
        await eventually(lambda: desk.attempts(odd, "error_class"), lambda rows: bool(rows) and rows[0] == ("request",))
