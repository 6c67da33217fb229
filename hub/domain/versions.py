"""The condition of a write: `If-Match` (RFC 9110, section 13.1.1)."""

from typing import Protocol, TypeVar

from hub.domain.command import Command
from hub.domain.outcome import Rejected, refuse
from hub.domain.problem import not_found
from hub.domain.state import Row, State


class Versioned(Row, Protocol):
    """A row that counts its changes."""

    @property
    def version(self) -> int:
        """1 when it is new."""


V = TypeVar("V", bound=Versioned)


def current(state: State, command: Command, kind: type[V], name: str) -> V | Rejected:
    """Find the row that a command is about; refuse where there is none, or where its sender has seen another version.

    Args:
        name: of the kind, as people say it.
    """
    row = state.find(kind, command.resource_id)
    if row is None:
        return Rejected(not_found(name))
    return stale(command, row.version) or row


def stale(command: Command, version: int) -> Rejected | None:
    """Refuse a command whose sender has seen another version of the row."""
    if command.if_match is None or command.if_match == "*" or version in command.if_match:
        return None
    return refuse(
        "precondition-failed", f"the resource is at version {version}; read it and try again", version=version
    )
