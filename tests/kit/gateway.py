"""A running gateway for tests: a process as `hub up` starts it, keys put straight into the database, events made by hand."""

import json
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx

from hub.domain.event import routing_key_of
from hub.domain.fields import format_time
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import open_connection
from hub.messaging.control import Notice, notice_message
from hub.messaging.declaring import declare_topology
from hub.messaging.topology import EVENTS
from hub.security.keys import derive_key, hash_key
from hub.settings import Settings
from hub.storage.database import Database, open_database
from hub.storage.events import StoredEvent, append, take_numbers
from hub.up.commands import GATEWAY
from tests.kit.forking import Forked
from tests.kit.wait import eventually
from tests.rooms.broker_proxy import a_free_port


@dataclass(frozen=True, slots=True)
class TestKey:
    """A key that the gateway knows."""

    __test__ = False

    id: UUID
    pharmacy_id: UUID
    text: str

    @property
    def headers(self) -> dict[str, str]:
        """What a client sends."""
        return {"X-API-KEY": self.text}


@dataclass(slots=True)
class GatewayStage:
    """The gateway's address, and the hands of a writer."""

    url: str
    process: Forked
    client: httpx.AsyncClient
    writes: Database
    publisher: BulkPublisher
    settings: Settings
    keys: list[TestKey] = field(default_factory=list)

    @property
    def ws_url(self) -> str:
        """The address of its sockets."""
        return self.url.replace("http", "ws", 1)

    async def add_key(
        self, pharmacy_id: UUID | None = None, scopes: Sequence[str] = ("read", "write", "webhooks")
    ) -> TestKey:
        """Make a pharmacy, or another key of one."""
        key = TestKey(uuid4(), pharmacy_id or uuid4(), derive_key(secrets.token_hex(20), uuid4()))
        async with self.writes.transaction() as connection:
            if pharmacy_id is None:
                await connection.execute(
                    "INSERT INTO pharmacies (id, created_at, updated_at, version, name, is_active, settings) "
                    "VALUES ($1, now(), now(), 1, 'Corner', true, '{}')",
                    key.pharmacy_id,
                )
            await connection.execute(
                "INSERT INTO api_keys (id, pharmacy_id, created_at, updated_at, version, name, digest, hint, scopes) "
                "VALUES ($1, $2, now(), now(), 1, 'k', $3, $4, $5)",
                key.id,
                key.pharmacy_id,
                hash_key(key.text).hex(),
                key.text[-4:],
                json.dumps(list(scopes)),
            )
        self.keys.append(key)
        return key

    async def add_operator_key(self) -> str:
        """Make an operator's key."""
        text = derive_key(secrets.token_hex(20), uuid4(), "operator")
        async with self.writes.transaction() as connection:
            await connection.execute(
                "INSERT INTO operator_keys (id, created_at, updated_at, version, name, digest, hint) "
                "VALUES ($1, now(), now(), 1, 'op', $2, $3)",
                uuid4(),
                hash_key(text).hex(),
                text[-4:],
            )
        return text

    async def revoke(self, key: TestKey) -> None:
        """End a key, and tell the gateways."""
        async with self.writes.transaction() as connection:
            await connection.execute(
                "UPDATE api_keys SET revoked_at = now(), version = version + 1 WHERE id = $1", key.id
            )
        await self.publisher.publish([notice_message(Notice("key.changed", {"id": str(key.id)}))])

    async def log(
        self, pharmacy_id: UUID, count: int = 1, event_type: str = "sale.recorded", size: int = 0
    ) -> list[StoredEvent]:
        """Commit some events; nobody is told."""
        async with self.writes.transaction() as connection:
            first = (await take_numbers(connection, {pharmacy_id: count}))[pharmacy_id]
            events = [_event(pharmacy_id, sequence, event_type, size) for sequence in range(first, first + count)]
            await append(connection, events)
        return events

    async def publish(self, events: Sequence[StoredEvent]) -> None:
        """Publish events as the writer does."""
        await self.publisher.publish([
            Outgoing(
                EVENTS, routing_key_of(event.pharmacy_id, event.type), event.body.encode(), "application/cloudevents+json",
                str(event.id), headers={"sequence": event.sequence, "pharmacy_id": str(event.pharmacy_id)}, mandatory=False,
            )
            for event in events
        ])  # fmt: skip

    async def happen(
        self, pharmacy_id: UUID, count: int = 1, event_type: str = "sale.recorded", size: int = 0
    ) -> list[StoredEvent]:
        """Commit, then publish."""
        events = await self.log(pharmacy_id, count, event_type, size)
        await self.publish(events)
        return events

    async def stop(self) -> int:
        """Ask the process to end, and wait for it."""
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait(15)


def _event(pharmacy_id: UUID, sequence: int, event_type: str, size: int) -> StoredEvent:
    event_id, operation_id, time = uuid4(), uuid4(), datetime.now(UTC)
    event = {
        "specversion": "1.0", "id": str(event_id), "type": event_type, "source": f"/pharmacies/{pharmacy_id}",
        "subject": f"sales/{uuid4()}", "time": format_time(time), "sequence": sequence, "pharmacyid": str(pharmacy_id),
        "causationid": str(operation_id), "data": {"sale": {"note": "é\u2028" + "x" * size}, "changed": {}},
    }  # fmt: skip
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return StoredEvent(event_id, pharmacy_id, sequence, event_type, operation_id, time, body)


@asynccontextmanager
async def running_gateway(
    settings: Settings, log: Path | None = None, options: Sequence[str] = ()
) -> AsyncIterator[GatewayStage]:
    """Start a gateway on this test's database and virtual host, and end it.

    Args:
        options: further ones of uvicorn's command line.
        log: a file for all that it prints; it is then started with the server's defaults, as a careless operator would.
    """
    port = a_free_port()
    url = f"http://127.0.0.1:{port}"
    database_url = settings.database_url.get_secret_value()
    async with AsyncExitStack() as stack:
        writes = await stack.enter_async_context(open_database(database_url, "hub_write", pool=4))
        publishing = await stack.enter_async_context(open_connection(settings.amqp_urls, name="test publishing"))
        await declare_topology(publishing, settings.partitions)
        process = start_gateway(settings, port, log, options)
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30, trust_env=False))
        stage = GatewayStage(url, process, client, writes, BulkPublisher(publishing, confirm_seconds=5), settings)
        try:
            await _until_it_answers(stage)
            yield stage
        finally:
            await stage.stop()


def start_gateway(settings: Settings, port: int, log: Path | None = None, options: Sequence[str] = ()) -> Forked:
    """Start the process alone; arguments as `running_gateway`'s."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("HUB_")
    } | {
        "HUB_DATABASE_URL": settings.database_url.get_secret_value(), "HUB_AMQP_URL": settings.amqp_url.get_secret_value(),
        "HUB_SECRET_KEY": settings.secret_key.get_secret_value(), "HUB_DATA_DIR": str(settings.data_dir),
        "HUB_METRICS_PORT": str(settings.metrics_port), "HUB_PARTITIONS": str(settings.partitions),
        "HUB_CONFIRM_SECONDS": str(settings.confirm_seconds), "HUB_RATE_LIMIT_PER_SECOND": str(settings.rate_limit_per_second),
        "HUB_RATE_LIMIT_BURST": str(settings.rate_limit_burst), "HUB_DRAIN_SECONDS": str(settings.drain),
        "HUB_WEBHOOKS_ALLOW_NETWORKS": ",".join(map(str, settings.webhooks_allow_networks)),
    }  # fmt: skip
    where = ("--host", "127.0.0.1", "--port", str(port), *options)
    if log is not None:
        return Forked(("uvicorn", "gateway.app:create_app", "--factory", *where), environment, log)
    return Forked((*GATEWAY, "--log-level", "warning", *where), environment)


async def _until_it_answers(stage: GatewayStage) -> None:
    async def answer() -> int | None:
        assert stage.process.returncode is None, "the gateway ended; see its output above"
        try:
            return (await stage.client.get("/api/events")).status_code
        except httpx.TransportError:
            return None

    await eventually(answer, lambda status: status == 401, within=60)  # 503 while the keys are not loaded
