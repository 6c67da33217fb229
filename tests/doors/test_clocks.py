"""Clocks of whole processes that are wrong, and jump: order comes from numbers, waiting from a clock that never goes back."""

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from hub.settings import Settings
from tests.kit.builders import an_item
from tests.kit.forking import ensure_ready
from tests.kit.gateway import running_gateway
from tests.kit.http import WAIT
from tests.kit.processes import consumers_process
from tests.promises.outages import HUNG_SECONDS, all_applied, assert_once, clients_writing, measured

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
# Of the gateway and of the writer: two hours apart, then the other way round; a leap day; the hour that autumn has twice.
TIMES = (
    ("+1h", "-1h"), ("-1h", "+1h"), ("@2028-02-29 23:59:58", "@2028-03-01 00:00:01"), ("@2027-10-31 00:59:58", "@2027-10-31 01:00:01"),
)  # fmt: skip


@contextmanager
def time_from(file: Path) -> Iterator[None]:
    """Let the processes that are started now read their time of day as this file says."""
    file.write_text("+0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(LIBRARY))
        patch.setenv("FAKETIME_TIMESTAMP_FILE", str(file))
        patch.setenv("FAKETIME_NO_CACHE", "1")
        patch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        yield


@pytest.mark.skipif(LIBRARY is None, reason="needs Debian's libfaketime")
async def test_clocks_that_are_apart_and_jump_lose_double_and_reorder_nothing(settings: Settings) -> None:
    settings = settings.model_copy(
        update={"roles": ("writer",), "rate_limit_per_second": 0.0, "rate_limit_burst": 0, "partitions": 2}
    )
    clocks = of_gateway, of_writer = [settings.data_dir / name for name in ("gateway.time", "writer.time")]
    ensure_ready()
    async with AsyncExitStack() as stack:
        with time_from(of_writer):
            stack.enter_context(consumers_process(settings))
        with time_from(of_gateway):
            stage = await stack.enter_async_context(running_gateway(settings))
        key = await stage.add_key()
        named = key.headers | {"Idempotency-Key": uuid4().hex}
        body = {"event_type": "a.b", "payload": {}}
        first = await stage.client.post("/api/webhook-events/", json=body, headers=named)
        seen = set()
        async with clients_writing(stage, clients=4, pharmacies=4, pause_seconds=0.02) as clients:
            for times in TIMES:
                await clients.more(40)
                for clock, shown in zip(clocks, times, strict=True):
                    clock.write_text(shown)
                asked = time.monotonic()
                made = await stage.client.post("/api/inventory/", json=an_item(uuid4().hex), headers=key.headers | WAIT)
                assert made.status_code == 201, made.text
                measured(f"clocks at {times}, a waited write", time.monotonic() - asked)
                seen.add(made.json()["created_at"][:13])
            again = await stage.client.post("/api/webhook-events/", json=body, headers=named)
            assert again.json()["operation_id"] == first.json()["operation_id"]
        assert len(seen) > 2, f"the clocks did not move: {seen}"
        await all_applied(settings, clients.written, within=20)
        assert clients.written.refused == []
        assert clients.written.slowest_seconds < HUNG_SECONDS
        await assert_once(stage.writes, clients.written, [one.pharmacy_id for one in clients.keys])
