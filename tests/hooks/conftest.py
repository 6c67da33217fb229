"""One whole hub for the tests of incoming webhooks; every test has pharmacies of its own."""

from collections.abc import Iterator

import pytest

from tests.conftest import Servers
from tests.kit.endpoints import LOOPBACK
from tests.kit.hooks import Shop, open_shop
from tests.kit.in_process import Hub, running_hub
from tests.kit.place import own_place


@pytest.fixture(scope="session")
def hub(servers: Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A whole hub for all tests of this folder."""
    with (
        own_place(
            servers, template_database, tmp_path_factory.mktemp("hooks"), partitions=2, rate_limit_per_second=0, rate_limit_burst=0,
            public_url="https://hub.example.org", webhooks_allow_networks=LOOPBACK,
        ) as settings,
        running_hub(settings) as found,
    ):  # fmt: skip
        yield found


@pytest.fixture
def shop(hub: Hub) -> Iterator[Shop]:
    """A pharmacy and its key."""
    with open_shop(hub) as found:
        yield found
