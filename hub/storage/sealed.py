"""Ciphertexts at rest: where they are, and how all of them come under a new secret of the installation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

from hub.security.vault import Undecryptable, Vault, endpoint_aad, operator_aad, source_aad
from hub.storage.database import Connection, Database
from hub.storage.models import dump_json, load_json

BATCH: Final = 200


class Sealed(NamedTuple):
    """A table with ciphertexts.

    Args:
        aad: names the place of a row's ciphertexts, by its id.
        texts: columns that hold one ciphertext, or nothing.
        lists: JSON columns that hold a list of objects, each with a ciphertext as `secret`.
    """

    table: str
    aad: Callable[[UUID], str]
    texts: tuple[str, ...]
    lists: tuple[str, ...] = ()


SEALED: Final = (
    Sealed("webhook_endpoints", endpoint_aad, ("secret", "auth"), ("previous_secrets",)),
    Sealed("sources", source_aad, ("secret", "previous_secret")),
    Sealed("operators", operator_aad, ("totp",)),
)
"""Every table with ciphertexts; `tests/rooms/test_rotation.py` looks for columns that are missing here."""


@dataclass(slots=True)
class Rotated:
    """What a rotation found: ciphertexts by what became of them, and the rows that no secret opens."""

    renewed: int = 0
    current: int = 0
    unreadable: list[str] = field(default_factory=list)


async def rotate(database: Database, vault: Vault, *, dry_run: bool = False) -> Mapping[str, Rotated]:
    """Encrypt anew whatever is not under the newest secret, a bounded batch of rows in each transaction.

    Rows are locked while they are looked at, so a secret that is changed meanwhile is not undone. What stays the same for
    everybody is no change of the row: neither its version nor its time moves. May be repeated and broken off.

    Raises:
        Unavailable: PostgreSQL is away; what was done stays done.
    """
    found = {}
    for sealed in SEALED:
        told = found[sealed.table] = Rotated()
        last: UUID | None = UUID(int=0)
        while last is not None:
            async with database.transaction() as connection:
                last = await _rotate_batch(connection, vault, sealed, last, told, dry_run=dry_run)
    return found


async def _rotate_batch(
    connection: Connection, vault: Vault, sealed: Sealed, after: UUID, told: Rotated, *, dry_run: bool
) -> UUID | None:
    columns = ", ".join((*sealed.texts, *sealed.lists))
    records = await connection.fetch(
        f"SELECT id, {columns} FROM {sealed.table} WHERE id > $1 ORDER BY id LIMIT {BATCH} FOR UPDATE",  # noqa: S608 -- names of our own
        after,
    )
    for record in records:
        changes = _renew(vault, sealed, record, told)
        if changes and not dry_run:
            sets = ", ".join(f"{column} = ${at}" for at, column in enumerate(changes, 2))
            await connection.execute(f"UPDATE {sealed.table} SET {sets} WHERE id = $1", record["id"], *changes.values())  # noqa: S608 -- names of our own
    return records[-1]["id"] if len(records) == BATCH else None


def _renew(vault: Vault, sealed: Sealed, record: Any, told: Rotated) -> dict[str, str]:  # noqa: ANN401 -- an asyncpg record
    aad = sealed.aad(record["id"])
    changes: dict[str, str] = {}

    def renew(ciphertext: str) -> str:
        try:
            renewed = vault.renew_text(ciphertext, aad)
        except Undecryptable:
            told.unreadable.append(aad)
            return ciphertext
        if renewed is None:
            told.current += 1
            return ciphertext
        told.renewed += 1
        return renewed

    for column in sealed.texts:
        before = record[column]
        if before and (after := renew(before)) != before:
            changes[column] = after
    for column in sealed.lists:
        kept: list[dict[str, Any]] = load_json(record[column]) or []
        renewed = [one | {"secret": renew(one["secret"])} for one in kept]
        if renewed != kept:
            changes[column] = dump_json(renewed)
    return changes
