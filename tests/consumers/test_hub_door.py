"""The hub's own tools at their door: what is done once is the same ever after, and not something else."""

import asyncpg
import pytest

from hub.faults import Unavailable
from hub.settings import Settings
from hub.storage.database import credentials_of
from tests.kit.consumers import running_consumers
from tests.kit.door import open_test_door


async def test_what_is_done_once_is_found_again_and_refused_under_another_name(settings: Settings) -> None:
    chosen = settings.model_copy(update={"roles": ("writer",)})
    async with open_test_door(chosen) as tester, running_consumers(chosen):
        door = tester.door
        pharmacy = await door.create_pharmacy("Corner", once="first")
        assert await door.create_pharmacy("Corner", once="first") == pharmacy
        key = await door.create_operator_key("me", once="mine")
        assert await door.create_operator_key("me", once="mine") == key
        for twisted in (door.create_pharmacy("Harbour", once="first"), door.create_operator_key("you", once="mine")):
            with pytest.raises(Unavailable, match="Idempotency-Key"):
                await twisted
        # As a hub before 0.2 has written it.
        owner = await asyncpg.connect(**credentials_of(settings.database_url.get_secret_value()))
        try:
            await owner.execute("UPDATE operations SET fingerprint = ''")
        finally:
            await owner.close()
        assert await door.create_pharmacy("Corner", once="first") == pharmacy
