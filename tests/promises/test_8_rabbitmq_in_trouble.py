"""Promise 8, RabbitMQ in trouble: reads go on, writes are a 503 that says when to come again, and all heals by itself.

Red when: a publish waits for a broker that takes nothing, a waiting writer gives up what it holds, or what was refused is
counted as accepted.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.conftest import SESSION_DIR
from tests.kit.builders import an_item
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import assert_problem
from tests.kit.wait import eventually
from tests.promises.outages import (
    HUNG_SECONDS,
    Breakable,
    all_applied,
    assert_once,
    breakable_hub,
    clients_writing,
    measured,
)

OUTAGE_SECONDS = 3.0
CONFIRM_SECONDS = 1.0
RECOVERED_SECONDS = 15.0

Hub = tuple[Breakable, GatewayStage]


@pytest.fixture(scope="module")
async def hub(pytestconfig: pytest.Config) -> AsyncIterator[Hub]:
    """One hub on servers of its own for all of this file; every fault leaves it as it was."""
    place = pytestconfig.stash[SESSION_DIR] / "rabbitmq-in-trouble"
    place.mkdir(mode=0o711)
    async with breakable_hub(place, confirm_seconds=CONFIRM_SECONDS) as hub:
        yield hub


@contextmanager
def frozen(servers: Breakable) -> Iterator[None]:
    """SIGSTOP: connections stay, nobody answers."""
    servers.freeze_rabbitmq()
    try:
        yield
    finally:
        servers.thaw_rabbitmq()


@contextmanager
def memory_alarm(servers: Breakable) -> Iterator[None]:
    """The broker takes no messages, and goes on delivering."""
    servers.rabbitmqctl("set_vm_memory_high_watermark", "0.0000001")
    try:
        yield
    finally:
        servers.rabbitmqctl("set_vm_memory_high_watermark", "0.4")


@contextmanager
def disk_alarm(servers: Breakable) -> Iterator[None]:
    """As with memory."""
    servers.rabbitmqctl("set_disk_free_limit", "999999GB")
    try:
        yield
    finally:
        servers.rabbitmqctl("set_disk_free_limit", "200MB")


Fault = Callable[[Breakable], AbstractContextManager[None]]


@pytest.mark.parametrize(
    "fault", [frozen, memory_alarm, pytest.param(disk_alarm, marks=pytest.mark.long)], ids=["frozen", "memory", "disk"]
)
async def test_reads_are_200_and_writes_a_quick_503_whatever_ails_rabbitmq(hub: Hub, fault: Fault) -> None:
    """3 s of it among 4 clients: reads 200, writes refused at once after the first, readiness says which; then it heals."""
    servers, stage = hub
    name = fault.__name__
    prober = await stage.add_key()  # what it was refused may still come through, as what the clients were
    async with clients_writing(stage, clients=4, pharmacies=4) as clients:
        await clients.more(20)
        trouble = fault(servers)
        await asyncio.to_thread(trouble.__enter__)
        try:
            # What RabbitMQ took in the very last moment is not refused, but waited for.
            await eventually(lambda: _is_refused(stage, prober), bool, within=15)
            until = time.monotonic() + OUTAGE_SECONDS
            slowest, quickest_write = 0.0, 60.0
            while time.monotonic() < until:
                asked = time.monotonic()
                assert await _is_refused(stage, prober)
                quickest_write = min(quickest_write, time.monotonic() - asked)
                asked = time.monotonic()
                read = await stage.client.get("/api/inventory/", headers=prober.headers)
                assert read.status_code == 200
                ready = await stage.client.get("/health/ready")
                assert ready.status_code == 503
                assert (ready.json()["reads"]["ready"], ready.json()["writes"]["ready"]) == (True, False)
                slowest = max(slowest, time.monotonic() - asked)
                await asyncio.sleep(0.1)  # a client that asks ten times a second
        finally:
            await asyncio.to_thread(trouble.__exit__, None, None, None)
        healed = time.monotonic()
        await clients.more(1)
        measured(f"RabbitMQ, {name}: end to a 202", time.monotonic() - healed)
        await clients.more(20)
    await all_applied(stage.settings, clients.written, within=RECOVERED_SECONDS)
    measured(f"RabbitMQ, {name}: end to all applied", time.monotonic() - healed)
    measured(f"RabbitMQ, {name}: slowest write", clients.written.slowest_seconds)
    assert time.monotonic() - healed < RECOVERED_SECONDS
    assert slowest < 2.0
    # An alarm is known from the first refusal on; a broker that stands still is asked each time.
    assert fault is frozen or quickest_write < CONFIRM_SECONDS / 2
    assert clients.written.slowest_seconds < HUNG_SECONDS
    assert clients.written.refused
    await assert_once(stage.writes, clients.written, [key.pharmacy_id for key in clients.keys])


async def _is_refused(stage: GatewayStage, key: TestKey) -> bool:
    began = time.monotonic()
    answer = await stage.client.post(
        "/api/inventory/", json=an_item("REFUSED"), headers={**key.headers, "Prefer": "wait=5"}
    )
    if answer.status_code != 503:
        return False
    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    assert time.monotonic() - began < CONFIRM_SECONDS + 1.5
    return True
