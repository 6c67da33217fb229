"""Child processes: started in a session of their own, with a log file; stopped with a limit; recognised after a crash."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.faults import SettingsError
from hub.up.accounts import Account, demotion
from hub.up.reach import open_reach

# In the environment of everything an instance starts: so a later start finds what a killed one left.
MARK = "HUB_UP_INSTANCE"
_POLL_SECONDS = 0.02
_UNREADY_STOP_SECONDS = 2.0
_LOG_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spec:
    """How to start one process.

    Args:
        name: what the instance calls it, e.g. `gateway`; also the name of its log file.
        argv: the program and its arguments.
        env: the whole environment.
        cwd: where it starts.
        runs_as: the user to demote to; None = ours.
        reach: a directory named in `argv` that this user may be unable to walk to.
        stop_signal: what asks it to end.
        stop_seconds: how long it may take before it is killed.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    runs_as: Account | None = None
    reach: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0


@dataclass(slots=True)
class Child:
    """A started process."""

    spec: Spec
    popen: subprocess.Popen[bytes]
    log: Path
    log_start: int
    started: str = ""
    is_ready: bool = False

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its session and group."""
        return self.popen.pid

    def exit_code(self) -> int | None:
        """Read the exit code; None while it runs."""
        return self.popen.poll()

    def last_words(self, lines: int = 3) -> str:
        """Read the last lines that it wrote, for a sentence about its end."""
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            file.seek(max(self.log_start, self.log.stat().st_size - 4096))
            text = file.read().decode(errors="replace")
            said = [line.strip() for line in text.splitlines() if line.strip()]
            return " / ".join(said[-lines:])
        return ""

    def stop(self) -> None:
        """End it: ask, wait, then kill what is left of its session."""
        if self.popen.poll() is None:
            self._send(self.spec.stop_signal)
            self._send(signal.SIGCONT)  # a stopped process would never see the signal
            # RabbitMQ is deaf while it boots, and has nothing to lose yet.
            seconds = self.spec.stop_seconds if self.is_ready else min(self.spec.stop_seconds, _UNREADY_STOP_SECONDS)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(seconds)
        self.kill()

    def disown(self) -> None:
        """Leave it running when this program ends, without a warning."""
        self.popen.returncode = 0

    def kill(self) -> None:
        """End it and its session at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(number)


Starter = Callable[[Spec], Child]
"""Starts a process and takes note of it."""


def start(spec: Spec, log_dir: Path) -> Child:
    """Start a process; its output goes to `<log_dir>/<name>.log`.

    Raises:
        SettingsError: the program cannot be started.
    """
    log = log_dir / f"{spec.name}.log"
    with contextlib.suppress(OSError):
        if log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
    try:
        with log.open("ab") as output, open_reach(spec.reach or spec.cwd, spec.runs_as) as reach:
            popen = subprocess.Popen(
                [reach.place if part == str(spec.reach) else part for part in spec.argv],
                env=dict(spec.env),
                cwd=spec.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only the runner, which then stops things in order
                pass_fds=reach.descriptors,
                **demotion(spec.runs_as),
            )
            size = output.tell()
    except OSError as error:
        message = f"cannot start {spec.name} ({spec.argv[0]}): {error.strerror}"
        raise SettingsError(message) from error
    return Child(spec, popen, log, size, started_at(popen.pid) or "")


def wait_until(child: Child, is_ready: Callable[[], bool], seconds: float) -> None:
    """Wait until a process that was just started is ready.

    Raises:
        SettingsError: it ended, or was not ready in time.
    """
    deadline = time.monotonic() + seconds
    while not is_ready():
        code = child.exit_code()
        if code is not None:
            message = f"{child.spec.name} ended at once (exit code {code}): {child.last_words()} (log: {child.log})"
            raise SettingsError(message)
        if time.monotonic() > deadline:
            message = f"{child.spec.name} was not ready within {seconds:.0f} s: {child.last_words()} (log: {child.log})"
            raise SettingsError(message)
        time.sleep(_POLL_SECONDS)
    child.is_ready = True


def started_at(pid: int) -> str | None:
    """Name the moment a process started, so that a reused process id is not taken for it; None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _started_at_by_ps(pid) if not Path("/proc/self/stat").exists() else None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{_boot_id()}:{fields[19]}"


def leftovers(mark: str) -> list[int]:
    """Find running processes that carry this mark in their environment (Linux)."""
    found = []
    needle = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if needle in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
    return [pid for pid in found if pid != os.getpid() and started_at(pid)]


def end_strays(pids: Sequence[int], seconds: float, *, ask: signal.Signals = signal.SIGTERM) -> None:
    """End processes that are not our children: ask, wait, kill."""
    known = {pid: started_at(pid) for pid in pids}
    for number, limit in ((ask, seconds), (signal.SIGKILL, 5.0)):
        for pid in _alive(known):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
                os.kill(pid, signal.SIGCONT)
        deadline = time.monotonic() + limit
        while _alive(known) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def _alive(known: Mapping[int, str | None]) -> list[int]:
    return [pid for pid, started in known.items() if started and started_at(pid) == started]


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started_at_by_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["/bin/ps", "-p", str(pid), "-o", "lstart="], capture_output=True, text=True, check=False, timeout=10
    )
    return answer.stdout.strip() or None
