"""Commands under a used key: over AMQP each is an operation of its own, and refused; so is what would make a row again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from consumers.envelope import Arrived
from hub.domain.command import Command
from hub.domain.ids import derived_id, resource_id_for
from hub.domain.problem import Problem
from hub.storage.operations import Operation


def told_apart(arrived: Sequence[Arrived], known: Mapping[UUID, Operation]) -> tuple[Sequence[Arrived], list[UUID]]:
    """Give an operation of its own to what came over AMQP under the key of another command; name those operations.

    Over HTTP somebody waits for the 422. Over AMQP nobody may: a till that counts its keys anew would lose its sales unseen.
    """
    if not any(one.command.door == "amqp" for one in arrived):
        return arrived, []
    first = {operation_id: operation.fingerprint for operation_id, operation in known.items()}
    strangers: list[UUID] = []
    told: list[Arrived] = []
    for one in arrived:
        command = one.command
        mark = first.setdefault(command.operation_id, command.fingerprint)
        # An operation without fingerprint has an id that only the hub itself can make again.
        if command.door == "amqp" and mark not in {"", command.fingerprint}:
            one = one._replace(command=_under_a_used_key(command))  # noqa: PLW2901 -- what it is from here on
            strangers.append(one.command.operation_id)
        told.append(one)
    return told, strangers


def used_long_ago(arrived: Arrived) -> Arrived:
    """Refuse a command whose key made a row before: the operation is forgotten by now, the row is not."""
    detail = "this key made something before, too long ago to tell whether it was the same; choose a new key"
    return arrived._replace(command=replace(arrived.command, refused=Problem("idempotency-mismatch", detail)))


def _under_a_used_key(command: Command) -> Command:
    operation_id = derived_id(command.operation_id, "mismatch", command.fingerprint)
    is_new = command.resource_id == resource_id_for(command.operation_id)
    detail = "this message_id was used for another command; choose a new one"
    return replace(
        command,
        operation_id=operation_id,
        resource_id=resource_id_for(operation_id) if is_new else command.resource_id,
        refused=Problem("idempotency-mismatch", detail),
    )
