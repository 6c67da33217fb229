"""What the translation of incoming webhooks reads: sources, items by what vendors call them, and how operations ended."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hub.storage.database import Connection
from hub.storage.models import dump_json, load_json


@dataclass(frozen=True, slots=True)
class Ended:
    """How an operation ended, and why it was refused."""

    status: str
    detail: str | None


async def find_mappings(connection: Connection, source_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Read the mappings of sources, removed ones too: what they sent before is still worked on."""
    records = await connection.fetch("SELECT id, mapping FROM sources WHERE id = ANY($1::uuid[])", list(source_ids))
    return {UUID(int=record["id"].int): load_json(record["mapping"]) for record in records}


async def find_items(
    connection: Connection, asked: Sequence[tuple[UUID, str, str | None]]
) -> dict[tuple[UUID, str], tuple[UUID, str]]:
    """Find items by sku, else by an identifier with this value.

    Args:
        asked: (pharmacy, name, scheme of the identifier; None: any).
    Returns:
        (pharmacy, name) to (id, sku) of those that are found.
    """
    names = list(dict.fromkeys((pharmacy_id, name) for pharmacy_id, name, _ in asked))
    if not names:
        return {}
    found: dict[tuple[UUID, str], tuple[UUID, str]] = {}
    schemes = {(pharmacy_id, name): scheme for pharmacy_id, name, scheme in asked}
    wanted = [
        dump_json([{"value": name} if scheme is None else {"scheme": scheme, "value": name}])
        for (_, name), scheme in schemes.items()
    ]
    # The sku comes last, so that it wins.
    records = await connection.fetch(
        "SELECT k.pharmacy_id, k.name, t.id, t.sku FROM unnest($1::uuid[], $2::text[], $3::jsonb[]) AS k(pharmacy_id, name, codes) "
        "JOIN inventory_items t ON t.pharmacy_id = k.pharmacy_id AND (t.sku = k.name OR t.identifiers @> k.codes) "
        "WHERE t.deleted_at IS NULL ORDER BY t.sku = k.name",
        [pharmacy_id for pharmacy_id, _ in names],
        [name for _, name in names],
        wanted,
    )
    for pharmacy_id, name, item_id, sku in records:
        found[UUID(int=pharmacy_id.int), name] = (UUID(int=item_id.int), sku)
    return found


async def find_ends(connection: Connection, operation_ids: Collection[UUID]) -> dict[UUID, Ended]:
    """Find how operations ended; those that are pending or unknown are left out."""
    records = await connection.fetch(
        "SELECT id, status, problem->>'detail' AS detail FROM operations WHERE id = ANY($1::uuid[]) AND status <> 'pending'",
        list(operation_ids),
    )
    return {UUID(int=record["id"].int): Ended(record["status"], record["detail"]) for record in records}


_FILTERS = {
    "source_id": "source_id = ${}",
    "event_type": "event_type = ${}",
    "processed": "processed = ${}",
    "has_reason": "(reason IS NOT NULL) = ${}",
    "received_since": "received_at >= ${}",
    "received_before": "received_at < ${}",
}


async def find_received(
    connection: Connection, pharmacy_id: UUID, wanted: Mapping[str, object], most: int
) -> list[UUID]:
    """Find the received webhooks of a pharmacy, the oldest first.

    Args:
        wanted: values by the names of `_FILTERS`.
    """
    conditions = [_FILTERS[name].format(index) for index, name in enumerate(wanted, 3)]
    records = await connection.fetch(
        "SELECT id FROM webhook_events WHERE pharmacy_id = $1 AND deleted_at IS NULL"  # noqa: S608 -- conditions of our own
        f"{''.join(f' AND {condition}' for condition in conditions)} ORDER BY received_at, id LIMIT $2",
        pharmacy_id,
        most,
        *wanted.values(),
    )
    return [UUID(int=record["id"].int) for record in records]
