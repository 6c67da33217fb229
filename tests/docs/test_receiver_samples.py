"""The samples of receivers accept what the hub sends, once and again, and nothing else: run as they stand."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from hub.security.signatures import derive_webhook_secret, sign
from tests.kit.node import node_modules

SAMPLES = Path(__file__).parents[2] / "clients" / "webhooks"
SECRET = derive_webhook_secret("a secret key that only the tests know", UUID(int=1))
BODY = '{"type":"sale.recorded","sequence":7,"data":{"sale":{"reference":"caf\xe9"}}}'.encode()


@pytest.fixture(params=["python", "node", "java"])
def command(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run a sample; skips where its language or library is not here."""
    if request.param == "python":
        return [sys.executable, str(SAMPLES / "receive.py")]
    if request.param == "node":
        for name, value in node_modules("standardwebhooks", tmp_path).items():
            monkeypatch.setenv(name, value)
        return ["node", str(SAMPLES / "receive.js")]
    jar = os.environ.get("STANDARDWEBHOOKS_JAR", "")
    if not jar:
        pytest.skip("needs java and STANDARDWEBHOOKS_JAR")
    return ["java", "-cp", jar, str(SAMPLES / "Receive.java")]


@contextmanager
def running(command: list[str]) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*command, str(port)], env=os.environ | {"WEBHOOK_SECRET": SECRET}, stdout=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            assert process.poll() is None, "the sample ended by itself"
            assert time.monotonic() < deadline, "the sample does not listen"
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)  # a look every 50 ms
        yield f"http://127.0.0.1:{port}/hook", process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_sample_takes_what_is_genuine_once_and_refuses_the_rest(command: list[str]) -> None:
    now = datetime.now(UTC)
    headers = sign("evt_7", now, BODY, [SECRET])
    stale = sign("evt_8", now - timedelta(minutes=6), BODY, [SECRET])
    foreign = sign("evt_9", now, BODY, [derive_webhook_secret("another secret key of somebody else", UUID(int=1))])
    with running(command) as (url, process):
        assert httpx.post(url, content=BODY, headers=headers).status_code == 204
        assert httpx.post(url, content=BODY, headers=headers).status_code == 204
        assert httpx.post(url, content=BODY.replace(b"7", b"8"), headers=headers).status_code == 400
        assert httpx.post(url, content=BODY, headers=stale).status_code == 400
        assert httpx.post(url, content=BODY, headers=foreign).status_code == 400
        assert httpx.post(url, content=BODY).status_code == 400
        assert httpx.post(url, content=BODY, headers=sign("evt_10", now, BODY, [SECRET])).status_code == 204
        process.kill()
        assert process.stdout is not None
        told = process.stdout.read().splitlines()
    assert len(told) == 2
    assert "sale.recorded" in told[0]
