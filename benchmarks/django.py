"""The Django reference as a running server: its own environment, its own database on the same PostgreSQL."""

import asyncio
import hashlib
import json
import os
import secrets
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import aiohttp
import asyncpg

from benchmarks.faults import BenchFault
from benchmarks.postgres import Postgres
from benchmarks.processes import free_port, open_process, run, wait_for_port

HERE = Path(__file__).parent
PROJECT = HERE / "django_reference"
REQUIREMENTS = HERE / "requirements.txt"
ENVIRONMENT = HERE.parent / ".venv-bench"
DATABASE = "django_reference"
WORKERS, THREADS = 2, 4


@dataclass(frozen=True, slots=True)
class Django:
    """A running reference with pharmacies in it."""

    url: str
    pid: int
    keys: tuple[str, ...]
    session: aiohttp.ClientSession

    async def upload(self, key: str, rows: Sequence[dict[str, object]]) -> float:
        """Upsert rows by the classic bulk route; hand back the seconds until its answer.

        Raises:
            BenchFault: the answer is no 201.
        """
        body = json.dumps(rows).encode()
        began = monotonic()
        headers = {"X-API-KEY": key, "Content-Type": "application/json"}
        async with self.session.post(f"{self.url}/api/inventory/bulk/", data=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status != 201 or json.loads(text)["rows"] != len(rows):
                message = f"Django bulk: {answer.status} {text[:300]}"
                raise BenchFault(message)
        return monotonic() - began


async def ensure_environment() -> Path:
    """Make the reference's virtual environment, or bring it up to its requirements; hand back its programs' folder."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    marker, programs = ENVIRONMENT / "requirements.sha256", ENVIRONMENT / "bin"
    if not marker.exists() or marker.read_text() != wanted:
        await run([sys.executable, "-m", "venv", str(ENVIRONMENT)])
        (ENVIRONMENT / ".gitignore").write_text("*\n")
        await run([
            str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "-r", str(REQUIREMENTS),
        ])  # fmt: skip
        marker.write_text(wanted)
    return programs


@asynccontextmanager
async def open_django(postgres: Postgres, directory: Path, *, pharmacies: int, items: int) -> AsyncIterator[Django]:
    """Migrate, fill and serve the reference by gunicorn, 2 workers of 4 threads."""
    programs = await ensure_environment()
    await postgres.execute("postgres", f"CREATE DATABASE {DATABASE}")
    env = os.environ | {
        "REFERENCE_DATABASE_PORT": str(postgres.port),
        "REFERENCE_DATABASE_NAME": DATABASE,
        "REFERENCE_DATABASE_USER": "hub",
        "DJANGO_SETTINGS_MODULE": "settings",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    await run([str(programs / "python"), "manage.py", "migrate", "--verbosity", "0"], env=env, cwd=PROJECT)
    keys = await _fill(postgres, pharmacies, items)
    port, log = free_port(), directory / "django.log"
    command = [
        str(programs / "gunicorn"), "wsgi:application", "--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS),
        "--threads", str(THREADS), "--worker-class", "gthread", "--keep-alive", "75", "--timeout", "900",
        "--log-level", "warning", "--no-control-socket",
    ]  # fmt: skip
    patience = aiohttp.ClientTimeout(total=900)
    async with (
        open_process(command, log=log, env=env, cwd=PROJECT) as process,
        aiohttp.ClientSession(timeout=patience) as session,
    ):
        await wait_for_port(process, port, log)
        await asyncio.sleep(1)  # the workers import Django after the port is open
        yield Django(f"http://127.0.0.1:{port}", process.pid, keys, session)


async def _fill(postgres: Postgres, pharmacies: int, items: int) -> tuple[str, ...]:
    """Insert pharmacies and their items directly: this is not what is measured."""
    ids = [uuid.uuid4() for _ in range(pharmacies)]
    keys = tuple(secrets.token_urlsafe(32) for _ in ids)
    connection = await asyncpg.connect(postgres.url(DATABASE))
    try:
        await connection.executemany(
            "INSERT INTO classic_pharmacy (id, name, api_key, is_active, created_at, updated_at)"
            " VALUES ($1, $2, $3, true, now(), now())",
            [(one, f"bench {number}", key) for number, (one, key) in enumerate(zip(ids, keys, strict=True), 1)],
        )
        await connection.execute(
            "INSERT INTO classic_inventoryitem"
            " (id, pharmacy_id, sku, name, quantity, price, extra_data, created_at, updated_at)"
            " SELECT gen_random_uuid(), pharmacy, 'B' || lpad(n::text, 6, '0'), 'Product ' || n, 1000000, 9.90, '{}',"
            " clock_timestamp(), clock_timestamp() FROM unnest($1::uuid[]) AS pharmacy, generate_series(1, $2) AS n",
            ids,
            items,
        )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return keys
