"""One private PostgreSQL for both sides, so that neither has better settings than the other."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks.faults import BenchFault
from benchmarks.processes import free_port, open_process, run, wait_for_port

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "256MB",
    "max_connections": "120",
    "max_wal_size": "2GB",
    # A commit is on the disk before it is answered: both sides promise that.
    "fsync": "on",
    "synchronous_commit": "on",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    port: int
    pid: int
    version: str

    def url(self, database: str) -> str:
        """Name the address of one of its databases."""
        return f"postgresql://hub@127.0.0.1:{self.port}/{database}"

    async def execute(self, database: str, *statements: str) -> None:
        """Run statements, each by itself."""
        connection = await asyncpg.connect(self.url(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def open_postgres(directory: Path) -> AsyncIterator[Postgres]:
    """Start a private server with its data in this directory.

    Raises:
        BenchFault: PostgreSQL is not installed, or does not start.
    """
    binaries = _find_binaries()
    data, log = directory / "postgres", directory / "postgres.log"
    data.mkdir()
    user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
        user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "env", "HOME=/tmp"]
    await run([
        *user, str(binaries / "initdb"), "-D", str(data), "-U", "hub", "-A", "trust", "-E", "UTF8",
        "--locale=C.UTF-8", "--no-instructions",
    ], cwd=Path("/"))  # fmt: skip
    port = free_port()
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    command = [*user, str(binaries / "postgres"), "-D", str(data), "-p", str(port), "-k", str(data), *options]
    async with open_process(command, log=log, cwd=Path("/")) as process:
        await wait_for_port(process, port, log)
        for _ in range(100):
            try:
                connection = await asyncpg.connect(f"postgresql://hub@127.0.0.1:{port}/postgres")
                break
            except asyncpg.CannotConnectNowError:
                continue
        else:
            message = "the private PostgreSQL listens but accepts nobody"
            raise BenchFault(message)
        version = str(await connection.fetchval("SHOW server_version")).partition(" ")[0]
        await connection.close()
        yield Postgres(port, process.pid, version)


def _find_binaries() -> Path:
    found = shutil.which("postgres")
    places = [Path(found).parent] if found else []
    root = Path("/usr/lib/postgresql")
    if root.is_dir():
        places += sorted((place / "bin" for place in root.iterdir()), reverse=True)
    for place in places:
        if (place / "initdb").exists():
            return place
    message = "PostgreSQL is not installed: start the hub once with ./run, or install the package postgresql"
    raise BenchFault(message)
