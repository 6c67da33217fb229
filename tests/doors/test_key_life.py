"""The life of a key: two live ones during a rotation, an end at its time, and dead everywhere within seconds of its revocation."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway import kept
from tests.doors.test_sse import listening
from tests.doors.test_websocket import close_code, follow, frame_of
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.wait import eventually

REVOKED_SECONDS = 5.0
"""After so long what is revoked is dead everywhere."""
ENDS_SECONDS = 4.0


async def _update(live: GatewayStage, statement: str, *values: object) -> None:
    """Change rows behind every notice: as if hub.control did not exist."""
    async with live.writes.transaction() as connection:
        await connection.execute(statement, *values)


async def _status(live: GatewayStage, key: TestKey) -> int:
    return (await live.client.get("/api/sales/", headers=key.headers)).status_code


async def test_while_a_key_is_rotated_both_are_good_and_then_the_old_one_is_dead(live: GatewayStage) -> None:
    old = await live.add_key()
    new = await live.add_key(old.pharmacy_id)
    assert [await _status(live, key) for key in (old, new)] == [200, 200]
    await live.revoke(old)
    await eventually(lambda: _status(live, old), lambda status: status == 401, within=REVOKED_SECONDS)
    assert await _status(live, new) == 200


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_keys SET revoked_at = now(), version = version + 1 WHERE id = $1",
        "UPDATE pharmacies SET is_active = false, version = version + 1 WHERE id = (SELECT pharmacy_id FROM api_keys WHERE id = $1)",
    ],
    ids=["the key is revoked", "the pharmacy is deactivated"],
)
async def test_a_revoked_key_is_dead_on_every_door_though_no_notice_comes(live: GatewayStage, statement: str) -> None:
    key = await live.add_key()
    stays = await live.add_key()
    assert kept.POLL_SECONDS <= 3, "the promise is five seconds"
    async with follow(live, key) as socket, listening(live, key) as stream, follow(live, stays) as other:
        await frame_of(socket)
        await stream.message()
        await frame_of(other)
        assert await _status(live, key) == 200
        loop = asyncio.get_running_loop()
        began = loop.time()
        await _update(live, statement, key.id)
        await eventually(lambda: _status(live, key), lambda status: status == 401, within=REVOKED_SECONDS)
        assert (await close_code(socket, REVOKED_SECONDS))[0] == 4401
        assert "4401" in (await stream.message(REVOKED_SECONDS))[""]
        assert loop.time() - began < REVOKED_SECONDS
        ticket = await live.client.post("/api/events/ticket/", headers=key.headers)
        assert ticket.status_code == 401
        await live.happen(stays.pharmacy_id)
        assert (await frame_of(other))["type"] == "event"


async def test_a_key_ends_at_its_time_on_every_door(live: GatewayStage) -> None:
    key = await live.add_key()
    ends = datetime.now(UTC) + timedelta(seconds=ENDS_SECONDS)
    await _update(live, "UPDATE api_keys SET expires_at = $2, version = version + 1 WHERE id = $1", key.id, ends)
    async with follow(live, key) as socket, listening(live, key) as stream:
        await frame_of(socket)
        await stream.message()
        assert await _status(live, key) == 200
        assert (await close_code(socket, ENDS_SECONDS + REVOKED_SECONDS))[0] == 4401
        assert "4401" in (await stream.message(ENDS_SECONDS + REVOKED_SECONDS))[""]
        await eventually(
            lambda: _status(live, key), lambda status: status == 401, within=ENDS_SECONDS + REVOKED_SECONDS
        )
        assert datetime.now(UTC) >= ends


async def test_a_ticket_of_a_revoked_key_opens_nothing(live: GatewayStage) -> None:
    key = await live.add_key()
    made = await live.client.post("/api/events/ticket/", headers=key.headers)
    assert made.status_code == 201
    await live.revoke(key)
    await eventually(lambda: _status(live, key), lambda status: status == 401, within=REVOKED_SECONDS)
    with pytest.raises(Exception, match="401"):
        async with follow(live, None, "", subprotocols=["hub.v1", f"ticket.{made.json()['ticket']}"]):
            pass
