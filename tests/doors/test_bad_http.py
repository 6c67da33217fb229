"""Bad requests over HTTP: each gets its 4xx, none applies anything, none harms the next one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from hub.messaging.connection import open_connection
from hub.messaging.topology import command_queue
from tests.doors.bad_http import GROUPS, JSON, Bad
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import raw, wire

SLOW_SECONDS = 10.0  # of a machine that does other things too; what hangs, hangs for longer
TOGETHER = 8

Depth = Callable[[], Awaitable[int]]


@pytest.fixture
async def depth(live: GatewayStage) -> AsyncIterator[Depth]:
    """Count the commands that wait: no writer runs here, so that whatever is published stays."""
    async with open_connection(live.settings.amqp_urls, name="test counting") as connection:
        assert connection.underlay is not None
        channel = await connection.underlay.channel()

        async def count() -> int:
            total = 0
            for partition in range(live.settings.partitions):
                found = await channel.queue_declare(command_queue(partition), passive=True)
                total += found.message_count or 0
            return total

        yield count


async def _fault_of(live: GatewayStage, key: TestKey, bad: Bad) -> str:
    """Send a bad request; say what is wrong with the answer."""
    headers = {"Content-Type": JSON, **key.headers, **bad.headers}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items() if value or name != "Content-Type"]
    path = bad.path.format(pharmacy_id=key.pharmacy_id)
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        answer = await live.client.request(
            bad.method, path, headers=encoded, content=bad.content(), timeout=SLOW_SECONDS
        )
    except httpx.HTTPError as error:
        return f"no answer: {error!r}"
    if answer.status_code == bad.status and bad.by_server and "json" not in answer.headers["content-type"]:
        return ""
    if answer.status_code != bad.status or answer.headers["content-type"] != "application/problem+json":
        return f"{answer.status_code}: {answer.text[:200]}"
    problem = answer.json()
    faults = [
        problem["status"] != bad.status or not {"type", "title", "detail", "instance", "errors"} <= set(problem),
        any(word in answer.text for word in ("Traceback", ".py", "pydantic", "asyncpg", "sqlstate")),
        bad.status == 405 and not {"GET", "POST"} & set(answer.headers.get("allow", "").split(", ")),
        bad.status == 422 and not problem["errors"],
        loop.time() - began > SLOW_SECONDS,
    ]
    names = ("no whole problem", "it tells of the inside", "Allow", "no errors", "slow")
    return next((f"{name}: {answer.text[:300]}" for name, fault in zip(names, faults, strict=True) if fault), "")


@pytest.mark.parametrize("group", GROUPS)
async def test_every_bad_request_is_refused_and_nothing_of_it_is_published(
    live: GatewayStage, depth: Depth, group: str
) -> None:
    rows = GROUPS[group]
    # A key may ask 400 times at once.
    keys = [await live.add_key() for _ in range(len(rows) // 300 + 1)]
    before = await depth()
    gate = asyncio.Semaphore(TOGETHER)

    async def send(number: int, bad: Bad) -> str:
        async with gate:
            return await _fault_of(live, keys[number % len(keys)], bad)

    faults = await asyncio.gather(*(send(number, bad) for number, bad in enumerate(rows)))
    wrong = [f"{bad.method} {bad.path[:80]} {str(bad.body)[:120]} {str(dict(bad.headers))[:80]} wants {bad.status}: {fault}"
             for bad, fault in zip(rows, faults, strict=True) if fault]  # fmt: skip
    assert wrong == [], f"{len(wrong)} of {len(rows)}:\n" + "\n".join(wrong[:40])
    assert await depth() == before, "something was published"
    assert (await live.client.get("/api/inventory/", headers=keys[0].headers)).status_code == 200
    assert (await live.client.get("/health/live")).status_code == 200


FRAMINGS: list[tuple[str, int, bytes]] = [
    ("a chunk's size is no number", 400, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    ("a chunk's size is negative", 400, b"Transfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n"),
    ("a chunk is longer than it says", 400, b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}{}\r\n0\r\n\r\n"),
    ("two codings", 400, b"Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    ("chunked in another spelling beside a length", 400, b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}"),
    ("length and chunked", 400, b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    ("two lengths", 400, b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}"),
    ("a list of lengths", 400, b"Content-Length: 2, 3\r\n\r\n{}}"),
    ("a length with a sign", 400, b"Content-Length: +2\r\n\r\n{}"),
    ("a negative length", 400, b"Content-Length: -2\r\n\r\n{}"),
    ("a hexadecimal length", 400, b"Content-Length: 0x2\r\n\r\n{}"),
    ("a length of 30 digits", 400, b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}"),
    ("a space before the colon", 400, b"Content-Length : 2\r\n\r\n{}"),
    ("a header without a colon", 400, b"Nonsense\r\nContent-Length: 2\r\n\r\n{}"),
    ("NUL in a header", 400, b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}"),
]


@pytest.mark.parametrize(("label", "status", "rest"), FRAMINGS, ids=[label for label, _, _ in FRAMINGS])
async def test_what_two_parsers_could_read_differently_is_refused(
    live: GatewayStage, depth: Depth, label: str, status: int, rest: bytes
) -> None:
    key, before = await live.add_key(), await depth()
    head = f"POST /api/inventory/ HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key.text}\r\nContent-Type: {JSON}\r\n".encode()
    answered, _, _ = await wire(live, head + rest)
    assert answered == status, label
    assert await depth() == before
    assert (await live.client.get("/health/live")).status_code == 200


async def test_a_body_that_is_cut_applies_nothing(live: GatewayStage, depth: Depth) -> None:
    key, before = await live.add_key(), await depth()
    head = f"POST /api/inventory/ HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key.text}\r\nContent-Type: {JSON}\r\nContent-Length: 900\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", int(live.url.rpartition(":")[2]))
    writer.write(head.encode() + b'{"sku":"A","name":"N","price":"1.00"}')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await live.client.get("/api/inventory/", headers=key.headers)).status_code == 200
    assert await depth() == before


async def test_no_other_origin_is_let_in(live: GatewayStage) -> None:
    """CORS is closed: a browser of another origin may read nothing but the public schemas."""
    key = await live.add_key()
    foreign = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-api-key",
    }
    answers = [
        await live.client.options("/api/inventory/", headers=foreign),
        await live.client.get("/api/inventory/", headers=foreign | key.headers),
        await live.client.get("/health/ready", headers=foreign),
        await live.client.get("/schema/openapi.json", headers=foreign),
        await live.client.get("/api/inventory/", headers={"Origin": "null"} | key.headers),
    ]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")], answer.url


async def test_methods_that_only_look_change_nothing_and_no_header_makes_another_of_them(
    live: GatewayStage, depth: Depth
) -> None:
    key, before = await live.add_key(), await depth()
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for path in ("/api/inventory/", "/api/sales/"):
            for method in ("GET", "HEAD"):
                answer = await live.client.request(method, path, headers=key.headers | {name: "DELETE"})
                assert answer.status_code == 200
    assert (await live.client.post("/api/inventory/?_method=DELETE", json={}, headers=key.headers)).status_code == 400
    for target in ("http://evil.example/api/inventory/", "//evil.example/api/inventory/", "/\\evil.example/"):
        answer = await raw(live, target, key)
        assert answer.status_code in {200, 400, 404}
        assert "evil" not in str(answer.headers)
    assert await depth() == before
