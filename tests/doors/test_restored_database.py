"""A dump of PostgreSQL is restored, and RabbitMQ is as it was: whatever came after the dump is gone, and nothing else goes wrong.

Red when: a waiting command is applied twice or never, a repeat is taken for what was lost, a client that saw more than the
log now has is told nothing, or a dump lacks what the hub's roles need.
"""

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from hub.settings import Settings
from hub.up.binaries import find_postgres
from tests.conftest import Servers
from tests.kit.builders import an_item
from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage, TestKey, running_gateway
from tests.kit.wait import eventually

KEPT = [f"KEPT-{number}" for number in range(3)]
LOST = [f"LOST-{number}" for number in range(4)]
QUEUED = [f"QUEUED-{number}" for number in range(2)]


async def test_after_a_restore_what_waits_is_applied_once_repeats_are_safe_and_readers_are_told(
    settings: Settings, servers: Servers
) -> None:
    url = settings.database_url.get_secret_value()
    dump = settings.data_dir / "hub.dump"
    async with running_gateway(settings) as stage:
        key = await stage.add_key()
        async with running_consumers(settings):
            await _add(stage, key, KEPT, wait=True)
            _run("pg_dump", "--format=custom", f"--file={dump}", url)
            lost = await _add(stage, key, LOST, wait=True)
        queued = await _add(stage, key, QUEUED, wait=False)
        name = urlsplit(url).path.removeprefix("/")
        servers.sql(f"DROP DATABASE {name} WITH (FORCE)")
        servers.sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        _run("pg_restore", "--exit-on-error", f"--dbname={url}", str(dump))
        async with running_consumers(settings):

            async def skus() -> set[str]:
                found = await stage.client.get("/api/inventory/?limit=100", headers=key.headers)
                return {item["sku"] for item in found.json()["items"]} if found.status_code == 200 else set()

            present = {*KEPT, *QUEUED}
            assert await eventually(skus, lambda found: found == present, within=20) == present
            # Who has seen all seven events is told that the log now ends at the fifth.
            beyond = await stage.client.get("/api/events/?after=7", headers=key.headers)
            assert (beyond.status_code, beyond.json()["last_sequence"]) == (400, 5)
            assert await _status(stage, key, lost[0]) == 404, "what is gone is not said to be applied"
            # Everybody repeats everything, with the same keys.
            again = [*await _add(stage, key, LOST, wait=True), *await _add(stage, key, QUEUED, wait=True)]
            assert again == [*lost, *queued], "an operation is derived from its key"
            await _add(stage, key, KEPT, wait=True)
            log = (await stage.client.get("/api/events/?limit=100", headers=key.headers)).json()
    assert [event["sequence"] for event in log["items"]] == list(range(1, 10))
    created = [event["data"]["inventory"]["sku"] for event in log["items"]]
    assert (created[:3], sorted(created)) == (KEPT, sorted([*KEPT, *QUEUED, *LOST])), "each once"


async def _add(stage: GatewayStage, key: TestKey, skus: list[str], *, wait: bool) -> list[str]:
    """Create items, their skus as idempotency keys; the ids of the operations."""
    prefer = {"Prefer": "wait=10"} if wait else {}
    operations = []
    for sku in skus:
        headers = key.headers | prefer | {"Idempotency-Key": sku}
        answer = await stage.client.post("/api/inventory/", json=an_item(sku), headers=headers)
        assert answer.status_code == (201 if wait else 202), answer.text
        operations.append(_operation_of(answer))
    return operations


def _operation_of(answer: httpx.Response) -> str:
    return answer.headers["operation-id"]


async def _status(stage: GatewayStage, key: TestKey, operation: str) -> int:
    return (await stage.client.get(f"/api/operations/{operation}", headers=key.headers)).status_code


def _run(program: str, *arguments: str) -> None:
    programs = find_postgres()
    assert programs is not None
    done = subprocess.run([Path(programs.folder) / program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
