"""The tables and columns of webhooks in full conduct, sources, integrators, own feeds and the console's operators."""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True

TENANT = {"event_queues": "pharmacy_id", "webhook_health": "pharmacy_id"}
HUB = ("operators", "ended_sessions", "integrators", "integrator_keys")
# What a pharmacy's reads never need.
SECRET = {"webhook_endpoints": ("auth", "previous_secrets"), "sources": ("previous_secret",)}

COLUMNS = """
ALTER TABLE webhook_endpoints
    ADD "previous_secrets" JSONB NOT NULL DEFAULT '[]',
    ADD "previous_valid_until" TIMESTAMPTZ,
    ADD "signing" VARCHAR(8) NOT NULL DEFAULT 'v1',
    ADD "public_key" TEXT,
    ADD "auth" TEXT,
    ADD "auth_type" VARCHAR(8),
    ADD "headers" JSONB NOT NULL DEFAULT '{}',
    ADD "event_filter" JSONB,
    ADD "ordered" BOOL NOT NULL DEFAULT false,
    ADD "timeout_seconds" INT NOT NULL DEFAULT 20,
    ADD "ladder_seconds" JSONB,
    ADD "throttle_per_second" INT,
    ADD "disabled_reason" TEXT;
GRANT SELECT (previous_valid_until, signing, public_key, auth_type, headers, event_filter, ordered, timeout_seconds, ladder_seconds, throttle_per_second, disabled_reason)
    ON webhook_endpoints TO hub_read;
-- Made anew below: what is due is found endpoint by endpoint.
DROP INDEX webhook_deliveries_due;
ALTER TABLE webhook_deliveries ADD "round_start" INT NOT NULL DEFAULT 0, ADD "last_error" TEXT;
ALTER TABLE webhook_attempts
    ADD "address" TEXT,
    ADD "request_headers" JSONB NOT NULL DEFAULT '{}',
    ADD "error_class" VARCHAR(32);
ALTER TABLE webhook_events ADD "message_id" VARCHAR(255), ADD "commands" JSONB NOT NULL DEFAULT '[]', ADD "reason" TEXT;
ALTER TABLE sources
    ADD "previous_secret" TEXT,
    ADD "previous_valid_until" TIMESTAMPTZ,
    ADD "settings" JSONB NOT NULL DEFAULT '{}';
GRANT SELECT (previous_valid_until, settings) ON sources TO hub_read;
"""

TABLES = """
CREATE TABLE webhook_health (
    "endpoint_id" UUID NOT NULL PRIMARY KEY,
    "pharmacy_id" UUID NOT NULL,
    "failing_since" TIMESTAMPTZ,
    "failures" INT NOT NULL DEFAULT 0,
    "warned_percent" INT NOT NULL DEFAULT 0,
    "open_until" TIMESTAMPTZ,
    "last_success_at" TIMESTAMPTZ,
    "last_failure_at" TIMESTAMPTZ
);
CREATE TABLE event_queues (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "pharmacy_id" UUID NOT NULL,
    "types" JSONB NOT NULL,
    "max_length" INT NOT NULL,
    "deleted_at" TIMESTAMPTZ
);
CREATE TABLE integrators (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "name" TEXT NOT NULL,
    "is_active" BOOL NOT NULL,
    "pharmacy_ids" JSONB NOT NULL
);
CREATE TABLE integrator_keys (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "integrator_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "hint" VARCHAR(8) NOT NULL,
    "scopes" JSONB NOT NULL,
    "expires_at" TIMESTAMPTZ,
    "revoked_at" TIMESTAMPTZ,
    "last_used_at" TIMESTAMPTZ
);
CREATE TABLE operators (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "version" INT NOT NULL,
    "username" VARCHAR(128) NOT NULL,
    "name" TEXT NOT NULL,
    "role" VARCHAR(16) NOT NULL,
    "password" TEXT,
    "totp" TEXT,
    "epoch" INT NOT NULL,
    "is_active" BOOL NOT NULL,
    "last_signed_in_at" TIMESTAMPTZ,
    "deleted_at" TIMESTAMPTZ
);
CREATE TABLE ended_sessions (
    "id" UUID NOT NULL PRIMARY KEY,
    "operator_id" UUID,
    "ended_at" TIMESTAMPTZ NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL
);
"""

CONSTRAINTS = """
ALTER TABLE operators ADD CONSTRAINT operators_role CHECK (role IN ('viewer', 'operator', 'admin'));
ALTER TABLE webhook_endpoints ADD CONSTRAINT webhook_endpoints_timeout CHECK (timeout_seconds BETWEEN 1 AND 60);
ALTER TABLE event_queues ADD CONSTRAINT event_queues_length CHECK (max_length >= 1);
"""

INDEXES = """
CREATE UNIQUE INDEX operators_username ON operators (username) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX event_queues_pharmacy ON event_queues (pharmacy_id) WHERE deleted_at IS NULL;
CREATE INDEX integrator_keys_integrator ON integrator_keys (integrator_id);
CREATE INDEX sources_pharmacy ON sources (pharmacy_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (endpoint_id, event_sequence) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, created_at, id);
CREATE INDEX webhook_attempts_at ON webhook_attempts (at);
CREATE INDEX pharmacies_every_created ON pharmacies (created_at, id);
CREATE INDEX pharmacies_every_updated ON pharmacies (updated_at, id);
CREATE INDEX inventory_items_every_created ON inventory_items (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX inventory_items_every_updated ON inventory_items (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX sales_every_created ON sales (created_at, id);
CREATE INDEX sales_every_updated ON sales (updated_at, id);
CREATE INDEX orders_every_created ON orders (created_at, id);
CREATE INDEX orders_every_updated ON orders (updated_at, id);
CREATE INDEX webhook_events_every_created ON webhook_events (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_events_every_updated ON webhook_events (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX uploads_every_created ON uploads (created_at, id);
CREATE INDEX uploads_every_updated ON uploads (updated_at, id);
CREATE INDEX webhook_endpoints_every_created ON webhook_endpoints (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_endpoints_every_updated ON webhook_endpoints (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_deliveries_every_created ON webhook_deliveries (created_at, id);
CREATE INDEX webhook_deliveries_every_updated ON webhook_deliveries (updated_at, id);
CREATE INDEX sources_every_created ON sources (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX sources_every_updated ON sources (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX audit_log_every ON audit_log (at, id);
CREATE INDEX webhook_events_message ON webhook_events (source_id, message_id) WHERE source_id IS NOT NULL;
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
            f"GRANT SELECT ON {table} TO hub_read;",
        ]
    for table in (*TENANT, *HUB):
        lines += [
            f"GRANT SELECT ON {table} TO hub_read_all;",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO hub_write;",
        ]
    return "\n".join(lines)


async def upgrade(db: BaseDBAsyncClient) -> str:
    """Add the columns and the tables, with their walls."""
    return COLUMNS + TABLES + CONSTRAINTS + INDEXES + _walls()


async def downgrade(db: BaseDBAsyncClient) -> str:
    """Refuse: what operators and integrators set up would be lost; restore a backup instead."""
    message = "what operators and integrators set up would be lost; restore a backup of the release before"
    raise NotImplementedError(message)


MODELS_STATE = (
    "eJztXetz2ziS/1dQ/nJJlcaVyHltsrVVduKdeDePucTZ2d3LFQWRkIQ1RWgI0I5qbv73A/"
    "iQ+ABpgnoYovpLYpPdJN1NNrp//cDvJ3PmEZ+fni/o38ny5DX6/STAcyJ/KJ0ZoBO8WKyP"
    "qwMCj/2YFC+oc0OW8UE85iLErpDHJ9jnRB7yCHdDuhCUBYpaXo4jNkGLGQ7n2KWEDxDm6O"
    "v785+Gz1+cqot4zJVXocG0JX0U0N8i4gg2JWJGQsn1P/8rD9PAIz8Iz35d3DgTSnyv8GdS"
    "T10gPu6I5SI+9u3b1bu/xpTqWcaOy/xoHqypF0sxY8GKPIqod6p41LkpCUiIBfFyAggi30"
    "9llR1KnlgeEGFEVo/qrQ94ZIIjX4nx5M+TKHCV9FB8J/XPs7+kj5Yjc5xPn6+dr5fXjnNS"
    "kbp6hJJg00MuC5TGaCCUoH7/I7nuWiDx0RN1g7fvz788OnvxOBYB42IaxidjcZ38ETNigR"
    "PWWOhrKbshUTJxsKhK+508I+ic6CVe5CxJ3ktZT7MfumggO7BWwfrFzYSbiW+/Ar+++nj5"
    "9fr84y/q8nPOf/NjeZ1fX6ozw/josnT0UaIfJr/B5ONcXQT9enX9Hqlf0b8/f7osa3FFd/"
    "3vE/VMOBLMCdidg728TLLD2SFJulZztPA6qrnICWq2Ws23JOTqz6/o+CoQevXmOEq6lfI5"
    "QG3K55X//TR8+uzls1dnL569kiTxg66OvGxQ+NWn69heriWarm1Lx2w5KrFtc12y93O5dx"
    "laizX+vyLPa/Kj5jXN6EuClA/WLxFeX/7zumBsPv3j/Ess14/n/3xcMDgfPn/6OSNfW5tP"
    "bz98vigJ26NTwjWG/618SfXiXnNsR+D3+1K7NAlz/MPxSTAVM/nri2cN4s+E/eJZyYhnah"
    "jGp4rinaWWsq1wM/pevMtF4b5qIdtXtaJ9VZYsd5m6QkW2f/v6+ZNetmuOsqdCXYH+D/mU"
    "H+Kq1iBWJYtmi1E2DiXrrC5Qthjkx4LK0x3cxSLnFtzF1FIcgCYOzlsMyS276RQUFDlByz"
    "Zr2cdcOBHvpOcyL2jaNk0r+Gxyk4N21IExdm/ucOg5lTNsyOpoq6fmw3n5CA7wNFaSkqZ6"
    "zgyMjDwqLgMR6qHK9dlBI1yp6ByfTdvhlb/OGPKoh+5mWAzkvyQYoEnI5urHkLxBLPCXiM"
    "gIF0khEg8Jdoo+skDM5OEFDgVVF+IIB/LUjKAbskSP1JWo9xhxoQ7TID4zp1P5RkviKgb6"
    "QM8AuKoVAW09rvrguMHh2FkD2ECaAxaaxForhh4GW9uPZHH80RnKV48egoB1AubR+D/E1b"
    "hh9chXjqUXIt43+GXu9EKmw1JfN69WFtIp1Ziq+g9pzQHfUYfviEXCZTrQvn5xyLF0Erll"
    "LkxxcXj6osXi8LT8iawXB3XqD1vCt8tbEogTTeSWnBg0BW1EkbSsMLmWgYwM796g0Zh5yx"
    "GiPI5thPxo5Q9YxJHSEoXEJVTFTDK64afoOguMMu94gDiRr0TgkjRI4i0itT3fGyI0K2IH"
    "iyO0A1pRDEK07OuoyvSCTmvLEPJcfapD+NNweHb2cvjk7MWr589evnz+6smqIKF6qqky4e"
    "LqZ1WcUFhMqtUKscwMVuiMvhce0a6DN7YgiX03tBhlPjAZ5beW6vzK5iAt44EwzeowTbla"
    "JkFaRt8Lg7SPEM2mAOJrtojXBRJfc6v8PQGFk3kEJpEF5kI+2HysvHfpw0u3nCEcoPiCql"
    "AdZ6Xq0p8PqP9aHVOe+ywaP64JGDa+5AZxgH0e6nFEBnHWu5sfW2EFZ9bImbXEnF0F6vtm"
    "4fJKkLnOnBUJGs0ZzUgdKmlbmjN12bi3hgvm3lRtk+Y8AA6WmxVotTkKlxdabY5CzdBqA6"
    "02B4Gu8JvIBBJMyXsRgJcydsM27QmSqj5nN6y0KEAj0x5z0L9FOBBUaBClWqObZwGrq7G6"
    "0nCQ8JZoTG6tTPMsIFPdShZSHXDwjrh0jv2aZSzjKft9CdNpynyA0m0Q3bvLt1cfzz9Iwz"
    "oYxkZBmgQZJeft8bMnZZMrbWuIHRVmVUVc3xlW5ILusA26w6hHpE2VtwuNevNKbKCCDVTg"
    "y2Alhn4cMZNkM+abGPAa7k623LYirS2bco/4pFs0X+SEzinbgnlLoObPWXXAiQZmXp8cNE"
    "HMqwoDg2QZDcbsx6rvKC3VVKVsLCCvEUby17k6e0fFTJJQjqinaubkU/iUeJLMJfqc2Vau"
    "/D34HlwJniTa5LmQSFLGicK8qTywyrrFzVajCQ1ziZeRvMYAjZJEosuiQIzSvNz8FI3key"
    "M/hBG6IWSR1ADigN+RUJJ8D7B8zEyaSVmgi1UDJApY8iyAtdsDckBx374rdaC+bIfNQQKL"
    "SONRN2B1K44eCng7BfZ5AU/kzUkoA22zeS0lth6KevvvsjQhLApd4phajApjD8V9Nmwh7r"
    "NhrbjVqRpxmy13JTboNi63w7pk0S34K7FCLte68K+0MFA+66ToEiso2nJFh51L+6q8PcLL"
    "9tynkovMDWDLEheknrSpJyb/0LkJLp9j2QiTt+zN3jckn8BKJoJfc4Dcu8sdZsLsNJLzmJ"
    "l0M/oeCncL001tSTqEXoxaVxMO8YlBY7JBkbRMNMSX4xnST2gobVpAeDVv0EQIYLsVcTEU"
    "th958ASF7UehZihsh8L2g4BnY0fECcmEhHo0p2EyVZW1h/7qTgreV02Mrcv+MgYo+Nsgyh"
    "VMYN/Bcz1k1lhZXGaFAmOSf/+rBcaQiN9xIn6mrqMKt0xkXGCCeYL3S1nGVlznx9U3J605"
    "evEa77s9KUmmG9mNFUcvBL4H9wOaPx7AEbEEtfwFhzfE+0g4x3GEVkEviwSDJhRzEZM684"
    "S2JZyZXpkjTgTCnHqSJgdZJuazCm62ZwOo04oY0+K6Yst8mC1F8g8/WbGfcoUh6fv1AMHl"
    "3rPAF3jpM6wxGhc0wOGyxhqvmUpCHy9F4gv0R+wXqV+3EruU+sXVp/Mv/9LL/ULjB1786/"
    "ryvCL5sNvegQVGyAVZnQsKycLHy45bRBZYof/VZj17lLsyPOvW51ziBU3brOmACbN5RSl9"
    "HwDXfTgntkAlacB5okNJsnODRoAkoaImA5gFCbCUtb4tPH8ScA4rIkUo6Try1QBKuo5CzV"
    "DSte2SLhj7uEeQh3JH7TN7q2vYY8wnOKhZ/PN8ZaRHMvZL9BefP38oiP7iqizbbx8vLr88"
    "eloqhKm+3XdkPGPsxolC3+QlL7FByNChhIAIIZ/HqMAuzwOp7cNMbX/FvjajHR8fNMVpXF"
    "K0DNHUxdo04zTQQeAGgRt49A/v0UPgdhRqhsANenEOotIk9hBMnNYVA3isG3eFdBk3X+I8"
    "yp6QVyY9IdIndrpsVFtghOXW6uW2Uy/h5l2ElmEee6jihw6rHff+QJvEEWNJameHj+yWzE"
    "kgTnSgUoFg0IguxbtEzFNak72YiTcl4Rs0koKi6sRIjXiPB8Kr3ms1Dv5uRt0ZWl0b3Ukz"
    "mg2Br9mNeQsX3WQ/5vSumjREw9zAPNf9IVm6FmwGZO0+HtvLvMB6lOuhsUR7jZlBzAah8E"
    "7EquYdGIo0xwLitK83qJ+ClWu9zjusXcdW9IAranDFbJ9JB08E0QxMvHeDyjUjyFe7TaW+"
    "s6opLu9VZ9WuI8a9FobbJtz99wmmmJEThdRE6hXGPgBO+5Y+c90oDDtlT0usgOdajue6rG"
    "NXU4kVFG2doi1B274t4l5iDcyWnhk04WtRTNMSV7uI/Bs0oao4S+2fOGN3kjJU+NdSbZBY"
    "xczaMEBFlxVxGVR0HaEJg4quo1MzVHRBRddBwIM38ulN4JaMvhd4wK7BFo9OCTfahHTN0U"
    "MB72D/UXanKS+ptbEZORhYjYFNs+cG4sxxgES1YPZ/iCuMRJpnAZmmMrUKArgMQ6bdUyl/"
    "enA/GOAQRdkSEvirUgpHbIKUCVP/j1cxfxUPuJcawAArvDCL54/aZka24+ymX56ZUAtMIF"
    "JNR4jB+paRw9qmC3GZvLKuqqA+UZhj6UXAsO8coSuXZxN5Z/Qg7A7C9ojA1GjUxJoDBH5Y"
    "k+l+TYaEXN7WFKcXzje6y9m4kXhb8Jb+cnp1VTSOBXLlrRHVTOyvJwMP2Qo/A9JlR55HgX"
    "TZUagZ0mWQLjuIcDd2QhJ5VKRan9UpcvXCld1D93Dtpg/1na31Wz5AW+trg4ETyYZ1hraj"
    "wAR79JRzQS6ht11rVPOs4MpY7cosQuYSznVZv8YppgU+mGLaforpSnBdNqkp8cKmFjZ/Wu"
    "kujtplqd75KnL1oZGm6HsNnz9v4XtJqlrfKz5XxsXncxx4RrO+8jzgfW3gfe19eznL3u/9"
    "5yV80g1kKnLC6mHb6mFJMuRSas/7KtehRPyVZEjh/KApGUIUpcMT0pbJkLeSUjqeKONKsh"
    "3xxBxOpwHxEIsEGpMJk0eSSdDqbX2DbshCoCgQ1Ecj8mNBpTLkmz6q5lF2cgdIwVgRwtan"
    "YJLRGyzsNLFjxQZAQQlhDLp1sub5ACKwbiUqTu3LLJ2xkgucoGbr1GyLw6ESDv8dkVilVX"
    "djfbbZ2YjTFr8pwpauxjnKEkj/xRG7C9CEqMU/iIf3jUN2Q8IBGs2i8al0CE7/nBEj6v1l"
    "9Dod6hdrHVGBBL7JdTT7LJiqo3O8RNOQ3VW9kH3fHBwUK5ZOqBE5QjsLNSJHp2aoEYEakY"
    "OI4BLGikDrgfMVA6DmG6DmuaRIexNRZAIrobESgI73dXW1JFiVHyeZxpDgiSZYzZ0dNAWr"
    "dEXXMlb9Bwk8SSwDP8YJ4mwi5J+iMOzwVkZ+8mmXWTxJCX+NRrllj4/UXC0ZVyrONCyU90"
    "ITFlbD0h3eByJQK5Z+iECP0HhCBHp0aoYIdNu+Zfx/RZwN06ixdoO1wyyh33eZC+WOdB7o"
    "rUbijZWpBT6oTDWoTM15ciZ4QJkPYIHD3KFrHbr8nSxPGmMbRTBoF944N2TZMsSRV43H/+"
    "RiowHCHH19f/7T8PmLaqzShgGCDgg6wBt9eG8Ugo6jUDMEHdsOOnJLqeGCVGaE1BfEcw/Y"
    "tvDg04UfdovSHc8WnqXWsq1wM/pevMtF4bZp7q9v7a9uC+4ywwz5mgNi4Q1S5BYVHkMqd4"
    "fbYd2ym46TBvKcoGWbtexjLpyoW9t7mRc0bZumLUEwP6e9Wica8HJ1btCEW2bdXi0Ry18I"
    "W/hE1UrEnYOIBgiLuIDfTXoM36DRAnN+x0JvhChHOJyyYEi9ARoJJhYj5NLFjIRChhyn6B"
    "wF5A6NyIK5sxEigcfT7sOsUbGKgD7EAwCiakUYC4jqERpaQFSPTs2AqG4bUZWuZKiH/urh"
    "kjxPDyGTnUxEBHh1n5u3S2fP5IXO6Hsh7F3vjJe50CZvc54HxhyZv9AqPDGRd0YPsjaXdR"
    "zxGXgYK3rwL3QZW6hc3G/lYgwQJqObHBp0RRjLFwCY0eawCPr8+qply8DkmmLY/OlBG0i5"
    "QyHsCo1uVwZbTw6QLUC2gOU9/KIFkO1RqBkgW+i8O2A0ACo1oVLzICs1oWDwGFZXKBg8Bi"
    "1DwWCfNW0JxvM13gPuRAPvpGcGTchOsoNcS0znekZDDy1wKChJdxxQ85E4CTyU7hnN36AR"
    "JzKgF6N4lO9oIQ0WZRF3VkdDki/YqyBBu7jJ9+B7IDmEkPfgIzRjUrDoTl0aI+7OyJyggB"
    "B5bEw49eINE1ByKfRoRrCnxhiTwGWe5B8gebcJ/TFA2J+ykIrZXP7oefJtUqBVwO9I+BgQ"
    "K0CsAMqwZBkGxOoo1AyIFUwrhpbtAxbhToDAxL0zwarWHL0Q+K7rChM/2eR9XnP0QsD7fq"
    "NLwY6J5DWsUGq4gQZusU89J95Nz9S1rLsG4Dw2+5jJ/kzqj3AWWDf2vv7b07CC+euyoKcw"
    "TlX2DcMscjwwzmKjHR8WC/U8BrLPsYDoN5kkEihBaAKxxnrsHBdUY7evxobK3L6u5pZkbX"
    "5NMhnnQpD5QpxosjclikFTFifNi8iXLiZumc75HBD0/vr6F+Ri31fFtxjJK9NbEi5fJ9mR"
    "O8xV4kUMkGDpdo25TIeXELnyuZGSSjWXs5M7QFrFCjyrPq0CsOFOYMPsyzEUa4kNxFpGY6"
    "P5mIQGWYM1AyQNNK6TucsE2TVLfaWCWpNV2QTxyLEAythhGgKRfzYXTlKAYoR3aFgh9t4g"
    "9uYCi4hLAXuaTFLtQlHi6rRaWPYNbHuxIGHINGtvA4qaMYBF6TAiQQnPcX2ss+P1CdESWx"
    "8kX0yKng1bJEXPhrVJUXWq5KtHUhbymZy5RtK1BqPEBe6lxmJIK72QdyDOmHlLE8tRYYTs"
    "S0sTYhdk9jYKuX48apFg0AYwc2PalnjZe3YnT4VxdbDPpmoUKV+E0sVS2BUO1LDRBZOKeY"
    "2ICrhRnPFD0UKdnpGQoBnmiAq+wsAGiE7UJrMKBLvDgXzpqhDavm66AaqWPYIhMFFiA5wN"
    "cDYrACGugqfA1U0+otN6Zz/H1aeF+0/D4dnZy+GTsxevnj97+fL5qyerFbx6qmkpv7j6Wa"
    "3mhRUmWd7tWl/epXayYYVZkbRaY1LDS9t22aikSWLFJyxETP2WWsosJUICZcDlSuBF5BSN"
    "QhYFniOjzVDE87HVUpFmghCeCBKmiRW1CvjY8+SBMZnKteMRnkp1P9bnbfb/CJDYscISwo"
    "Kz5wXHPv+pH2KNC+4MZZrjAYFqBdrNParygpNk5CTpq1CNYLwCVy/Qj12POUkQfBMhrzl6"
    "KODtN4/kC5ZagqR5lj7ZkO0hpGtf3ECsJS6QrG6CF/khshq7DqWhGnaoD7W55iEZqdwp96"
    "tjhQRwzdhr4yxwkasPCcl9p4Jh9MVRWDAYfdFbNduFml+mYNRJPWq+Ihm0Qc0zdKslaP7t"
    "y4d0WJTKaSbgNT9djYkaoJEU4CwZF7We7sTVZpPl6VH8/hlVO78bQOFWYF8wOuoIDSusn0"
    "enZhgdBaOjDiIFE4WaQSP1cXJK3gsoev9zJmCu0cNM1Ukd46ro6xtedLzQ8bJBxwuMODpW"
    "X0htIagd8dKQ9Fyz9MLy7XSDh0U09qmrdlIzWVuKXIB4my8vCpExkXhGD7LuJmvj+pQCUx"
    "+kvlMz0qErGLqBtzSJa1VIZST+EhuoYGMVTKgvdKM77tPBmm8jJVhmbvatAxZKa2I8kC7H"
    "BQPp2g+kU3ERi1QFrby9Z1Ivp+EExFJbiaLaUuoFXG9UqpxgVrqbFTELmRA+cRYrmZq87X"
    "puKL3SVJHDQNH92W+P8lhuTkgw12Wa6gNRDWsfoqN9x6SUr/4Gsze+yAgvvckU3fXDmbzw"
    "RbZeQIr7ftthgHFfsXq76v7eE+zH8FZd1V9KMGhT8zdb07YaxqJK69RkYV6ahYKmbIDuQi"
    "oECdB4GdOlXfgkfI04DVyy6mGfYOrzAZqlc1ZWk1HCgHiDuGF9LBfeGxLqZ7M8wDPAqJaD"
    "KxeEcpidlMOo70bexYm/JtOFrsIMa51ta11Z11Gog9xrwYA8C2BeGgc9WWEUVuKSwKRbtM"
    "oI8tXIly1I0K12psgJlslmy5T0ekauSzjvEHBp2EHf1us7XVu66rvIDvq2Td+WRNnnJKSu"
    "NrxOzwya4mq8prkvnq5X7JZb0WpdCm2Io3Ej0hd9s5jSeh+iPpSs7VWpr6yqb1Y5TDC1WF"
    "g1fP68RWmVpKotrorPlSrY5EdlIOGUvIfSffrkSZuhP0+e1E/9UedK0wdYILQBR32SPccC"
    "lVOG6fUHXcz++H+jsmF6"
)
