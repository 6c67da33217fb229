"""Tables filled with many rows that look like a chain's, made by PostgreSQL itself: a million takes it half a minute."""

from collections.abc import Mapping
from hashlib import md5
from types import MappingProxyType
from typing import Final
from uuid import UUID

import asyncpg

PHARMACIES: Final = 200
BIG: Final = 200
"""The pharmacy with the most rows, 20,000 of a million items; rows came in runs of 100 of one pharmacy, as uploads make them."""


def _owner(number: str) -> str:
    run = f"{number} / 100"
    return f"md5('pharmacy' || CASE WHEN {run} % 50 = 0 THEN {BIG} ELSE {run} % {PHARMACIES} END)::uuid"


_AGO: Final = "now() - g * interval '1 second'"
_SUBSTANCES: Final = "ibuprofen,paracetamol,aspirin,cetirizin,omeprazol,metformin,ramipril,bisoprolol,simvastatin,amoxicillin,diclofenac,pantoprazol"
_SUBSTANCE: Final = f"initcap((string_to_array('{_SUBSTANCES}', ','))[1 + g % 12])"
_LINE: Final = (
    "jsonb_build_object('sku', 'PZN' || lpad((g % 5000)::text, 8, '0'), 'name', 'Ware ' || g, 'quantity', 1 + g % 4"
)

# A column to its value in row g, where its type alone does not say enough: of a table, else of every table.
_SPECIAL: Final[Mapping[str, str]] = MappingProxyType({
    "pharmacies.id": "md5('pharmacy' || g)::uuid", "pharmacies.name": "'Apotheke ' || g",
    "inventory_items.sku": "'PZN' || lpad(g::text, 8, '0')", "inventory_items.name": f"{_SUBSTANCE} || ' ' || (g % 8 + 1) * 100 || ' mg, ' || (g % 5 + 1) * 10 || ' St'",
    "inventory_items.quantity": "g % 500", "inventory_items.reserved": "g % 3", "inventory_items.price": "(g % 9973) / 100.0",
    "inventory_items.low_stock_threshold": "CASE WHEN g % 4 = 0 THEN 5 END", "inventory_items.id": "md5('item' || g)::uuid",
    "inventory_items.identifiers": "jsonb_build_array(jsonb_build_object('scheme', 'pzn', 'value', lpad(g::text, 8, '0')))",
    "stock_movements.item_id": "md5('item' || (1 + g % 5000))::uuid", "stock_movements.pharmacy_id": _owner("(1 + g % 5000)"), "stock_movements.delta": "1 + g % 7", "stock_movements.quantity_after": "g % 500",
    "stock_movements.reason": "(ARRAY['sold', 'received', 'count', 'damaged'])[1 + g % 4]",
    "sales.lines": f"jsonb_build_array({_LINE}, 'total_price', '4.95', 'inventory_item', md5('item' || (1 + g % 5000))::uuid, 'quantity_after', 3))",
    "sales.status": "CASE WHEN g % 50 = 0 THEN 'voided' ELSE 'recorded' END", "sales.reference": "'Bon ' || g", "sales.total_price": "(g % 9973) / 100.0",
    "orders.items": f"jsonb_build_array({_LINE}, 'unit_price', '4.95'))", "orders.order_reference": "'W-' || g", "orders.total_amount": "(g % 9973) / 100.0",
    "orders.status": "(ARRAY['completed', 'completed', 'completed', 'cancelled', 'pending', 'confirmed', 'ready'])[1 + g % 7]",
    "orders.source": "CASE WHEN g % 3 = 0 THEN 'shop' ELSE 'hub' END",
    "webhook_events.event_type": "(ARRAY['orders/create', 'orders/updated', 'inventory_levels/update'])[1 + g % 3]", "webhook_events.processed": "g % 20 <> 0",
    "webhook_events.payload": "jsonb_build_object('id', g, 'note', repeat('x', 200))",
    "webhook_deliveries.status": "CASE WHEN g % 100 = 0 THEN 'failed' ELSE 'delivered' END", "webhook_deliveries.event_type": "(ARRAY['sale.recorded', 'inventory.adjusted'])[1 + g % 2]",
    "webhook_deliveries.id": "md5('delivery' || g)::uuid", "webhook_deliveries.endpoint_id": "md5('endpoint' || g % 400)::uuid", "webhook_deliveries.last_status_code": "200",
    "webhook_endpoints.id": "md5('endpoint' || g)::uuid", "webhook_endpoints.url": "'https://shop' || g || '.example/hooks'", "webhook_endpoints.signing": "'v1'",
    "webhook_attempts.delivery_id": "md5('delivery' || (1 + g % 50000))::uuid", "webhook_attempts.pharmacy_id": _owner("(1 + g % 50000)"), "webhook_attempts.number": "1 + g / 50000", "webhook_attempts.status_code": "200",
    "operations.status": "CASE WHEN g % 50 = 0 THEN 'rejected' ELSE 'applied' END", "operations.resource_id": "md5('item' || (1 + g % 5000))::uuid", "operations.type": "'inventory.adjust'",
    "operations.resource_type": "'inventory'", "operations.fingerprint": "md5(g::text)",
    "events.pharmacy_id": f"md5('pharmacy' || 1 + g % {PHARMACIES})::uuid", "events.sequence": f"1 + (g - 1) / {PHARMACIES}", "events.type": "(ARRAY['sale.recorded', 'inventory.adjusted', 'order.placed', 'inventory.created'])[1 + g % 4]",
    "events.body": "json_build_object('id', md5(g::text)::uuid, 'type', 'inventory.adjusted', 'subject', 'inventory/' || md5('item' || g)::uuid, 'sequence', g, 'time', to_char(now(), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), 'causationid', md5(g::text)::uuid, 'data', repeat('x', 300))::text",
    "event_sequences.pharmacy_id": "md5('pharmacy' || g)::uuid", "event_sequences.last_sequence": "5000",
    "event_queues.pharmacy_id": "md5('pharmacy' || g)::uuid",
    "uploads.id": "md5('upload' || g)::uuid", "upload_errors.upload_id": "md5('upload' || (1 + g % 5000))::uuid", "upload_errors.pharmacy_id": _owner("(1 + g % 5000)"), "uploads.kind": "(ARRAY['inventory', 'sales'])[1 + g % 2]",
    "uploads.rows": "100", "uploads.applied": "98", "uploads.rejected": "CASE WHEN g % 30 = 0 THEN 1 ELSE 2 END",
    "audit_log.action": "(ARRAY['inventory.update', 'order.transition', 'events.read'])[1 + g % 3]", "audit_log.outcome": "'applied'", "audit_log.actor": "'operator:' || md5((g % 20)::text)::uuid",
    "audit_log.subject": "'inventory/' || md5('item' || (1 + g % 5000))::uuid", "parked_messages.payload": "'{}'", "parked_messages.origin": "'hub.commands.' || g % 8",
    "integrators.id": "md5('integrator' || g)::uuid", "integrators.name": "'Vendor ' || g", "integrator_keys.integrator_id": "md5('integrator' || (1 + g % 20))::uuid",
    "sources.scheme": "(ARRAY['shopify', 'standard'])[1 + g % 2]", "sources.event_type_path": "'/type'",
    "digest": "encode(sha256(g::text::bytea), 'hex')", "pharmacy_id": _owner("g"), "event_id": "gen_random_uuid()", "role": "'admin'", "max_length": "1", "is_active": "g % 10 <> 0",
})  # fmt: skip
_BY_TYPE: Final[Mapping[str, str]] = MappingProxyType({
    "uuid": "gen_random_uuid()", "text": "'x' || g", "character varying": "'x' || g", "integer": "1", "bigint": "g", "numeric": "1",
    "boolean": "true", "timestamp with time zone": _AGO, "jsonb": "'{}'", "bytea": "''",
})  # fmt: skip


_MANY: Final = 500_000
_LOOSE_INDEXES: Final = (
    "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "WHERE i.indrelid = $1::text::regclass AND NOT i.indisprimary AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)"
)


def id_of(kind: str, number: int) -> UUID:
    """Name a row: `pharmacy`, `item`, `delivery`, `endpoint`, `upload`, `integrator`; of 50 the big pharmacy's."""
    return UUID(md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest())


async def fill_table(owner: asyncpg.Connection, table: str, rows: int) -> None:
    """Fill an empty table with rows and let PostgreSQL count what is in it; the connection is the owner's.

    Columns that may be left out are left out, unless they are named here.
    """
    columns = await owner.fetch(
        "SELECT column_name, data_type, is_nullable = 'NO' AND column_default IS NULL FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name = $1",
        table,
    )
    names, values = [], []
    for name, kind, is_needed in columns:
        special = _SPECIAL.get(f"{table}.{name}") or (_SPECIAL.get(name) if is_needed else None)
        if special is None and not is_needed:
            continue
        names.append(f'"{name}"')
        is_list = name in {"lines", "items"} or name.endswith(("_types", "_ids", "scopes"))
        values.append(special or ("'[]'" if is_list else _BY_TYPE[kind]))
    # Of so many rows it is faster to build an index than to let it grow.
    indexes = await owner.fetch(_LOOSE_INDEXES, table) if rows > _MANY else []
    for name, _ in indexes:
        await owner.execute(f"DROP INDEX {name}")
    await owner.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM generate_series(1, {rows}) AS g"
    )
    for _, definition in indexes:
        await owner.execute(definition)
    await owner.execute(f"VACUUM ANALYZE {table}")
