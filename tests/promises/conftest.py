from collections.abc import AsyncIterator

import pytest

from tests.conftest import SESSION_DIR
from tests.promises.outages import CONFIRM_SECONDS, Hub, breakable_hub, recovered


@pytest.fixture(scope="package")
async def standing_hub(pytestconfig: pytest.Config) -> AsyncIterator[Hub]:
    """One hub on servers of its own for all of this folder; every fault leaves it as it was."""
    place = pytestconfig.stash[SESSION_DIR] / "promises"
    place.mkdir(mode=0o711)
    async with breakable_hub(place, confirm_seconds=CONFIRM_SECONDS) as hub:
        yield hub


@pytest.fixture
async def hub(standing_hub: Hub) -> Hub:
    """The same, and recovered from the test before."""
    await recovered(standing_hub)
    return standing_hub
