"""The hub's processes, started in a moment: forked from one that has read the code, then as `python -m` runs them."""

import asyncio
import atexit
import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
# `pytest` is what every child would read anew as its main program.
FORKS.set_forkserver_preload(["pytest", "uvicorn.main", "faststream.cli", "gateway.app", "consumers.app"])


def ensure_ready() -> None:
    """Let the process run that the others are forked from, as this one's environment is now."""
    forkserver.ensure_running()


class Forked:
    """A process by its pid: it has a main thread, an environment and an end of its own."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path | None = None) -> None:
        """Start `python -m` with these arguments.

        Args:
            arguments: the module's name first.
            environment: all of it.
            log: a file for what it prints; None: where the tests print.
        """
        if log is not None:
            log.touch()  # whoever looks for a line in it finds the file
        self._process = FORKS.Process(target=_become, args=(tuple(arguments), dict(environment), log))
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """What it ended with, below zero: by that signal; None: it runs."""
        return self._process.exitcode

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        self._process.kill()

    def join(self, within: float) -> int:
        """Wait until it ends, and say with what.

        Raises:
            TimeoutError: it runs on.
        """
        self._process.join(within)
        if self.returncode is None:
            message = f"process {self.pid} runs on after {within} s"
            raise TimeoutError(message)
        return self.returncode

    async def wait(self, within: float = 60.0) -> int:
        """As `join`, where a loop runs."""
        return await asyncio.to_thread(self.join, within)


def _become(arguments: Sequence[str], environment: Mapping[str, str], log: Path | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if log is not None:
        with log.open("ab") as output:
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
    if "LD_PRELOAD" in environment:  # only a new program takes it up
        os.execve(sys.executable, [sys.executable, "-m", *arguments], dict(environment))
    module, *rest = arguments
    sys.argv = [module, *rest]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
