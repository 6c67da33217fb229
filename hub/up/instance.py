"""What a data dir says of the instance in it: the lock of the one that runs, its processes, what a killed one left."""

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypedDict

from hub.faults import SettingsError
from hub.up.processes import end_strays, leftovers, started_at

# They start in this order and end in the reverse one.
ORDER = ("postgres", "epmd", "rabbitmq", "gateway", "consumers")
RUNNER = "runner"
_FILE = "instance.json"
_POSTGRES_LOCK = "postmaster.pid"
_LOCK = "lock"


class _Process(TypedDict):
    pid: int
    started: str | None


class _Written(TypedDict):
    url: str
    amqp_url: str
    is_ready: bool
    processes: dict[str, _Process]


@dataclass(frozen=True, slots=True)
class Instance:
    """A running instance as others see it."""

    url: str
    amqp_url: str
    pids: Mapping[str, int]
    is_ready: bool


def prepare(place: Path) -> Path:
    """Make the data dir and its folder of logs, and return its absolute path.

    Raises:
        SettingsError: it cannot be made or written.
    """
    place = place.expanduser().resolve()
    try:
        (place / "logs").mkdir(parents=True, exist_ok=True)
        # Root's servers run as other users and walk through it; for anybody else nobody else has business there.
        place.chmod(0o711 if os.geteuid() == 0 else 0o700)
        (place / "logs").chmod(0o700)
        probe = place / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        message = (
            f"the data dir {place} cannot be written ({error.strerror}): choose another with --data-dir or HUB_DATA_DIR"
        )
        raise SettingsError(message) from error
    return place


@contextmanager
def open_lock(place: Path) -> Iterator[None]:
    """Hold the data dir, which only one instance may; a killed one lets go by itself.

    Raises:
        SettingsError: another instance holds it.
    """
    with _locked(place) as lock:
        try:
            yield
        finally:
            (place / _FILE).unlink(missing_ok=True)
            # Taken away while it is held: whoever opened it meanwhile sees that it is no longer the file of this name.
            (place / _LOCK).unlink(missing_ok=True)
            lock.flush()


def write_instance(place: Path, url: str, amqp_url: str, pids: Mapping[str, int], *, is_ready: bool) -> None:
    """Write down the processes; readable by their owner only, since the address holds a password."""
    processes = {name: {"pid": pid, "started": started_at(pid)} for name, pid in {RUNNER: os.getpid(), **pids}.items()}
    fresh = place / f"{_FILE}.new"
    fresh.touch(mode=0o600)
    fresh.write_text(
        json.dumps({"url": url, "amqp_url": amqp_url, "is_ready": is_ready, "processes": processes}, indent=1)
    )
    fresh.replace(place / _FILE)


def find_instance(place: Path) -> Instance | None:
    """Read the instance that runs in this data dir; None when there is none."""
    found = _read(place)
    if found is None or not _is_alive(found["processes"].get(RUNNER)):
        return None
    pids = {name: process["pid"] for name, process in found["processes"].items()}
    return Instance(found["url"], found["amqp_url"], pids, found["is_ready"])


def end_leftovers(place: Path) -> list[str]:
    """End what a killed runner left behind in this data dir, and name it.

    A process counts as ours when its start time is the one written down, when it carries the mark of this data dir, or
    when it is the PostgreSQL whose working directory this is. So a stranger with a reused process id is never touched.
    """
    found = _read(place)
    written = found["processes"] if found else {}
    strays = {name: process["pid"] for name, process in written.items() if name != RUNNER and _is_alive(process)}
    postmaster = _postmaster(place / "postgres")
    if postmaster is not None:
        strays["postgres"] = postmaster
    names = [name for name in reversed(ORDER) if name in strays]
    for name in names:
        # SIGINT is PostgreSQL's fast stop; on SIGTERM it would wait for its clients to leave.
        end_strays([strays[name]], 20, ask=signal.SIGINT if name == "postgres" else signal.SIGTERM)
    # Helpers of those, which go with them, and what was started but not yet written down.
    rest = leftovers(str(place))
    end_strays(rest, 5)
    names += [f"process {pid}" for pid in rest]
    _lift_lock(place / "postgres")
    return names


@contextmanager
def _locked(place: Path) -> Iterator[IO[str]]:
    path = place / _LOCK
    while True:
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                running = find_instance(place)
                where = f" at {running.url} (process {running.pids[RUNNER]})" if running else ""
                message = (
                    f"an instance already runs{where} in {place}: stop it, or start another with --data-dir and --port"
                )
                raise SettingsError(message) from error
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                    yield lock
                    return


def _postmaster(data: Path) -> int | None:
    pid = _locked_by(data)
    try:
        return pid if Path(f"/proc/{pid}/cwd").samefile(data) else None
    except OSError:
        return None


def _locked_by(data: Path) -> int | None:
    try:
        return int((data / _POSTGRES_LOCK).read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _lift_lock(data: Path) -> None:
    """Take away the lock of a PostgreSQL that ended and that nobody reaped, as in a container without an init.

    PostgreSQL would take its process id for a running server's. It locks nothing: its other processes are ended by now.
    """
    pid = _locked_by(data)
    if pid is not None and Path(f"/proc/{pid}").exists() and started_at(pid) is None:
        (data / _POSTGRES_LOCK).unlink(missing_ok=True)


def _read(place: Path) -> _Written | None:
    try:
        written: _Written = json.loads((place / _FILE).read_text())
    except (OSError, ValueError):
        return None
    return written


def _is_alive(process: _Process | None) -> bool:
    return process is not None and bool(process["started"]) and started_at(process["pid"]) == process["started"]
