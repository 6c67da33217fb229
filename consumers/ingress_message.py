"""A message of an integrator becomes commands: the same checks, ids and fingerprints as over HTTP.

Whatever the message holds, this does not raise. What is wrong with it becomes the outcome of its operation: a command that
carries its refusal to the writer, which answers, stores and tells of it as of any other.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson
from pydantic import ValidationError

from hub.domain.checking import MAX_ERRORS, field_errors
from hub.domain.fields import format_time
from hub.domain.fingerprint import fingerprint_of
from hub.domain.ids import derived_id, operation_id_for, resource_id_for
from hub.domain.inventory import needs_condition
from hub.domain.json_input import InvalidText, MalformedJson, parse_json
from hub.domain.media import media_of
from hub.domain.problem import FieldError, Problem
from hub.resources import AMQP_COMMANDS, COMMANDS, UNKNOWN

MAX_BYTES: Final = 1_048_576
MAX_COMMANDS: Final = 500
MAX_ERRORS_IN_A_LIST: Final = 10
"""Of each command of a list: with all the faults that 500 can have, what becomes of a message is too large for the broker."""
DIRECT_REPLY: Final = "amq.rabbitmq.reply-to."
_MAX_KEY: Final = 255
_KEY: Final = re.compile(rf"[!-~]{{1,{_MAX_KEY}}}")
_ENCODINGS: Final = frozenset({"", "identity", "utf-8"})
_CLOUD: Final = ("cloudEvents:", "cloudEvents_", "ce-")


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a message says, as it came.

    Args:
        body: its bytes; of one that is too large only the beginning.
        size: how many bytes it had.
        user_id: whose it is, checked by the broker; never taken from anywhere else.
        headers: names only; they say nothing that counts.
    """

    body: bytes
    size: int
    routing_key: str
    user_id: str
    message_id: str = ""
    type: str = ""
    content_type: str = ""
    content_encoding: str = ""
    reply_to: str = ""
    correlation_id: str = ""
    headers: tuple[str, ...] = ()

    @property
    def answers_to(self) -> str:
        """Where the receipt goes. Any other queue would let a client write where it may not: the hub may write everywhere."""
        return self.reply_to if self.reply_to.startswith(DIRECT_REPLY) and self.reply_to.isascii() else ""


@dataclass(frozen=True, slots=True)
class _Letter:
    """What all commands of a message share."""

    incoming: Incoming
    pharmacy_id: UUID
    actor: str
    at: datetime
    receipt_id: str


class _Wrong(Exception):
    """The message as a whole cannot be taken."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def read_commands(
    incoming: Incoming, pharmacy_id: UUID, actor: str, at: datetime, receipt_id: str
) -> list[dict[str, Any]]:
    """Read the commands of a message, in order, as envelopes for the pharmacy's partition.

    Element i of a list has its operation from (`message_id`, i); a body that is no list is its own element 0. What is wrong
    with the whole is one refused command under the id of element 0.

    Args:
        pharmacy_id: whose commands these are.
        actor: `pharmacy:<id>` or `integrator:<id>`.
        receipt_id: names this delivery of the message.
    """
    letter = _Letter(incoming, pharmacy_id, actor, at, receipt_id)
    try:
        _check_properties(incoming)
        value = _parse(incoming)
    except _Wrong as wrong:
        return [_refused(letter, wrong.problem)]
    if not isinstance(value, list):
        return [_command(letter, value, 0, 0)]
    if not value:
        return [_refused(letter, Problem("validation", "the list of commands is empty"))]
    if len(value) > MAX_COMMANDS:
        detail = f"a list has at most {MAX_COMMANDS} commands, this one has {len(value)}; nothing was applied"
        return [_refused(letter, Problem("too-large", detail))]
    return [_command(letter, each, index, len(value)) for index, each in enumerate(value)]


def _check_properties(incoming: Incoming) -> None:
    if not _is_key(incoming.message_id):
        detail = f"the property message_id is required: 1 to {_MAX_KEY} visible ASCII characters, your idempotency key"
        raise _Wrong(Problem("malformed", detail))
    if incoming.size > MAX_BYTES:
        raise _Wrong(Problem("too-large", f"a message has at most {MAX_BYTES} bytes, this one has {incoming.size}"))
    if media_of(incoming.content_type.encode("latin-1", "replace")) != "json":
        raise _Wrong(Problem("unsupported-media-type", "send content_type application/json, in UTF-8"))
    if incoming.content_encoding.strip().lower() not in _ENCODINGS:
        raise _Wrong(Problem("unsupported-media-type", "send the body as it is, without content_encoding"))
    if any(name.startswith(_CLOUD) for name in incoming.headers):
        detail = (
            "this is a CloudEvent in binary mode; commands are named by the property type, and have no such headers"
        )
        raise _Wrong(Problem("malformed", detail))
    if incoming.type not in AMQP_COMMANDS:
        detail = f"the property type names no command of this door: {', '.join(AMQP_COMMANDS)}"
        raise _Wrong(Problem("validation", detail))


def _is_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def _parse(incoming: Incoming) -> Any:  # noqa: ANN401 -- a JSON value
    try:
        return parse_json(incoming.body)
    except MalformedJson as error:
        raise _Wrong(Problem("malformed", str(error))) from error
    except InvalidText as error:
        fault = FieldError(error.pointer, error.code, error.detail)
        raise _Wrong(Problem("validation", "a value cannot be stored", (fault,))) from error


def _command(letter: _Letter, value: Any, index: int, count: int) -> dict[str, Any]:  # noqa: ANN401 -- a JSON value
    """Make the envelope of one command; what is wrong with it travels as its refusal."""
    incoming = letter.incoming
    operation_id = _operation_id(letter, index)
    target, body, problem = _part(incoming.type, value)
    rule = COMMANDS[incoming.type]
    if problem is None:
        try:
            checked = rule.body.model_validate_json(orjson.dumps(body), strict=True)
        except ValidationError as error:
            faults = field_errors(error, body, MAX_ERRORS_IN_A_LIST if count else MAX_ERRORS)
            problem = Problem("validation", "the body does not fit; see `errors`", tuple(faults))
        else:
            if needs_condition(checked, None):
                detail = "send expected_quantity with a quantity, or adjust by a delta"
                problem = Problem("precondition-required", detail)
    named = target if AMQP_COMMANDS[incoming.type] else None
    envelope = _envelope(letter, operation_id, index, count) | {
        "type": incoming.type,
        "resource_id": str(target or resource_id_for(operation_id)),
        "fingerprint": fingerprint_of(incoming.type, named, body),
        "body": body if problem is None else {},
    }
    if problem is not None:
        envelope["refused"] = problem.dump()
    return envelope


def _part(command: str, value: Any) -> tuple[UUID | None, Any, Problem | None]:  # noqa: ANN401 -- a JSON value
    """Part the `id` that an HTTP path would hold from the body that HTTP would have."""
    if not isinstance(value, dict):
        return (
            None,
            value,
            Problem(
                "validation", "a command is a JSON object", (FieldError("#", "object_type", "send a JSON object"),)
            ),
        )
    if not AMQP_COMMANDS[command]:
        return None, value, None
    body = {name: member for name, member in value.items() if name != "id"}
    named = value.get("id")
    try:
        return UUID(named), body, None
    except (ValueError, TypeError, AttributeError):
        fault = FieldError("#/id", "uuid", f"{command} names its resource: the `id` that the HTTP path would have")
        return None, body, Problem("validation", "the body does not fit; see `errors`", (fault,))


def _refused(letter: _Letter, problem: Problem) -> dict[str, Any]:
    """Make the command that stands for a message that cannot be taken at all."""
    incoming = letter.incoming
    operation_id = _operation_id(letter, 0)
    known = incoming.type in AMQP_COMMANDS
    return _envelope(letter, operation_id, 0, 0) | {
        "type": incoming.type if known else UNKNOWN,
        "resource_id": str(resource_id_for(operation_id)),
        "fingerprint": sha256(
            b"refused\n" + incoming.type.encode("utf-8", "replace") + b"\n" + incoming.body
        ).hexdigest(),
        "body": {},
        "refused": problem.dump(),
    }


def _operation_id(letter: _Letter, index: int) -> UUID:
    incoming = letter.incoming
    if not _is_key(incoming.message_id):
        # Nobody can repeat it by its key, but the broker may deliver it twice: its own bytes are its name.
        digest = sha256(incoming.body).hexdigest()
        return derived_id(
            letter.pharmacy_id, "message", incoming.message_id, incoming.correlation_id, incoming.type, digest
        )
    if index == 0:
        return operation_id_for(letter.pharmacy_id, incoming.message_id)
    return derived_id(letter.pharmacy_id, "operation", incoming.message_id, index)


def _envelope(letter: _Letter, operation_id: UUID, index: int, count: int) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "operation_id": str(operation_id),
        "pharmacy_id": str(letter.pharmacy_id),
        "accepted_at": format_time(letter.at),
        "actor": letter.actor,
        "door": "amqp",
    }
    if reply_to := letter.incoming.answers_to:
        envelope["reply_to"] = reply_to
        envelope["receipt"] = [letter.receipt_id, letter.incoming.correlation_id, index, count]
    return envelope
