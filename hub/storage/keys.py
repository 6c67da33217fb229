"""The keys that let callers in, as gateways and the AMQP door hold them in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from hub.storage.database import Connection
from hub.storage.models import load_json

_KEYS: Final = (
    "SELECT k.digest, k.id, 'pharmacy' AS kind, k.pharmacy_id AS owner, k.scopes, k.expires_at FROM api_keys k "
    "JOIN pharmacies p ON p.id = k.pharmacy_id WHERE k.revoked_at IS NULL AND p.is_active"
)
_OPERATORS: Final = "SELECT k.digest, k.id, 'operator', NULL::uuid, NULL::jsonb, k.expires_at FROM operator_keys k WHERE k.revoked_at IS NULL"
_INTEGRATORS: Final = (
    "SELECT k.digest, k.id, 'integrator', k.integrator_id, k.scopes, k.expires_at FROM integrator_keys k "
    "JOIN integrators i ON i.id = k.integrator_id WHERE k.revoked_at IS NULL AND i.is_active"
)
_PARTS: Final = (_KEYS, _OPERATORS, _INTEGRATORS)
_COUNTED: Final = ("api_keys", "operator_keys", "pharmacies", "integrator_keys", "integrators")


class KeyRow(NamedTuple):
    """An active key.

    Args:
        digest: SHA-256 of the key.
        owner: the pharmacy or the integrator; None: an operator's.
        scopes: None: all of them.
    """

    digest: bytes
    id: UUID
    kind: Literal["pharmacy", "operator", "integrator"]
    owner: UUID | None
    scopes: frozenset[str] | None
    expires_at: datetime | None


async def read_keys_state(connection: Connection) -> str:
    """Read a text that changes with every change of a key, a pharmacy, an integrator or a grant.

    Every change of a row counts its version up, so the sums move with any change; times could commit out of order.
    """
    sums = " || ".join(f"(SELECT (count(*), sum(version)) FROM {table})::text" for table in _COUNTED)  # noqa: S608 -- names of our own
    state: str = await connection.fetchval(f"SELECT {sums}")
    return state


async def list_keys(connection: Connection) -> Sequence[KeyRow]:
    """Read every key that is neither revoked nor of somebody inactive; it may have expired."""
    return [_read(record) for record in await connection.fetch(" UNION ALL ".join(_PARTS))]


async def find_key(connection: Connection, digest: bytes) -> KeyRow | None:
    """Find one such key."""
    query = " UNION ALL ".join(f"{part} AND k.digest = $1" for part in _PARTS)
    record = await connection.fetchrow(query, digest.hex())
    return None if record is None else _read(record)


async def list_pharmacies_known(connection: Connection) -> Mapping[UUID, bool]:
    """Read the ids of all pharmacies, and whether each is active."""
    return {
        UUID(int=record[0].int): record[1] for record in await connection.fetch("SELECT id, is_active FROM pharmacies")
    }


async def list_grants(connection: Connection) -> Mapping[UUID, frozenset[UUID]]:
    """Read which pharmacies each active integrator may act for."""
    records = await connection.fetch("SELECT id, pharmacy_ids FROM integrators WHERE is_active")
    return {UUID(int=record[0].int): frozenset(map(UUID, load_json(record[1]))) for record in records}


def _read(record: Any) -> KeyRow:  # noqa: ANN401 -- an asyncpg record
    digest, key_id, kind, owner, scopes, expires_at = record
    return KeyRow(
        bytes.fromhex(digest),
        UUID(int=key_id.int),
        kind,
        None if owner is None else UUID(int=owner.int),
        None if scopes is None else frozenset(load_json(scopes)),
        expires_at,
    )
