"""Consumers processes that start in a moment: forked from one that has read the code, to be killed by the dozen."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

from consumers.app import create_app
from hub.settings import Settings

# `pytest` is what every child would read anew as its main program.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", "tests.promises.forked"])


def consume(settings: Settings) -> None:
    """Be a consumers process."""
    asyncio.run(create_app(settings).run())


@contextmanager
def forked_consumers(settings: Settings) -> Iterator[BaseProcess]:
    """Run the consumers for the length of a block; at its end they are killed by pid, however they are."""
    process = _FORKS.Process(target=consume, args=(settings,))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(10)
