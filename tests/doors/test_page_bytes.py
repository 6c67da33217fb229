"""Pages end where their bytes do: whoever goes on behind one sees every row once, however long the rows are."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from tortoise import fields
from tortoise.models import Model
from websockets.asyncio.client import connect

from hub.storage import models, models_outside
from hub.storage.events import read_log
from hub.storage.lists import LISTINGS
from hub.storage.paging import PAGE_BYTES
from tests.doors.test_lists import an_item, save
from tests.kit.gateway import GatewayStage

LONG = 1_000_000
COUNT = 12


@pytest.mark.parametrize("order", ["", "&sort=-created_at", "&sort=name", "&sort=-available&quantity_gte=0"])
@pytest.mark.parametrize("limit", [10, 500])
async def test_a_page_of_a_list_ends_before_it_has_more_than_4_mib(live: GatewayStage, order: str, limit: int) -> None:
    key = await live.add_key()
    operator = {"X-API-KEY": await live.add_operator_key(), "X-Pharmacy-Id": str(key.pharmacy_id)}
    # Short ones between: what cuts the page is the sum. Text of one letter is stored in a hundredth of its length.
    items = [an_item(key.pharmacy_id, n, extra_data={"t": "x" * LONG} if n % 3 else {}) for n in range(COUNT)]
    await save(live, *items)
    for headers in (key.headers, operator):
        seen: list[str] = []
        url: str | None = f"/api/inventory/?limit={limit}{order}"
        while url is not None:
            answer = await live.client.get(url, headers=headers)
            assert answer.status_code == 200, answer.text[:500]
            assert len(answer.content) <= PAGE_BYTES + 1_000
            page = answer.json()
            assert page["items"]
            seen += [item["id"] for item in page["items"]]
            url = page["next"]
        assert sorted(seen) == sorted(str(item.id) for item in items)


async def test_a_row_longer_than_a_page_is_a_page_of_its_own(live: GatewayStage) -> None:
    key = await live.add_key()
    row: Mapping[str, Any] = {str(n): "é" * 9_999 for n in range(PAGE_BYTES // 18_000)}
    await save(live, *(an_item(key.pharmacy_id, n, extra_data=row if n == 1 else {}) for n in range(3)))
    lengths: list[list[int]] = []
    url: str | None = "/api/inventory/?limit=500"
    while url is not None:
        page = (await live.client.get(url, headers=key.headers)).json()
        lengths.append([len(item["extra_data"]) for item in page["items"]])
        url = page["next"]
    assert lengths == [[0], [len(row)], [0]]


async def test_a_page_of_the_log_ends_before_it_has_more_than_4_mib(live: GatewayStage) -> None:
    key = await live.add_key()
    await live.log(key.pharmacy_id, 3)
    await live.log(key.pharmacy_id, COUNT, size=LONG)
    await live.log(key.pharmacy_id, 3, "order.placed")
    last = COUNT + 6
    for query, wanted in (("", [*range(1, last + 1)]), ("&type=order.placed", [last - 2, last - 1, last])):
        seen: list[int] = []
        after = -1
        while after < last:
            page = await live.client.get(f"/api/events/?limit=500&after={max(after, 0)}{query}", headers=key.headers)
            assert len(page.content) <= PAGE_BYTES + 1_000
            seen += [event["sequence"] for event in page.json()["items"]]
            assert page.json()["next_after"] > after, "it goes on"
            after = page.json()["next_after"]
        assert seen == wanted


async def test_an_event_longer_than_a_page_is_a_page_of_its_own(live: GatewayStage) -> None:
    key = await live.add_key()
    await live.log(key.pharmacy_id, 1)
    await live.log(key.pharmacy_id, 1, size=PAGE_BYTES)
    await live.log(key.pharmacy_id, 1)
    for after in (0, 1, 2):
        page = (await live.client.get(f"/api/events/?limit=3&after={after}", headers=key.headers)).json()
        assert [event["sequence"] for event in page["items"]] == [after + 1]
        assert page["next_after"] == after + 1


async def test_a_backlog_of_long_events_is_read_in_pages_and_comes_whole(live: GatewayStage) -> None:
    key = await live.add_key()
    await live.log(key.pharmacy_id, COUNT, size=LONG)
    async with live.writes.transaction() as connection:
        events, is_full = await read_log(connection, key.pharmacy_id, after=0, limit=200)
    assert is_full
    assert len(events) == PAGE_BYTES // LONG
    async with connect(
        f"{live.ws_url}/ws/events?after=0", additional_headers=key.headers, proxy=None, max_size=None
    ) as socket:
        seen: list[int] = []
        async with asyncio.timeout(30):
            while len(seen) < COUNT:
                frame = json.loads(await socket.recv())
                seen += [frame["event"]["sequence"]] if frame["type"] == "event" else []
    assert seen == [*range(1, COUNT + 1)]


def test_whatever_a_list_shows_of_unknown_length_is_named() -> None:
    tables = {
        model._meta.db_table: model
        for module in (models, models_outside)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, Model) and model._meta.db_table
    }
    for listing in LISTINGS.values():
        columns = tables[listing.table]._meta.fields_map
        shown = {
            name
            for name, column in columns.items()
            if isinstance(column, fields.JSONField) and f't."{name}"' in listing.item
        }
        assert set(listing.wide) >= shown - {"scopes", "ladder_seconds"}, listing.name
