"""Bulk files over HTTP, from the first byte to the last row's result: a gateway process and real consumers."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.limits import BULKS_AT_ONCE
from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.wait import eventually

NDJSON, CSV = "application/x-ndjson", "text/csv"


@pytest.fixture(scope="module")
async def hub(live: GatewayStage) -> AsyncIterator[GatewayStage]:
    async with running_consumers(live.settings.model_copy(update={"roles": ("writer",)})):
        yield live


@pytest.fixture
async def key(hub: GatewayStage) -> TestKey:
    return await hub.add_key()


async def post(
    hub: GatewayStage, key: TestKey, body: bytes | str, media: str = NDJSON, kind: str = "inventory", **headers: str
) -> httpx.Response:
    content = body.encode() if isinstance(body, str) else body
    return await hub.client.post(
        f"/api/{kind}/bulk", content=content, headers=key.headers | {"Content-Type": media} | headers
    )


async def result(
    hub: GatewayStage, key: TestKey, response: httpx.Response
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Wait until every row has its result; the upload, and the faults of its rows."""
    assert response.status_code == 202, response.text
    url = response.json()["upload_url"]

    async def look() -> dict[str, Any]:
        answer = await hub.client.get(url, headers=key.headers)
        return answer.json() if answer.status_code == 200 else {}

    upload = await eventually(look, lambda upload: upload.get("status") == "done", within=60)
    errors = await hub.client.get(f"{url.rstrip('/')}/errors", headers=key.headers)
    assert errors.status_code == 200, errors.text
    return upload, errors.json()["items"]


async def items(hub: GatewayStage, key: TestKey) -> dict[str, Any]:
    response = await hub.client.get("/api/inventory/?limit=500", headers=key.headers)
    return {item["sku"]: item for item in response.json()["items"]}


async def nothing_was_taken(hub: GatewayStage, key: TestKey) -> None:
    marker = await result(hub, key, await post(hub, key, '{"sku":"MARKER","name":"m","price":"1"}'))
    assert marker[0]["applied"] == 1
    uploads = await hub.client.get("/api/uploads/", headers=key.headers)
    assert len(uploads.json()["items"]) == 1
    assert set(await items(hub, key)) == {"MARKER"}


def row(sku: str, quantity: int = 5, price: str = "9.90") -> str:
    return json.dumps({"sku": sku, "name": f"Item {sku}", "quantity": quantity, "price": price})


async def test_rows_are_applied_in_order_and_bad_ones_are_listed_with_their_lines(
    hub: GatewayStage, key: TestKey
) -> None:
    lines = [
        row("A", 1), "", "{broken", row("B", 2), row("A", 7), '{"sku":"C","name":"c","price":1}', "[]", '{"sku":"D"}',
        '{"sku":"E","name":"e","price":"1","colour":"red"}', '{"sku":"F\\u0000","name":"f","price":"1"}', row("G"),
    ]  # fmt: skip
    response = await post(hub, key, "\n".join(lines))
    body = response.json()
    assert body["rows"] == 10
    assert body["upload_url"] == body["resource"]["url"]
    assert response.headers["location"] == body["operation_url"]
    upload, errors = await result(hub, key, response)
    assert (upload["rows"], upload["applied"], upload["rejected"], upload["pending"]) == (10, 4, 6, 0)
    found = await items(hub, key)
    assert {sku: item["quantity"] for sku, item in found.items()} == {"A": 7, "B": 2, "G": 5}
    assert sorted({error["line"] for error in errors}) == [3, 6, 7, 8, 9, 10]
    by_line = {error["line"]: error for error in errors}
    assert by_line[3]["code"] == "malformed"
    assert by_line[6]["pointer"] == "#/price"
    assert by_line[9]["pointer"] == "#/colour"
    assert by_line[10]["code"] == "nul"
    assert set(by_line[3]) == {"line", "pointer", "code", "detail"}


async def test_csv_of_a_spreadsheet(hub: GatewayStage, key: TestKey) -> None:
    text = (
        "\ufeffSKU;name;Quantity;price;pzn;extra_data\r\n"
        'A;"two\r\nlines";3;1.50;03752864;"{""shelf"":""B4""}"\r\n'
        "\r\n"
        "B;=cmd|' /C calc'!A0;-1;1;;\r\n"
        "C;+1;2;2.00;;\r\n"
        "D;short\r\n"
        "E;e;1.0;1;;\r\n"
        "F;f;1;1,50;;\r\n"
        "G;g;1;1;12345679;\r\n"
        'H;h;1;1;;"{""a"":1},""price"":""9"""\r\n'
        "\r\n"
    )
    upload, errors = await result(hub, key, await post(hub, key, text, f"{CSV}; charset=utf-8"))
    assert (upload["rows"], upload["applied"]) == (8, 2)
    found = await items(hub, key)
    assert found["A"]["name"] == "two\r\nlines"
    assert found["A"]["extra_data"] == {"shelf": "B4"}
    assert found["A"]["identifiers"] == [{"scheme": "pzn", "value": "03752864"}]
    assert found["C"]["name"] == "+1"
    assert {error["line"]: error["pointer"] for error in errors} == {
        5: "#/quantity", 7: "#", 8: "#/quantity", 9: "#/price", 10: "#/identifiers/0", 11: "#/extra_data",
    }  # fmt: skip


async def test_a_row_changes_only_the_fields_it_names(hub: GatewayStage, key: TestKey) -> None:
    await result(hub, key, await post(hub, key, row("A", 4)))
    await result(hub, key, await post(hub, key, "sku,price,quantity\rA,2.00,\r", CSV))
    item = (await items(hub, key))["A"]
    assert (item["name"], item["price"], item["quantity"]) == ("Item A", "2.00", 4)


async def test_sales_in_both_forms(hub: GatewayStage, key: TestKey) -> None:
    await result(hub, key, await post(hub, key, row("A", 10)))
    upload, errors = await result(
        hub,
        key,
        await post(hub, key, "sku\tquantity\ttotal_price\treference\nA\t2\t19.80\tr1\nX\t1\t1\tr2\n", CSV, "sales"),
    )
    assert (upload["kind"], upload["applied"], upload["rejected"]) == ("sales", 1, 1)
    assert errors[0]["line"] == 3
    assert errors[0]["code"] == "unknown_item"
    lines = '{"lines":[{"sku":"A","quantity":1,"total_price":"1"},{"sku":"A","quantity":2,"total_price":"2"}]}'
    upload, _ = await result(hub, key, await post(hub, key, lines, NDJSON, "sales"))
    assert upload["applied"] == 1
    assert (await items(hub, key))["A"]["quantity"] == 5


async def test_gzip_with_several_members(hub: GatewayStage, key: TestKey) -> None:
    body = gzip.compress((row("A") + "\n").encode()) + gzip.compress(row("B").encode()) + b"\0" * 100
    response = await post(hub, key, body, **{"Content-Encoding": "gzip"})
    upload, _ = await result(hub, key, response)
    assert upload["applied"] == 2


@pytest.mark.parametrize(
    ("body", "media", "headers", "status"),
    [
        (gzip.compress(row("A").encode() * 100)[:-9], NDJSON, {"Content-Encoding": "gzip"}, 400),
        (b"no gzip", NDJSON, {"Content-Encoding": "gzip"}, 400),
        (b"", NDJSON, {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"\n" * 70_000_000), NDJSON, {"Content-Encoding": "gzip"}, 413),
        (b"\n" * (64 * 1_048_576 + 1), NDJSON, {}, 413),
        (b"x", NDJSON, {"Content-Encoding": "br"}, 415),
        (b"x", "application/json", {}, 415),
        (b"x", "text/csv; charset=latin1", {}, 415),
        (b"", NDJSON, {}, 400),
        (b"\n \n", NDJSON, {}, 400),
        (b"\xef\xbb\xbf{}", NDJSON, {}, 400),
        (b"", CSV, {}, 400),
        (b"sku,name,price\n", CSV, {}, 400),
        (b"name,price\nx,1\n", CSV, {}, 400),
        (b"sku,name,colour\nA,x,red\n", CSV, {}, 400),
        (b"sku,name,SKU\nA,x,B\n", CSV, {}, 400),
        (b",".join(b"c%d" % n for n in range(10_000)) + b"\n1\n", CSV, {}, 400),
        (b'sku,name,price\nA,"open,1\nB,b,1\n', CSV, {}, 400),
        (b'sku,name,price\nA,"b"c,1\n', CSV, {}, 400),
        (b'sku,"name"x,price\nA,b,1\n', CSV, {}, 400),
        (b'sku,name,"price', CSV, {}, 400),
        ("sku,name,price\nA,é,1\n".encode("latin-1"), CSV, {}, 400),
        ("sku,name,price\nA,e,1\n".encode("utf-16"), CSV, {}, 400),
        (b"sku,name,price\n" + b"x" * 3_000_000, CSV, {}, 413),
        (b"{}\n" * 100_001, NDJSON, {}, 413),
    ],
    ids=["gzip-cut", "gzip-none", "gzip-empty", "gzip-bomb", "too-long", "brotli", "json", "latin1", "empty", "blank", "bom",
         "csv-empty", "csv-header-only", "csv-no-sku", "csv-unknown", "csv-twice", "csv-10k-columns", "csv-open-quote",
         "csv-bad-quote", "csv-header-bad-quote", "csv-header-open-quote", "csv-latin1", "csv-utf16", "csv-long-line", "too-many-rows"],
)  # fmt: skip
async def test_a_broken_file_is_refused_whole(
    hub: GatewayStage, key: TestKey, body: bytes, media: str, headers: dict[str, str], status: int
) -> None:
    response = await post(hub, key, body, media, **headers)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    await nothing_was_taken(hub, key)


@pytest.mark.parametrize(
    ("padding", "count", "said"),
    [(bytes(1_048_576), 65, "64 MiB"), (gzip.compress(b"") * 1000, 11, "members")],
    ids=["zeros", "empty-members"],
)
async def test_what_unpacks_to_nothing_is_bounded_as_well(
    hub: GatewayStage, key: TestKey, padding: bytes, count: int, said: str
) -> None:
    async def body() -> AsyncIterator[bytes]:  # in chunks: nothing says before how long it is
        yield gzip.compress(row("A").encode())
        for _ in range(count):
            yield padding

    headers = key.headers | {"Content-Type": NDJSON, "Content-Encoding": "gzip"}
    response = await hub.client.post("/api/inventory/bulk", content=body(), headers=headers)
    assert response.status_code == 413, response.text
    assert said in response.json()["detail"]
    await nothing_was_taken(hub, key)


async def test_a_file_packed_in_many_blocks_is_taken(hub: GatewayStage, key: TestKey) -> None:
    packed = b"".join(gzip.compress((row(f"B{number}") + "\n").encode()) for number in range(2_000))
    upload, _ = await result(hub, key, await post(hub, key, packed, **{"Content-Encoding": "gzip"}))
    assert upload["applied"] == 2_000


@asynccontextmanager
async def a_file_under_way(
    hub: GatewayStage, key: TestKey, sent: bytes
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Begin an upload that has its place and will not be complete."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(hub.url.rpartition(":")[2]))
    head = f"POST /api/inventory/bulk HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key.text}\r\nContent-Type: {NDJSON}\r\n"
    try:
        writer.write(f"{head}Content-Length: {len(sent) + 1000}\r\nExpect: 100-continue\r\n\r\n".encode())
        await reader.readuntil(b"100 Continue\r\n\r\n")
        writer.write(sent)
        yield reader, writer
    finally:
        writer.close()


async def test_a_connection_that_is_cut_applies_nothing(hub: GatewayStage, key: TestKey) -> None:
    async def place() -> int:
        return (await post(hub, key, b"")).status_code

    async with AsyncExitStack() as stack:
        for _ in range(BULKS_AT_ONCE - 1):
            await stack.enter_async_context(a_file_under_way(hub, key, b""))
        rows = "\n".join(row(f"A{n}") for n in range(1000)).encode()
        reader, writer = await stack.enter_async_context(a_file_under_way(hub, key, rows))
        assert await place() == 429
        writer.write_eof()
        assert await reader.read() == b""
        await eventually(place, lambda status: status == 400)  # the gateway is done with it; an empty file is none
        await nothing_was_taken(hub, key)


async def test_a_long_row_and_nul_in_csv_spoil_only_themselves(hub: GatewayStage, key: TestKey) -> None:
    long = json.dumps({"sku": "L", "name": "x" * 2_000_000, "price": "1"})
    upload, errors = await result(hub, key, await post(hub, key, f"{row('A')}\n{long}\n{row('B')}"))
    assert (upload["applied"], upload["rejected"]) == (2, 1)
    assert [(error["line"], error["code"]) for error in errors] == [(2, "too_large")]
    upload, errors = await result(hub, key, await post(hub, key, "sku,name,price\nC,a\0b,1\n", CSV))
    assert [(error["line"], error["code"], error["pointer"]) for error in errors] == [(2, "nul", "#/name")]


async def test_a_number_that_would_grow_spoils_its_row_and_the_others_come_back_as_they_can_be_sent_again(
    hub: GatewayStage, key: TestKey
) -> None:
    form = '{"sku":"%s","name":"n","price":"1","extra_data":{"a":%s}}'
    lines = [form % (f"N{at}", number) for at, number in enumerate(("1e22", "5e-324", "9.2e18", "1e-40", "0.1"))]
    _, errors = await result(hub, key, await post(hub, key, "\n".join(lines)))
    wrong = ("number_range", "#/extra_data/a")
    assert [(error["line"], error["code"], error["pointer"]) for error in errors] == [(1, *wrong), (2, *wrong)]
    _, errors = await result(hub, key, await post(hub, key, 'sku,name,price,extra_data\nX,x,1,"{""a"":1e22}"\n', CSV))
    assert [(error["line"], error["code"], error["pointer"]) for error in errors] == [(2, *wrong)]
    listed = await hub.client.get("/api/inventory/", headers=key.headers)
    assert len(listed.json()["items"]) == 3
    for number in ("9200000000000000000", "0.1", f"0.{'0' * 39}1"):
        assert f'"extra_data":{{"a": {number}}}' in listed.text, "as PostgreSQL shows it"
        again = await post(hub, key, form % ("Y", number))
        assert (await result(hub, key, again))[1] == []


async def test_the_same_key_with_the_same_file_applies_once(hub: GatewayStage, key: TestKey) -> None:
    body = "\n".join(row(f"A{n}", n) for n in range(450))
    headers = {"Idempotency-Key": "file-1"}
    first = await post(hub, key, body, **headers)
    await result(hub, key, first)
    again = await post(hub, key, gzip.compress(body.encode()), **headers, **{"Content-Encoding": "gzip"})
    upload, _ = await result(hub, key, again)
    assert again.json()["upload_id"] == first.json()["upload_id"]
    assert (upload["rows"], upload["applied"]) == (450, 450)
    log = await hub.client.get("/api/events/?limit=1", headers=key.headers)
    assert log.json()["last_sequence"] == 450


async def test_the_same_key_with_another_file_or_kind_is_refused(hub: GatewayStage, key: TestKey) -> None:
    await result(hub, key, await post(hub, key, row("A"), **{"Idempotency-Key": "file-1"}))
    for body, kind in ((row("B"), "inventory"), ('{"sku":"A","quantity":1,"total_price":"1"}', "sales")):
        response = await post(hub, key, body, NDJSON, kind, **{"Idempotency-Key": "file-1"})
        assert response.status_code == 422, response.text
        assert response.json()["type"] == "/problems/idempotency-mismatch"
    assert set(await items(hub, key)) == {"A"}


async def test_another_pharmacy_s_upload_is_not_found(hub: GatewayStage, key: TestKey) -> None:
    response = await post(hub, key, row("A"))
    await result(hub, key, response)
    stranger = await hub.add_key()
    for path in ("", "/errors"):
        answer = await hub.client.get(response.json()["upload_url"].rstrip("/") + path, headers=stranger.headers)
        assert answer.status_code == 404


async def test_20_000_rows_are_taken_in_fast_and_others_are_served_meanwhile(hub: GatewayStage, key: TestKey) -> None:
    body = "\n".join(row(f"S{n:06d}", n) for n in range(20_000)).encode()
    waits: list[float] = []

    async def ask() -> None:
        while True:
            began = time.perf_counter()
            await hub.client.get("/health/live")
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)  # a client that asks a hundred times a second

    asking = asyncio.create_task(ask())
    began = time.perf_counter()
    response = await post(hub, key, body)
    took = time.perf_counter() - began
    asking.cancel()
    upload, _ = await result(hub, key, response)
    done = time.perf_counter() - began
    assert upload["applied"] == 20_000
    print(
        f"20,000 rows: 202 after {took:.2f} s, applied after {done:.2f} s; others waited at most {max(waits) * 1000:.0f} ms"
    )
    assert took < 10  # generous: the machine is shared
