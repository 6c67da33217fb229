"""Lists and single reads over HTTP: pages, cursors, parameters, ETags, and whose rows they are."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from hub.domain.sales import Sale
from hub.domain.stock import InventoryItem, StockMovement, dump_item, dump_movement
from hub.storage.tables import save_rows
from tests.kit.gateway import GatewayStage, TestKey

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def an_item(pharmacy_id: UUID, index: int = 0, **members: Any) -> InventoryItem:
    values: dict[str, Any] = {
        "id": uuid4(), "pharmacy_id": pharmacy_id, "sku": f"SKU-{index:04}", "name": f"Aspirin {index}", "quantity": index,
        "reserved": 0, "price": Decimal("9.90"), "extra_data": {"n": index}, "identifiers": [], "low_stock_threshold": None,
        "created_at": NOON + timedelta(microseconds=index), "updated_at": NOON, "version": 1,
    }  # fmt: skip
    return InventoryItem(**(values | members))


def a_sale(pharmacy_id: UUID) -> Sale:
    return Sale(uuid4(), pharmacy_id, [], Decimal(0), NOON, None, "recorded", {}, NOON, NOON, 1)


async def save(live: GatewayStage, *rows: Any) -> None:
    async with live.writes.transaction() as connection:
        await save_rows(connection, rows)


async def get(live: GatewayStage, path: str, key: TestKey | str, **headers: str) -> httpx.Response:
    text = key if isinstance(key, str) else key.text
    return await live.client.get(path, headers={"X-API-KEY": text, **headers})


def names(answer: httpx.Response) -> list[str]:
    """Name the parameters that a 400 complains of."""
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/unknown-parameter"
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_following_next_visits_every_item_once_and_link_says_the_same(live: GatewayStage) -> None:
    key = await live.add_key()
    items = [an_item(key.pharmacy_id, index) for index in range(23)]
    await save(live, *items)
    for order in ("", "&sort=-quantity", "&sort=name&q=ASPIRIN", "&sort=-updated_at&quantity_gte=0"):
        seen: list[str] = []
        url: str | None = f"/api/inventory/?limit=5{order}"
        while url is not None:
            answer = await get(live, url, key)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert list(page) == ["items", "next"]
            seen += [item["id"] for item in page["items"]]
            url = page["next"]
            if url is None:
                assert "link" not in answer.headers
            else:
                assert answer.headers["link"] == f'<{url}>; rel="next"'
                assert answer.links["next"]["url"] == url
                assert url.startswith("/api/inventory/?")
                assert parse_qs(urlsplit(url).query)["limit"] == ["5"]
        assert sorted(seen) == sorted(str(item.id) for item in items), order


async def test_a_page_and_a_single_read_show_the_same(live: GatewayStage) -> None:
    key = await live.add_key()
    item = an_item(key.pharmacy_id, 3, name='ä "😀" \u2028', extra_data={"x": [1.5, None, "é"]})
    movement = StockMovement(uuid4(), key.pharmacy_id, item.id, uuid4(), 3, 3, "opening", "", None, NOON, NOON)
    await save(live, item, movement)
    listed = await get(live, "/api/inventory/", key)
    single = await get(live, f"/api/inventory/{item.id}/", key)
    assert listed.json() == {"items": [dump_item(item)], "next": None}
    assert single.json() == dump_item(item)
    assert (await get(live, f"/api/inventory/{item.id}/movements/", key)).json() == {
        "items": [dump_movement(movement)],
        "next": None,
    }


async def test_a_cursor_opens_nothing_but_its_own_list(live: GatewayStage) -> None:
    ours, theirs = await live.add_key(), await live.add_key()
    operator = await live.add_operator_key()
    for key in (ours, theirs):
        await save(
            live, *(an_item(key.pharmacy_id, index) for index in range(3)), *(a_sale(key.pharmacy_id) for _ in range(3))
        )
    first = await get(live, "/api/inventory/?limit=1&sort=name&quantity_gte=0", ours)
    cursor = parse_qs(urlsplit(first.json()["next"]).query)["cursor"][0]
    same = f"/api/inventory/?sort=name&quantity_gte=0&cursor={cursor}"
    assert (await get(live, same, ours)).status_code == 200
    assert (await get(live, f"{same}&limit=2&count=true", ours)).status_code == 200
    refused = [
        await get(live, same, theirs),
        await get(live, same, operator),
        await get(live, f"/api/inventory/?sort=-name&quantity_gte=0&cursor={cursor}", ours),
        await get(live, f"/api/inventory/?sort=name&quantity_gte=1&cursor={cursor}", ours),
        await get(live, f"/api/inventory/?sort=name&quantity_gte=0&sku=x&cursor={cursor}", ours),
        await get(live, f"/api/inventory/?cursor={cursor}", ours),
        await get(live, f"/api/sales/?cursor={cursor}", ours),
        await get(live, f"{same[:-1]}", ours),
        await get(live, f"{same}A", ours),
        await get(live, f"{same[:-5]}AAAAA", ours),
        await get(live, "/api/inventory/?cursor=garbage", ours),
        await get(live, f"/api/inventory/?cursor={'A' * 9000}", ours),
    ]
    for answer in refused:
        assert names(answer) == ["?cursor"]
    # With the pharmacy named, an operator reads that pharmacy's list: its cursor is good there.
    assert (await get(live, same, operator, **{"X-Pharmacy-Id": str(ours.pharmacy_id)})).status_code == 200


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("limit=0", ["?limit"]), ("limit=-1", ["?limit"]), ("limit=501", ["?limit"]), ("limit=1e9", ["?limit"]), ("limit=", ["?limit"]),
        ("limit", ["?limit"]), ("limit=abc", ["?limit"]), ("limit=1&limit=2", ["?limit"]), ("Limit=1", ["?Limit"]), ("sort=password", ["?sort"]),
        ("colour=red&shape=", ["?colour", "?shape"]), ("q=", ["?q"]), ("q=%00", ["?q"]), (f"q={'x' * 10_000}", ["?q"]),
        ("quantity_lt=9999999999999999999", ["?quantity_lt"]), ("updated_since=yesterday", ["?updated_since"]),
        ("updated_since=2026-11-24T12:00:00+00:00", ["?updated_since"]), ("cursor=", ["?cursor"]), ("count=yes", ["?count"]),
        ("q=%", []), ("q=%zz", []), ("q=%ff", []), ("&".join(f"sku{index}=1" for index in range(500)), []), ("%71=x&q=y", ["?q"]),
        ("api_key=phk_x", ["?api_key"]),
    ],
)  # fmt: skip
async def test_a_wrong_parameter_is_named_and_never_clamped(live: GatewayStage, query: str, wrong: list[str]) -> None:
    key = await live.add_key()
    assert names(await get(live, f"/api/inventory/?{query}", key)) == wrong
    assert (await get(live, "/api/inventory/", key)).status_code == 200


async def test_what_needs_an_escape_survives_the_next_page(live: GatewayStage) -> None:
    key = await live.add_key()
    await save(live, *(an_item(key.pharmacy_id, index, name=f'a&b="<{index}>" +é%') for index in range(3)))
    url: str | None = (
        "/api/inventory/?limit=1&q="
        + str(httpx.QueryParams({"q": 'A&B="<'}))[2:]
        + "&updated_since=2026-11-24T13:00:00%2B01:00"
    )
    seen = 0
    while url is not None:
        answer = await get(live, url, key)
        assert answer.status_code == 200, answer.text
        seen += len(answer.json()["items"])
        url = answer.json()["next"]
        assert answer.headers.get("link", "").count("<") == (1 if url else 0)
    assert seen == 3


async def test_strangers_things_and_unknown_things_give_the_same_404(live: GatewayStage) -> None:
    ours, theirs = await live.add_key(), await live.add_key()
    item = an_item(theirs.pharmacy_id)
    await save(live, item)
    answers = []
    for item_id in (item.id, uuid4()):
        for path in (f"/api/inventory/{item_id}/", f"/api/inventory/{item_id}/movements/"):
            answer = await get(live, path, ours)
            assert answer.status_code == 404
            answers.append({**answer.json(), "instance": None})
    assert all(answer == answers[0] for answer in answers)
    assert (await get(live, f"/api/inventory/{item.id}/", theirs)).status_code == 200
    assert (await get(live, "/api/inventory/", ours)).json()["items"] == []
    # The header is for operators: a pharmacy's key may name its own pharmacy only.
    assert (await get(live, "/api/inventory/", ours, **{"X-Pharmacy-Id": str(theirs.pharmacy_id)})).status_code == 404
    assert (await get(live, f"/api/pharmacies/{theirs.pharmacy_id}/", ours)).status_code == 404
    assert (await get(live, f"/api/pharmacies/{theirs.pharmacy_id}/keys/", ours)).status_code == 404


async def test_operators_see_all_or_the_pharmacy_they_name(live: GatewayStage) -> None:
    ours, theirs = await live.add_key(), await live.add_key()
    operator = await live.add_operator_key()
    newest = NOON.replace(year=2100)  # other tests make items as well
    mine, other = (an_item(key.pharmacy_id, created_at=newest) for key in (ours, theirs))
    await save(live, mine, other)

    async def ids(path: str, **headers: str) -> set[str]:
        return {item["id"] for item in (await get(live, path, operator, **headers)).json()["items"]}

    assert await ids("/api/inventory/?limit=500&sort=-created_at") >= {str(mine.id), str(other.id)}
    assert await ids("/api/inventory/", **{"X-Pharmacy-Id": str(ours.pharmacy_id)}) == {str(mine.id)}
    assert await ids("/api/pharmacies/?limit=500&sort=-created_at") >= {str(ours.pharmacy_id), str(theirs.pharmacy_id)}
    assert (await get(live, f"/api/inventory/{other.id}/", operator)).status_code == 200
    assert await ids(f"/api/pharmacies/{theirs.pharmacy_id}/keys/") == {str(theirs.id)}


async def test_an_etag_saves_the_body(live: GatewayStage) -> None:
    key = await live.add_key()
    item = an_item(key.pharmacy_id, version=7)
    await save(live, item)
    path = f"/api/inventory/{item.id}/"
    first = await get(live, path, key)
    assert first.headers["etag"] == '"7"'
    for tag in ('"7"', 'W/"7"', '"6", "7"', "*"):
        again = await get(live, path, key, **{"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", '"7"'), tag
    for tag in ('"6"', "7", '"77"', "nonsense"):
        assert (await get(live, path, key, **{"If-None-Match": tag})).status_code == 200, tag


async def test_a_count_comes_only_when_it_is_asked_for(live: GatewayStage) -> None:
    key = await live.add_key()
    await save(live, *(an_item(key.pharmacy_id, index) for index in range(4)))
    assert "count" not in (await get(live, "/api/inventory/?count=false", key)).json()
    page = (await get(live, "/api/inventory/?count=true&limit=1&quantity_gte=1", key)).json()
    assert (page["count"], page["count_capped"], len(page["items"])) == (3, False, 1)


async def test_the_next_address_has_nothing_of_the_host_header(live: GatewayStage) -> None:
    key = await live.add_key()
    await save(live, *(an_item(key.pharmacy_id, index) for index in range(2)))
    for path in ("/api/inventory/?limit=1", "/api/inventory?limit=1", "//api//inventory/?limit=1"):
        request = live.client.build_request(
            "GET", live.url + path, headers={"X-API-KEY": key.text, "Host": "evil.example"}
        )
        answer = await live.client.send(request)
        assert answer.status_code == 200
        assert answer.json()["next"].startswith(("/api/inventory/?", "/api/inventory?"))


async def test_a_head_has_the_headers_and_no_body(live: GatewayStage) -> None:
    key = await live.add_key()
    answer = await live.client.head("/api/inventory/", headers=key.headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(json.dumps({"items": [], "next": None}, separators=(",", ":")))
