from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "api_keys" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "hint" VARCHAR(8) NOT NULL,
    "scopes" JSONB NOT NULL,
    "expires_at" TIMESTAMPTZ,
    "revoked_at" TIMESTAMPTZ
);
COMMENT ON TABLE "api_keys" IS 'Keys of pharmacies, as SHA-256.';
CREATE TABLE IF NOT EXISTS "audit_log" (
    "id" UUID NOT NULL PRIMARY KEY,
    "pharmacy_id" UUID,
    "actor" VARCHAR(64) NOT NULL,
    "action" VARCHAR(64) NOT NULL,
    "subject" TEXT NOT NULL,
    "at" TIMESTAMPTZ NOT NULL,
    "origin" TEXT NOT NULL
);
COMMENT ON TABLE "audit_log" IS 'Who did what, when, from where; only ever added to.';
CREATE TABLE IF NOT EXISTS "events" (
    "id" UUID NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "sequence" BIGINT NOT NULL,
    "type" VARCHAR(64) NOT NULL,
    "operation_id" UUID NOT NULL,
    "time" TIMESTAMPTZ NOT NULL,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("pharmacy_id", "sequence")
);
COMMENT ON TABLE "events" IS 'The log; `body` is the text that every receiver gets. The key (pharmacy, sequence) stands in the migration.';
CREATE TABLE IF NOT EXISTS "event_sequences" (
    "pharmacy_id" UUID NOT NULL PRIMARY KEY,
    "last_sequence" BIGINT NOT NULL
);
COMMENT ON TABLE "event_sequences" IS 'The last number given to an event of a pharmacy (nil: of the hub).';
CREATE TABLE IF NOT EXISTS "inventory_items" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "sku" VARCHAR(128) NOT NULL,
    "name" TEXT NOT NULL,
    "quantity" INT NOT NULL,
    "reserved" INT NOT NULL,
    "price" DECIMAL(12,2) NOT NULL,
    "extra_data" JSONB NOT NULL,
    "identifiers" JSONB NOT NULL,
    "low_stock_threshold" INT,
    "deleted_at" TIMESTAMPTZ
);
COMMENT ON TABLE "inventory_items" IS 'Items of stock.';
CREATE TABLE IF NOT EXISTS "operations" (
    "id" UUID NOT NULL PRIMARY KEY,
    "pharmacy_id" UUID NOT NULL,
    "type" VARCHAR(64) NOT NULL,
    "status" VARCHAR(16) NOT NULL,
    "fingerprint" VARCHAR(64) NOT NULL,
    "resource_type" VARCHAR(32) NOT NULL,
    "resource_id" UUID,
    "accepted_at" TIMESTAMPTZ NOT NULL,
    "finished_at" TIMESTAMPTZ NOT NULL,
    "first_sequence" BIGINT,
    "event_count" INT NOT NULL,
    "problem" JSONB,
    "result" JSONB,
    "actor" VARCHAR(64) NOT NULL,
    "door" VARCHAR(8) NOT NULL
);
COMMENT ON TABLE "operations" IS 'The inbox and the outcome in one: a command with this id is applied once.';
CREATE TABLE IF NOT EXISTS "operator_keys" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "name" TEXT NOT NULL,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "hint" VARCHAR(8) NOT NULL,
    "expires_at" TIMESTAMPTZ,
    "revoked_at" TIMESTAMPTZ
);
COMMENT ON TABLE "operator_keys" IS 'Keys of operators, as SHA-256.';
CREATE TABLE IF NOT EXISTS "orders" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "order_reference" VARCHAR(128) NOT NULL,
    "items" JSONB NOT NULL,
    "total_amount" DECIMAL(12,2) NOT NULL,
    "status" VARCHAR(16) NOT NULL,
    "held_from" VARCHAR(16),
    "reason" TEXT NOT NULL,
    "source" VARCHAR(128) NOT NULL,
    "extra_data" JSONB NOT NULL
);
COMMENT ON TABLE "orders" IS 'Orders with their lines.';
CREATE TABLE IF NOT EXISTS "parked_messages" (
    "id" UUID NOT NULL PRIMARY KEY,
    "pharmacy_id" UUID,
    "operation_id" UUID,
    "origin" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "payload" BYTEA NOT NULL,
    "parked_at" TIMESTAMPTZ NOT NULL,
    "replayed_at" TIMESTAMPTZ
);
COMMENT ON TABLE "parked_messages" IS 'Messages set aside, with their reason.';
CREATE TABLE IF NOT EXISTS "pharmacies" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "name" TEXT NOT NULL,
    "is_active" BOOL NOT NULL,
    "webhook_url" TEXT,
    "settings" JSONB NOT NULL
);
COMMENT ON TABLE "pharmacies" IS 'The tenants.';
CREATE TABLE IF NOT EXISTS "sales" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "lines" JSONB NOT NULL,
    "total_price" DECIMAL(18,2) NOT NULL,
    "sale_time" TIMESTAMPTZ NOT NULL,
    "reference" VARCHAR(128),
    "status" VARCHAR(16) NOT NULL,
    "extra_data" JSONB NOT NULL
);
COMMENT ON TABLE "sales" IS 'Sales with their lines.';
CREATE TABLE IF NOT EXISTS "sources" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "scheme" VARCHAR(16) NOT NULL,
    "secret" TEXT NOT NULL,
    "event_type_path" TEXT NOT NULL,
    "mapping" JSONB NOT NULL,
    "enabled" BOOL NOT NULL,
    "deleted_at" TIMESTAMPTZ
);
COMMENT ON TABLE "sources" IS 'Third parties that may send webhooks; `secret` is ciphertext.';
CREATE TABLE IF NOT EXISTS "stock_movements" (
    "position" BIGSERIAL NOT NULL PRIMARY KEY,
    "id" UUID NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "item_id" UUID NOT NULL,
    "operation_id" UUID NOT NULL,
    "delta" INT NOT NULL,
    "quantity_after" INT NOT NULL,
    "reason" VARCHAR(16) NOT NULL,
    "note" TEXT NOT NULL,
    "reference_uri" TEXT,
    "occurred_at" TIMESTAMPTZ NOT NULL,
    "recorded_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE "stock_movements" IS 'The ledger; `position` is the order in which movements were applied.';
CREATE TABLE IF NOT EXISTS "uploads" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "kind" VARCHAR(16) NOT NULL,
    "digest" VARCHAR(64) NOT NULL,
    "rows" INT NOT NULL,
    "applied" INT NOT NULL,
    "rejected" INT NOT NULL
);
COMMENT ON TABLE "uploads" IS 'Bulk files and how far they are.';
CREATE TABLE IF NOT EXISTS "upload_errors" (
    "id" UUID NOT NULL PRIMARY KEY,
    "pharmacy_id" UUID NOT NULL,
    "upload_id" UUID NOT NULL,
    "line" INT NOT NULL,
    "pointer" TEXT NOT NULL,
    "code" TEXT NOT NULL,
    "detail" TEXT NOT NULL
);
COMMENT ON TABLE "upload_errors" IS 'Faults of rows of bulk files.';
CREATE TABLE IF NOT EXISTS "webhook_attempts" (
    "id" UUID NOT NULL PRIMARY KEY,
    "pharmacy_id" UUID NOT NULL,
    "delivery_id" UUID NOT NULL,
    "number" INT NOT NULL,
    "at" TIMESTAMPTZ NOT NULL,
    "status_code" INT,
    "error" TEXT,
    "duration_ms" INT NOT NULL,
    "response_body" TEXT NOT NULL
);
COMMENT ON TABLE "webhook_attempts" IS 'One HTTP call of a delivery.';
CREATE TABLE IF NOT EXISTS "webhook_deliveries" (
    "id" UUID NOT NULL PRIMARY KEY,
    "pharmacy_id" UUID NOT NULL,
    "endpoint_id" UUID NOT NULL,
    "event_id" UUID NOT NULL,
    "event_sequence" BIGINT NOT NULL,
    "event_type" VARCHAR(64) NOT NULL,
    "status" VARCHAR(16) NOT NULL,
    "attempts" INT NOT NULL,
    "next_attempt_at" TIMESTAMPTZ,
    "last_status_code" INT,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE "webhook_deliveries" IS 'One event for one endpoint, and when it is due.';
CREATE TABLE IF NOT EXISTS "webhook_endpoints" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "url" TEXT NOT NULL,
    "secret" TEXT NOT NULL,
    "event_types" JSONB NOT NULL,
    "enabled" BOOL NOT NULL,
    "is_default" BOOL NOT NULL,
    "description" TEXT NOT NULL,
    "deleted_at" TIMESTAMPTZ
);
COMMENT ON TABLE "webhook_endpoints" IS 'URLs that want events; `secret` is ciphertext.';
CREATE TABLE IF NOT EXISTS "webhook_events" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "event_type" VARCHAR(128) NOT NULL,
    "payload" JSONB NOT NULL,
    "source_id" UUID,
    "received_at" TIMESTAMPTZ NOT NULL,
    "processed" BOOL NOT NULL,
    "processed_at" TIMESTAMPTZ,
    "deleted_at" TIMESTAMPTZ
);
COMMENT ON TABLE "webhook_events" IS 'Webhooks that came in.';
CREATE TABLE IF NOT EXISTS "aerich" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "version" VARCHAR(255) NOT NULL,
    "app" VARCHAR(100) NOT NULL,
    "content" JSONB NOT NULL
);"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        """


MODELS_STATE = (
    "eJztXWtT4zgW/SuqfOquynTRgabZ6a2tgm5mmt0Gppr0zmNnywhbEA2OlZZl6NTs/PeVHD"
    "vxQzaW80Bx7hcg1r2OObKv7zm6kv7sjZlH/PDV8YT+i0x736M/ewEeE/lHoaWPengyWRxX"
    "BwS+8WNTPKHOPZnGB/FNKDh2hTx+i/2QyEMeCV1OJ4KyQFnL04WI3aLJCPMxdikJ+wiH6O"
    "rj8XeDN4ev1Ek85sqz0OCuoX0U0K8RcQS7I2JEuPT6z3/lYRp45BsJ04+Te+eWEt/L/ZvU"
    "UyeIjztiOomPffly9uGH2FJdy43jMj8aBwvryVSMWDA3jyLqvVI+qu2OBIRjQbwMAEHk+w"
    "lW6aHZFcsDgkdkfqne4oBHbnHkKxh7f7+NAlehh+JvUj8O/pFcWsbMcS4uh87V6dBxeiXU"
    "1SUUgE0OuSxQPUYDoYD686/ZeReAxEd76gvefzz+/GL/8GUMAQvFHY8bY7h6f8WOWOCZaw"
    "z6AmWXE4WJg0UZ7Q+yRdAx0SOe9ywg7yWur9I/2vRAemDRBYsbNwU3hW+zgA/Pzk+vhsfn"
    "P6nTj8Pwqx/jdTw8VS2D+Oi0cPTFrH+YfAZnD+f8JOjns+FHpD6i3y4vTou9OLcb/tZT14"
    "QjwZyAPTrYy2KSHk4PSdNFN0cTr2U35z2hm63u5gfCQ/Xvl/r4LBD67s14FPpW4rOFvSmv"
    "V/76bvD64O3B0f7hwZE0iS90fuRtTYefXQzjeLlANHm3TR2z11HBbZXvJXsflydfQwtY49"
    "8lPIfkW8VtmtoXgJQX1i0Ih6e/DHPB5uLfx59jXM+Pf3mZCzifLi9+TM0X0ebi/afLkwLY"
    "Hr0joSbwv5c3qR7uhcdqAH86l1pnSBjjb45Pgjsxkh8PD2rgT8E+PCgE8bQbBnFTHt5REi"
    "mbgpvad+JezoN71ADbo0poj4rIhi5TZyhh+8+ryws9tguPYqZCXYH+h3wabuNbrQZWhUV9"
    "xCgGh0J0VicoRgzybUJlc4t0Me+5gnQxiRRb0BNbly1y8sDuW5GCvCf0sm29rESV2/sM4V"
    "cHbrB7/4i555Ra2IBV2ZabxoNx8QgO8F3cSQpNdZ2pRBV5VJwGgusFrEVrv1bEUnaOz+6a"
    "qVg/jxjyqIceR1j05U8S9NEtZ2P1JyfvEAv8KSKS9yAJIvGQYGVlq+U5QO2ygmZUq13Pzu"
    "a2J84ZkDn5ODJukgHPHTqYAq+eX+D4oTPEV6/pAMA6gMPo5g/iapKgaj0i49IJiDctSZin"
    "nKA/W5prZruVcXpHNaGq+kFaeMBz1PA5siS5P30ggehp8vpZQ21KT5RJw1Hp4Yggmfy/Q9"
    "c3zJteIxoimVwjIW8p+QcWcR4+RZy4hKqMXObe4SukvO7JFL1Ic7c+Com8RQKXvEShwIEX"
    "IhrEZxrTO3mHyW8r84ANfzfwBysyW4v5wxbFOwMCkT4dZUxP6F3l0GXWq0tjl38bDPb33w"
    "729g+P3hy8ffvmaG8+iFluqhvNPDn7UQ1o5l4i5RHOGDMDcpHad+J9vW5qwSZkFt8NI0bR"
    "D0JG8a6lugHkegqR+gCJsJpEqFTLhEKk9p0ISLtGIK7Sl3gVkbjKvOWfIBROmhGYMAscCn"
    "lh4xuVvcscXqblDOEAxSdUxa04LW+V+XxA/e/VMZW5j6KblxWEYelTLsED7MtQd4MZqE53"
    "2uWxJVdIZo2SWUvC2Vmgnm/Gp2eCjHXhLG9QG85oaupQadswnKnTxvX4oWDufTk2adpBcL"
    "A8rEB5/k6kvFCevxPdDOX5UJ6/FepKeB+ZSIKJeScIeF4RfD1oUtIsrSo1wbgNJj88W6XB"
    "1wgHggqNolQZdLMuEHU1UVcGDsIfiCbkVmKadQFMdW8yTnXCwQfi0jH2K15jqU8x75s5vU"
    "qctxDdGug+nL4/Oz/+JANrfxAHBRkSJEvOxuODvWLIlbGVY0fRrDLE1bNJ8l4wo2SJGSXU"
    "IzKmyq/jRvN5Cm7QBUt0gS/JSiz9OGIkzUbMNwngFd6tYrllVdCrDuUe8Uk7Np/3hHk1tp"
    "F5S6Tmy7Q6oKeRmReN/TqJeV5hYDBYRoMb9g3hwIuHq1gkXDZWRxELyPcII/lxrFofqRhJ"
    "Exoi6qmaOXkVPiWeNHOJfsxsJWf+Pfg9OBPhbKBNtnEiTVlIlOZN5YH5qFs8lef6lvLMwM"
    "u1PEcfXc8GEl0WBeI6GZcbv0LX8r6RD8I1uidkMqsBxEH4SLg0+T3A8jJTNGdlgS6OQnlV"
    "AZtdC2jt9ogcUNy36UodqC9b49QVgUWkyahrtLq5RwcBfn3YRK0rZg0Zse6wCPCt/HLCJd"
    "E2W+Oh4NZBqFd/L8sQwiLuEsc0YpQcOwj3/qAB3PuDSrhVUwXcZq+7ghvMhS1O1nTJpB35"
    "K7jCWK519K/wYqDhqFVHF1yhoy3vaN66tK/s2yG9bMPzVDLM3EC2LHjB0JN26InJf3Rsos"
    "tnXJbS5C27szctyc9kJRPgFx6Ae3vcYcWStTI5j5mhm9p3ENwVrIho1aAD4xXL0Web+08P"
    "PDDeYmH61LXhuvTV5qDFW0Gboe59x7kV1L3vRDdD3fuqKRuUEMP66V1hC7B++rrWT4dlvH"
    "fh7QrLeHe1l21h/tyLOXKZ88cN/Vq2r0wa0vz4dGFa40coRz4NSFgm+HWGQO2B2gPne/63"
    "ElD7nehmoPYwpX0rCrPiRMTh5JZwfR1HNeHUuHaQe65lqvt8+aLGE/5SB5jqt8T4tmAC+w"
    "4e64tlaucUF11hajHJ3v/lqcVQgr/mEvyROo+asmUkEmadWsFsmZaxbpQltwp1eVz1mMLC"
    "oxO38aZHFWZl9EZxY+7RCcA3kH7Asg/PkIhYolr+hPk98c5JGOKYoZXUy7xBv07FnMSmzn"
    "hm21DOTM4copAIhEPqSZuMZDkLn2Vxs7kbSJ1WcEyLZxRblsOsiMk//54K3cQVNu/abAYI"
    "KfeGAZ/gqc+wJmic0ADzaUU0XjgVQL+Zilku0B3YT5K8bg67RP3k7OL486963E80eeDJr8"
    "PT4xLyvF2JQs4RxoKsHgviZOLjactKlJwrlKLY1s+2kLokNe7p+Fza1q+lcjMrarJJjCAB"
    "lv2oX7oq2wiMzIqcFopPdjBCQfHJznUzFJ/AvJItpqM0dGTqQR90i4ow5hMcVLz8s35FTi"
    "oduwX9yeXlpxz0J2dFbL+cn5x+fvG6MGRfvrsfyc2IsXsn4r7JTV5w68Jo8sYHO4kQ8nqM"
    "SoGyPjAIt52DcFfY1469xcf7dTwtlBYNKZo6WZNpAzV2QNyAuEFG//wZPRC3nehmIG4wa2"
    "ArxsTjDMEkaZ07QMa6dP16my2xCp47Wb1+ZFK9LnNiJ30jmrxvc47wurX6ddtq1tPy850s"
    "0zw2UG8Mc0HWPEsBCrp3WEuaTX/QqUnziRE1elJs03jQn3IPTTAXlISzLZ3GeIpCoragmq"
    "nB4Tt0HRKXE3GtNqJy6WREuJB3mq5KYMmzgTplBS0AdWrH8yhQp3aim0GdAnVqK9QpqNbY"
    "5BC2OyI6uGu43dyjE4Cvm9vN8l+T+3nh0QmAN31Hz/bGUV/kTLDsVAPkNa7QBS26YCwJq7"
    "qeEvTVYkbGBZSMJcYYSKCA0E0Gq6u9y3hB5V3zyrv8xvYmzCnvCRODbCNOtoiDgrn35+xB"
    "JlyB6Ok0wpxBv1YqVKbOOLE1mCckA8Md4e/QtQSWqoZYzIt3tFdLyKn97B9H1B2h+bnRI+"
    "Ek3cVeP79oFSddQkBMv1UTJ2s2Psx6Pc2Ik0dyOR1x/XR4IxseVouMzy3l2hsoDSgzKBFr"
    "gVUt22gIacYF4LRviZNuAivf9bqh48r32NweZF1NVv81woGgYurgW0E0Oz5Wwlp2BHw1+F"
    "YtEFNXtNOpBWLWLTkGTJgJ6Il9J8DdtNY1LyhzIk5NUC85dqEabdPoM9eNOG8lwRRcYfTa"
    "OhEm/5i5ShhotwpPzhU62rqOtkRt+zKJl0TTyGxJS79OX4tim4a62knk36NbqmZu4sBDI/"
    "YoLbnSv6YIc1LWzJo4QEGdFbwMCup2MIRBQd3OdTMU1EFB3VbIg/fy6k3kltS+E3rAusWW"
    "599G2yqAV7+RNmePmrlnlTE2NYcAqwmwyei5AZwZD0BUK2b/QVxhBGnWBTBNMLVKAjjlnG"
    "m3hs42958WAxyiLBtKAj+oTgkRu0UqhKnfN3POX9YDnrQGMcCKLMzibVRsCyOrSXaTJ88M"
    "1JwTQKpZLsbg/Zaaw7tNR3GZPLOuqqB6oDDj0gnCsOkxQle+nk3wTu0B7BZge0RgarQO7c"
    "IDAG8IuCXJ8s+zVR6OhSDjibY8vWBRmzKn6xHjmXHDrPkyIOjjcPgTcrHvqzQYI3lm+kD4"
    "tJw0P2UMObMVmQfkzJuvH40fAkNYC24Aa7EOLxrfGBWQLhwgd9apl8bjqTCOugXjqLPF4h"
    "x9ml75rBS8Wj0wlhVPrvp5IalO2TQVnztAKWoL5hMlk1TGJsNVBS+I+9oxlnAiv4E4N8yb"
    "mtzPJUdgmFvJMD8kiWavmmLOTfpNOGaSuTbeLlERx3hxEHTLOGLqU+DFulw/Lsd8HJEAUa"
    "GmMHuRpnqzhT9wUSuyeeCiGyZN6YNhCGvBDWDVropkiGnGBwDVAhoS+S9plyCvW0ei7Nul"
    "vG8jC0ro1vsqd0J1EV7eqxN54boL8WAZ+DWXkmZHPpqW52VcuhRDVrf1qySH6ZBSiwkZGn"
    "dYrMtmMdHHoXyztlIUda4gK5YfKZjFthNPEsxi62w326XunSbUvVet7s1N+k3UvVQLaCju"
    "ffn8Kdm/5BEHYqbTGeyDYu4O0p4VXB7mae9g6IM33M51M8zThnnaWyEpR9yocDox74S0tu"
    "liDdiVY8OAL/R2o42nC26wNQRsDbEdW0PQcH7lZnjnHQFyk904FhdnENgLbhDdW836go1Q"
    "ukmkLJMKHyr2Qcm19xuJhA/Nd0FJzp7IfK78akSDshJYbQaKnxVUCxS/HYxgoPjtXDeD4g"
    "eK31YoflC7qC+tGxw1qa0bHFUX16m2wi2Mp+ki3k3Vp4wLKE9LKE8hi7hLDGNHzmmJyLE9"
    "hNAgcHDiEvrQdjuErCukMlanMhPOXBKGxrJtzg9UxOYq4hy4Fo9W0RfkLJsfLRAtu9rLlo"
    "iWx4RTd9TTyJVJS79OqMQLm6cEyuqOXbHwWMmftVna9u6JvCRvrtYZK5WJarZXLU10geoN"
    "3rxpQPWkVSXVi9tKy5ybIJyYdxDd13t7TYj03l41kVZtxfU0A5EMszQl0hkXINKGRPpZX2"
    "Z//R9JdPYE"
)
