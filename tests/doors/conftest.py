"""What the tests of the doors share: one gateway process for a whole module, since every test has pharmacies of its own."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from hub.settings import Settings
from tests.conftest import SECRET_KEY, Servers
from tests.kit.gateway import GatewayStage, running_gateway


@pytest.fixture(scope="module")
async def live(
    servers: Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[GatewayStage]:
    """A gateway process on a database and virtual host of this module."""
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    servers.management("PUT", f"/api/vhosts/{name}")
    settings = Settings(
        _env_file=None,
        database_url=servers.database_url(name),
        amqp_url=servers.amqp_url(name),
        secret_key=SECRET_KEY,
        data_dir=tmp_path_factory.mktemp("gateway"),
        metrics_port=0,
    )
    try:
        async with running_gateway(settings) as stage:
            yield stage
    finally:
        servers.management("DELETE", f"/api/vhosts/{name}")
        servers.sql(f"DROP DATABASE {name} WITH (FORCE)")
