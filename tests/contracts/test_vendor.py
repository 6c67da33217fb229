"""The vendored browser files are exactly the published ones that SHA256SUMS lists."""

import hashlib
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
PLACES = ("gateway/static/vendor", "tests/vendor")


def _sums(place: str) -> dict[str, str]:
    lines = (_ROOT / place / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


@pytest.mark.parametrize("place", PLACES)
def test_every_vendored_file_has_the_listed_hash(place: str) -> None:
    sums = _sums(place)
    found = {name: hashlib.sha256((_ROOT / place / name).read_bytes()).hexdigest() for name in sums}
    assert found == sums


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_vendored_that_is_not_listed(place: str) -> None:
    folder = _ROOT / place
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there - {"SHA256SUMS"} == set(_sums(place))


@pytest.mark.parametrize("place", PLACES)
def test_every_package_has_an_exact_version_and_its_licence(place: str) -> None:
    sums = _sums(place)
    folders = {name.split("/")[0] for name in sums}
    assert all(re.search(r"-\d+\.\d+\.\d+$", folder) for folder in folders)
    assert {f"{folder}/LICENSE" for folder in folders} <= set(sums)
