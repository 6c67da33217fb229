"""Messages of a partition: a JSON list of commands. What cannot be read is named, so that its neighbours go on."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError

from hub.domain.command import Command
from hub.faults import Poison
from hub.resources import COMMANDS


def read_message(body: bytes) -> Iterator[tuple[bytes, Command | Poison]]:
    """Read the commands of a message in order; each comes with its own bytes, for parking.

    Raises:
        Poison: the message as a whole is no list of commands.
    """
    try:
        envelopes = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reason = f"not JSON: {error}"
        raise Poison(reason) from error
    if not isinstance(envelopes, list) or not envelopes:
        reason = "not a list of commands"
        raise Poison(reason)
    for envelope in envelopes:
        try:
            yield b"", read_command(envelope)
        except Poison as poison:
            yield orjson.dumps(envelope), poison


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
            body=rule.body.model_validate(envelope["body"]),
            accepted_at=datetime.fromisoformat(envelope["accepted_at"]),
            fingerprint=envelope.get("fingerprint", ""),
            if_match=tuple(if_match) if isinstance(if_match, list) else if_match,
            minted=envelope.get("minted") or {},
            actor=envelope.get("actor", "system"),
            door=envelope.get("door", "http"),
            reply_to=envelope.get("reply_to", ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
        reason = f"not a command: {type(error).__name__}: {_first_line(error)}"
        raise Poison(reason) from error


def operation_of(envelope: bytes) -> Mapping[str, str]:
    """Name what can be told of a command that could not be read: its operation, pharmacy and type."""
    try:
        members = orjson.loads(envelope)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(members, dict):
        return {}
    return {name: str(members[name])[:64] for name in ("operation_id", "pharmacy_id", "type") if name in members}


def _first_line(error: Exception) -> str:
    # pydantic's text quotes the input; a reason goes into logs and headers, so it names places and rules only.
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in error.errors(include_input=False)[:5]
        )
    return str(error).splitlines()[0][:200] if str(error) else ""
