"""The hub's processes as an operator runs them, to be killed by pid."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.settings import Settings
from hub.up.commands import CONSUMERS
from tests.kit.forking import Forked


def environment_of(settings: Settings) -> dict[str, str]:
    """Write settings as a process's environment."""
    told = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is None:
            continue
        text = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        told[f"HUB_{name.upper()}"] = ",".join(map(str, text)) if isinstance(text, tuple) else str(text)
    return told


class Consumers:
    """A consumers process that can be killed and started again."""

    def __init__(self, settings: Settings, log: Path) -> None:
        """Start it; its output goes to a file."""
        self._settings = settings
        self._log = log
        self._process = self._start()

    def _start(self) -> Forked:
        return Forked(CONSUMERS, environment_of(self._settings), self._log)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        self._process.kill()
        self._process.join(10)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def wait(self, within: float) -> int:
        """Wait until it ends by itself."""
        return self._process.join(within)

    def restart(self) -> None:
        """Start it again."""
        self._process = self._start()

    def stop(self, within: float = 15.0) -> int:
        """Ask it to end and wait for that."""
        if self._process.returncode is None:
            self._process.terminate()
        return self._process.join(within)


@contextmanager
def consumers_process(settings: Settings) -> Iterator[Consumers]:
    """Run the consumers beside the test."""
    consumers = Consumers(settings, settings.data_dir / "consumers.log")
    try:
        yield consumers
    finally:
        consumers.stop()
