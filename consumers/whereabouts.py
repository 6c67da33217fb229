"""Where tasks stand: what a process that is in the way of its own end, or a role that is not drained, was waiting for."""

import asyncio
from collections.abc import Iterable
from pathlib import PurePath
from types import FrameType
from typing import Any

_MOST_TASKS = 40
_ASYNCIO = PurePath(asyncio.__file__).parent


def whereabouts(tasks: Iterable["asyncio.Task[Any]"]) -> list[str]:
    """Name each task and the line that it waits in. May be called by another thread: it only looks."""
    return sorted(f"{task.get_name()}: {_line_of(task.get_coro())}" for task in tasks if not task.done())[:_MOST_TASKS]


def _line_of(step: Any) -> str:  # noqa: ANN401 -- a coroutine, or what one awaits
    """Go from what was called first to what waits now, as far as somebody's own code goes: that it waits in asyncio is plain."""
    frame: FrameType | None = None
    while step is not None:
        found: FrameType | None = getattr(step, "cr_frame", None) or getattr(step, "gi_frame", None)
        if frame is None or (found is not None and not _is_of_asyncio(found)):
            frame = found
        step = getattr(step, "cr_await", None) or getattr(step, "gi_yieldfrom", None)
    if frame is None:
        return "nowhere"
    path = PurePath(frame.f_code.co_filename)
    return f"{path.parent.name}/{path.name}:{frame.f_lineno} in {frame.f_code.co_name}"


def _is_of_asyncio(frame: FrameType) -> bool:
    return PurePath(frame.f_code.co_filename).parent == _ASYNCIO
