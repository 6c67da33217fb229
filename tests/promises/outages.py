"""Servers of one test's own to be broken, clients that write all the while, and what must be true at the end."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx

from hub.faults import SettingsError
from hub.settings import Settings
from hub.storage.database import Database
from hub.up.broker import control
from hub.up.ports import answers
from hub.up.postgres import start_postgres
from hub.up.private import PrivateServers, open_private_servers
from hub.up.processes import Child, Spec, start, wait_until
from tests.conftest import SECRET_KEY
from tests.kit.builders import an_item
from tests.kit.gateway import GatewayStage, TestKey, running_gateway
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually

HUNG_SECONDS = 6.0
CONFIRM_SECONDS = 1.0  # of the hub that tests share
_GREETING, _START_FRAME = b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00"

_LOG = logging.getLogger(__name__)


def measured(what: str, seconds: float) -> None:
    """Write a time down; `--log-cli-level=INFO` shows it."""
    _LOG.info("measured: %s: %.2f s", what, seconds)


def counted(what: str, number: int) -> None:
    """Write down how many there were, where no time means anything; shown as what was measured is."""
    _LOG.info("measured: %s: %d", what, number)


class Breakable:
    """A private PostgreSQL and RabbitMQ; each can be ended by pid and started again on its own data."""

    def __init__(self, servers: PrivateServers, logs: Path) -> None:
        """Take over running servers."""
        self._servers = servers
        self._logs = logs
        self._again: list[Child] = []
        self.postgres, _, self.rabbitmq = servers.children

    def settings(self, data_dir: Path) -> Settings:
        """Settings of a hub on these servers, without limits of rate."""
        return Settings(
            _env_file=None, database_url=self._servers.database_url, amqp_url=self._servers.amqp_url,
            amqp_management_url=self._servers.management_url, secret_key=SECRET_KEY, data_dir=data_dir, metrics_port=0,
            rate_limit_per_second=0, rate_limit_burst=0, roles=("writer",),
        )  # fmt: skip

    def kill_rabbitmq(self) -> None:
        """End RabbitMQ's node as a lack of memory does: SIGKILL, no farewell to anybody."""
        self.rabbitmq.kill()

    def start_rabbitmq(self) -> None:
        """Start the node again and wait until it takes connections."""
        self.rabbitmq = self._start(self.rabbitmq.spec)
        port = self._servers.broker.amqp_port
        wait_until(self.rabbitmq, lambda: answers(port, greeting=_GREETING, reply=_START_FRAME), 60)

    def stop_postgres(self) -> None:
        """End PostgreSQL as `pg_ctl stop -m immediate` does: SIGQUIT, no checkpoint, recovery at the next start."""
        self.postgres.popen.send_signal(signal.SIGQUIT)
        self.postgres.popen.wait(10)

    def start_postgres(self) -> None:
        """Start PostgreSQL again and wait until it answers."""
        self.postgres = start_postgres(self._servers.postgres, self._start)

    def freeze_rabbitmq(self) -> None:
        """Let the node stand still: connections stay, nobody answers."""
        self.rabbitmq.popen.send_signal(signal.SIGSTOP)

    def thaw_rabbitmq(self) -> None:
        """Let the node go on."""
        self.rabbitmq.popen.send_signal(signal.SIGCONT)

    def freeze_postgres(self) -> None:
        """Let the postmaster and all its backends stand still; the kernel still takes connections for them."""
        self.postgres.popen.send_signal(signal.SIGSTOP)
        for pid in _children_of(self.postgres.pid):
            os.kill(pid, signal.SIGSTOP)

    def thaw_postgres(self) -> None:
        """Let them go on."""
        for pid in (*_children_of(self.postgres.pid), self.postgres.pid):
            os.kill(pid, signal.SIGCONT)

    def rabbitmqctl(self, *arguments: str) -> None:
        """Run `rabbitmqctl` against the node."""
        control(self._servers.broker, *arguments)

    @property
    def postgres_data(self) -> Path:
        """Where PostgreSQL keeps its data."""
        return self._servers.postgres.data

    @property
    def database_url(self) -> str:
        """PostgreSQL's address; the role may do everything."""
        return self._servers.database_url

    def _start(self, spec: Spec) -> Child:
        child = start(spec, self._logs)
        self._again.append(child)
        return child

    def end(self) -> None:
        """End what was started again; the first processes belong to who opened them."""
        for child in self._again:
            child.kill()


def _children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass(slots=True)
class Written:
    """What the clients were told."""

    accepted: list[UUID] = field(default_factory=list)
    refused: list[UUID] = field(default_factory=list)
    by_client: defaultdict[int, list[UUID]] = field(
        default_factory=lambda: defaultdict(list)
    )  # a client waits for each
    slowest_seconds: float = 0.0
    gap_seconds: float = 0.0  # the longest time without a 202 for anybody


@dataclass(slots=True)
class Clients:
    """Clients that create items until they are told to stop; every answer is written down."""

    stage: GatewayStage
    keys: Sequence[TestKey]
    pause_seconds: float = 0.0
    written: Written = field(default_factory=Written)
    _stopped: bool = False
    _accepted_at: float = 0.0

    async def write(self, number: int) -> None:
        """Be one client: any answer but a 202 or a whole 503 fails the test."""
        loop = asyncio.get_running_loop()
        key = self.keys[number % len(self.keys)]
        while not self._stopped:
            began = loop.time()
            answer = await self.stage.client.post("/api/inventory/", json=an_item(uuid4().hex), headers=key.headers)
            self.written.slowest_seconds = max(self.written.slowest_seconds, loop.time() - began)
            operation_id = self._read(answer)
            if answer.status_code == 202:
                self._accept(operation_id)
                self.written.by_client[number].append(operation_id)
                await asyncio.sleep(self.pause_seconds)  # a client's own pace
            else:
                self.written.refused.append(operation_id)
                await asyncio.sleep(0.1)  # who was refused comes again a little later

    def _accept(self, operation_id: UUID) -> None:
        now = time.monotonic()
        if self.written.accepted:
            self.written.gap_seconds = max(self.written.gap_seconds, now - self._accepted_at)
        self._accepted_at = now
        self.written.accepted.append(operation_id)

    def note(self, answer: httpx.Response) -> None:
        """Count a 202 that a test itself was given."""
        self._accept(self._read(answer))

    @staticmethod
    def _read(answer: httpx.Response) -> UUID:
        assert answer.status_code in {202, 503}, answer.text
        operation_id = answer.json()["operation_id"]
        assert answer.headers["operation-id"] == operation_id
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
        return UUID(operation_id)

    async def more(self, count: int, within: float = 20.0) -> None:
        """Wait until so many further writes were accepted."""
        goal = len(self.written.accepted) + count

        async def accepted() -> int:
            return len(self.written.accepted)

        await eventually(accepted, lambda found: found >= goal, within=within)

    def stop(self) -> None:
        """Let every client finish its request and go."""
        self._stopped = True


@asynccontextmanager
async def clients_writing(
    stage: GatewayStage, *, clients: int, pharmacies: int, pause_seconds: float = 0.0
) -> AsyncIterator[Clients]:
    """Run clients beside the block, several to a pharmacy; what failed in one of them fails the block.

    Args:
        pause_seconds: how long each rests after a 202.
    """
    crowd = Clients(stage, [await stage.add_key() for _ in range(pharmacies)], pause_seconds)
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(crowd.write(number))
        try:
            yield crowd
        finally:
            crowd.stop()


Hub = tuple[Breakable, GatewayStage]


@asynccontextmanager
async def breakable_hub(data_dir: Path, **changes: object) -> AsyncIterator[Hub]:
    """A gateway process and a consumers process (the writer) on servers that may be broken.

    Args:
        changes: settings that differ.
    """
    async with AsyncExitStack() as stack:
        servers = stack.enter_context(open_private_servers(data_dir / "servers", throwaway=True))
        breakable = Breakable(servers, data_dir / "servers" / "logs")
        stack.callback(breakable.end)
        settings = breakable.settings(data_dir).model_copy(update=changes)
        await asyncio.to_thread(migrate, settings)
        stack.enter_context(consumers_process(settings))
        yield breakable, await stack.enter_async_context(running_gateway(settings))


async def recovered(hub: Hub) -> None:
    """Wait until it is ready, and this process has noticed which of its own connections ended."""
    _, stage = hub

    async def status() -> int:
        return (await stage.client.get("/health/ready")).status_code

    await eventually(status, lambda seen: seen == 200, within=30)


def migrate(settings: Settings) -> None:
    told = {
        "HUB_DATABASE_URL": settings.database_url.get_secret_value(),
        "HUB_AMQP_URL": settings.amqp_url.get_secret_value(),
        "HUB_SECRET_KEY": SECRET_KEY,
    }
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli", "migrate"], env={**os.environ, **told}, capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        raise SettingsError(done.stderr)


async def applied_of(database_url: str, operations: Sequence[UUID]) -> int:
    """Count which of these operations were applied; -1 while PostgreSQL is away."""
    try:
        connection = await asyncpg.connect(database_url, timeout=2)
    except (OSError, asyncpg.PostgresError):
        return -1
    try:
        found: int = await connection.fetchval(
            "SELECT count(*) FROM operations WHERE id = ANY($1) AND status = 'applied'", operations
        )
    finally:
        await connection.close()
    return found


async def all_applied(settings: Settings, written: Written, *, within: float) -> None:
    """Wait until every accepted write was applied."""
    url = settings.database_url.get_secret_value()
    await eventually(
        lambda: applied_of(url, written.accepted), lambda found: found == len(written.accepted), within=within
    )


async def assert_once(writes: Database, written: Written, pharmacies: Sequence[UUID] | None = None) -> None:
    """See that each write made one item and one event, the refused ones at most; the numbers have no gap.

    Args:
        pharmacies: whose writes these were; None: everybody's.
    """
    assert len(set(written.accepted)) == len(written.accepted)
    told = {*written.accepted, *written.refused}
    whose = "WHERE $1::uuid[] IS NULL OR pharmacy_id = ANY($1)"
    async with writes.transaction() as connection:
        operations = {row[0] for row in await connection.fetch(f"SELECT id FROM operations {whose}", pharmacies)}
        events = await connection.fetch(
            f"SELECT pharmacy_id, sequence, operation_id FROM events {whose} ORDER BY sequence", pharmacies
        )
        items = await connection.fetchval(f"SELECT count(*) FROM inventory_items {whose}", pharmacies)
    assert operations <= told
    assert Counter(event["operation_id"] for event in events) == Counter(operations)
    assert items == len(operations)
    numbers: dict[UUID, list[int]] = {}
    for event in events:
        numbers.setdefault(event["pharmacy_id"], []).append(event["sequence"])
    for found in numbers.values():
        assert found == list(range(1, len(found) + 1))
    # Each client had the answer to one write before it sent the next.
    sequence_of = {event["operation_id"]: event["sequence"] for event in events}
    for sent in written.by_client.values():
        sequences = [sequence_of[operation_id] for operation_id in sent]
        assert sequences == sorted(sequences)
