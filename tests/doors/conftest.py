"""What the tests of the doors share."""

from collections.abc import AsyncIterator

import pytest

from hub.settings import Settings
from tests.kit.gateway import GatewayStage, running_gateway


@pytest.fixture
async def live(settings: Settings) -> AsyncIterator[GatewayStage]:
    """A gateway process on this test's own database and virtual host."""
    async with running_gateway(settings) as stage:
        yield stage
