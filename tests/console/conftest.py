"""One hub for the console's tests of a module: gateway and consumers in a thread, on a database and virtual host of their own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from hub.settings import Settings
from tests.conftest import SECRET_KEY, Servers
from tests.kit.in_process import Hub, running_hub


@pytest.fixture(scope="session")
def hub(servers: Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A whole hub; every test has operators and pharmacies of its own."""
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    servers.management("PUT", f"/api/vhosts/{name}")
    settings = Settings(
        _env_file=None,
        database_url=servers.database_url(name),
        amqp_url=servers.amqp_url(name),
        secret_key=SECRET_KEY,
        data_dir=tmp_path_factory.mktemp("console"),
        metrics_port=0,
    )
    try:
        with running_hub(settings) as running:
            yield running
    finally:
        servers.management("DELETE", f"/api/vhosts/{name}")
        servers.sql(f"DROP DATABASE {name} WITH (FORCE)")
