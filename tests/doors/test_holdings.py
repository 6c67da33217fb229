"""A pharmacy may have a hundred endpoints, sources and valid keys; what it removed does not count."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hub.domain.holdings import MOST
from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage
from tests.kit.http import WAIT, assert_problem
from tests.kit.owner import ENDPOINTS, Json


@pytest.fixture(scope="module")
async def stage(live: GatewayStage) -> AsyncIterator[GatewayStage]:
    async with running_consumers(live.settings.model_copy(update={"roles": ("writer",)})):
        yield live


@pytest.mark.parametrize(
    ("place", "body", "there"),
    [
        (ENDPOINTS, {"url": "https://shop.example/hook"}, 0),
        ("/api/sources/", {"name": "shop", "scheme": "github"}, 0),
        ("/api/pharmacies/{pharmacy}/keys/", {"name": "till"}, 1),
    ],
)
async def test_the_hundred_and_first_is_refused_until_one_is_removed(
    stage: GatewayStage, place: str, body: Json, there: int
) -> None:
    key = await stage.add_key()
    place = place.format(pharmacy=key.pharmacy_id)
    headers = key.headers | WAIT

    async def make() -> int:
        return (await stage.client.post(place, json=body, headers=headers)).status_code

    made = [await asyncio.gather(*(make() for _ in range(20))) for _ in range(MOST // 20)]
    statuses = [status for some in made for status in some]
    assert (statuses.count(201), statuses.count(409)) == (MOST - there, there)
    refused = await stage.client.post(place, json=body, headers=headers)
    assert_problem(refused, 409, "limit-reached")
    listed = await stage.client.get(place, params={"limit": 500}, headers=key.headers)
    gone = next(one["id"] for one in listed.json()["items"] if one["id"] != str(key.id))
    removed = await stage.client.delete(f"{place}{gone}/", headers=headers)
    assert removed.status_code in {200, 204}, removed.text
    assert await make() == 201
