"""PostgreSQL's data on a small disk of its own: it can be filled to the last block and given room again."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from tests.kit.wait import eventually
from tests.promises.outages import Breakable

# Memory is taken for what lies there only.
_ROOMY_BYTES = 1 << 30
_REFUSED = b"No space left on device"


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A disk in memory, by the folder on which it is mounted."""

    place: Path

    @asynccontextmanager
    async def full(self, servers: Breakable) -> AsyncIterator[None]:
        """No table can grow any more."""
        told_before = servers.postgres.log.stat().st_size
        self._shrink()
        try:
            yield
        finally:
            self._resize(_ROOMY_BYTES)
        assert _REFUSED in servers.postgres.log.read_bytes()[told_before:], "it was not full"

    @asynccontextmanager
    async def full_for_the_log(self, servers: Breakable) -> AsyncIterator[None]:
        """The write-ahead log needs a new segment and has none: PostgreSQL ends itself and cannot start."""

        async def has_ended() -> bool:
            with suppress(asyncpg.PostgresError, OSError):
                owner = await asyncpg.connect(servers.database_url, timeout=2)
                await owner.execute("SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()")
                await owner.close()
            return servers.postgres.exit_code() is not None

        self._shrink()
        try:
            await eventually(has_ended, bool, within=20)
            yield
        finally:
            self._resize(_ROOMY_BYTES)
            await asyncio.to_thread(servers.start_postgres)

    def _shrink(self) -> None:
        """Make the disk as small as what lies on it; a server at work may have taken a block meanwhile."""
        for _ in range(50):
            disk = os.statvfs(self.place)
            with suppress(subprocess.CalledProcessError):
                self._resize((disk.f_blocks - disk.f_bfree) * disk.f_frsize)
                return
        message = "the disk did not become small"
        raise AssertionError(message)

    def _resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", self.place], check=True, capture_output=True)


def can_mount() -> bool:
    """Tell whether this user may mount a disk: root may, but not in most containers."""
    with TemporaryDirectory() as place:
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=False, capture_output=True).returncode:
            return False
        subprocess.run(["umount", place], check=True)
    return True


@contextmanager
def on_a_small_disk(servers: Breakable) -> Iterator[SmallDisk]:
    """Move PostgreSQL's data for the length of a block; it is stopped for that, at the beginning and at the end."""
    data = servers.postgres_data
    disk, home = data.with_name("disk"), data.with_name("postgres.home")
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_ROOMY_BYTES},mode=711", "tmpfs", disk], check=True)
    try:
        with _moved(servers, disk / "postgres", home):
            yield SmallDisk(disk)
    finally:
        subprocess.run(["umount", disk], check=True)
        disk.rmdir()


@contextmanager
def _moved(servers: Breakable, there: Path, home: Path) -> Iterator[None]:
    data = servers.postgres_data
    servers.stop_postgres()
    subprocess.run(["cp", "-a", data, there], check=True)
    data.rename(home)
    data.symlink_to(there)
    servers.start_postgres()
    try:
        yield
    finally:
        servers.stop_postgres()
        subprocess.run(["rm", "-r", home], check=True)
        subprocess.run(["cp", "-a", there, home], check=True)
        data.unlink()
        home.rename(data)
        servers.start_postgres()
