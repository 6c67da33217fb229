"""Processes by their ids."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def family_of(pid: int) -> list[int]:
    """List a process and its children: PostgreSQL's backends are in sessions of their own."""
    family = [pid]
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            if int(entry.read_text().rpartition(")")[2].split()[1]) == pid:
                family.append(int(entry.parent.name))
    return family


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to each of these processes that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
