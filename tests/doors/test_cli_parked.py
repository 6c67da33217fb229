"""`hub parked`, as an operator runs it: reads through the gateway, commands through the broker."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.buggy import a_bug
from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage
from tests.kit.processes import environment_of
from tests.kit.wait import eventually

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Line:
    """The command line of an operator."""

    stage: GatewayStage
    key: str

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run `hub parked`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hub.cli",
            "parked",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=environment_of(self.stage.settings) | {"HUB_API_KEY": self.key},
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def listed(self, *arguments: str) -> list[dict[str, str]]:
        """List parked messages."""
        code, out, err = await self.run("list", "--json", "--url", self.stage.url, *arguments)
        assert code == 0, err
        found: list[dict[str, str]] = json.loads(out)
        return found


@pytest.fixture(scope="module")
async def line(live: GatewayStage) -> AsyncIterator[Line]:
    async with running_consumers(live.settings.model_copy(update={"janitor_seconds": 3600})):
        yield Line(live, await live.add_operator_key())


async def test_an_operator_lists_shows_replays_and_discards_at_the_command_line(
    live: GatewayStage, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await live.add_key()
    with a_bug(monkeypatch) as bug:
        for sku in ("BUG-1", "BUG-2"):
            body = {"sku": sku, "name": "Aspirin", "price": "1.00"}
            answer = await live.client.post("/api/inventory/", json=body, headers=key.headers | {"Prefer": "wait=15"})
            assert answer.status_code == 500
        of_ours = ("--pharmacy", str(key.pharmacy_id))
        second, first = await eventually(lambda: line.listed(*of_ours), lambda rows: len(rows) == 2, within=30)
        code, out, err = await line.run("show", first["id"], "--url", live.url)
        assert code == 0, err
        assert json.loads(out)["payload"]["body"]["sku"] == "BUG-1"
        bug.is_there = False
        code, out, err = await line.run("replay", first["id"], "--reason", "fixed")
        assert (code, out) == (0, f"{first['id']} is replayed\n"), err
        code, out, err = await line.run("discard", second["id"], "--json")
        assert (code, json.loads(out)["status"]) == (0, "discarded"), err
        code, out, err = await line.run("discard", first["id"])
        assert (code, out) == (2, "")
        assert "replayed" in err

        async def skus() -> list[str]:
            found = await live.client.get("/api/inventory/", headers=key.headers)
            return [item["sku"] for item in found.json()["items"]]

        await eventually(skus, lambda found: found == ["BUG-1"])
    assert await line.listed(*of_ours) == []
    assert [row["note"] for row in await line.listed("--status", "replayed", *of_ours)] == ["fixed"]
    # Who sat there is in the audit log.
    answer = await live.client.get(
        "/api/audit/",
        params={"subject": f"parked/{first['id']}", "outcome": "applied"},
        headers={"X-API-KEY": line.key},
    )
    (entry,) = answer.json()["items"]
    assert (entry["actor"], entry["action"]) == ("system", "parked.replay")
    assert " on " in entry["origin"]
