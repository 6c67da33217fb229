"""What Tortoise and aerich cannot say: constraints, indexes, the three roles, row-level security.

`tests/contracts/test_catalogue.py` compares the database's own catalogue with this file's effect.
"""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True

# Tables that hold rows of one pharmacy each, and the column that says whose.
TENANT = {
    "pharmacies": "id", "api_keys": "pharmacy_id", "inventory_items": "pharmacy_id", "stock_movements": "pharmacy_id",
    "sales": "pharmacy_id", "orders": "pharmacy_id", "webhook_events": "pharmacy_id", "uploads": "pharmacy_id",
    "upload_errors": "pharmacy_id", "webhook_endpoints": "pharmacy_id", "operations": "pharmacy_id",
    "event_sequences": "pharmacy_id", "events": "pharmacy_id", "webhook_deliveries": "pharmacy_id",
    "webhook_attempts": "pharmacy_id", "webhook_cursors": "pharmacy_id", "sources": "pharmacy_id",
}
HUB = ("operator_keys", "parked_messages", "audit_log")
# What a pharmacy's reads never need: hashes and ciphertexts.
SECRET = {"api_keys": "digest", "webhook_endpoints": "secret", "sources": "secret"}
APPEND_ONLY = ("stock_movements", "audit_log")

CONSTRAINTS = """
ALTER TABLE inventory_items
    ADD CONSTRAINT inventory_items_reserved CHECK (reserved >= 0),
    ADD CONSTRAINT inventory_items_price CHECK (price >= 0 AND price <> 'NaN'),
    ADD CONSTRAINT inventory_items_version CHECK (version >= 1);
ALTER TABLE sales
    ADD CONSTRAINT sales_status CHECK (status IN ('recorded', 'voided')),
    ADD CONSTRAINT sales_total CHECK (total_price >= 0 AND total_price <> 'NaN');
ALTER TABLE orders
    ADD CONSTRAINT orders_status CHECK (status IN
        ('pending', 'confirmed', 'preparing', 'ready', 'on_hold', 'completed', 'cancelled', 'rejected', 'expired')),
    ADD CONSTRAINT orders_total CHECK (total_amount >= 0 AND total_amount <> 'NaN'),
    ADD CONSTRAINT orders_reference UNIQUE (pharmacy_id, order_reference);
ALTER TABLE stock_movements
    ADD CONSTRAINT stock_movements_delta CHECK (delta <> 0),
    ADD CONSTRAINT stock_movements_reason CHECK (reason IN
        ('opening', 'received', 'sold', 'dispensed', 'return_in', 'return_out', 'transfer_in', 'transfer_out', 'count', 'found',
         'missing', 'stolen', 'damaged', 'expired', 'destroyed', 'correction'));
ALTER TABLE operations ADD CONSTRAINT operations_status CHECK (status IN ('pending', 'applied', 'rejected', 'parked'));
ALTER TABLE events ADD CONSTRAINT events_sequence CHECK (sequence >= 1);
ALTER TABLE uploads ADD CONSTRAINT uploads_rows CHECK (applied >= 0 AND rejected >= 0 AND applied + rejected <= rows);
ALTER TABLE webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_status CHECK (status IN
        ('pending', 'delivered', 'failed', 'exhausted', 'cancelled', 'skipped')),
    ADD CONSTRAINT webhook_deliveries_once UNIQUE (endpoint_id, event_id);
ALTER TABLE webhook_attempts ADD CONSTRAINT webhook_attempts_once UNIQUE (delivery_id, number);
"""

INDEXES = """
CREATE UNIQUE INDEX inventory_items_sku ON inventory_items (pharmacy_id, sku) WHERE deleted_at IS NULL;
CREATE INDEX inventory_items_created ON inventory_items (pharmacy_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX inventory_items_updated ON inventory_items (pharmacy_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX stock_movements_item ON stock_movements (item_id, position);
CREATE INDEX sales_created ON sales (pharmacy_id, created_at, id);
CREATE INDEX sales_updated ON sales (pharmacy_id, updated_at, id);
CREATE INDEX orders_created ON orders (pharmacy_id, created_at, id);
CREATE INDEX orders_updated ON orders (pharmacy_id, updated_at, id);
CREATE INDEX webhook_events_created ON webhook_events (pharmacy_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX uploads_created ON uploads (pharmacy_id, created_at, id);
CREATE INDEX upload_errors_line ON upload_errors (upload_id, line);
CREATE INDEX api_keys_pharmacy ON api_keys (pharmacy_id);
CREATE INDEX webhook_endpoints_pharmacy ON webhook_endpoints (pharmacy_id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (pharmacy_id, created_at, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE status = 'pending';
CREATE INDEX operations_finished ON operations USING brin (finished_at);
CREATE INDEX events_time ON events USING brin (time);
CREATE INDEX parked_messages_at ON parked_messages (parked_at, id);
ALTER TABLE inventory_items SET (fillfactor = 85);
"""

# Roles belong to the server, not to the database: another database of the hub may have made them, even just now.
ROLES = """
DO $$
DECLARE hub_role text;
BEGIN
    FOREACH hub_role IN ARRAY ARRAY['hub_read', 'hub_read_all', 'hub_write'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = hub_role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', hub_role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        IF NOT pg_has_role(current_user, hub_role, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', hub_role, current_user);
        END IF;
    END LOOP;
END $$;
GRANT USAGE ON SCHEMA public TO hub_read, hub_read_all, hub_write;
"""


def _walls() -> str:
    lines = []
    for table, owner in TENANT.items():
        own = f"{owner} = (SELECT nullif(current_setting('app.pharmacy_id', true), '')::uuid)"
        lines += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;",
            f"CREATE POLICY own ON {table} FOR SELECT TO hub_read USING ({own});",
            f"CREATE POLICY everything ON {table} TO hub_read_all, hub_write USING (true) WITH CHECK (true);",
            f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true);",
        ]
        if table in SECRET:
            lines.append(f"""
DO $$ BEGIN
    EXECUTE (SELECT format('GRANT SELECT (%s) ON {table} TO hub_read', string_agg(quote_ident(column_name), ', '))
             FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = '{table}' AND column_name <> '{SECRET[table]}');
END $$;""")
        else:
            lines.append(f"GRANT SELECT ON {table} TO hub_read;")
    for table in (*TENANT, *HUB):
        rights = "SELECT, INSERT" if table in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"
        lines += [f"GRANT SELECT ON {table} TO hub_read_all;", f"GRANT {rights} ON {table} TO hub_write;"]
    lines.append("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO hub_write;")
    return "\n".join(lines)


async def upgrade(db: BaseDBAsyncClient) -> str:
    """Build the walls."""
    return CONSTRAINTS + INDEXES + ROLES + _walls()


async def downgrade(db: BaseDBAsyncClient) -> str:
    """Refuse: the walls stand as long as the tables do; restore a backup instead."""
    message = "the walls cannot be taken down; restore a backup of the release before"
    raise NotImplementedError(message)
