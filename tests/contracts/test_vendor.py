"""The vendored browser files are exactly the published ones that SHA256SUMS lists."""

import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).parents[2] / "gateway/static/vendor"
SUMS = {
    name: digest for digest, name in (line.split("  ", 1) for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
}


def test_every_vendored_file_has_the_listed_hash() -> None:
    found = {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in SUMS}
    assert found == SUMS


def test_nothing_is_vendored_that_is_not_listed() -> None:
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert there - {"SHA256SUMS"} == set(SUMS)


def test_every_package_has_an_exact_version_and_its_licence() -> None:
    folders = {name.split("/")[0] for name in SUMS}
    assert all(re.search(r"-\d+\.\d+\.\d+$", folder) for folder in folders)
    assert {f"{folder}/LICENSE" for folder in folders} <= set(SUMS)
