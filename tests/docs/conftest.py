"""A hub as the README starts it, beside which the documents' blocks are run."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.guide import ROOT, RunningHub, environment_beside
from tests.rooms.broker_proxy import a_free_port

START_SECONDS = 180


@pytest.fixture(scope="session")
def hub() -> Iterator[RunningHub]:
    """Use the hub whose data dir `HUB_TOUR_DIR` names, else start one as the README says, in its own data dir."""
    if "HUB_TOUR_DIR" in os.environ:
        place = Path(os.environ["HUB_TOUR_DIR"])
        told = subprocess.run(
            ["./run", "hub", "status", "--json"],
            cwd=ROOT,
            env=environment_beside(place),
            check=True,
            capture_output=True,
            timeout=30,
        )
        yield RunningHub(json.loads(told.stdout)["url"], place)
        return
    with tempfile.TemporaryDirectory(prefix="hub-tour-") as folder:
        place = Path(folder)
        place.chmod(0o755)  # PostgreSQL runs as another user when the tests run as root
        command = ["./run", "--yes", "--port", str(a_free_port()), "--data-dir", str(place)]
        output = place / "run.out"
        with output.open("w") as said:  # a file: nobody would empty a pipe once the hub is ready
            process = subprocess.Popen(command, cwd=ROOT, env=environment_beside(place), stdout=said)
        try:
            yield RunningHub(_ready_url(process, output), place)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _ready_url(process: "subprocess.Popen[bytes]", output: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        ready = re.search(r"^ready (\S+)$", output.read_text(), re.MULTILINE)
        if ready:
            return ready[1]
        time.sleep(0.1)  # a look every 100 ms
    pytest.fail(f"no `ready <url>` from ./run within {START_SECONDS} s; it said: {output.read_text()}")
