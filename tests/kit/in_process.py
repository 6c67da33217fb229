"""A whole hub inside the test's process: gateway and consumers in a thread with its own event loop, on real servers."""

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn

from gateway.app import create_app
from gateway.protocol import HttpProtocol
from hub.messaging.connection import open_connection
from hub.messaging.declaring import declare_topology
from hub.security.keys import derive_key, hash_key, hint_of
from hub.settings import Settings
from hub.storage.database import open_database
from tests.kit.consumers import running_consumers
from tests.rooms.broker_proxy import a_free_port


@dataclass(frozen=True, slots=True)
class Hub:
    """Where it answers, and an operator's key. `error` is what ended it, if anything did."""

    url: str
    operator_key: str
    settings: Settings

    def open_pharmacy(self, name: str = "Corner") -> tuple[UUID, str]:
        """Make a pharmacy through the front door; hand back its id and its key."""
        answer = httpx.post(
            f"{self.url}/api/pharmacies/", json={"name": name}, headers={"X-API-KEY": self.operator_key, "Prefer": "wait=20"}, timeout=30,
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"]), answer.json()["api_key"]

    def make(self, key: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make something through the front door; hand back its row."""
        headers = {"X-API-KEY": key, "Prefer": "wait=20"}
        answer = httpx.post(f"{self.url}/api/{path}/", json=body, headers=headers, timeout=30)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


@contextmanager
def running_hub(settings: Settings, port: int | None = None, gateways: Settings | None = None) -> Iterator[Hub]:
    """Run a hub on these settings' database and virtual host until the block ends; `gateways`: the gateway's own."""
    port = port or a_free_port()
    started, stop = threading.Event(), threading.Event()
    faults: list[BaseException] = []
    operator_key = derive_key(secrets.token_hex(20), uuid4(), "operator")

    def run() -> None:
        try:
            asyncio.run(_serve(settings, gateways or settings, port, operator_key, started, stop))
        except BaseException as error:  # noqa: BLE001 -- handed to the test
            faults.append(error)
            started.set()

    thread = threading.Thread(target=run, name="hub")
    thread.start()
    try:
        assert started.wait(60), "the hub did not start within 60 s"
        assert not faults, faults
        yield Hub(f"http://127.0.0.1:{port}", operator_key, settings)
    finally:
        stop.set()
        thread.join(30)
    assert not faults, faults


async def _serve(
    settings: Settings,
    gateways: Settings,
    port: int,
    operator_key: str,
    started: threading.Event,
    stop: threading.Event,
) -> None:
    async with open_connection(settings.amqp_urls, name="test topology") as connection:
        await declare_topology(connection, settings.partitions)
    async with (
        open_database(settings.database_url.get_secret_value(), "hub_write", pool=1) as database,
        database.transaction() as writer,
    ):
        await writer.execute(
            "INSERT INTO operator_keys (id, created_at, updated_at, version, name, digest, hint) VALUES ($1, now(), now(), 1, 'test', $2, $3)",
            uuid4(), hash_key(operator_key).hex(), hint_of(operator_key),
        )  # fmt: skip
    config: Any = uvicorn.Config(
        create_app(gateways), host="127.0.0.1", port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=2, lifespan="on",
        http=HttpProtocol, ws_max_size=8192,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # older uvicorn; newer ones look for the main thread
    async with running_consumers(settings):
        task = asyncio.ensure_future(server.serve())
        try:
            while not server.started and not task.done():
                await asyncio.sleep(0.05)  # a look every 50 ms
            started.set()
            while not stop.is_set() and not task.done():
                await asyncio.sleep(0.05)  # as above: another thread sets it
        finally:
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await task
