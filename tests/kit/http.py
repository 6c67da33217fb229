"""HTTP as tests speak it: JSON bytes, targets as they are, and problems looked at whole."""

import asyncio
from typing import Any

import httpx

from tests.kit.gateway import GatewayStage, TestKey

WAIT = {"Prefer": "wait=15"}
JSON = {"Content-Type": "application/json"}


async def post(
    stage: GatewayStage, key: TestKey, content: bytes | str, path: str = "/api/inventory/", **headers: str
) -> httpx.Response:
    """Post bytes as JSON."""
    named = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    return await stage.client.post(path, content=content, headers={**key.headers, **named})


def assert_problem(answer: httpx.Response, status: int, what: object = "") -> dict[str, Any]:
    """See that an answer is a whole problem of this status."""
    assert answer.status_code == status, f"{what!r}: {answer.status_code} {answer.text[:300]}"
    assert answer.headers["content-type"] == "application/problem+json", what
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "errors"} <= set(body)
    assert body["status"] == status
    assert "Traceback" not in answer.text
    return body


async def raw(stage: GatewayStage, target: str, key: TestKey) -> httpx.Response:
    """Ask for a target as it is: httpx would make it tidy."""
    status, headers, body = await wire(
        stage, f"GET {target} HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key.text}\r\nConnection: close\r\n\r\n".encode()
    )
    return httpx.Response(status, headers=headers, content=body)


async def wire(stage: GatewayStage, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, read the head of the answer and what comes with it."""
    host, port = stage.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(sent)
        await writer.drain()
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
    finally:
        writer.close()
    return int(lines[0].split()[1]), headers, body


async def ask(
    stage: GatewayStage, key: TestKey | str, method: str, path: str, body: object = None, **headers: str
) -> httpx.Response:
    """Send a request as the owner of a key."""
    text = key if isinstance(key, str) else key.text
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await stage.client.request(method, path, headers={"X-API-KEY": text, **named}, json=body)
