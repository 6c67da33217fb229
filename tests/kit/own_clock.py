"""Another time for a test alone: a hub may be at work in another thread of the same process, and its clock goes on."""

from collections.abc import Callable
from threading import get_ident
from typing import Any
from unittest.mock import patch

from hub import clock


def own_clock(name: str, fake: Callable[[], Any]) -> Any:
    """Replace a function of `hub.clock` for the calling thread, as a context manager."""
    real, here = getattr(clock, name), get_ident()
    return patch.object(clock, name, lambda: fake() if get_ident() == here else real())
