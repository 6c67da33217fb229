"""What the tests of the doors share: one gateway process for all of a worker, since every test has pharmacies of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Servers
from tests.kit.gateway import GatewayStage, running_gateway
from tests.kit.place import own_place


@pytest.fixture(scope="session")
async def live(
    servers: Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[GatewayStage]:
    """A gateway process on a database and virtual host of this worker."""
    place = tmp_path_factory.mktemp("gateway")
    with own_place(servers, template_database, place) as settings:
        async with running_gateway(settings) as stage:
            yield stage
