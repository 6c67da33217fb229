#!/usr/bin/env python3
"""Copy the browser files of the documentation pages from npm packages into gateway/static/vendor/.

Run it by hand (it needs npm and a package registry) after changing a version below, look at the pages, and commit the
result. The versions are exact, the files are taken as published but for the edits below, and `SHA256SUMS` lists every
one of them; tests/contracts/test_vendor.py fails when a file was changed, added or lost.

    python3 tools/vendor.py
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "gateway/static/vendor"


@dataclass(frozen=True)
class Package:
    """Files of one npm package that the pages load, and the licence texts that go with them."""

    npm: str
    version: str
    files: tuple[str, ...]
    edits: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def folder(self) -> str:
        """The name in gateway/static/vendor; the version is in it, so that browsers may keep the files for ever."""
        return f"{self.npm.removeprefix('@').replace('/', '-')}-{self.version}"


PACKAGES = (
    Package(
        "swagger-ui-dist",
        "5.35.0",
        (
            "LICENSE",
            "NOTICE",
            "favicon-32x32.png",
            "swagger-ui-bundle.js",
            "swagger-ui-bundle.js.LICENSE.txt",
            "swagger-ui.css",
        ),
    ),
    Package(
        "redoc",
        "2.5.4",
        (
            "LICENSE",
            "bundles/redoc.standalone.js",
            "bundles/redoc.standalone.js.LICENSE.txt",
            "bundles/d87bcbdbea8f8f5aa26f.worker.js.LICENSE.txt",
        ),
        # Redoc draws a logo from its maker's host below the menu; a picture that fails to load is left out
        edits=((b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"data:,"),),
    ),
    Package(
        "@asyncapi/react-component",
        "3.2.1",
        (
            "LICENSE",
            "browser/standalone/index.js",
            "browser/standalone/index.js.LICENSE.txt",
            "styles/default.min.css",
        ),
    ),
)


def fetch(package: Package, workplace: Path) -> Path:
    """Download a package with npm, which checks its integrity, and name the folder it was unpacked to."""
    command = ["npm", "pack", "--silent", f"{package.npm}@{package.version}"]
    packed = subprocess.run(command, cwd=workplace, check=True, capture_output=True, text=True)
    unpacked = workplace / package.folder
    with tarfile.open(workplace / packed.stdout.strip().splitlines()[-1]) as archive:
        archive.extractall(unpacked, filter="data")
    return unpacked / "package"


def edited(content: bytes, package: Package) -> bytes:
    """Apply the package's edits; each takes effect in one place of one file."""
    for old, new in package.edits:
        if old in content:
            if content.count(old) != 1:
                message = f"{old!r} is there more than once in {package.npm}: look again"
                raise SystemExit(message)
            content = content.replace(old, new)
    return content


def main() -> None:
    """Replace the vendored folders by fresh copies and write their hashes."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    with tempfile.TemporaryDirectory() as workplace:
        for package in PACKAGES:
            source = fetch(package, Path(workplace))
            target = VENDOR / package.folder
            target.mkdir(parents=True)
            for name in package.files:
                copy = target / Path(name).name
                copy.write_bytes(edited((source / name).read_bytes(), package))
            for old, _ in package.edits:
                if any(old in path.read_bytes() for path in target.iterdir()):
                    message = "an edit did not take"
                    raise SystemExit(message)
    paths = sorted(path for path in VENDOR.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(VENDOR).as_posix()}\n" for path in paths
    ]
    (VENDOR / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
