"""A writer's process without what starts it: to be killed by the dozen."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

from consumers.app import create_app
from hub.settings import Settings
from tests.kit.forking import FORKS


def consume(settings: Settings) -> None:
    """Be a consumers process."""
    asyncio.run(create_app(settings).run())


@contextmanager
def forked_consumers(settings: Settings) -> Iterator[BaseProcess]:
    """Run the consumers for the length of a block; at its end they are killed by pid, however they are."""
    process = FORKS.Process(target=consume, args=(settings,))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(10)
