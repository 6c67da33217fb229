"""Pharmacies and their keys over HTTP, with the real writer behind them."""

import asyncio
from collections.abc import Iterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub.domain.ids import default_endpoint_id
from hub.security.vault import Vault, endpoint_aad
from tests.doors.test_sse import listening
from tests.doors.test_websocket import close_code, follow, frame_of
from tests.kit.gateway import GatewayStage, TestKey, running_gateway
from tests.kit.http import WAIT, ask
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually


@pytest.fixture(scope="module")
def house(live: GatewayStage) -> Iterator[GatewayStage]:
    """A gateway and a writer."""
    with consumers_process(live.settings.model_copy(update={"roles": ("writer",)})):
        yield live


async def test_a_new_pharmacys_key_works_at_once_and_again(house: GatewayStage) -> None:
    """The key is in the 201 and in the 202, the same in a repeat; the secret of a webhook_url too."""
    operator = await house.add_operator_key()
    body = {"name": "Corner", "webhook_url": "https://example.org/in"}
    made = await ask(house, operator, "POST", "/api/pharmacies/", body, Idempotency_Key="p1", **WAIT)
    assert made.status_code == 201, made.text
    pharmacy = made.json()
    assert pharmacy["api_key"].startswith("phk_")
    assert pharmacy["webhook_secret"].startswith("whsec_")
    works = await ask(house, pharmacy["api_key"], "GET", f"/api/pharmacies/{pharmacy['id']}/")
    assert works.status_code == 200
    assert "api_key" not in works.json()
    repeated = await ask(house, operator, "POST", "/api/pharmacies/", body, Idempotency_Key="p1")
    assert repeated.status_code == 202
    assert repeated.json()["api_key"] == pharmacy["api_key"]
    assert repeated.json()["webhook_secret"] == pharmacy["webhook_secret"]
    assert repeated.json()["resource"]["id"] == pharmacy["id"]


async def test_a_secret_is_shown_to_a_repeat_of_its_request_alone(house: GatewayStage) -> None:
    """Another body under the same Idempotency-Key, at a gateway that does not know better, is shown another key."""
    key = await house.add_key()
    place = f"/api/pharmacies/{key.pharmacy_id}/keys/"
    full = await ask(house, key, "POST", place, {"name": "full"}, Idempotency_Key="k", **WAIT)
    assert full.status_code == 201
    async with running_gateway(house.settings) as second:
        repeat = await ask(second, key, "POST", place, {"name": "full"}, Idempotency_Key="k")
        assert repeat.json()["api_key"] == full.json()["api_key"]
    async with running_gateway(house.settings) as third:
        other = await ask(third, key, "POST", place, {"name": "less", "scopes": ["read"]}, Idempotency_Key="k")
        assert other.status_code == 202
        assert other.json()["api_key"] != full.json()["api_key"]
        assert (await ask(third, other.json()["api_key"], "GET", place)).status_code == 401


async def test_keys_are_minted_within_ones_own_scopes_and_end_within_seconds(house: GatewayStage) -> None:
    """Keys: list, mint, revoke; nobody gives what they lack."""
    key = await house.add_key()
    place = f"/api/pharmacies/{key.pharmacy_id}/keys/"
    made = await ask(house, key, "POST", place, {"name": "till", "scopes": ["read", "write"]}, **WAIT)
    assert made.status_code == 201, made.text
    assert {"id", "name", "scopes", "expires_at", "api_key"} <= set(made.json())
    assert made.headers["location"] == f"{place}{made.json()['id']}/"
    till = made.json()["api_key"]
    assert (await ask(house, till, "GET", place)).status_code == 200
    wider = await ask(house, till, "POST", place, {"name": "x"})
    assert (wider.status_code, wider.json()["type"]) == (403, "/problems/forbidden")
    assert (
        await ask(house, till, "PATCH", f"/api/pharmacies/{key.pharmacy_id}", {"webhook_url": None})
    ).status_code == 403
    assert (await ask(house, key, "DELETE", f"{place}{made.json()['id']}/", **WAIT)).status_code == 204

    async def status() -> int:
        return (await ask(house, till, "GET", place)).status_code

    assert await eventually(status, lambda seen: seen == 401, within=5) == 401


async def test_a_key_that_is_revoked_over_http_is_dead_on_every_door_within_5_seconds(house: GatewayStage) -> None:
    key = await house.add_key()
    place = f"/api/pharmacies/{key.pharmacy_id}/keys/"
    made = (await ask(house, key, "POST", place, {"name": "till"}, **WAIT)).json()
    till = TestKey(UUID(made["id"]), key.pharmacy_id, made["api_key"])
    loop = asyncio.get_running_loop()

    async def status() -> int:
        return (await ask(house, till, "GET", "/api/inventory/")).status_code

    async with follow(house, till) as socket, listening(house, till) as stream, follow(house, key) as stays:
        for each in (socket, stays):
            assert (await frame_of(each))["type"] == "ready"
        await stream.message()
        assert await status() == 200
        began = loop.time()
        assert (await ask(house, key, "DELETE", f"{place}{till.id}/")).status_code == 202
        await eventually(status, lambda seen: seen == 401, within=5)
        assert (await close_code(socket))[0] == 4401
        while "4401" not in (await stream.message()).get("", ""):
            pass  # the event of its own end comes first
        assert loop.time() - began < 5
        assert (await frame_of(stays))["event"]["type"] == "api_key.revoked"
    for path in ("/api/events/stream", "/api/events/", "/api/operations/x"):
        assert (await ask(house, till, "GET", path)).status_code == 401


async def test_what_a_pharmacys_key_may_do_with_pharmacies(house: GatewayStage) -> None:
    """Its own only, without is_active; operators' routes are closed to it."""
    key, other = await house.add_key(), await house.add_key()
    own = f"/api/pharmacies/{key.pharmacy_id}"
    expected = [
        ("GET", "/api/pharmacies/", None, 403),
        ("POST", "/api/pharmacies/", {"name": "x"}, 403),
        ("DELETE", own, None, 403),
        ("PATCH", own, {"is_active": False}, 403),
        ("PATCH", own, {"name": "New"}, 200),
        ("GET", own, None, 200),
        ("GET", f"/api/pharmacies/{other.pharmacy_id}", None, 404),
        ("PATCH", f"/api/pharmacies/{other.pharmacy_id}", {"name": "x"}, 404),
        ("POST", f"/api/pharmacies/{other.pharmacy_id}/keys", {"name": "x"}, 404),
        ("GET", f"/api/pharmacies/{uuid4()}", None, 404),
        ("PATCH", own, {"webhook_url": "http://localhost/x"}, 422),
        ("PATCH", own, {"webhook_url": "https://10.0.0.1/"}, 422),
    ]
    for method, path, body, status in expected:
        answer = await ask(house, key, method, path, body, **WAIT)
        assert answer.status_code == status, f"{method} {path} {body}: {answer.text}"
        if status == 422:
            assert {error["pointer"] for error in answer.json()["errors"]} == {"#/webhook_url"}


async def test_deactivating_a_pharmacy_ends_its_keys(house: GatewayStage) -> None:
    """And activating it brings them back."""
    key, operator = await house.add_key(), await house.add_operator_key()
    own = f"/api/pharmacies/{key.pharmacy_id}/"
    assert (await ask(house, operator, "DELETE", own, **WAIT)).status_code == 204

    async def status() -> int:
        return (await ask(house, key, "GET", "/api/inventory/")).status_code

    await eventually(status, lambda seen: seen == 401, within=5)
    assert (await ask(house, operator, "GET", own)).json()["is_active"] is False
    assert (await ask(house, operator, "DELETE", own, **WAIT)).status_code == 204
    assert (await ask(house, operator, "PATCH", own, {"is_active": True}, **WAIT)).status_code == 200
    await eventually(status, lambda seen: seen == 200, within=5)


async def test_the_secret_is_encrypted_for_the_endpoint(house: GatewayStage) -> None:
    """Neither the table nor the command holds it as text."""
    key = await house.add_key()
    answer = await ask(
        house, key, "PATCH", f"/api/pharmacies/{key.pharmacy_id}", {"webhook_url": "https://example.org/a"}, **WAIT
    )
    secret = answer.json()["webhook_secret"]
    connection = await asyncpg.connect(house.settings.database_url.get_secret_value())
    try:
        stored = await connection.fetchval(
            "SELECT secret FROM webhook_endpoints WHERE pharmacy_id = $1", key.pharmacy_id
        )
    finally:
        await connection.close()
    assert secret not in stored
    place = endpoint_aad(default_endpoint_id(key.pharmacy_id))
    assert Vault(house.settings.secret_key.get_secret_value()).decrypt_text(stored, place) == secret
