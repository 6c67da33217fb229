"""One whole hub for the tests of incoming webhooks; every test has pharmacies of its own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from hub.settings import Settings
from tests.conftest import SECRET_KEY, Servers
from tests.kit.endpoints import LOOPBACK
from tests.kit.hooks import Shop, open_shop
from tests.kit.in_process import Hub, running_hub


@pytest.fixture(scope="session")
def hub(servers: Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A whole hub for all tests of this folder."""
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    servers.management("PUT", f"/api/vhosts/{name}")
    settings = Settings(
        _env_file=None,
        database_url=servers.database_url(name), amqp_url=servers.amqp_url(name), secret_key=SECRET_KEY,
        data_dir=tmp_path_factory.mktemp("hooks"), metrics_port=0, partitions=2, rate_limit_per_second=0, rate_limit_burst=0,
        public_url="https://hub.example.org", webhooks_allow_networks=LOOPBACK,
    )  # fmt: skip
    with running_hub(settings) as found:
        yield found
    servers.management("DELETE", f"/api/vhosts/{name}")
    servers.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def shop(hub: Hub) -> Iterator[Shop]:
    """A pharmacy and its key."""
    with open_shop(hub) as found:
        yield found
