"""The consumers' process, inside the test's own."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consumers.app import create_app
from hub.settings import Settings


@asynccontextmanager
async def running_consumers(settings: Settings) -> AsyncIterator[None]:
    """Run the roles of these settings, and drain them at the end."""
    given = logging.getLogger().handlers
    app = create_app(settings)
    # The hub's handler took the place of pytest's, by which a test shows what it measured.
    logging.getLogger().handlers += given
    async with app.lifespan_context():
        await app.start()
        try:
            yield
        finally:
            await app.stop()
