"""Node and packages of its registry for tests, in a folder of the test's own: never in the repository."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = {"amqplib": "2.3.1", "standardwebhooks": "1.1.1"}
"""With versions, so that a run tomorrow is the run of today."""


def node_modules(package: str, place: Path) -> dict[str, str]:
    """Give the environment in which Node finds a package: that of NODE_PATH, else one that is installed into `place`.

    Skips the test where there is no Node, or where its registry does not answer.
    """
    if shutil.which("node") is None:
        pytest.skip("no Node here")
    given = {"NODE_PATH": os.environ.get("NODE_PATH", "")}
    probe = ["node", "-e", f"require.resolve({package!r})"]
    if subprocess.run(probe, env=os.environ | given, capture_output=True, check=False, cwd=place).returncode == 0:
        return given
    if shutil.which("npm") is None:
        pytest.skip(f"no npm here: install {package}, and name its node_modules by NODE_PATH")
    install = [
        "npm", "install", "--prefix", str(place), "--cache", str(place / "cache"), "--no-save", "--no-audit", "--no-fund",
        "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=15000", f"{package}@{PACKAGES[package]}",
    ]  # fmt: skip
    try:
        done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=60, cwd=place)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {package} within 60 s")
    if done.returncode:
        pytest.skip(f"npm cannot install {package} here: {done.stderr.strip()[-200:]}")
    return {"NODE_PATH": str(place / "node_modules")}
