"""A command whose type nobody knows: it came over AMQP, and its operation says that it was refused."""

from hub.domain.command import Command, Rule
from hub.domain.fields import Body
from hub.domain.outcome import Outcome, refuse
from hub.domain.state import State


class Unknown(Body):
    """Nothing: what was sent is not read."""


def _refuse(_state: State, _command: Command) -> Outcome:
    return refuse("validation", "there is no such command")


RULES = (Rule("command.unknown", Unknown, _refuse, ""),)
