"""wrk, the load generator in C: Python would be slower than what it measures."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults import BenchFault
from benchmarks.processes import run

SCRIPT = Path(__file__).parent / "lua" / "load.lua"
PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: answers, seconds, and latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p90: float
    p99: float
    p999: float

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


async def ensure_wrk() -> str:
    """Find wrk, or install it where that needs no question; hand back its version.

    Raises:
        BenchFault: it is missing and cannot be installed from here.
    """
    if shutil.which("wrk") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            message = "wrk is not installed: install it (Debian: apt-get install wrk; Homebrew: brew install wrk)"
            raise BenchFault(message)
        await run(["apt-get", "update", "-qq"])
        await run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "wrk"])
    package = await run(["sh", "-c", "wrk -v 2>&1 || true"])
    return package.split("[")[0].removeprefix("wrk").strip()


async def put_under_load(
    url: str,
    what: str,
    keys: Sequence[str],
    *,
    connections: int,
    seconds: float,
    items: int,
    name: str,
    directory: Path,
    expected: int = 0,
) -> Load:
    """Send requests of one kind as fast as they are answered.

    Args:
        what: a kind of `lua/load.lua`.
        items: the skus that exist, `B000001` on.
        name: makes the references of this run its own.
        expected: the one right status; 0 leaves it at "below 400", which costs wrk less.

    Raises:
        BenchFault: an answer was wrong, or none came.
    """
    keys_file = directory / "keys"
    keys_file.write_text("\n".join(keys) + "\n")
    out = await run([
        "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s",
        "--timeout", f"{PATIENCE_SECONDS}s", "--script", str(SCRIPT), url,
        "--", what, str(keys_file), name, str(items), str(expected),
    ], within=seconds + PATIENCE_SECONDS + 30)  # fmt: skip
    lines = [line for line in out.splitlines() if line.startswith("RESULT ")]
    if not lines:
        message = f"wrk printed no result: {out[-400:]}"
        raise BenchFault(message)
    seen = json.loads(lines[-1].removeprefix("RESULT "))
    wrong = {name: seen[name] for name in ("bad_status", "unexpected", "socket_errors", "timeouts") if seen[name]}
    if wrong or not seen["requests"]:
        message = f"{what}: {seen['requests']} answers, among them {wrong}; a side that errs is not measured"
        raise BenchFault(message)
    milliseconds = {name: seen[name] / 1000 for name in ("p50", "p90", "p99", "p999")}
    return Load(requests=seen["requests"], seconds=seen["microseconds"] / 1e6, **milliseconds)
