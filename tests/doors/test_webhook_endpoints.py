"""Endpoints through the front door: made, changed, ended; secrets shown once and kept sealed; what is dangerous is refused."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from consumers.envelope import read_message
from hub.security.vault import Vault, endpoint_aad
from tests.conftest import SECRET_KEY
from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage
from tests.kit.http import assert_problem
from tests.kit.owner import ENDPOINTS, Json, Owner

OWN_SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


@pytest.fixture(scope="module")
async def stage(live: GatewayStage) -> AsyncIterator[GatewayStage]:
    """A gateway and a writer; nobody spreads or delivers."""
    async with running_consumers(live.settings.model_copy(update={"roles": ("writer",)})):
        yield live


@pytest.fixture
async def owner(stage: GatewayStage) -> Owner:
    return Owner(stage, await stage.add_key())


def opened(row: Any, column: str = "secret") -> str:
    return Vault(SECRET_KEY).decrypt_text(row[column], endpoint_aad(row["id"]))


async def test_an_endpoint_is_made_shown_listed_changed_and_ended(owner: Owner) -> None:
    made = await owner.make(
        event_types=["sale.*", "order.placed"], filter={"data.sale.total_price": {"$gte": "100.00"}}, description="shop",
        ordered=True, headers={"X-Shop": "7"}, timeout_seconds=15, ladder_seconds=[1, 60], throttle_per_second=5,
    )  # fmt: skip
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    shown = await owner.call("GET", f"{ENDPOINTS}{made['id']}/")
    assert (shown.status_code, shown.headers["etag"]) == (200, '"1"')
    assert shown.json() == made
    listed = (await owner.call("GET", ENDPOINTS)).json()["items"]
    assert listed == [made]
    assert (made["filter"], made["ladder_seconds"]) == ({"data.sale.total_price": {"$gte": "100.00"}}, [1, 60])
    changed = await owner.call(
        "PATCH", f"{ENDPOINTS}{made['id']}/", {"description": "new", "headers": {"X-Till": "1"}, "filter": None}, If_Match='"1"'
    )  # fmt: skip
    assert changed.status_code == 200, changed.text
    assert changed.json() == made | {
        "description": "new", "headers": {"X-Shop": "7", "X-Till": "1"}, "filter": None, "version": 2,
        "updated_at": changed.json()["updated_at"],
    }  # fmt: skip
    stale = await owner.call("PATCH", f"{ENDPOINTS}{made['id']}/", {"description": "late"}, If_Match='"1"')
    assert_problem(stale, 412)
    replaced = (await owner.call("PUT", f"{ENDPOINTS}{made['id']}/", {"url": "https://new.example/"})).json()
    assert (replaced["url"], replaced["event_types"], replaced["headers"]) == ("https://new.example/", ["*"], {})
    assert (replaced["ordered"], replaced["timeout_seconds"], replaced["ladder_seconds"]) == (False, 20, None)
    assert opened(await owner.row(made["id"])) == secret  # only a rotation changes it
    assert (await owner.call("DELETE", f"{ENDPOINTS}{made['id']}/")).status_code == 204
    assert_problem(await owner.call("GET", f"{ENDPOINTS}{made['id']}/"), 404)
    assert_problem(await owner.call("DELETE", f"{ENDPOINTS}{made['id']}/"), 404)
    assert (await owner.call("GET", ENDPOINTS)).json()["items"] == []
    events = (await owner.call("GET", "/api/events/")).json()["items"]
    assert [event["type"].partition(".")[2] for event in events] == ["created", "updated", "updated", "deleted"]
    assert events[1]["data"]["changed"] == {
        "description": "shop", "headers": {"X-Shop": "7"}, "filter": {"data.sale.total_price": {"$gte": "100.00"}},
    }  # fmt: skip
    assert "secret" not in json.dumps(events)


async def test_a_change_that_changes_nothing_is_no_event_and_no_version(owner: Owner) -> None:
    made = await owner.make(headers={"X-A": "1"})
    again = await owner.call("PATCH", f"{ENDPOINTS}{made['id']}/", {"headers": {"X-A": "1"}, "enabled": True})
    assert again.json()["version"] == 1
    assert len((await owner.call("GET", "/api/events/")).json()["items"]) == 1


async def test_a_secret_is_shown_with_201_and_202_to_repeats_too_and_kept_sealed(owner: Owner) -> None:
    body = {"url": "https://receiver.example/hook"}
    taken = await owner.stage.client.post(ENDPOINTS, json=body, headers=owner.key.headers | {"Idempotency-Key": "one"})
    assert taken.status_code == 202
    secret = taken.json()["secret"]
    made = await owner.call("POST", ENDPOINTS, body, Idempotency_Key="one")
    assert (made.status_code, made.json()["secret"]) == (201, secret)
    assert (await owner.call("POST", ENDPOINTS, body, Idempotency_Key="one")).json()["secret"] == secret
    row = await owner.row(made.json()["id"])
    assert opened(row) == secret
    assert secret not in str(dict(row))
    other = await owner.make()
    assert other["secret"] != secret
    Webhook(secret)  # an independent library takes it


async def test_a_client_brings_its_own_secret_and_it_never_travels_in_the_open(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def spy(body: bytes, partition: int) -> Any:
        seen.append(body.decode())
        return read_message(body, partition)

    monkeypatch.setattr("consumers.writer.read_message", spy)
    made = await owner.make(secret=OWN_SECRET, auth={"type": "basic", "username": "till", "password": "hunter2hunter2"})
    assert (made["secret"], made["auth_type"]) == (OWN_SECRET, "basic")
    assert "auth" not in made
    row = await owner.row(made["id"])
    assert opened(row) == OWN_SECRET
    assert json.loads(opened(row, "auth")) == {"type": "basic", "username": "till", "password": "hunter2hunter2"}
    patched = await owner.call(
        "PATCH", f"{ENDPOINTS}{made['id']}/", {"auth": {"type": "bearer", "token": "hunter3hunter3"}}
    )
    assert (patched.status_code, patched.json()["auth_type"]) == (200, "bearer")
    rotated = await owner.call("POST", f"{ENDPOINTS}{made['id']}/rotate-secret/", {"secret": OWN_SECRET[:-4] + "a2tr"})
    assert rotated.status_code == 200, rotated.text
    assert len(seen) >= 3
    for text in seen:
        for secret in ("hunter2hunter2", "hunter3hunter3", OWN_SECRET.removeprefix("whsec_"), OWN_SECRET[6:-4]):
            assert secret not in text
    kept = await owner.call("PATCH", f"{ENDPOINTS}{made['id']}/", {"description": "x"})
    assert kept.json()["auth_type"] == "bearer"
    gone = await owner.call("PATCH", f"{ENDPOINTS}{made['id']}/", {"auth": None})
    assert gone.json()["auth_type"] is None
    assert (await owner.row(made["id"]))["auth"] is None


async def test_another_secret_under_the_same_idempotency_key_is_another_request(owner: Owner) -> None:
    body = {"url": "https://receiver.example/", "secret": OWN_SECRET}
    assert (await owner.call("POST", ENDPOINTS, body, Idempotency_Key="k")).status_code == 201
    other = body | {"secret": "whsec_" + base64.b64encode(b"z" * 24).decode()}
    answer = assert_problem(await owner.call("POST", ENDPOINTS, other, Idempotency_Key="k"), 422)
    assert answer["type"] == "/problems/idempotency-mismatch"
    again = await owner.call("POST", ENDPOINTS, body, Idempotency_Key="k")
    assert (again.status_code, again.json()["secret"]) == (201, OWN_SECRET)


async def test_v1a_shows_the_public_key_and_nobody_the_private_one(owner: Owner) -> None:
    made = await owner.make(signing="v1a")
    assert made["public_key"].startswith("whpk_")
    assert "secret" not in made
    served = await owner.call("GET", f"{ENDPOINTS}{made['id']}/public-key")
    assert served.json() == {"endpoint_id": made["id"], "public_key": made["public_key"]}
    private = opened(await owner.row(made["id"]))
    assert private.startswith("whsk_")
    plain = await owner.make()
    assert_problem(await owner.call("GET", f"{ENDPOINTS}{plain['id']}/public-key/"), 404)
    refused = assert_problem(await owner.call("POST", f"{ENDPOINTS}{made['id']}/rotate-secret/"), 422)
    assert refused["errors"][0]["pointer"] == "#/signing"
    rotated = (await owner.call("POST", f"{ENDPOINTS}{made['id']}/rotate-secret/", {"signing": "v1a"})).json()
    assert rotated["public_key"] not in {None, made["public_key"]}
    moved = (await owner.call("POST", f"{ENDPOINTS}{plain['id']}/rotate-secret/", {"signing": "v1a"})).json()
    shown = (await owner.call("GET", f"{ENDPOINTS}{plain['id']}/")).json()
    assert (shown["signing"], shown["public_key"]) == ("v1a", moved["public_key"])


async def test_a_rotation_overlaps_as_long_as_it_is_told_and_repeats_say_the_same(owner: Owner) -> None:
    made = await owner.make()
    path = f"{ENDPOINTS}{made['id']}/rotate-secret/"
    first = await owner.call("POST", path, {"overlap_seconds": 3600}, Idempotency_Key="r1")
    assert first.status_code == 200, first.text
    assert set(first.json()) == {"secret", "previous_valid_until"}
    again = await owner.call("POST", path, {"overlap_seconds": 3600}, Idempotency_Key="r1")
    assert again.json() == first.json()
    row = await owner.row(made["id"])
    (previous,) = json.loads(row["previous_secrets"])
    assert previous["valid_until"] == first.json()["previous_valid_until"]
    assert opened({"id": row["id"], "secret": previous["secret"]}) == made["secret"]
    assert opened(row) == first.json()["secret"] != made["secret"]
    second = await owner.call("POST", path)  # a day, but none of them longer than it was promised
    ends = datetime.fromisoformat(second.json()["previous_valid_until"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)
    stamps = [one["valid_until"] for one in json.loads((await owner.row(made["id"]))["previous_secrets"])]
    assert stamps == [second.json()["previous_valid_until"], previous["valid_until"]]
    shown = (await owner.call("GET", f"{ENDPOINTS}{made['id']}/")).json()
    assert shown["previous_valid_until"] == second.json()["previous_valid_until"]
    for _ in range(5):
        await owner.call("POST", path)
    assert len(json.loads((await owner.row(made["id"]))["previous_secrets"])) == 4
    week = (await owner.call("POST", path, {"overlap_seconds": 604_800})).json()
    ends = datetime.fromisoformat(week["previous_valid_until"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)
    await owner.call("POST", path, {"overlap_seconds": 0})
    assert json.loads((await owner.row(made["id"]))["previous_secrets"]) == []
    for wrong in (-1, 604_801, 1.5, "60", None):
        fault = assert_problem(await owner.call("POST", path, {"overlap_seconds": wrong}), 422)
        assert fault["errors"][0]["pointer"] == "#/overlap_seconds"


async def test_webhook_url_is_an_endpoint_in_the_list_and_both_follow_each_other(owner: Owner) -> None:
    pharmacy = f"/api/pharmacies/{owner.key.pharmacy_id}/"
    answer = await owner.call("PATCH", pharmacy, {"webhook_url": "https://one.example/"})
    assert answer.status_code == 200, answer.text
    (listed,) = (await owner.call("GET", ENDPOINTS)).json()["items"]
    assert (listed["url"], listed["is_default"], listed["event_types"]) == ("https://one.example/", True, ["*"])
    moved = await owner.call(
        "PATCH", f"{ENDPOINTS}{listed['id']}/", {"url": "https://two.example/", "event_types": ["sale.*"]}
    )
    assert moved.status_code == 200, moved.text
    shown = (await owner.call("GET", pharmacy)).json()
    assert shown["webhook_url"] == "https://two.example/"
    # A new webhook_url keeps what was set about the endpoint.
    await owner.call("PATCH", pharmacy, {"webhook_url": "https://three.example/"})
    (listed,) = (await owner.call("GET", ENDPOINTS)).json()["items"]
    assert (listed["url"], listed["event_types"]) == ("https://three.example/", ["sale.*"])
    await owner.call("DELETE", f"{ENDPOINTS}{listed['id']}/")
    assert (await owner.call("GET", pharmacy)).json()["webhook_url"] is None
    types = [event["type"] for event in (await owner.call("GET", "/api/events/")).json()["items"]]
    assert types == [
        "pharmacy.updated", "webhook_endpoint.updated", "pharmacy.updated", "pharmacy.updated", "webhook_endpoint.deleted",
        "pharmacy.updated",
    ]  # fmt: skip
    # One that comes back is a new one: nothing of the old is left, and nothing of what happened meanwhile is sent.
    await owner.call("PATCH", pharmacy, {"webhook_url": "https://four.example/"})
    (listed,) = (await owner.call("GET", ENDPOINTS)).json()["items"]
    assert (listed["url"], listed["event_types"]) == ("https://four.example/", ["*"])
    async with owner.stage.writes.connection() as connection:
        cursor = await connection.fetchval(
            "SELECT sequence FROM webhook_cursors WHERE pharmacy_id = $1", owner.key.pharmacy_id
        )
    assert cursor == 6


TOO_MANY = {f"X-{number}": "1" for number in range(21)}


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"url": "http://receiver.example/"}, "#/url"),
        ({"url": "https://127.0.0.1/"}, "#/url"),
        ({"url": "https://user:pass@receiver.example/"}, "#/url"),
        ({"url": "https://metadata.google.internal/"}, "#/url"),
        ({"url": "https://receiver.example:8/"}, "#/url"),
        ({"url": "/hook"}, "#/url"),
        ({"url": None}, "#/url"),
        ({"event_types": []}, "#/event_types"),
        ({"event_types": ["sale.recroded"]}, "#/event_types/0"),
        ({"event_types": ["sale.*", "sails.*"]}, "#/event_types/1"),
        ({"event_types": ["*.recorded"]}, "#/event_types/0"),
        ({"event_types": "sale.*"}, "#/event_types"),
        ({"filter": []}, "#/filter"),
        ({"filter": {"data.x": {"$like": "a"}}}, "#/filter/data.x/$like"),
        ({"filter": {"$or": [{"kind": 1}]}}, "#/filter/$or/0/kind"),
        ({"headers": {"Host": "a"}}, "#/headers/Host"),
        ({"headers": {"content-type": "a"}}, "#/headers/content-type"),
        ({"headers": {"Webhook-Signature": "a"}}, "#/headers/Webhook-Signature"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "#/headers/Transfer-Encoding"),
        ({"headers": {"Authorization": "a"}}, "#/headers/Authorization"),
        ({"headers": {"Cookie": "a"}}, "#/headers/Cookie"),
        ({"headers": {"Proxy-Authorization": "a"}}, "#/headers/Proxy-Authorization"),
        ({"headers": {"X A": "a"}}, "#/headers/X%20A"),
        ({"headers": {"": "a"}}, "#/headers/"),
        ({"headers": {"X-A": "a\r\nB: c"}}, "#/headers/X-A"),
        ({"headers": {"X-A": "ä"}}, "#/headers/X-A"),
        ({"headers": {"X-A": " a"}}, "#/headers/X-A"),
        ({"headers": {"X-A": ""}}, "#/headers/X-A"),
        ({"headers": {"X-A": 1}}, "#/headers/X-A"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "#/headers"),
        ({"headers": TOO_MANY}, "#/headers"),
        ({"timeout_seconds": 14}, "#/timeout_seconds"),
        ({"timeout_seconds": 31}, "#/timeout_seconds"),
        ({"ladder_seconds": []}, "#/ladder_seconds"),
        ({"ladder_seconds": [0]}, "#/ladder_seconds/0"),
        ({"ladder_seconds": [5, 604_801]}, "#/ladder_seconds/1"),
        ({"ladder_seconds": [1] * 21}, "#/ladder_seconds"),
        ({"throttle_per_second": 0}, "#/throttle_per_second"),
        ({"signing": "v2"}, "#/signing"),
        ({"secret": "hunter2"}, "#/secret"),
        ({"secret": "whsec_" + base64.b64encode(b"k" * 23).decode()}, "#/secret"),
        ({"secret": "whsec_" + base64.b64encode(b"k" * 65).decode()}, "#/secret"),
        ({"secret": OWN_SECRET, "signing": "v1a"}, "#/secret"),
        ({"auth": {"type": "basic", "username": "a:b", "password": "c"}}, "#/auth/username"),
        ({"auth": {"type": "bearer", "token": "a b"}}, "#/auth/token"),
        ({"auth": {"type": "digest"}}, "#/auth"),
        ({"enabled": 1}, "#/enabled"),
        ({"colour": "red"}, "#/colour"),
    ],
    ids=str,
)
async def test_what_cannot_be_an_endpoint_is_refused_by_its_place_and_nothing_is_made(
    owner: Owner, members: Json, pointer: str
) -> None:
    answer = await owner.call("POST", ENDPOINTS, {"url": "https://receiver.example/"} | members)
    problem = assert_problem(answer, 422, members)
    assert pointer in [error["pointer"] for error in problem["errors"]], problem["errors"]
    assert (await owner.call("GET", ENDPOINTS)).json()["items"] == []


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"url": "https://10.0.0.1/"}, "#/url"),
        ({"url": None}, "#/url"),
        ({"event_types": ["nothing.*"]}, "#/event_types/0"),
        ({"filter": {"data": {"sale": {"$gt": None, "$lt": {}}}}}, "#/filter/data/sale/$lt"),
        ({"headers": {"Host": "evil"}}, "#/headers/Host"),
        ({"headers": {"x-a": "2"}}, "#/headers"),
        ({"headers": TOO_MANY}, "#/headers"),
        ({"secret": OWN_SECRET}, "#/secret"),
        ({"signing": "v1a"}, "#/signing"),
        ({"timeout_seconds": None}, "#/timeout_seconds"),
    ],
    ids=str,
)
async def test_a_patch_is_judged_by_what_it_makes_of_the_endpoint(owner: Owner, patch: Json, pointer: str) -> None:
    made = await owner.make(headers={"X-A": "1"})
    problem = assert_problem(await owner.call("PATCH", f"{ENDPOINTS}{made['id']}/", patch), 422, patch)
    assert pointer in [error["pointer"] for error in problem["errors"]], problem["errors"]
    assert (await owner.call("GET", f"{ENDPOINTS}{made['id']}/")).json()["version"] == 1


async def test_a_narrow_key_and_an_operator_are_held_to_their_scope(stage: GatewayStage, owner: Owner) -> None:
    narrow = Owner(stage, await stage.add_key(owner.key.pharmacy_id, ("read", "write")))
    assert_problem(await narrow.call("GET", ENDPOINTS), 403)
    assert_problem(await narrow.call("POST", ENDPOINTS, {"url": "https://receiver.example/"}), 403)
    operator = {"X-API-KEY": await stage.add_operator_key(), "Prefer": "wait=15"}
    body = {"url": "https://receiver.example/"}
    assert_problem(await stage.client.post(ENDPOINTS, json=body, headers=operator), 400)
    acting = operator | {"X-Pharmacy-Id": str(owner.key.pharmacy_id)}
    made = await stage.client.post(ENDPOINTS, json=body, headers=acting)
    assert made.status_code == 201
    assert made.json()["pharmacy_id"] == str(owner.key.pharmacy_id)
    lines = (await stage.client.get("/api/audit/?action=webhook_endpoint.create", headers=acting)).json()["items"]
    assert [line["subject"] for line in lines] == [f"webhook-endpoints/{made.json()['id']}"]
