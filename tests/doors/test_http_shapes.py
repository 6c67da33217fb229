"""What is wrong with a request's shape is said at once, in one form, and harms nobody."""

import time
from uuid import uuid4

import pytest

from tests.kit.builders import an_item
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import JSON, assert_problem, post, raw
from tests.kit.wait import eventually

ITEM = '{"sku":"A","name":"N","price":"1.00"%s}'


@pytest.fixture
async def key(live: GatewayStage) -> TestKey:
    """A pharmacy's key."""
    return await live.add_key()


BODIES: list[tuple[int, bytes | str]] = [
    (400, b""),
    (400, b"{"),
    (400, b"{}{}"),
    (400, b'{"a":1,}'),
    (400, b"\xef\xbb\xbf{}"),
    (400, b'{"sku":"\xff"}'),
    (400, b'{"a":NaN}'),
    (400, b'{"a":Infinity}'),
    (400, b'{"a":-Infinity}'),
    (400, b'{"a":1e400}'),
    (400, b'{"sku":"a","sku":"b"}'),
    (400, b"[" * 1000),
    (400, b"[" * 100_000),
    (400, b"// x\n{}"),
    (400, '{"a":1}'.encode("utf-16")),
    (400, b'{"a":' + b"9" * 5000 + b"}"),
    (422, b"null"),
    (422, b"[]"),
    (422, b'"x"'),
    (422, b"1"),
    (422, b'{"sku":"a\\u0000"}'),
    (422, b'{"a\\u0000b":1}'),
    (422, b'{"sku":"\\ud800"}'),
    (422, ITEM % ',"extra_data":{"a":{"b":"\\u0000"}}'),
    (422, ITEM % ',"extra_data":{"a":[1e22]}'),
    (422, ITEM % ',"extra_data":{"a":1e-300}'),
    (422, ITEM % ',"more":1'),
    (422, ITEM.replace('"1.00"', '"NaN"') % ""),
    (422, ITEM.replace('"1.00"', '"1_000"') % ""),
    (422, ITEM.replace('"1.00"', '" 1"') % ""),
    (422, ITEM.replace('"1.00"', '"+1"') % ""),
    (422, ITEM.replace('"1.00"', '"1.005"') % ""),
    (422, ITEM.replace('"1.00"', "1.5") % ""),
    (422, ITEM.replace('"1.00"', '"1E+9"') % ""),
    (422, ITEM.replace('"1.00"', '"\u0661"') % ""),
    (422, ITEM.replace('"1.00"', '"-1"') % ""),
    (422, ITEM % ',"quantity":1.0'),
    (422, ITEM % ',"quantity":true'),
    (422, ITEM % ',"quantity":"1"'),
    (422, ITEM % ',"quantity":null'),
    (422, ITEM % ',"quantity":2147483648'),
    (422, ITEM % ',"quantity":9223372036854775808'),
    (422, ITEM % f',"quantity":1{"0" * 22}'),
    (422, ITEM % ',"quantity":-1'),
    (422, ITEM.replace('"A"', '" "') % ""),
    (422, ITEM.replace('"A"', '"a\u202eb"') % ""),
    (422, ITEM.replace('"A"', f'"{"x" * 129}"') % ""),
    (422, ITEM.replace('"N"', f'"{"x" * 10_001}"') % ""),
    (422, ITEM % ',"identifiers":[{"scheme":"gtin","value":"123"}]'),
    (202, ITEM.replace('"1.00"', '"-0"') % ""),
    (202, ITEM % ',"extra_data":{"__proto__":{},"x":"{{7*7}} \' OR 1=1-- <script>"}'),
    (202, ITEM.replace('"A"', '"\U0001f48a"') % ""),
    (202, ITEM.replace('"A"', f'"{"x" * 128}"') % ""),
]


async def test_every_bad_body_is_answered_at_once(live: GatewayStage, key: TestKey) -> None:
    """400 for what cannot be read, 422 for what does not fit; the connection serves the next request."""
    for status, body in BODIES:
        answer = await post(live, key, body)
        if status == 202:
            assert answer.status_code == 202, f"{body!r}: {answer.text}"
        else:
            assert_problem(answer, status, body[:60])


@pytest.mark.parametrize(
    "body",
    [
        "[" * 1_000,
        "[" * 100_000,
        "{" + ",".join(f'"{number}":1' for number in range(10_000)) + "}",
        '{"sku":"' + "x" * 1_000_000 + '"}',
        "[" + "1," * 499_999 + "1]",
    ],
    ids=["1,000 brackets", "100,000 brackets", "10,000 keys", "a text of 1 MB", "500,000 elements"],
)
async def test_a_hostile_body_is_refused_within_a_tenth_of_a_second(
    live: GatewayStage, key: TestKey, body: str
) -> None:
    took: list[float] = []
    for _ in range(5):  # the best of them tells what the gateway takes, on a machine that does other things as well
        began = time.perf_counter()
        answer = await post(live, key, body)
        took.append(time.perf_counter() - began)
        assert answer.status_code in {400, 413, 422}
    assert min(took) < 0.1, took


async def test_all_faults_come_at_once_each_with_its_pointer(live: GatewayStage, key: TestKey) -> None:
    """Pointers name the place in the body that was sent."""
    body = {
        "lines": [{"sku": "A", "quantity": 0, "total_price": "x"}, {"quantity": 1, "total_price": "1.00"}],
        "sale_time": "2026-02-30T00:00:00Z",
        "a/b~c d\u20ac": 1,
    }
    answer = await live.client.post("/api/sales/", json=body, headers=key.headers)
    problem = assert_problem(answer, 422)
    assert problem["type"] == "/problems/validation"
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {
        "#/lines/0/quantity",
        "#/lines/0/total_price",
        "#/lines/1",
        "#/sale_time",
        "#/a~1b~0c%20d%E2%82%AC",
    }
    assert all(set(error) == {"pointer", "code", "detail"} for error in problem["errors"])


async def test_only_json_in_utf8_is_taken(live: GatewayStage, key: TestKey) -> None:
    """415 with what would be taken; merge-patch for PATCH alone."""
    item = f"/api/inventory/{uuid4()}/"
    cases = [
        ("POST", "text/plain", 415),
        ("POST", "", 415),
        ("POST", "application/json; charset=latin1", 415),
        ("POST", "application/json5", 415),
        ("POST", "application/merge-patch+json", 415),
        ("POST", "application/json; charset=UTF-8", 202),
        ("POST", "Application/JSON", 202),
        ("PATCH", "application/merge-patch+json", 202),
        ("PATCH", "application/json", 202),
        ("PATCH", "application/x-www-form-urlencoded", 415),
    ]
    for method, media, status in cases:
        body = ITEM % "" if method == "POST" else '{"name":"x"}'
        path = "/api/inventory/" if method == "POST" else item
        request = live.client.build_request(
            method, path, content=body.encode(), headers={**key.headers, "Content-Type": media}
        )
        if not media:
            del request.headers["content-type"]
        answer = await live.client.send(request)
        if status == 415:
            assert_problem(answer, 415, media)
            assert answer.headers["accept-patch" if method == "PATCH" else "accept"]
        else:
            assert answer.status_code == status, media
    assert_problem(await post(live, key, b"x", Content_Encoding="gzip"), 415)


async def test_headers_that_steer_a_write_are_checked(live: GatewayStage, key: TestKey) -> None:
    """Idempotency-Key, Prefer, If-Match."""
    for name in ("", "x" * 256, "a b"):
        assert_problem(await post(live, key, ITEM % "", Idempotency_Key=name), 400, name)
    twice = [*key.headers.items(), *JSON.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert_problem(await live.client.post("/api/inventory/", content=ITEM % "", headers=twice), 400)
    latin = {name.encode(): value.encode() for name, value in (key.headers | JSON).items()} | {
        b"Idempotency-Key": "ä".encode()
    }
    assert_problem(await live.client.post("/api/inventory/", content=ITEM % "", headers=latin), 400)
    for name in ("x" * 255, '"quoted"', "!~"):
        assert (await post(live, key, ITEM % "", Idempotency_Key=name)).status_code == 202
    for prefer in (
        "wait=-1",
        "wait=abc",
        "respond-async",
        "wait",
        "wait=",
        "x" * 900,
        ", ".join(f"p{n}" for n in range(50)),
        "wait=0",
    ):
        answer = await post(live, key, ITEM % "", Prefer=prefer)
        assert answer.status_code == 202, prefer
        assert "preference-applied" not in answer.headers
    item = f"/api/inventory/{uuid4()}/"
    for tags, status in (
        ('"1"', 202),
        ("*", 202),
        ('W/"1"', 202),
        ('"1", "2"', 202),
        ('"abc"', 202),
        ("1", 400),
        ('"1', 400),
        ("", 400),
        ('"1" "2"', 400),
        ("x" * 8000, 400),
        ('"1",,"2"', 202),
    ):
        answer = await live.client.patch(item, json={"name": "x"}, headers={**key.headers, "If-Match": tags})
        assert answer.status_code == status, tags


async def test_unknown_query_parameters_are_named(live: GatewayStage, key: TestKey) -> None:
    """On writes, on single resources, on operations, on health."""
    item = f"/api/inventory/{uuid4()}"
    for method, path in (
        ("POST", "/api/inventory/"),
        ("GET", item),
        ("DELETE", item),
        ("GET", f"/api/operations/{uuid4()}"),
        ("GET", "/health/live"),
    ):
        problem = assert_problem(
            await live.client.request(method, f"{path}?dry_run=1&limit=3", headers=key.headers), 400, path
        )
        assert problem["type"] == "/problems/unknown-parameter"
        assert "dry_run" in problem["detail"]
        assert "limit" in problem["detail"]


async def test_paths_and_methods(live: GatewayStage, key: TestKey) -> None:
    """Both slash forms; 404 and 405 with Allow; HEAD and OPTIONS; nothing of the Host comes back."""
    nobody = TestKey(key.id, key.pharmacy_id, "")
    for path in ("/api/inventory", "/api/inventory/", "//api//inventory/", "http://evil.example/api/inventory"):
        assert (await raw(live, path, key)).status_code == 200, path
        assert_problem(await raw(live, path, nobody), 401, path)
    for path in (
        "/api/nothing",
        "/api/inventory/not-an-id",
        "/api/inventory/x/y",
        "/api/%2e%2e/admin",
        "/api/./inventory",
        "/nothing",
    ):
        assert_problem(await raw(live, path, key), 404, path)
    for method, path, allow in (
        ("PUT", "/api/inventory", "GET, HEAD, OPTIONS, POST"),
        ("POST", f"/api/sales/{uuid4()}", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("TRACE", "/api/orders/", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/api/pharmacies/", "GET, HEAD, OPTIONS, POST"),
    ):
        answer = await live.client.request(method, path, headers={**key.headers, "X-HTTP-Method-Override": "GET"})
        assert_problem(answer, 405, path)
        assert answer.headers["allow"] == allow
        options = await live.client.options(path)
        assert (options.status_code, options.headers["allow"]) == (204, allow)
    head = await live.client.head("/api/inventory/", headers=key.headers)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    evil = await live.client.post("/api/inventory/", json=an_item(), headers={**key.headers, "Host": "evil.example"})
    assert "evil" not in evil.text + str(evil.headers)


async def test_every_answer_carries_the_protecting_headers(live: GatewayStage, key: TestKey) -> None:
    """Answers of every kind."""
    for answer in (
        await live.client.get("/api/inventory/", headers=key.headers),
        await live.client.get("/api/inventory/"),
        await live.client.get("/nothing"),
        await live.client.get("/health/live"),
        await live.client.options("/api/sales/"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_the_401_is_always_the_same_bytes(live: GatewayStage, key: TestKey) -> None:
    """Missing, wrong, cut, of another kind, unknown but well-formed, revoked, of a path that is not there."""
    revoked = await live.add_key(key.pharmacy_id)
    assert (await live.client.get("/api/inventory/", headers=revoked.headers)).status_code == 200
    await live.revoke(revoked)
    stranger = "phk_1p5pW7VxCRF9lPswswXG1jHFqBNbPK8o22CyQmf"

    async def answered() -> int:
        return (await live.client.get("/api/inventory/", headers=revoked.headers)).status_code

    await eventually(answered, lambda status: status == 401, within=5)
    bodies = set()
    for text in (
        None,
        "",
        "x",
        key.text[:-1],
        key.text[:-1] + "!",
        stranger,
        stranger,
        revoked.text,
        "x" * 10_000,
        key.text.lower(),
    ):
        headers = {} if text is None else {"X-API-KEY": text}
        for path in ("/api/inventory/", f"/api/operations/{uuid4()}", "/api/nothing"):
            answer = await live.client.get(path, headers=headers)
            assert_problem(answer, 401, text)
            bodies.add(answer.content)
    assert len(bodies) == 1


async def test_scopes_are_strict(live: GatewayStage, key: TestKey) -> None:
    """`read` does not write, `write` does not read."""
    reader, writer = await live.add_key(key.pharmacy_id, ["read"]), await live.add_key(key.pharmacy_id, ["write"])
    assert (await live.client.get("/api/sales/", headers=reader.headers)).status_code == 200
    assert_problem(await live.client.get("/api/sales/", headers=writer.headers), 403)
    assert_problem(await post(live, reader, ITEM % ""), 403)
    assert (await post(live, writer, ITEM % "")).status_code == 202
