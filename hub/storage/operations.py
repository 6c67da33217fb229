"""Operations: the inbox that lets a command be applied once, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.domain.fields import format_time
from hub.storage.database import Connection
from hub.storage.inserting import insert_rows, insertion
from hub.storage.models import dump_json, load_json

_TYPES = {
    "id": "uuid",
    "pharmacy_id": "uuid",
    "type": "text",
    "status": "text",
    "fingerprint": "text",
    "resource_type": "text",
    "resource_id": "uuid",
    "accepted_at": "timestamptz",
    "finished_at": "timestamptz",
    "first_sequence": "int8",
    "event_count": "int4",
    "problem": "jsonb",
    "result": "jsonb",
    "actor": "text",
    "door": "text",
}
_INSERT = insertion("operations", _TYPES)
_SELECT = f"SELECT {', '.join(_TYPES)} FROM operations"  # noqa: S608 -- names of our own
_JSON = ("problem", "result")

ABOUT = f"{_SELECT} WHERE resource_id = $1::uuid ORDER BY accepted_at DESC LIMIT $2::int8"


@dataclass(frozen=True, slots=True)
class Operation:
    """One command's life, ended: applied, rejected or parked. Pending: it was parked, and is replayed.

    Args:
        first_sequence: number of its first event; the others follow.
        result: the resource as answered, kept where there is no event that shows it.
    """

    id: UUID
    pharmacy_id: UUID
    type: str
    status: str
    fingerprint: str
    resource_type: str
    resource_id: UUID | None
    accepted_at: datetime
    finished_at: datetime
    first_sequence: int | None
    event_count: int
    problem: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    actor: str
    door: str


def dump_operation(operation: Operation, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Represent an operation as clients see it; `events` are `{"id", "type", "sequence"}`."""
    return {
        "id": str(operation.id),
        "type": operation.type,
        "status": operation.status,
        "accepted_at": format_time(operation.accepted_at),
        # A parked command that was replayed is pending again; when it was parked is no end.
        "finished_at": None if operation.status == "pending" else format_time(operation.finished_at),
        "resource": None
        if operation.resource_id is None
        else resource_link(operation.resource_type, operation.pharmacy_id, operation.resource_id),
        "events": list(events),
        "problem": operation.problem,
    }


def resource_link(resource: str, pharmacy_id: UUID, resource_id: UUID) -> dict[str, str]:
    """Name a resource for clients: its route, id and address."""
    if resource == "event-queue":  # a pharmacy has one
        return {"type": resource, "id": str(resource_id), "url": "/api/event-queue/"}
    place = f"pharmacies/{pharmacy_id}/keys" if resource == "keys" else resource
    return {"type": resource, "id": str(resource_id), "url": f"/api/{place}/{resource_id}/"}


async def find_operations(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Operation]:
    """Find what became of these commands, those that are known."""
    records = await connection.fetch(f"{_SELECT} WHERE id = ANY($1::uuid[])", ids)
    return {record["id"]: _read(record) for record in records}


async def list_operations_about(connection: Connection, resource_id: UUID, most: int) -> list[Operation]:
    """List the operations that were about a resource, the newest first; of a pharmacy's own under row-level security."""
    records = await connection.fetch(ABOUT, resource_id, most)
    return [_read(record) for record in records]


def _read(record: Any) -> Operation:  # noqa: ANN401 -- an asyncpg record
    values = dict(record)
    for name in _JSON:
        if values[name] is not None:
            values[name] = load_json(values[name])
    return Operation(**values)


async def finish_operations(connection: Connection, operations: Sequence[Operation]) -> None:
    """Store what became of new commands. A second one with the same id breaks the transaction: it was not ours."""
    columns = {name: [getattr(operation, name) for operation in operations] for name in _TYPES}
    for name in _JSON:
        columns[name] = [None if value is None else dump_json(value) for value in columns[name]]
    await insert_rows(connection, _INSERT, list(columns.values()))


async def reopen_operations(connection: Connection, ids: Sequence[UUID]) -> None:
    """Let parked commands be applied after all: their operations are pending until they come by again."""
    await connection.execute(
        "UPDATE operations SET status = 'pending', problem = NULL WHERE id = ANY($1::uuid[]) AND status = 'parked'", ids
    )


async def take_back_operations(connection: Connection, ids: Sequence[UUID]) -> None:
    """Make room for the outcome of replayed commands; call it in the transaction that stores that outcome."""
    await connection.execute("DELETE FROM operations WHERE id = ANY($1::uuid[]) AND status = 'pending'", ids)
