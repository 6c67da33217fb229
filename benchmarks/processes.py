"""Processes that are started here, and ended here by their own id."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from benchmarks.faults import BenchFault

POLL_SECONDS = 0.05


def free_port() -> int:
    """Name a loopback TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def run(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, within: float = 600.0
) -> str:
    """Run a command to its end and hand back what it printed.

    Raises:
        BenchFault: it failed or took longer than `within` seconds; the sentence carries the end of its errors.
    """
    process = await asyncio.create_subprocess_exec(
        *command, env=env, cwd=cwd, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(within):
            out, err = await process.communicate()
    except TimeoutError:
        message = f"{Path(command[0]).name} did not end within {within:.0f} s"
        raise BenchFault(message) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        message = f"{' '.join(map(str, command[:3]))} failed ({process.returncode}): {err.decode()[-600:].strip()}"
        raise BenchFault(message)
    return out.decode()


@asynccontextmanager
async def open_process(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stop_seconds: float = 30.0,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a server with its output in a file; end it, and what it left behind, in the end."""
    output = _create(log)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, env=env, cwd=cwd, stdin=asyncio.subprocess.DEVNULL,
            stdout=output, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C reaches us alone, and we end everything in order
        )  # fmt: skip
    finally:
        output.close()
    try:
        yield process
    finally:
        family = family_of(process.pid)
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(stop_seconds):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        for pid in family[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def wait_for_line(process: asyncio.subprocess.Process, log: Path, beginning: str, *, within: float) -> str:
    """Wait until a server has printed a line with this beginning.

    Raises:
        BenchFault: it ended, or the line did not come in time.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while True:
                text = _tail(log)
                for line in text.splitlines():
                    if line.startswith(beginning):
                        return line
                if process.returncode is not None:
                    message = f"the server ended ({process.returncode}) before it was ready: {text[-800:].strip()}"
                    raise BenchFault(message)
                await asyncio.sleep(POLL_SECONDS)
    message = f"no line '{beginning.strip()}' within {within:.0f} s: {_tail(log)[-800:].strip()}"
    raise BenchFault(message)


async def wait_for_port(process: asyncio.subprocess.Process, port: int, log: Path, *, within: float = 30.0) -> None:
    """Wait until a server listens.

    Raises:
        BenchFault: it ended, or does not listen in time.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(POLL_SECONDS)
                else:
                    writer.close()
                    return
    message = f"nothing listens on port {port}: {_tail(log)[-800:].strip()}"
    raise BenchFault(message)


def _create(log: Path) -> BinaryIO:
    return log.open("wb")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")


def family_of(pid: int) -> list[int]:
    """List a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    family = [pid]
    for member in family:
        family.extend(children.get(member, ()))
    return family


def cpu_seconds(pids: Sequence[int]) -> float:
    """Sum the processor time of these processes, their descendants and those that have ended among them."""
    ticks = 0
    for pid in {member for root in pids for member in family_of(root)}:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_bytes(pids: Sequence[int]) -> tuple[int, int]:
    """Sum resident memory of these processes and their descendants: (RSS, PSS)."""
    resident = proportional = 0
    for pid in {member for root in pids for member in family_of(root)}:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name == "Rss":
                    resident += int(rest.split()[0]) * 1024
                elif name == "Pss":
                    proportional += int(rest.split()[0]) * 1024
    return resident, proportional
