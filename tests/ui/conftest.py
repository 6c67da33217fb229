"""One browser and one hub for all tests of a worker that look at pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Servers
from tests.kit.console_hub import console_hub
from tests.kit.in_process import Hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))


# Of a module, not of the session: while playwright is open its event loop runs in this thread, and no asyncio test could.
@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Debian's chromium; no name resolves but loopback: what would go out fails here instead of being counted on to work."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the dependency group `ui` is not installed")
    browser = next((path for path in BROWSERS if path.exists()), None)
    if browser is None:
        pytest.skip("needs Debian's chromium")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(browser),
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def hub(servers: Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A whole hub."""
    with console_hub(servers, template_database, tmp_path_factory.mktemp("ui")) as running:
        yield running
