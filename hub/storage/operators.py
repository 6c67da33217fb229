"""What the door asks of an operator before and at every request: never cached, so an end is an end at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hub.domain.operators import Role
from hub.storage.database import Connection


@dataclass(frozen=True, slots=True)
class KnownOperator:
    """An operator as the door needs it. `password` and `totp` are the hash and the ciphertext."""

    id: UUID
    username: str
    name: str
    role: Role
    password: str | None
    totp: str | None
    epoch: int
    is_active: bool


_SELECT = (
    "SELECT id, username, name, role, password, totp, epoch, is_active FROM operators WHERE deleted_at IS NULL AND"
)


async def find_operator(connection: Connection, operator_id: UUID) -> KnownOperator | None:
    """Find an operator by id, the stopped ones too."""
    return _read(await connection.fetchrow(f"{_SELECT} id = $1", operator_id))


async def find_operator_by_name(connection: Connection, username: str) -> KnownOperator | None:
    """Find an operator by user name, the stopped ones too."""
    return _read(await connection.fetchrow(f"{_SELECT} username = $1", username))


async def has_ended(connection: Connection, session_id: UUID) -> bool:
    """Tell whether a session was signed out of."""
    found: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM ended_sessions WHERE id = $1)", session_id)
    return found


def _read(record: Any) -> KnownOperator | None:  # noqa: ANN401 -- an asyncpg record
    if record is None:
        return None
    operator_id, *rest = record
    return KnownOperator(UUID(int=operator_id.int), *rest)


async def names_of_any_pharmacy(connection: Connection, ids: Sequence[UUID]) -> dict[str, str]:
    """Name pharmacies, for operators."""
    records = await connection.fetch("SELECT id::text, name FROM pharmacies WHERE id = ANY($1::uuid[])", ids)
    return {record[0]: record[1] for record in records}
