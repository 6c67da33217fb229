"""One hub for all tests of the console in a worker."""

from collections.abc import Iterator

import pytest

from tests.conftest import Servers
from tests.kit.console_hub import console_hub
from tests.kit.in_process import Hub


@pytest.fixture(scope="session")
def hub(servers: Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A whole hub."""
    with console_hub(servers, template_database, tmp_path_factory.mktemp("console")) as running:
        yield running
