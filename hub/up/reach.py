"""Data dirs that a demoted server cannot walk to, e.g. under /root or in a private temporary folder."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub.up.accounts import Account


@dataclass(frozen=True, slots=True)
class Reach:
    """How a server is told a path, and the descriptors it has to inherit for that."""

    place: str
    descriptors: tuple[int, ...] = ()


def is_reachable(path: Path, who: Account | None) -> bool:
    """Say whether this user can walk to a directory; None is us, who can."""
    if who is None:
        return True
    for parent in path.resolve().parents:
        found = parent.stat()
        mine = stat.S_IXUSR if found.st_uid == who.uid else stat.S_IXGRP if found.st_gid == who.gid else stat.S_IXOTH
        if not found.st_mode & mine:
            return False
    return True


@contextmanager
def open_reach(path: Path, who: Account | None) -> Iterator[Reach]:
    """Name a directory so that a demoted child process can use it.

    Where the user cannot walk to it, the child inherits the open directory and is told `/proc/self/fd/<n>`: following
    that link needs no permission on the folders above, so nothing of them has to be opened up.
    """
    if is_reachable(path, who):
        yield Reach(str(path))
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Reach(f"/proc/self/fd/{descriptor}", (descriptor,))
    finally:
        os.close(descriptor)
