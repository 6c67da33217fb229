"""A task group for context managers: what goes wrong in the body of the `async with` keeps its own type."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def owned_tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """Own tasks as `asyncio.TaskGroup` does, but raise a lone exception as itself, not inside a group.

    Whoever opens a publisher would otherwise catch `ExceptionGroup` where its own code raised `SettingsError`.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        error = group.exceptions[0]
        raise error from error.__cause__


@asynccontextmanager
async def running(loop: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run a loop that never ends by itself, as a task of this name, while this is open."""
    async with owned_tasks() as tasks:
        task = tasks.create_task(loop, name=name)
        try:
            yield
        finally:
            task.cancel()
