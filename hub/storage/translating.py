"""What the translation of incoming webhooks reads: sources, items by what vendors call them, and how operations ended."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
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


class Article(NamedTuple):
    """What somebody calls an item: by its sku, else by an identifier.

    Args:
        scheme: of the identifier; None: any.
        code: the identifier's value.
    """

    sku: str
    scheme: str | None
    code: str


async def find_items(
    connection: Connection, asked: Iterable[tuple[UUID, Article]]
) -> dict[tuple[UUID, Article], tuple[UUID, str]]:
    """Find items by sku, else by identifier.

    Args:
        asked: (pharmacy, article).
    Returns:
        (pharmacy, article) to (id, sku) of those that are found.
    """
    wanted = list(dict.fromkeys(asked))
    if not wanted:
        return {}
    codes = [
        {"value": one.code} if one.scheme is None else {"scheme": one.scheme, "value": one.code} for _, one in wanted
    ]
    # The sku comes last, so that it wins.
    records = await connection.fetch(
        "SELECT k.n, t.id, t.sku FROM unnest($1::uuid[], $2::text[], $3::jsonb[]) WITH ORDINALITY AS k(pharmacy_id, sku, codes, n) "
        "JOIN inventory_items t ON t.pharmacy_id = k.pharmacy_id AND (t.sku = k.sku OR t.identifiers @> k.codes) "
        "WHERE t.deleted_at IS NULL ORDER BY t.sku = k.sku",
        [pharmacy_id for pharmacy_id, _ in wanted],
        [one.sku for _, one in wanted],
        [dump_json([code]) for code in codes],
    )
    return {wanted[number - 1]: (UUID(int=item_id.int), sku) for number, item_id, sku in records}


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
