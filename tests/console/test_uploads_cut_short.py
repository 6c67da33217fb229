"""A file that does not come to its end, at the console: the visitor is told, or is gone; nothing breaks or stays open."""

import gc
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.admin.files import FORM_BYTES
from tests.console.test_screens import a_pharmacy
from tests.kit.console import Person, signed_in
from tests.kit.in_process import Hub
from tests.kit.wait import until

_MIB = 1_048_576
_BORDER = "border"


def _head(person: Person, pharmacy: str, sizes: str) -> bytes:
    """Begin the form of the import page: the head, and the fields before the file."""
    person.get(f"/admin/import/?pharmacy={pharmacy}")
    cookie = "; ".join(f"{one.name}={one.value}" for one in person.web.cookies.jar)
    lines = [
        f"POST /admin/import/?csrf={person.token} HTTP/1.1", "Host: a", f"Cookie: {cookie}", sizes,
        f"Content-Type: multipart/form-data; boundary={_BORDER}", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def _fields(pharmacy: str) -> bytes:
    kind = f'--{_BORDER}\r\nContent-Disposition: form-data; name="kind"\r\n\r\ninventory\r\n'
    whose = f'--{_BORDER}\r\nContent-Disposition: form-data; name="pharmacy"\r\n\r\n{pharmacy}\r\n'
    file = f'--{_BORDER}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nsku,name\n'
    return f"{kind}{whose}{file}".encode()


def _open_files() -> set[str]:
    """Name the temporary files that this process, and so the hub in it, holds open: they have no name on the disk."""
    found = set()
    for one in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(one.readlink()))
        except FileNotFoundError:  # that of the listing itself
            continue
    return {one for one in found if one.endswith("(deleted)")}


@pytest.fixture
def nothing_left_open() -> Iterator[None]:
    """Nothing may be left to the garbage collector to close, up to the end of the test."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    assert [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)] == []


def _connect(hub: Hub) -> socket.socket:
    parts = urlsplit(hub.url)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


@pytest.mark.usefixtures("nothing_left_open")
def test_a_browser_that_goes_away_during_an_upload_breaks_nothing(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    pharmacy, _ = a_pharmacy(hub)
    person = signed_in(hub, "operator")
    before = _open_files()
    with _connect(hub) as link:
        link.sendall(_head(person, pharmacy, f"Content-Length: {8 * _MIB}") + _fields(pharmacy))
        link.sendall(b"A1,b\n" * 500_000)
        until(lambda: _open_files() - before, within=20)
    until(lambda: not _open_files() - before, within=20)
    assert "request.failed" not in caplog.text


@pytest.mark.usefixtures("nothing_left_open")
def test_a_file_that_does_not_say_its_size_and_is_too_large_is_refused(hub: Hub) -> None:
    pharmacy, _ = a_pharmacy(hub)
    person = signed_in(hub, "operator")
    before = _open_files()
    chunk = b"x" * _MIB
    with _connect(hub) as link:
        link.sendall(_head(person, pharmacy, "Transfer-Encoding: chunked"))
        for part in (_fields(pharmacy), *[chunk] * (FORM_BYTES // _MIB + 1)):
            link.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        assert link.recv(64).startswith(b"HTTP/1.1 413 ")
    until(lambda: not _open_files() - before, within=20)
