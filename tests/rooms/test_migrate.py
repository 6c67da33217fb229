"""Who brings the database to the schema of this release: one runner at a time."""

import asyncpg
import pytest

from hub.faults import Unavailable
from hub.settings import Settings
from hub.storage import migrate


async def test_a_runner_that_does_not_end_is_named_and_not_waited_for_longer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_PATIENCE_SECONDS", 0.3)
    other = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await other.execute("SELECT pg_advisory_lock($1)", migrate._LOCK)
        with pytest.raises(Unavailable, match="another runner of migrations did not end"):
            await migrate.migrate(settings)
    finally:
        await other.close()
    assert await migrate.migrate(settings) == []
