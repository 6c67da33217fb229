"""The documents' blocks of commands, run literally and in order beside a hub that `./run` started."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]


class RunningHub(NamedTuple):
    """A hub to lead somebody through."""

    url: str
    data_dir: Path


def blocks_of(document: str, mark: str) -> list[str]:
    """Find the blocks of a document that are to be run: "```bash <mark>"."""
    return re.findall(rf"^```bash {mark}\n(.*?)^```$", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)


def environment_beside(data_dir: Path) -> dict[str, str]:
    """Make the environment of a user whose hub keeps its data there."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return inherited | {"HUB_DATA_DIR": str(data_dir)}


def run_blocks(hub: RunningHub, blocks: list[str], seconds: float, environment: Mapping[str, str]) -> str:
    """Run blocks in one shell and return what they said; one that fails ends the test."""
    guide = subprocess.Popen(
        ["bash"], cwd=ROOT, env={**environment_beside(hub.data_dir), **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        said: str = guide.communicate("set -euo pipefail\n" + "".join(blocks), timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(guide.pid, signal.SIGKILL)  # what it started as well: the session is ours
        said = guide.communicate()[0]
        pytest.fail(f"it did not end within {seconds} s; it said: {said}")
    assert guide.returncode == 0, said
    return said
