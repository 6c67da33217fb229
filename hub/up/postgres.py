"""A private PostgreSQL: own data, own port, loopback only, one role with a password."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hub.faults import SettingsError
from hub.up.accounts import Account, account, demotion
from hub.up.binaries import PostgresPrograms, find_postgres
from hub.up.ports import LOOPBACK, answers
from hub.up.processes import MARK, Child, Spec, Starter, wait_until
from hub.up.reach import open_reach

ROLE = "hub"
# A cluster that lives for one test run need not survive a power cut.
# What such a server shares lies in its folder: it is killed, and would leave it in /dev/shm.
THROWAWAY = ("fsync=off", "full_page_writes=off", "max_connections=300", "dynamic_shared_memory_type=mmap")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """Where a private PostgreSQL keeps its data and how it is reached."""

    data: Path
    port: int
    password: str
    mark: str
    options: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Its address, with the password."""
        return f"postgresql://{ROLE}:{self.password}@{LOOPBACK}:{self.port}/hub"


def start_postgres(server: PostgresServer, start: Starter) -> Child:
    """Start a private PostgreSQL and wait until it answers; the first start creates its data and the database `hub`.

    Args:
        server: what to start.
        start: starts the process.
    Raises:
        SettingsError: there are no programs for it, or it does not start.
    """
    runs_as = account("postgres")
    if os.geteuid() == 0 and runs_as is None:
        message = "PostgreSQL refuses to run as root and there is no user postgres on this machine: run the hub as an ordinary user"
        raise SettingsError(message)
    programs = _programs(server.data)
    if not (server.data / "PG_VERSION").exists():
        _create(server, programs, runs_as)
    settings = (
        f"listen_addresses={LOOPBACK}",
        f"port={server.port}",
        "unix_socket_directories=",
        "timezone=UTC",
        "log_timezone=UTC",
        # The details of an error quote the row that it is about, which is a patient's.
        "log_error_verbosity=terse",
        *server.options,
    )
    spec = Spec(
        "postgres",
        [str(programs.folder / "postgres"), "-D", str(server.data), *(f"--{setting}" for setting in settings)],
        {**_environment(server), MARK: server.mark},
        Path("/"),
        runs_as,
        reach=server.data,
        stop_signal=signal.SIGINT,  # the fast stop: sessions are cut, the data written out
        stop_seconds=20,
    )
    child = start(spec)
    try:
        wait_until(child, lambda: answers(server.port) and _psql(server, programs, "SELECT 1"), 30)
        if not _psql(server, programs, "SELECT 1", database=ROLE):
            _psql(server, programs, f"CREATE DATABASE {ROLE}")
    except BaseException:
        child.stop()
        raise
    return child


def _programs(data: Path) -> PostgresPrograms:
    try:
        version = int((data / "PG_VERSION").read_text().strip())
    except (OSError, ValueError):
        version = None
    programs = find_postgres(version)
    if programs is None:
        wanted = f"postgresql-{version}, which wrote the data in {data}," if version else "PostgreSQL 15 or newer"
        message = (
            f"{wanted} is missing on this machine: install it with apt-get install --no-install-recommends postgresql"
        )
        raise SettingsError(message)
    return programs


def _create(server: PostgresServer, programs: PostgresPrograms, runs_as: Account | None) -> None:
    # Made beside and renamed: a start that is killed in the middle leaves no half-made cluster behind.
    fresh = server.data.with_name(server.data.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    password = fresh.with_name("postgres.password")
    password.touch(mode=0o600)
    password.write_text(server.password)
    if runs_as is not None:
        for path in (fresh, password):
            os.chown(path, runs_as.uid, runs_as.gid)
    try:
        with password.open("rb") as secret, open_reach(fresh, runs_as) as reach:
            done = subprocess.run(
                [
                    programs.folder / "initdb",
                    *("-D", reach.place, "-U", ROLE, "-E", "UTF8", "-A", "scram-sha-256", "--no-instructions"),
                    *(
                        "--locale",
                        "C.UTF-8" if sys.platform == "linux" else "C",
                        "--pwfile",
                        f"/dev/fd/{secret.fileno()}",
                    ),
                    *(["--no-sync"] if server.options == THROWAWAY else []),
                ],
                env=_environment(server),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[secret.fileno(), *reach.descriptors],
                check=False,
                **demotion(runs_as),
            )
    finally:
        password.unlink()
    if done.returncode:
        message = (
            f"PostgreSQL could not create its data in {fresh}: {done.stdout.decode(errors='replace').strip()[-300:]}"
        )
        raise SettingsError(message)
    fresh.rename(server.data)


def _psql(server: PostgresServer, programs: PostgresPrograms, statement: str, *, database: str = "postgres") -> bool:
    done = subprocess.run(
        [
            programs.folder / "psql",
            "-X",
            "-q",
            "-h",
            LOOPBACK,
            "-p",
            str(server.port),
            "-U",
            ROLE,
            "-d",
            database,
            "-c",
            statement,
        ],
        env={**_environment(server), "PGPASSWORD": server.password, "PGCONNECT_TIMEOUT": "5"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def _environment(server: PostgresServer) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(server.data.parent),
        "LC_ALL": "C.UTF-8" if sys.platform == "linux" else "C",
    }
