"""How many endpoints, sources and keys pharmacies have: counted for each window that adds some, kept nowhere."""

from collections.abc import Sequence
from uuid import UUID

from hub.domain.holdings import Holdings
from hub.domain.state import Ref
from hub.storage.database import Connection


async def load_holdings(
    connection: Connection, wanted: Sequence[tuple[UUID, Ref]]
) -> dict[tuple[UUID, Ref], Holdings | None]:
    """Count what each of these pharmacies has; a key that is revoked or has expired is none."""
    records = await connection.fetch(
        "SELECT p.id, (SELECT count(*) FROM webhook_endpoints e WHERE e.pharmacy_id = p.id AND e.deleted_at IS NULL), "
        "(SELECT count(*) FROM sources s WHERE s.pharmacy_id = p.id AND s.deleted_at IS NULL), "
        "(SELECT count(*) FROM api_keys k WHERE k.pharmacy_id = p.id AND k.revoked_at IS NULL "
        "AND (k.expires_at IS NULL OR k.expires_at > now())) FROM unnest($1::uuid[]) AS p(id)",
        [pharmacy_id for pharmacy_id, _ in wanted],
    )
    return {
        (pharmacy_id, Ref(Holdings, "id", pharmacy_id)): Holdings(pharmacy_id, pharmacy_id, endpoints, sources, keys)
        for pharmacy_id, endpoints, sources, keys in records
    }
