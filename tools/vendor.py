#!/usr/bin/env python3
"""Copy the browser files of the documentation pages and the console from npm packages into gateway/static/vendor/.

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
TESTS = Path(__file__).parents[1] / "tests/vendor"
"""What only the tests load."""

ICONS = [
    "activity",
    "adjustments",
    "alert-triangle",
    "arrow-back-up",
    "arrows-exchange",
    "ban",
    "bolt",
    "broadcast",
    "building-store",
    "check",
    "chevron-left",
    "chevron-right",
    "circle-check",
    "clipboard-list",
    "clock",
    "command",
    "copy",
    "database",
    "dots",
    "download",
    "edit",
    "external-link",
    "eye",
    "file-text",
    "filter",
    "help",
    "history",
    "inbox",
    "key",
    "layout-dashboard",
    "list-details",
    "lock",
    "logout",
    "menu-2",
    "moon",
    "packages",
    "player-pause",
    "player-play",
    "plug",
    "plus",
    "qrcode",
    "receipt",
    "refresh",
    "search",
    "selector",
    "send",
    "settings",
    "shield-lock",
    "shopping-cart",
    "sort-ascending",
    "sort-descending",
    "stethoscope",
    "sun",
    "sun-moon",
    "trash",
    "upload",
    "user",
    "users",
    "webhook",
    "x",
]

# As its source repository has it; the published package names the licence but leaves the text out.
_TABLER = """MIT License

Copyright (c) 2018-2026 The Tabler Authors
Copyright (c) 2018-2026 codecalm.net Paweł Kuna

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


@dataclass(frozen=True)
class Package:
    """Files of one npm package that the pages load, and the licence texts that go with them."""

    npm: str
    version: str
    files: tuple[str, ...]
    edits: tuple[tuple[bytes, bytes], ...] = ()
    licence: str = ""
    place: Path = VENDOR

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
    Package("htmx.org", "2.0.11", ("LICENSE", "dist/htmx.min.js")),
    Package("@tabler/core", "1.6.1", ("dist/css/tabler.min.css",), licence=_TABLER),
    Package("@tabler/icons", "3.52.0", ("LICENSE", *(f"icons/outline/{name}.svg" for name in ICONS))),
    Package("uplot", "1.6.32", ("LICENSE", "dist/uPlot.iife.min.js", "dist/uPlot.min.css")),
    Package("axe-core", "4.14.1", ("LICENSE", "LICENSE-3RD-PARTY.txt", "axe.min.js"), place=TESTS),
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
    for place in (VENDOR, TESTS):
        shutil.rmtree(place, ignore_errors=True)
    with tempfile.TemporaryDirectory() as workplace:
        for package in PACKAGES:
            source = fetch(package, Path(workplace))
            target = package.place / package.folder
            target.mkdir(parents=True)
            for name in package.files:
                copy = target / Path(name).name
                copy.write_bytes(edited((source / name).read_bytes(), package))
            if package.licence:
                (target / "LICENSE").write_text(package.licence)
            for old, _ in package.edits:
                if any(old in path.read_bytes() for path in target.iterdir()):
                    message = "an edit did not take"
                    raise SystemExit(message)
    for place in (VENDOR, TESTS):
        paths = sorted(path for path in place.rglob("*") if path.is_file())
        lines = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(place).as_posix()}\n" for path in paths
        ]
        (place / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
