"""The README's tour works as it stands: its blocks are run, literally and in order, against a hub."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```bash tour\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
START_SECONDS = 180
TOUR_SECONDS = 120


class RunningHub(NamedTuple):
    """A hub to take the tour through."""

    url: str
    data_dir: Path


@pytest.fixture(name="hub")
def _hub() -> Iterator[RunningHub]:
    """Use the hub whose data dir `HUB_TOUR_DIR` names, else start one as the README says, in its own data dir."""
    if "HUB_TOUR_DIR" in os.environ:
        place = Path(os.environ["HUB_TOUR_DIR"])
        told = subprocess.run(
            ["./run", "hub", "status", "--json"],
            cwd=ROOT,
            env=_environment(place),
            check=True,
            capture_output=True,
            timeout=30,
        )
        yield RunningHub(json.loads(told.stdout)["url"], place)
        return
    with tempfile.TemporaryDirectory(prefix="hub-tour-") as folder:
        place = Path(folder)
        place.chmod(0o755)  # PostgreSQL runs as another user when the tests run as root
        command = ["./run", "--yes", "--port", str(_free_port()), "--data-dir", str(place)]
        output = place / "run.out"
        with output.open("w") as said:  # a file: nobody would empty a pipe once the hub is ready
            process = subprocess.Popen(command, cwd=ROOT, env=_environment(place), stdout=said)
        try:
            yield RunningHub(_ready_url(process, output), place)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _environment(data_dir: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return inherited | {"HUB_DATA_DIR": str(data_dir)}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _ready_url(process: "subprocess.Popen[bytes]", output: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        ready = re.search(r"^ready (\S+)$", output.read_text(), re.MULTILINE)
        if ready:
            return ready[1]
        time.sleep(0.1)
    pytest.fail(f"no `ready <url>` from ./run within {START_SECONDS} s; it said: {output.read_text()}")


def test_the_tour_has_its_six_stations() -> None:
    text = "".join(BLOCKS)
    for station in (
        "pharmacy create",
        "/api/inventory/bulk",
        "watch_events.py",
        "/api/sales/",
        "/api/orders/",
        "webhook_url",
    ):
        assert station in text


def test_the_blocks_are_valid_bash() -> None:
    checked = subprocess.run(["bash", "-n"], input="".join(BLOCKS), text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_tour_works_as_it_stands(hub: RunningHub) -> None:
    environment = _environment(hub.data_dir) | {"HUB_URL": hub.url, "RECEIVER_PORT": str(_free_port())}
    script = "set -euo pipefail\n" + "".join(BLOCKS)
    tour = subprocess.Popen(
        ["bash"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = tour.communicate(script, timeout=TOUR_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(tour.pid, signal.SIGKILL)  # the watcher and the receiver too: the session is ours
        said, _ = tour.communicate()
        pytest.fail(f"the tour did not end within {TOUR_SECONDS} s; it said: {said}")
    assert tour.returncode == 0, said
    assert re.search(r"event \d+: sale\.recorded sales/", said), said
    assert re.search(r"event \d+: order\.status_changed orders/", said), said
    assert re.search(r"webhook \d+: sale\.recorded sales/\S+, signature verified", said), said
    item = re.search(r'"reserved": ?3\b', said)
    assert item, said
