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
    """Breaks a command that names a sku that begins with `BUG`, while it is there."""

    is_there: bool = True
    met: int = 0


@contextmanager
def a_bug(patch: pytest.MonkeyPatch, command_type: str = "inventory.create") -> Iterator[Bug]:
    """Put a bug into the writer of this process, into one rule: `inventory.create` or `inventory.import`."""
    bug = Bug()
    rule = COMMANDS[command_type]

    def decide(state: State, command: Command) -> Outcome:
        body: Any = command.body
        named = [one.row.sku for one in body.rows if one.row] if command_type.endswith("import") else [body.sku]
        if bug.is_there and any(sku.startswith(PREFIX) for sku in named):
            bug.met += 1
            message = "a bug of ours"
            raise ZeroDivisionError(message)
        return rule.decide(state, command)

    with patch.context() as patched:
        changed = MappingProxyType({**COMMANDS, rule.name: replace(rule, decide=decide)})
        patched.setattr("consumers.applying.COMMANDS", changed)
        yield bug
