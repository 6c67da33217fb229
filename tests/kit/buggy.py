"""A bug of the hub that comes and goes: a rule that breaks on some commands until it is fixed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pytest

from hub.domain.command import Command
from hub.domain.outcome import Outcome
from hub.domain.state import State
from hub.resources import COMMANDS

PREFIX = "BUG"


@dataclass(slots=True)
class Bug:
    """Breaks `inventory.create` of every sku that begins with `BUG`, while it is there."""

    is_there: bool = True
    met: int = 0


@contextmanager
def a_bug(patch: pytest.MonkeyPatch) -> Iterator[Bug]:
    """Put a bug into the writer of this process."""
    bug = Bug()
    rule = COMMANDS["inventory.create"]

    def decide(state: State, command: Command) -> Outcome:
        body: Any = command.body
        if bug.is_there and body.sku.startswith(PREFIX):
            bug.met += 1
            message = "a bug of ours"
            raise ZeroDivisionError(message)
        return rule.decide(state, command)

    with patch.context() as patched:
        changed = MappingProxyType({**COMMANDS, rule.name: replace(rule, decide=decide)})
        patched.setattr("consumers.applying.COMMANDS", changed)
        yield bug
