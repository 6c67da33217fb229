"""A wish and its envelope."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from hub.domain.fields import Body
from hub.domain.outcome import Outcome
from hub.domain.problem import Problem
from hub.domain.state import Ref, State

Door = Literal["http", "amqp", "webhook", "bulk", "cli", "system"]


REJECTED = "command.rejected"
"""The event of a command that came over AMQP and was refused."""


class Receipt(NamedTuple):
    """Where in the answer to an AMQP message a command's outcome stands.

    Args:
        id: names the message; all its commands bear it.
        correlation_id: the client's own name for its message.
        at: the command's place, from 0.
        of: how many commands the message's list had; 0: it was no list, and the answer is none either.
        actor: who sent the message; not always who sent the operation first, when a key is used again.
    """

    id: str
    correlation_id: str
    at: int
    of: int
    actor: str


@dataclass(frozen=True, slots=True)
class Command:
    """What a client wants, and all that the doors know of it.

    Args:
        operation_id: the life of this command; the same id is applied once.
        pharmacy_id: the scope it acts in and the partition it travels in.
        resource_id: the row it creates or changes.
        type: `<resource>.<verb>`, a key of `hub.resources.COMMANDS`.
        body: the client's body, parsed.
        accepted_at: when the door took it.
        fingerprint: digest of type, target and body where the client chose the operation's id; else empty.
        if_match: versions the row may have (`"*"`: it must exist); None: any.
        minted: hashes and ciphertexts of secrets minted at the door, by name.
        actor: who sent it: `key:<id>`, `operator:<id>`, `source:<id>`, `system`; over AMQP `pharmacy:<id>`, `integrator:<id>`.
        origin: from where, for the audit log: the client's address and the request's id; empty where nobody audits it.
        refused: why the door says no where it cannot answer itself; then nothing is decided any more.
        receipt: the place of the outcome in the answer to an AMQP message; None: the answer is for a gateway.
    """

    operation_id: UUID
    pharmacy_id: UUID
    resource_id: UUID
    type: str
    body: Body
    accepted_at: datetime
    fingerprint: str = ""
    if_match: tuple[int, ...] | Literal["*"] | None = None
    minted: Mapping[str, str] = field(default_factory=dict)
    actor: str = "system"
    door: Door = "http"
    reply_to: str = ""
    origin: str = ""
    refused: Problem | None = None
    receipt: Receipt | None = None


def touches_nothing(_command: Command) -> Iterable[Ref]:
    """Name no row: what the decision needs, it asks for."""
    return ()


@dataclass(frozen=True, slots=True)
class Rule:
    """How one type of command is decided.

    Args:
        name: the command's type, `<resource>.<verb>`.
        body: the model of the client's body.
        decide: the rule itself.
        resource: the route's name, which is also the first part of an event's `subject`.
        touches: the rows known to be needed from the command alone; a hint that saves a second query.
    """

    name: str
    body: type[Body]
    decide: Callable[[State, Any], Outcome]
    resource: str
    touches: Callable[[Any], Iterable[Ref]] = touches_nothing
