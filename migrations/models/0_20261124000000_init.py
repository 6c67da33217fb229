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
CREATE TABLE IF NOT EXISTS "webhook_cursors" (
    "endpoint_id" UUID NOT NULL PRIMARY KEY,
    "pharmacy_id" UUID NOT NULL,
    "sequence" BIGINT NOT NULL
);
COMMENT ON TABLE "webhook_cursors" IS 'How far the log is spread to an endpoint: every event up to here has its delivery, if it was wanted.';
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
    "eJztXW1z27gR/isYfUpmdJlEcRw36XTGTnwXt7GdSZTeS69DwyRk4UwRCgja0VzvvxegSI"
    "kvIE1QL4ao/ZLYwC5JPyAXu88ugD97E+YRP3x2PKX/IrPeG/RnL8ATIn8o9PRRD0+ny3bV"
    "IPC1H4viKXVuySxuxNeh4NgVsn2E/ZDIJo+ELqdTQVmgpOXlQsRGaDrGfIJdSsI+wiH68u"
    "H4h8Grw2fqIh5z5VVocNNQPgrot4g4gt0QMSZcav3nv7KZBh75TsL01+mtM6LE93J/JvXU"
    "BeJ2R8ymcdvXr2fvf4wl1bNcOy7zo0mwlJ7OxJgFC/Eoot4zpaP6bkhAOBbEywAQRL6fYJ"
    "U2zZ9YNggekcWjessGj4xw5CsYe38fRYGr0EPxndQ/B/9IHi0j5jgXl0Pny+nQcXol1NUj"
    "FIBNmlwWqBGjgVBA/fnX/LpLQOLWnrrBuw/Hn5+8PHwaQ8BCccPjzhiu3l+xIhZ4rhqDvk"
    "TZ5URh4mBRRvu97BF0QvSI5zULyHuJ6rP0hzYjkDYsh2D54qbgpvBtF/Dh2fnpl+Hx+Sd1"
    "+UkYfvNjvI6Hp6pnELfOCq1P5uPD5Dc4/zgXF0E/nw0/IPUr+u3y4rQ4igu54W899Uw4Es"
    "wJ2L2DvSwmaXPaJEWXwxxNvZbDnNeEYbZ6mO8ID9WfXxrjs0DohzejURhbic8OjqZ8Xvnf"
    "D4MXB68Pjl4eHhxJkfhBFy2vawb87GIY28slosncNnPMpqOC2jrnJXs/lwenoSWs8f8lPI"
    "fke8VrmsoXgJQP1i0Ih6e/DHPG5uLfx59jXM+Pf3maMzgfLy9+SsWX1ubi3cfLkwLYHr0h"
    "ocbwv5MvqR7upcZ6AH/Yl9qkSZjg745Pghsxlr8eHtTAn4J9eFAw4ukwDOKuPLzjxFI2BT"
    "eV78S7nAf3qAG2R5XQHhWRDV2mrlDC9p9fLi/02C41ip4KdQX6H/JpuIuzWg2sCot6i1E0"
    "DgXrrC5QtBjk+5TK7hbuYl5zDe5iYil2YCR2zlvk5I7dtgoK8powyraNsiJVRreZgF81XG"
    "P39h5zzyn1sAGrki13TQaTYgsO8E08SApN9ZwpRRV5VJwGgusJrGVvv5bEUnKOz26asVg/"
    "jxnyqIfux1j05b8k6KMRZxP1IydvEQv8GSIy7kESROIhwcrMVstrANtlRZhRzXY9ejS3O3"
    "bOIJiTnyPjJh7wQqGDLvD64wscf3SG+Oo5HQBYB3AYXf9BXI0TVM1HZFQ6AfG2KQlzlxP4"
    "Z0t9zeywMk5vqMZUVX9ISw34jhp+R5Y496d3JBA9jV8/76h16YkSaZiVHo4Jks7/W3R1zb"
    "zZFaIhks41EvKVkj9gEfvhM8SJS6jyyKXvHT5DSuuWzNCT1Hfro5DIVyRwyVMUChx4IaJB"
    "fKUJvZFvmLxbOQ7Y8r0hfrDCs7U4ftghe2cQQKRfRxnTE3pTmbrManUpd/m3weDly9eD5y"
    "8Pj14dvH796uj5IolZ7qrLZp6c/aQSmrlJpJzhjDEzCC5S+U7M15sOLdiUzO27ocUo6oHJ"
    "KL61VJdArg8hUh0IIqwOIpSrZRJCpPKdMEj7FkB8SSfxqkDiS2aWfyCgcFKPwCSywKGQDz"
    "a5Vt679OGlW84QDlB8QVXcitPyVunPB9R/o9qU5z6Orp9WBAwrX3KFOMA+D3U/IgM16E47"
    "P7akCs6skTNriTk7C9T3zfjsTJCJzpzlBWrNGU1FHSplG5ozddm4Hj8UzL0t2yZNPxAOlp"
    "sVKM/fC5cXyvP3YpihPB/K83eCXQlvIxNKMBHvRACeZwRfDJqUNEupSk4w7oPFD49WafAt"
    "woGgQsMoVRrdrApYXY3VlYaD8DuiMbmVmGZVAFPdTMapjjh4T1w6wX7FNJbqFP2+udKzRH"
    "kH0a2B7v3pu7Pz44/SsPYHsVGQJkFGyVl7fPC8aHKlbeXYUWFWGeLq1SR5LVhRssKKEuoR"
    "aVPl7bjRep6CGgzBCkPgy2Alpn4cMZZiY+abGPAK7Va23LIq6HWbco/4pF00n9eEdTW2Bf"
    "OWUM2XaXVAT0MzLzv7dRTzosLAIFlGg2v2HeHAi9NVLBIum6hWxALyBmEkf52o3nsqxlKE"
    "hoh6qmZOPoVPiSfFXKLPma3lyr8HvwdnIpwn2mQfJ1KUhURx3lQ2LLJu8VKeqxHlmcTLlb"
    "xGH13NE4kuiwJxleTlJs/QlXxv5IdwhW4Jmc5rAHEQ3hMuRX4PsHzMFM15WaCLo1A+VcDm"
    "zwJcuz0kBxT3bbtSB+rLNrh0RWARaTzqGq5uodFBgF8cNmHril5Dhqw7LAI8kjcnXAbaZn"
    "s8FNQ6CPX632VpQljEXeKYWoySYgfhfjloAPfLQSXcqqsCbrPprqAGa2GLizVdMm0X/BVU"
    "IZdrXfhXmBhoOG410AVVGGjLB5q3Lu0r63aIL9vyOpVMZG5AWxa0IPWkTT0x+YdOTHj5jM"
    "pKnLxlb/a2Kfk5rWQC/FIDcG+PO+xYstFIzmNm6KbyHQR3DTsiWpV0YLxiO/psd//hxAPj"
    "LTamT1Ub7ktfLQ5cvBVhM9S973lsBXXvezHMUPe+7pANSohh//SuRAuwf/qm9k+Hbbz3YX"
    "aFbby7Osq2RP7ci2Pkcswfd/Rro30l0jDMjy8XpjV+hHLk04CE5QC/ThBCewjtIeZ7/FkJ"
    "Qvu9GGYI7WFJ+04UZsWOiMPJiHB9HUd1wKlR7WDsuZGl7ovtixov+EsVYKnfCvltwQT2HT"
    "zRF8vUrikuqsLSYpJ9/8tLi6EEf8Ml+GN1HbVky4gkzCq1gtkyLmPTKMvYKtT5cdU5haVG"
    "J17jbWcV5mX0RnZjodEJwLfgfsC2D4/giFjCWn7C/JZ45yQMcRyhldjLvEC/jsWcxqLOZC"
    "7bkM5MrhyikAiEQ+pJmQxlOTefZXKzuRpQnVbEmBavKLbMh1lTJP/4Zyp0E1c4vGu7HiC4"
    "3FsGfIpnPsMao3FCA8xnFdZ4qVQA/Xom5r5Ad2A/Sfy6BewS9ZOzi+PPv+pxP9H4gSe/Dk"
    "+PS8jzdiUKOUXIBVmdC+Jk6uNZy0qUnCqUotg2zrYEdYlr3NPFc2lfvzaUm0tRk0NiBAmw"
    "HEf91lXZTojIrPBpofhkDy0UFJ/s3TBD8QmsK9nhcJSGjnQ96J1uUxHGfIKDisk/q1eMSa"
    "Vit6A/ubz8mIP+5KyI7dfzk9PPT14UUvblt/ueXI8Zu3Ui7pu85AW1LmSTt57sJELI5zEq"
    "BcrqQBJuN5NwX7Cvzb3F7f26OC2UEg1DNHWxJssGauQgcIPADTz6x/foIXDbi2GGwA1WDe"
    "xETjz2EEyc1oUCeKwr16+3ORKroLmX1etHJtXr0id20hnRZL7NKcJ0a/V022rV0+rrnSzj"
    "PLZQbwxrQTa8SgEKuveYS5ovf9CxSYuFETV8UizTOOlPuYemmAtKwvmRThM8QyFRR1DN2e"
    "DwLboKicuJuFIHUbl0OiZcyDdNVyWw4tWAnbIiLAB2as/9KGCn9mKYgZ0Cdmon2Cmo1thm"
    "CtsdEx3cNbHdQqMTgG86tpv7vybv81KjEwBv+42en42jbuRMsRxUA+Q1qjAELYZgIgNW9T"
    "wl6KvJjIwKMBkr5BhIoIDQLQarq73LaEHlXfPKu/zB9iaRU14TFgbZFjjZQg4K5t6eszvp"
    "cAWip+MIcwL9WqpQiTqTRNZgnZA0DDeEv0VXEliqOmIyLz7RXm0hp86zvx9Td4wW10b3hJ"
    "P0FHv9+qJ1XHQFAjG9q8ZO1hx8mNV6OCJOPsnVeMTNh8NbOfCwmmR8bCrXXkNpEDIDE7ER"
    "WNW2jYaQZlQATvu2OOkmsHKu16WOK+exhTzQuhqv/luEA0HFzMEjQTQnPlbCWlYEfDX4Vm"
    "0QU1e006kNYjZNOQZMmBHoiXwnwN0217UoKHMiTk1QLyl2oRpt2+gz1404b0XBFFQhe20d"
    "CZP/zFxFDLTbhSenCgNt3UBbwrZ9ncZbomlotqSnX8evRbFMQ17tJPJv0YiqlZs48NCY3U"
    "tJrvivGcKclDmzJgpQUGdFXAYFdXtowqCgbu+GGQrqoKBuJ+jBW/n0JnRLKt8JPmDTZMvj"
    "H6NtFcDrP0ibs3vN2rNKG5uKg4HVGNgke24AZ0YDENWS2X8QVxhBmlUBTBNMraIATjln2q"
    "Ohs939h8kAhyjJhpTAj2pQQsRGSJkw9f/1IuYv8wEPSgMZYIUXZvExKraZkfU4u8mXZwZq"
    "Tgkg1WwXYzC/peIwt+lCXCavrKsqqE4UZlQ6ETBsO0foyunZBO9UHsBuAbZHBKZG+9AuNQ"
    "DwhoBb4iz/PN/l4VgIMplqy9MLErUuc7ofMZ4LN/SaLwOCPgyHn5CLfV+5wRjJK9M7wmdl"
    "p/khYfCZrfA8wGfefv1o/BEYwlpQA1iLdXjR5NqogHSpAL6zjr00zqdCHnUH8qjzzeIcvZ"
    "te+a0UtFp9MJYVT677eyEpT9nUFV8oQClqi8gnShapTEzSVQUtsPvaHEs4lXcgzjXzZibv"
    "c0kRIsydjDDfRTzUJ2TyAv0m8aUbyzYMLz8s6yyRz27UGuVwygn2kGAIB4gEXkzPvUFEec"
    "Io3kEERVPVPVbrlcc4RFSEizizj+hINqB72X6PA6FbH72tm64Q7qaPYBgxFNQgAIYA2IpI"
    "LSTyj9HuJF23HUBWq0sT9xZ2BLBrfnmf2MmaGWYh0miOSQxv4+N4FTE5t+IjxhFTvyWWsh"
    "+X+9+PSaAMuJwJvEizOqCFPnCdVtggMPVbNvX2eS7dgDXeOs8Q04wOAKoFtJ1jUtYF98TI"
    "PdHvJ1kehOoi77xWJ3iHTRd6wzEjG16qkM2sNy3/zqh0yYas72hx8l2kJQstFvxp1GEzSJ"
    "uTVT4O5czaKmOlU4W0VfmTglXSe/ElwSrpzg6zXezeaRK696rZvYVIvwm7l3IBDcm9r58/"
    "JudjqdzLnKczOGfLXB2oPStiedgHZA9NH8xwezfMsA8I7AOyE5RyxI0W5iTinaDWtl0MCK"
    "c+bRnwJd+uoTdrzlDOq8HRQ3D00G4cPUTDxZOb4Z1XBMhNTntaPpyBYS+ogXVvtaoYDtrq"
    "ZiBlGVV4V3HOVq6/34gkvGt+ylZy9YTmc+WtEQ3KTGC1GDB+VoRawPjtoQUDxm/vhhkYP2"
    "D8doLxg9pFfWnd4KhJbd3gqLq4TvUVXmE8Sw+JaMo+ZVSAeVqBeQpZxF1iaDtySitYjt0J"
    "CA0MBycuoXdtj9vJqoIrY7UrM+XMJWFoTNvm9IBFbM4iLoBr8WkVdYHOsvnTAtKyq6NsCW"
    "l5TDh1xz0NXZn09OuISryUeYigrB7YNROPlfGz1kvThM7Ji74a4Wh93FzNM1YyE9XRXjU1"
    "0YVQb/DqVYNQT0pVhnpxX+kYDROEE/EOovvi+fMmgfTz59WBtOor7tcciCTN0jSQzqhAIG"
    "0YSD/qZPbX/wGd3wcm"
)
