"""The hub under test, started as a user starts it and spoken to as a client speaks to it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from benchmarks.faults import BenchFault
from benchmarks.postgres import Postgres
from benchmarks.processes import free_port, open_process, run, wait_for_line

DATABASE = "hub"
START_SECONDS = 180.0
POLL_SECONDS = 0.02
ACCEPTED = 202
OK = 200


@dataclass(frozen=True, slots=True)
class Pharmacy:
    """A pharmacy with its key."""

    id: str
    api_key: str

    @property
    def headers(self) -> dict[str, str]:
        """What its calls carry."""
        return {"X-API-KEY": self.api_key}


@dataclass(frozen=True, slots=True)
class Hub:
    """A running hub."""

    url: str
    amqp_url: str
    pids: Mapping[str, int]
    executable: Path
    environment: Mapping[str, str]
    session: aiohttp.ClientSession

    def pids_of(self, *roles: str) -> list[int]:
        """List the processes whose name begins with one of these words.

        Raises:
            BenchFault: `hub status` names none of them.
        """
        found = [pid for name, pid in self.pids.items() if name.startswith(roles)]
        if not found:
            message = f"hub status names no process {' or '.join(roles)}: {', '.join(self.pids)}"
            raise BenchFault(message)
        return found

    async def create_pharmacy(self, name: str) -> Pharmacy:
        """Make a pharmacy by the command line."""
        out = await run([str(self.executable), "pharmacy", "create", name, "--json"], env=self.environment, within=60)
        made = json.loads(out)
        return Pharmacy(made["id"], made["api_key"])

    async def last_sequence(self, pharmacy: Pharmacy) -> int:
        """Ask how many events a pharmacy has."""
        seen = await self._get("/api/events/?after=0&limit=1", pharmacy)
        return int(seen["last_sequence"])

    async def last_sequences(self, pharmacies: Sequence[Pharmacy]) -> list[int]:
        """Ask the same of several."""
        return [await self.last_sequence(pharmacy) for pharmacy in pharmacies]

    async def wait_until_applied(
        self, pharmacies: Sequence[Pharmacy], before: Sequence[int], accepted: int, *, within: float = 120.0
    ) -> tuple[int, float]:
        """Wait until as many events are in the log as writes were accepted.

        Returns:
            How many were applied (wrk does not count answers that were under way when its time was up), and the moment.

        Raises:
            BenchFault: some accepted writes were not applied in time.
        """
        deadline = monotonic() + within
        applied, moment = -1, monotonic()
        while True:
            after = sum(await self.last_sequences(pharmacies)) - sum(before)
            now = monotonic()
            if after == applied and applied >= accepted:
                return applied, moment
            if after != applied:
                applied, moment = after, now
            elif now > max(deadline, moment + 10):
                message = f"{accepted} writes accepted, {applied} applied after {within:.0f} s"
                raise BenchFault(message)
            await asyncio.sleep(POLL_SECONDS)

    async def upload(self, pharmacy: Pharmacy, rows: Sequence[Mapping[str, object]]) -> float:
        """Upsert rows in one file; hand back the seconds until the last of them is applied.

        Raises:
            BenchFault: the file is refused, a row is, or it does not come to its end.
        """
        body = "\n".join(json.dumps(row) for row in rows).encode()
        headers = pharmacy.headers | {"Content-Type": "application/x-ndjson"}
        began = monotonic()
        async with self.session.post(f"{self.url}/api/inventory/bulk", data=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status != ACCEPTED:
                message = f"bulk upload: {answer.status} {text[:300]}"
                raise BenchFault(message)
            upload_id = json.loads(text)["upload_id"]
        while True:
            seen = await self._get(f"/api/uploads/{upload_id}", pharmacy)
            seconds = monotonic() - began
            if seen["status"] == "done":
                if (seen["applied"], seen["rejected"]) != (len(rows), 0):
                    message = f"bulk upload of {len(rows)} rows ended with {seen}"
                    raise BenchFault(message)
                return seconds
            if seconds > START_SECONDS:
                message = f"bulk upload is not done after {seconds:.0f} s: {seen}"
                raise BenchFault(message)
            await asyncio.sleep(POLL_SECONDS)

    async def change_pharmacy(self, pharmacy: Pharmacy, changes: Mapping[str, object]) -> None:
        """Change fields of a pharmacy and wait for it.

        Raises:
            BenchFault: the change is refused.
        """
        headers = pharmacy.headers | {"Prefer": "wait=20"}
        place = f"{self.url}/api/pharmacies/{pharmacy.id}/"
        async with self.session.patch(place, json=changes, headers=headers) as answer:
            if answer.status != OK:
                message = f"PATCH of a pharmacy: {answer.status} {(await answer.text())[:300]}"
                raise BenchFault(message)

    async def post(self, pharmacy: Pharmacy, path: str, body: Mapping[str, object], status: int) -> dict[str, Any]:
        """Send a waited POST and hand back its answer.

        Raises:
            BenchFault: the answer is not of that status.
        """
        headers = pharmacy.headers | {"Prefer": "wait=20"}
        async with self.session.post(f"{self.url}{path}", json=body, headers=headers) as answer:
            if answer.status != status:
                message = f"POST {path}: {answer.status} {(await answer.text())[:300]}"
                raise BenchFault(message)
            made: dict[str, Any] = await answer.json()
            return made

    async def check_list(self, pharmacy: Pharmacy, length: int) -> None:
        """See that a list of 50 is one.

        Raises:
            BenchFault: it is not.
        """
        seen = await self._get(f"/api/inventory/?limit={length}", pharmacy)
        if len(seen["items"]) != length:
            message = f"a list of {length} has {len(seen['items'])} items"
            raise BenchFault(message)

    async def _get(self, path: str, pharmacy: Pharmacy) -> dict[str, Any]:
        async with self.session.get(f"{self.url}{path}", headers=pharmacy.headers) as answer:
            if answer.status != OK:
                message = f"GET {path}: {answer.status} {(await answer.text())[:300]}"
                raise BenchFault(message)
            seen: dict[str, Any] = await answer.json()
            return seen


@asynccontextmanager
async def open_hub(executable: Path, postgres: Postgres, directory: Path) -> AsyncIterator[Hub]:
    """Start `hub up` with a private broker, on the PostgreSQL that the reference uses too.

    Raises:
        BenchFault: it does not come up.
    """
    await postgres.execute("postgres", f"CREATE DATABASE {DATABASE}")
    port, data, log = free_port(), directory / "hub", directory / "hub.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    env = kept | {
        "HUB_DATABASE_URL": postgres.url(DATABASE),
        "HUB_DATA_DIR": str(data),
        "HUB_METRICS_PORT": "0",
        "HUB_RATE_LIMIT_PER_SECOND": "0",
        "HUB_RATE_LIMIT_BURST": "0",
        "HUB_WEBHOOKS_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    command = [str(executable), "up", "--no-demo", "--port", str(port), "--data-dir", str(data)]
    # Its own stop ends broker and processes in order; that takes the broker some seconds.
    async with open_process(command, log=log, env=env, stop_seconds=60) as process:
        line = await wait_for_line(process, log, "ready http://", within=START_SECONDS)
        status = json.loads(await run([str(executable), "status", "--json"], env=env, within=60))
        limits = aiohttp.ClientTimeout(total=START_SECONDS)
        async with aiohttp.ClientSession(timeout=limits) as session:
            yield Hub(
                url=line.split()[1].rstrip("/"), amqp_url=status["amqp_url"], pids=status["pids"],
                executable=executable, environment=env, session=session,
            )  # fmt: skip
