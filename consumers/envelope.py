"""Messages of a partition: a JSON list of commands. What cannot be read is named, so that its neighbours go on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from pydantic import ValidationError

from hub.domain.command import Command, Receipt
from hub.domain.fields import Body
from hub.domain.problem import read_problem
from hub.faults import Poison
from hub.resources import COMMANDS
from hub.storage.operations import Operation

# What the columns of `operations` take; a queue's name is a short string of AMQP.
_ACTOR, _DOOR, _FINGERPRINT, _TYPE, _QUEUE = 64, 8, 64, 64, 255
_ORIGIN = 500
_NEEDED = ("operation_id", "pharmacy_id", "resource_id", "body", "accepted_at")
NO_BODY = Body()


class Arrived(NamedTuple):
    """A command as it came.

    Args:
        envelope: its JSON, untouched; what is parked if it cannot be applied.
    """

    command: Command
    envelope: Any
    partition: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """What is parked instead of applied.

    Args:
        envelope: the JSON of one element of the list, whatever it is.
        message: the bytes of the message it came in.
        is_whole: the message is no list of commands, and all of it is set aside.
    """

    envelope: Any
    message: bytes
    reason: str
    partition: int
    is_whole: bool = False

    def body(self) -> bytes:
        """Write the element alone, as it came; the whole message where that is not possible."""
        if self.is_whole:
            return self.message
        try:
            return orjson.dumps(self.envelope)
        except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
            return self.message

    def operation(self, status: str, problem: Mapping[str, Any], now: datetime) -> Operation | None:
        """Tell of its operation what can be read; None when not even its id and pharmacy can."""
        members = self.envelope if isinstance(self.envelope, dict) else {}
        operation_id, pharmacy_id = _uuid(members.get("operation_id")), _uuid(members.get("pharmacy_id"))
        if operation_id is None or pharmacy_id is None:
            return None
        kind = _shortened(members.get("type"), _TYPE)
        return Operation(
            operation_id,
            pharmacy_id,
            kind,
            status,
            _shortened(members.get("fingerprint"), _FINGERPRINT),
            COMMANDS[kind].resource if kind in COMMANDS else "",
            _uuid(members.get("resource_id")) if kind in COMMANDS else None,
            _time(members.get("accepted_at")) or now,
            now,
            None,
            0,
            problem,
            None,
            _shortened(members.get("actor"), _ACTOR),
            _shortened(members.get("door"), _DOOR),
        )

    def reply_to(self) -> str:
        """Name the queue of whoever waits; empty: nobody, or it cannot be read."""
        try:
            return _queue(self.envelope["reply_to"])
        except (KeyError, TypeError, ValueError):
            return ""

    def receipt(self) -> Receipt | None:
        """Name the place in the answer to an AMQP message."""
        try:
            return _receipt(self.envelope)
        except (AttributeError, TypeError, ValueError):
            return None

    def origin(self) -> str:
        """Name from where it was sent, for the audit log; empty: nobody says."""
        return _shortened(self.envelope.get("origin") if isinstance(self.envelope, dict) else None, _ORIGIN)

    def facts(self) -> dict[str, str]:
        """Name for the operator what can be told: operation, pharmacy and type."""
        members = self.envelope if isinstance(self.envelope, dict) else {}
        # Nothing but ids and known words: facts go into headers and logs, and whoever wrote this wrote it wrongly.
        found = {name: _uuid(members.get(name)) for name in ("operation_id", "pharmacy_id")}
        facts = {name: str(value) for name, value in found.items() if value is not None}
        kind = members.get("type")
        return facts | {"type": kind} if isinstance(kind, str) and kind in COMMANDS else facts


def is_awaited(message: bytes) -> bool:
    """Tell without reading it whether somebody may wait for what comes of a message: as it is written by both doors."""
    return b'"reply_to":' in message or b'"receipt":' in message


def read_message(body: bytes, partition: int) -> Iterator[Arrived | SetAside]:
    """Read the commands of a message in order. Whatever the bytes are, this does not raise."""
    try:
        envelopes = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        yield SetAside(None, body, f"not JSON: {error}", partition, is_whole=True)
        return
    if not isinstance(envelopes, list) or not envelopes:
        yield SetAside(None, body, "not a list of commands", partition, is_whole=True)
        return
    for envelope in envelopes:
        try:
            yield Arrived(read_command(envelope), envelope, partition)
        except Poison as poison:
            yield SetAside(envelope, body, poison.reason, partition)


def read_command(envelope: Any) -> Command:  # noqa: ANN401 -- JSON from the broker
    """Read one command.

    Raises:
        Poison: a member is missing or wrong, or the type is unknown.
    """
    try:
        rule = COMMANDS[envelope["type"]]
        if_match = envelope.get("if_match")
        return Command(
            operation_id=UUID(envelope["operation_id"]),
            pharmacy_id=UUID(envelope["pharmacy_id"]),
            resource_id=UUID(envelope["resource_id"]),
            type=rule.name,
            # What the door refused is not what the rule's body would be.
            body=NO_BODY if "refused" in envelope else rule.body.model_validate(envelope["body"]),
            accepted_at=_aware(envelope["accepted_at"]),
            fingerprint=_text(envelope.get("fingerprint", ""), _FINGERPRINT),
            if_match=tuple(if_match) if isinstance(if_match, list) else if_match,
            minted=envelope.get("minted") or {},
            actor=_text(envelope.get("actor", "system"), _ACTOR),
            door=_text(envelope.get("door", "http"), _DOOR),  # type: ignore[arg-type]
            reply_to=_queue(envelope.get("reply_to", "")),
            origin=_shortened(envelope.get("origin"), _ORIGIN),
            refused=None if "refused" not in envelope else read_problem(envelope["refused"]),
            receipt=_receipt(envelope),
        )
    except Exception as error:  # whatever breaks on reading, it is the bytes' fault, e.g. RecursionError
        reason = f"not a command: {_what_is_wrong(envelope, error)}"
        raise Poison(reason) from error


def _receipt(envelope: Any) -> Receipt | None:  # noqa: ANN401 -- JSON from the broker
    if (value := envelope.get("receipt")) is None:
        return None
    receipt_id, correlation_id, index, count = value
    actor = _text(envelope.get("actor", "system"), _ACTOR)
    return Receipt(_text(receipt_id, _ACTOR), str(correlation_id), int(index), int(count), actor)


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        message = "a time without zone"
        raise ValueError(message)
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def _text(value: Any, longest: int) -> str:  # noqa: ANN401 -- a JSON value
    if not isinstance(value, str) or len(value) > longest or "\x00" in value:
        message = f"not a text of at most {longest} characters"
        raise ValueError(message)
    return value


def _queue(value: Any) -> str:  # noqa: ANN401 -- a JSON value
    name = _text(value, _QUEUE)
    if not name.isascii():  # then it has as many bytes as characters
        message = "not the name of a queue"
        raise ValueError(message)
    return name


def _shortened(value: Any, longest: int) -> str:  # noqa: ANN401 -- a JSON value
    return value.replace("\x00", "")[:longest] if isinstance(value, str) else ""


def _uuid(value: Any) -> UUID | None:  # noqa: ANN401 -- a JSON value
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        return None


def _time(value: Any) -> datetime | None:  # noqa: ANN401 -- a JSON value
    try:
        return _aware(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _what_is_wrong(envelope: Any, error: Exception) -> str:  # noqa: ANN401 -- JSON from the broker
    """Name places and rules only: a reason goes into logs and headers, and most errors quote what they were given."""
    if isinstance(error, ValidationError):
        faults = error.errors(include_input=False, include_context=False)[:5]
        return "ValidationError: " + "; ".join(f"{_place_of(fault)}: {fault['type']}" for fault in faults)
    if isinstance(envelope, dict):
        if not isinstance(kind := envelope.get("type"), str) or kind not in COMMANDS:
            return "there is no command of this type"
        if missing := [name for name in _NEEDED if name not in envelope]:
            return f"it lacks {', '.join(missing)}"
    return type(error).__name__


def _place_of(fault: Mapping[str, Any]) -> str:
    # The name of a member that is unknown was chosen by the sender.
    place = (*fault["loc"][:-1], "?") if fault["type"] == "extra_forbidden" else fault["loc"]
    return ".".join(map(str, place))
