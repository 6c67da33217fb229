"""The condition of a write: `If-Match` (RFC 9110, section 13.1.1)."""

from hub.domain.command import Command
from hub.domain.outcome import Rejected, refuse


def stale(command: Command, version: int) -> Rejected | None:
    """Refuse a command whose sender has seen another version of the row."""
    if command.if_match is None or command.if_match == "*" or version in command.if_match:
        return None
    return refuse(
        "precondition-failed", f"the resource is at version {version}; read it and try again", version=version
    )
