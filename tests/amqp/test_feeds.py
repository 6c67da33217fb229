"""A pharmacy's own feed: its events and nobody else's, in order, bounded, and what is missing shows."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jsonschema_rs
import orjson
import pytest
from pika.exceptions import AMQPError

from hub.asyncapi import EVENT_HEADERS, asyncapi_document
from tests.kit.amqp import AmqpStage, Till
from tests.kit.wait import until

TOLD = asyncapi_document()["channels"]["feed"]["messages"]
ITEM = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 500}


def _open(till: Till, **members: Any) -> dict[str, Any]:
    answer = till.http("POST", "/api/event-queue/", members)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def _read(till: Till, count: int, within: float = 10) -> list[dict[str, Any]]:
    """Read so many events with acks by hand."""
    events: list[dict[str, Any]] = []
    with till.channel() as channel:
        channel.basic_qos(prefetch_count=50)

        def take(_channel: Any, method: Any, told: Any, body: bytes) -> None:
            event = orjson.loads(body)
            assert (told.content_type, told.message_id) == ("application/cloudevents+json", event["id"])
            # A delivery that comes again has RabbitMQ's own header besides.
            headers = {name: value for name, value in told.headers.items() if name != "x-delivery-count"}
            assert headers == {"sequence": event["sequence"], "pharmacy_id": till.id}
            assert headers.keys() == EVENT_HEADERS["properties"].keys()
            jsonschema_rs.validator_for(TOLD[event["type"]]["payload"]).validate(event)
            events.append(event)
            channel.basic_ack(method.delivery_tag)

        channel.basic_consume(f"hub.out.{till.id}", take)
        deadline = time.monotonic() + within
        while len(events) < count:
            assert time.monotonic() < deadline, f"{len(events)} events of {count} within {within} s"
            channel.connection.process_data_events(0.05)
    return events


def _sell(till: Till, times: int) -> None:
    sale = {"sku": "PZN1", "quantity": 1, "total_price": "1.00"}
    told = till.send("sale.record", [sale] * times)
    assert all(one["status"] == "applied" for one in told)


def test_a_feed_has_all_events_of_its_pharmacy_in_order_and_no_others(stage: AmqpStage, till: Till) -> None:
    other = stage.open_pharmacy("Other")
    made = _open(till)
    assert (made["queue"], made["types"], made["max_length"]) == (f"hub.out.{till.id}", ["*"], 100_000)
    queue = until(
        lambda: stage.management("GET", f"/api/queues/%2F/hub.out.{till.id}"),
        lambda shown: "effective_policy_definition" in shown,  # it has to stand in the statistics
    )
    assert (queue["type"], queue["durable"]) == ("quorum", True)
    assert queue["effective_policy_definition"].items() >= {"max-length": 100_000, "overflow": "drop-head"}.items()
    for owner in (till, other):
        owner.send("inventory.create", ITEM)
        _sell(owner, 30)
    events = _read(till, 31)
    assert [event["sequence"] for event in events] == list(range(2, 33))
    assert events == till.events()[1:]
    state = till.http("GET", "/api/event-queue/").json()
    assert state == made | {"depth": 0, "consumers": state["consumers"], "last_sequence": 32}


def test_what_was_not_acked_comes_again_in_order(till: Till) -> None:
    _open(till)
    till.send("inventory.create", ITEM)
    _sell(till, 9)
    with till.channel() as channel:
        seen: list[int] = []
        channel.basic_qos(prefetch_count=4)
        channel.basic_consume(f"hub.out.{till.id}", lambda _c, _m, told, _b: seen.append(told.headers["sequence"]))
        until(lambda: channel.connection.process_data_events(0.05) or len(seen) == 4)
    assert [event["sequence"] for event in _read(till, 10)] == list(range(2, 12))


def test_a_full_feed_drops_the_oldest_and_the_gap_shows(till: Till) -> None:
    _open(till, max_length=5)
    till.send("inventory.create", ITEM)
    _sell(till, 19)
    until(lambda: till.http("GET", "/api/event-queue/").json()["depth"] == 5)
    events = _read(till, 5)
    assert [event["sequence"] for event in events] == [17, 18, 19, 20, 21]
    missing = till.http("GET", "/api/events/?after=1&limit=15").json()["items"]
    assert [event["sequence"] for event in missing] == list(range(2, 17))


def test_a_filtered_feed_takes_its_types_and_says_up_to_where_it_goes(till: Till) -> None:
    _open(till, types=["sale.*", "inventory.created"])
    till.send("inventory.create", ITEM)
    _sell(till, 2)
    item = till.http("GET", "/api/inventory/").json()["items"][0]
    till.send("inventory.adjust", {"id": item["id"], "delta": 1, "reason": "found"})
    assert [event["type"] for event in _read(till, 3)] == ["inventory.created", "sale.recorded", "sale.recorded"]
    assert till.http("GET", "/api/event-queue/").json()["last_sequence"] == 4
    assert till.events()[-1]["sequence"] == 5
    changed = _open(till, types=["inventory.adjusted"], max_length=7)
    assert (changed["types"], changed["max_length"], changed["version"]) == (["inventory.adjusted"], 7, 2)
    _sell(till, 1)
    till.send("inventory.adjust", {"id": item["id"], "delta": 1, "reason": "found"})
    assert [event["type"] for event in _read(till, 1)] == ["inventory.adjusted"]


def test_what_a_full_filtered_feed_dropped_is_told_by_its_state_and_found_in_the_log(till: Till) -> None:
    def state() -> dict[str, Any]:
        shown: dict[str, Any] = till.http("GET", "/api/event-queue/").json()
        return shown

    _open(till, types=["sale.*"], max_length=3)
    till.send("inventory.create", ITEM)
    _sell(till, 2)
    last = _read(till, 2)[-1]["sequence"]
    item = till.http("GET", "/api/inventory/").json()["items"][0]
    till.send("inventory.adjust", {"id": item["id"], "delta": 1, "reason": "found"})
    until(lambda: state()["depth"] == 0)
    # A gap in the sequence is none of its own: what came after the last one that was read is of no type of this feed.
    assert state()["last_sequence"] == last == 4
    _sell(till, 8)
    until(lambda: state()["depth"] == 3)
    seen = [event["sequence"] for event in _read(till, 3)]
    until(lambda: state()["depth"] == 0)
    assert (seen, state()["last_sequence"]) == ([11, 12, 13], 13)
    log = till.http("GET", f"/api/events/?after={last}&limit=500").json()["items"]
    assert [one["sequence"] for one in log if one["type"].startswith("sale.")] == [6, 7, 8, 9, 10, *seen]
    # All that it keeps dropped as well, with nothing behind it that could show it: only its state tells.
    with till.channel() as channel:
        _sell(till, 2)
        until(lambda: state()["depth"] == 2)
        channel.queue_purge(f"hub.out.{till.id}")
    until(lambda: state()["depth"] == 0)
    assert state()["last_sequence"] == 15 > seen[-1]
    assert [one["sequence"] for one in till.http("GET", "/api/events/?after=13").json()["items"]] == [14, 15]


def test_a_key_without_the_scope_reads_no_feed(till: Till) -> None:
    _open(till)
    till.send("inventory.create", ITEM)
    made = till.http("POST", f"/api/pharmacies/{till.id}/keys/", {"name": "narrow", "scopes": ["write"]}).json()
    with (
        Till(till.stage, till.id, made["api_key"]).channel() as channel,
        pytest.raises(AMQPError, match="ACCESS_REFUSED"),
    ):
        channel.basic_consume(f"hub.out.{till.id}", lambda *_: None)
    assert _read(till, 1)[0]["sequence"] == 2


def test_a_feed_that_its_pharmacy_purged_has_what_comes_after(till: Till) -> None:
    _open(till)
    till.send("inventory.create", ITEM)
    until(lambda: till.http("GET", "/api/event-queue/").json()["depth"] == 1)
    with till.channel() as channel:
        channel.queue_purge(f"hub.out.{till.id}")
    _sell(till, 1)
    assert [event["sequence"] for event in _read(till, 1)] == [3]
    assert [event["sequence"] for event in till.events()] == [1, 2, 3]


def test_a_removed_feed_is_gone_and_can_be_made_again(stage: AmqpStage, till: Till) -> None:
    _open(till, max_length=3)
    assert till.http("DELETE", "/api/event-queue/").status_code == 204
    assert till.http("GET", "/api/event-queue/").status_code == 404
    assert till.http("DELETE", "/api/event-queue/").status_code == 404
    with till.channel() as channel, pytest.raises(AMQPError, match="NOT_FOUND"):
        channel.queue_declare(f"hub.out.{till.id}", passive=True)
    assert f"hub-out-{till.id}" not in {each["name"] for each in stage.management("GET", "/api/policies/%2F")}
    _open(till)
    till.send("inventory.create", ITEM)
    assert len(_read(till, 1)) == 1


def _bounds(stage: AmqpStage, till: Till) -> list[Any]:
    """Say what the broker does with the feed: the keys that bind it and the policy that bounds it."""
    bindings = stage.management("GET", f"/api/bindings/%2F/e/hub.events/q/hub.out.{till.id}")
    policies = {each["name"]: each["definition"] for each in stage.management("GET", "/api/policies/%2F")}
    policy = policies.get(f"hub-out-{till.id}")
    return [
        sorted(each["routing_key"].partition(".")[2] for each in bindings),
        policy and policy["max-length"],
    ]


@pytest.mark.parametrize("prefer", ["wait=20", "respond-async"], ids=["waited", "not waited"])
def test_a_key_that_was_used_for_another_feed_is_a_mismatch_and_changes_nothing(
    stage: AmqpStage, till: Till, prefer: str
) -> None:
    def ask(method: str, body: object = None, **more: str) -> httpx.Response:
        return stage.ask(till.key, method, "/api/event-queue/", body, Prefer=prefer, **more)

    first = {"types": ["sale.*"], "max_length": 7}
    assert ask("POST", first, Idempotency_Key="feed-1").status_code in {201, 202}
    assert till.send("inventory.create", ITEM, message_id="till-1")["status"] == "applied"
    # The second key was used at the other door: only the writer knows that.
    for method, body, key in (
        ("POST", {"types": ["order.*"]}, "feed-1"), ("DELETE", None, "feed-1"),
        ("POST", {"types": ["order.*"]}, "till-1"), ("DELETE", None, "till-1"),
    ):  # fmt: skip
        wrong = ask(method, body, Idempotency_Key=key)
        assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/idempotency-mismatch"), (method, key)
        assert _bounds(stage, till) == [["sale.*"], 7]
    assert till.http("GET", "/api/event-queue/").json().items() >= first.items()
    assert ask("POST", first, Idempotency_Key="feed-1").status_code in {201, 202}


def test_a_repeat_of_an_older_wish_leaves_the_feed_as_it_is_now(stage: AmqpStage, till: Till) -> None:
    def ask(method: str, key: str, body: object = None) -> int:
        return till.http(method, "/api/event-queue/", body, Idempotency_Key=key).status_code

    old, new = {"types": ["sale.*"], "max_length": 7}, {"types": ["order.*"], "max_length": 9}
    assert [ask("POST", "one", old), ask("POST", "two", new), ask("POST", "one", old)] == [201] * 3
    assert _bounds(stage, till) == [["order.*"], 9]
    assert [ask("DELETE", "three"), ask("POST", "two", new)] == [204, 201]
    assert till.http("GET", "/api/event-queue/").status_code == 404
    assert _bounds(stage, till) == [[], None]
    assert [ask("POST", "four", new), ask("DELETE", "three")] == [201, 204]
    assert _bounds(stage, till) == [["order.*"], 9]


def test_of_wishes_at_the_same_moment_the_queue_follows_the_last(stage: AmqpStage, till: Till) -> None:
    at_once = 8
    turn = threading.Barrier(at_once, timeout=20)

    def ask(number: int) -> int:
        turn.wait()
        if number == 5:
            return till.http("DELETE", "/api/event-queue/").status_code
        types = [("sale.*", "order.*", "inventory.*", "*")[number % 4]]
        return till.http("POST", "/api/event-queue/", {"types": types, "max_length": 10 + number}).status_code

    for _ in range(5):
        with ThreadPoolExecutor(at_once) as threads:
            assert set(threads.map(ask, range(at_once))) <= {201, 204, 404}
        feed = till.http("GET", "/api/event-queue/").json()
        wanted: list[Any] = [[], None]
        if "types" in feed:
            wanted = [["#" if kind == "*" else kind for kind in feed["types"]], feed["max_length"]]
        assert _bounds(stage, till) == wanted


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"types": []}, "#/types"), ({"types": ["sale.#"]}, "#/types/0"), ({"types": ["#"]}, "#/types/0"), ({"types": ["*.recorded"]}, "#/types/0"),
        ({"max_length": 0}, "#/max_length"), ({"max_length": 10_000_000}, "#/max_length"), ({"queue": "hub.out.x"}, "#/queue"),
    ],
    ids=["no types", "a hash", "all by a hash", "a star in front", "no length", "too long", "a name"],
)  # fmt: skip
def test_a_feed_is_asked_for_in_its_own_words(till: Till, members: dict[str, Any], pointer: str) -> None:
    answer = till.http("POST", "/api/event-queue/", members)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
