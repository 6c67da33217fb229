"""The log over HTTP: page by page, and live as Server-Sent Events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from hub.settings import Settings
from tests.kit.gateway import GatewayStage, TestKey, running_gateway


@asynccontextmanager
async def listening(stage: GatewayStage, key: TestKey, query: str = "", **headers: str) -> AsyncIterator["Stream"]:
    async with stage.client.stream("GET", f"/api/events/stream{query}", headers=key.headers | headers) as response:
        yield Stream(response)


class Stream:
    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = _lines_of(response)

    async def message(self, seconds: float = 5) -> dict[str, str]:
        """Read the next message or comment."""
        found: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if not line:
                    return found
                name, _, value = line.partition(":")
                found[name] = value.removeprefix(" ")
        raise EOFError


async def _lines_of(response: httpx.Response) -> AsyncIterator[str]:
    # httpx's own reading of lines also breaks them at U+2028, which Server-Sent Events do not.
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode()


async def test_messages_carry_the_sequence_and_the_bytes_of_the_log(live: GatewayStage, live_key: TestKey) -> None:
    written = await live.happen(live_key.pharmacy_id, 2)
    async with listening(live, live_key, "?after=0") as stream:
        assert stream.response.headers["content-type"] == "text/event-stream"
        assert await stream.message() == {"retry": "1000", "": "ready 2"}
        written += await live.happen(live_key.pharmacy_id)
        for event in written:
            assert await stream.message() == {"id": str(event.sequence), "data": event.body}


async def test_last_event_id_wins_over_after(live: GatewayStage, live_key: TestKey) -> None:
    await live.happen(live_key.pharmacy_id, 4)
    async with listening(live, live_key, "?after=0&types=sale.*", **{"Last-Event-ID": "3"}) as stream:
        await stream.message()
        assert (await stream.message())["id"] == "4"


async def test_without_a_position_it_is_live_only(live: GatewayStage, live_key: TestKey) -> None:
    await live.happen(live_key.pharmacy_id, 4)
    async with listening(live, live_key) as stream:
        assert await stream.message() == {"retry": "1000", "": "ready 4"}
        await live.happen(live_key.pharmacy_id)
        assert (await stream.message())["id"] == "5"


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?after=-1", {}), ("?after=9", {}), ("?after=", {}), ("?types=", {}), ("?limit=3", {}), ("", {"Last-Event-ID": "x"}),
     ("?after=0", {"Last-Event-ID": ""}), ("", {"Last-Event-ID": "9"})],
)  # fmt: skip
async def test_bad_positions_are_400_before_the_stream_begins(
    live: GatewayStage, live_key: TestKey, query: str, headers: dict[str, str]
) -> None:
    response = await live.client.get(f"/api/events/stream{query}", headers=live_key.headers | headers)
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "/problems/unknown-parameter"


async def test_a_revoked_key_ends_the_stream(live: GatewayStage, live_key: TestKey) -> None:
    async with listening(live, live_key) as stream:
        await stream.message()
        await live.revoke(live_key)
        assert "4401" in (await stream.message())[""]
        with pytest.raises(EOFError):
            await stream.message()


async def test_sigterm_ends_the_stream_in_order(settings: Settings) -> None:
    async with running_gateway(settings) as stage:
        key = await stage.add_key()
        async with listening(stage, key) as stream:
            await stream.message()
            stage.process.terminate()
            assert "1012" in (await stream.message(3))[""]
            with pytest.raises(EOFError):
                await stream.message(3)
        async with asyncio.timeout(4):
            await stage.process.wait()


async def test_the_log_is_read_page_by_page(live: GatewayStage, live_key: TestKey) -> None:
    written = await live.log(live_key.pharmacy_id, 7)
    written += await live.log(live_key.pharmacy_id, 1, "order.placed")
    first = await ask(live, live_key, "?limit=3")
    assert (first["next_after"], first["last_sequence"]) == (3, 8)
    second = await ask(live, live_key, f"?after={first['next_after']}")
    assert (second["next_after"], second["last_sequence"]) == (8, 8)
    assert first["items"] + second["items"] == [json.loads(event.body) for event in written]
    assert await ask(live, live_key, "?after=8") == {"items": [], "next_after": 8, "last_sequence": 8}
    orders = await ask(live, live_key, "?type=order.placed&limit=1")
    assert [event["sequence"] for event in orders["items"]] == [8]
    voids = await ask(live, live_key, "?type=sale.voided&limit=1")
    assert voids == {"items": [], "next_after": 8, "last_sequence": 8}


async def ask(stage: GatewayStage, key: TestKey, query: str) -> Any:
    response = await stage.client.get(f"/api/events/{query}", headers=key.headers)
    assert response.status_code == 200, response.text
    return response.json()


async def test_the_bytes_of_the_page_are_the_bytes_of_the_log(live: GatewayStage, live_key: TestKey) -> None:
    (event,) = await live.log(live_key.pharmacy_id)
    response = await live.client.get("/api/events", headers=live_key.headers)
    assert response.content == b'{"items":[' + event.body.encode() + b'],"next_after":1,"last_sequence":1}'


@pytest.mark.parametrize(
    "query", ["?after=6", "?after=-1", "?after=x", "?after=", "?limit=0", "?limit=501", "?limit=", "?type=", "?type=sale.*",
              "?types=sale.recorded", "?after=1&after=2", "?type=%00"],
)  # fmt: skip
async def test_wrong_parameters_of_the_list_are_400(live: GatewayStage, live_key: TestKey, query: str) -> None:
    await live.log(live_key.pharmacy_id, 5)
    response = await live.client.get(f"/api/events{query}", headers=live_key.headers)
    assert response.status_code == 400, response.text


async def test_below_retention_is_410_with_the_first_sequence(live: GatewayStage, live_key: TestKey) -> None:
    await live.log(live_key.pharmacy_id, 5)
    async with live.writes.connection() as connection:
        await connection.execute("DELETE FROM events WHERE pharmacy_id = $1 AND sequence <= 3", live_key.pharmacy_id)
    for path in ("/api/events", "/api/events?after=2", "/api/events/stream?after=2"):
        response = await live.client.get(path, headers=live_key.headers)
        assert response.status_code == 410, response.text
        assert response.json()["first_sequence"] == 4
    assert [event["sequence"] for event in (await ask(live, live_key, "?after=3"))["items"]] == [4, 5]


@pytest.fixture
async def live_key(live: GatewayStage) -> TestKey:
    return await live.add_key()
