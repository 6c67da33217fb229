"""The system users that servers run as when root starts them."""

import os
import pwd
from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that a server runs as when root starts it."""

    name: str
    uid: int
    gid: int


def account(name: str) -> Account | None:
    """Look up the system user to demote a server to; None when we are not root or there is no such user."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


class Demotion(TypedDict, total=False):
    """Arguments of `subprocess` that start a program as somebody else."""

    user: int
    group: int
    extra_groups: list[str | int]


def demotion(who: Account | None) -> Demotion:
    """Give the arguments that demote a child process; none for ourselves."""
    return {} if who is None else {"user": who.uid, "group": who.gid, "extra_groups": []}
