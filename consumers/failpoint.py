"""Points at which a test ends or stops this very process: between any two steps that must not be parted.

`HUB_FAILPOINT=after_commit:kill@3` kills the process at the third window that was committed. Refused in production.
"""

import os
import signal
from typing import Literal

import structlog

Point = Literal["before_commit", "after_commit", "after_publish", "before_ack"]

log = structlog.get_logger("consumers")


class Failpoint:
    """What happens at which point, once: nothing, unless a setting says otherwise."""

    def __init__(self, told: str | None = None) -> None:
        """Read `point:action@count`; the setting's pattern has checked it."""
        self._point, self._signal, self._left = "", signal.SIGKILL, 1
        if told is not None:
            self._point, _, rest = told.partition(":")
            action, _, count = rest.partition("@")
            self._signal = signal.SIGSTOP if action == "freeze" else signal.SIGKILL
            self._left = int(count or 1)

    def reach(self, point: Point) -> None:
        """Pass a point, or end here."""
        if point != self._point:
            return
        self._left -= 1
        if not self._left:
            log.warning("failpoint.reached", point=point, signal=self._signal.name)
            os.kill(os.getpid(), self._signal)


NOWHERE = Failpoint()
