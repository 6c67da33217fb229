"""The processes of a running instance: started in order, restarted when they die, ended in the reverse order."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hub.faults import SettingsError
from hub.up.instance import ORDER
from hub.up.processes import Child, Spec, start

_LOOK_SECONDS = 0.1
_FIRST_WAIT_SECONDS, _LAST_WAIT_SECONDS, _CALM_SECONDS = 0.2, 10.0, 30.0


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start of a process that died; doubles until it lived for half a minute."""

    waits: float = _FIRST_WAIT_SECONDS

    def next_seconds(self, lived_seconds: float) -> float:
        """Say how long to wait now.

        >>> backoff = Backoff()
        >>> [backoff.next_seconds(1) for _ in range(4)], backoff.next_seconds(60)
        ([0.2, 0.4, 0.8, 1.6], 0.2)
        """
        waits = _FIRST_WAIT_SECONDS if lived_seconds >= _CALM_SECONDS else self.waits
        self.waits = min(waits * 2, _LAST_WAIT_SECONDS)
        return waits


@dataclass(slots=True)
class Family:
    """All processes of an instance.

    Args:
        log_dir: where their output goes.
        tell: says a line to the operator.
        changed: is called when a process came or went.
    """

    log_dir: Path
    tell: Callable[[str], None]
    changed: Callable[[], None]
    _children: dict[str, Child] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _is_closed: bool = False

    @property
    def pids(self) -> Mapping[str, int]:
        """Name the processes that were started, in order."""
        return {name: self._children[name].pid for name in ORDER if name in self._children}

    def start(self, spec: Spec) -> Child:
        """Start a process and keep it.

        Raises:
            SettingsError: it cannot be started, or the instance is about to end.
        """
        with self._guard:
            if self._is_closed:
                message = f"{spec.name} is not started: the hub is stopping"
                raise SettingsError(message)
            child = self._children[spec.name] = start(spec, self.log_dir)
        self.changed()
        return child

    def check(self) -> None:
        """Make sure that all are alive, while the instance starts.

        Raises:
            SettingsError: one has ended; the sentence has its last words.
        """
        for name, child in list(self._children.items()):
            code = child.exit_code()
            if code is not None:
                message = f"{name} ended at once (exit code {code}): {child.last_words()} (log: {child.log})"
                raise SettingsError(message)

    async def keep_alive(self) -> None:
        """Start again what dies, for ever."""
        loop = asyncio.get_running_loop()
        backoffs = {name: Backoff() for name in ORDER}
        since = dict.fromkeys(ORDER, loop.time())
        due: dict[str, float] = {}
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = loop.time()
            for name, child in list(self._children.items()):
                code = child.exit_code()
                if code is None:
                    continue
                if name not in due:
                    waits = backoffs[name].next_seconds(now - since[name])
                    due[name] = now + waits
                    self.tell(f"{name} ended (exit code {code}); it starts again in {waits:.1f} s (log: {child.log})")
                elif now >= due[name]:
                    del due[name]
                    since[name] = now
                    child.kill()  # what its session still holds would be in the way
                    try:
                        self.start(child.spec).is_ready = True
                    except SettingsError as fault:
                        self.tell(str(fault))

    def stop(self) -> None:
        """End all, the last started first; nothing starts any more."""
        with self._guard:
            self._is_closed = True
        for name in reversed(ORDER):
            if name in self._children:
                self._children[name].stop()

    def kill(self) -> None:
        """End all at once."""
        with self._guard:
            self._is_closed = True
        for name in reversed(ORDER):
            if name in self._children:
                self._children[name].kill()
