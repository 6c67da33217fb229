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
    ADD "disabled_reason" TEXT,
    ADD "source_id" UUID;
GRANT SELECT (previous_valid_until, signing, public_key, auth_type, headers, event_filter, ordered, timeout_seconds, ladder_seconds, throttle_per_second, disabled_reason, source_id)
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
CREATE INDEX stock_movements_pharmacy ON stock_movements (pharmacy_id, position);
CREATE INDEX operations_resource ON operations (resource_id, accepted_at) WHERE resource_id IS NOT NULL;
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
    "eJztXWtz2ziy/Ssof7lJlcaVyHltsrVVduKdeDePuYmzs7s3tyiIhCSsKUJDgHZUc+e/X4"
    "APiQ+QJqiHIaq/JDbZTdIHZKP7dKPx+8mcecTnp+cL+neyPHmNfj8J8JzIH0pnBugELxbr"
    "4+qAwGM/FsUL6tyQZXwQj7kIsSvk8Qn2OZGHPMLdkC4EZYGSlpfjiE3QYobDOXYp4QOEOf"
    "r6/vyn4fMXp+oiHnPlVWgwbSkfBfS3iDiCTYmYkVBq/c//ysM08MgPwrNfFzfOhBLfK/yZ"
    "1FMXiI87YrmIj337dvXur7Gkepax4zI/mgdr6cVSzFiwEo8i6p0qHXVuSgISYkG8HABB5P"
    "spVtmh5InlARFGZPWo3vqARyY48hWMJ3+eRIGr0EPxndQ/z/6SPlpOzHE+fb52vl5eO85J"
    "BXX1CCVg00MuC9SI0UAooH7/I7nuGpD46Im6wdv3518enb14HEPAuJiG8ckYrpM/YkUscK"
    "Iag75G2Q2JwsTBoor2O3lG0DnRI17ULCHvpaqn2Q9dRiA7sB6C9YubgZvBt1/Ar68+Xn69"
    "Pv/4i7r8nPPf/Biv8+tLdWYYH12Wjj5KxofJbzD5OFcXQb9eXb9H6lf078+fLsujuJK7/v"
    "eJeiYcCeYE7M7BXh6T7HB2SIquhzlaeB2HuagJw2z1MN+SkKs/vzLGV4HQD29OozS2Ep8D"
    "HE35vPK/n4ZPn7189ursxbNXUiR+0NWRlw0DfvXpOraXa0TTuW3pmE1HJbVtzkv2fi73Tk"
    "NrWOP/K3hekx81r2kmXwJSPli/ILy+/Od1wdh8+sf5lxjXj+f/fFwwOB8+f/o5E19bm09v"
    "P3y+KIHt0SnhGsP/Vr6kerjXGtsB/H5fapcmYY5/OD4JpmImf33xrAH+DOwXz0pGPBuGYX"
    "yqCO8stZRtwc3ke/EuF8F91QLbV7XQviojy12mrlDB9m9fP3/SY7vWKHsq1BXo/5BP+SHO"
    "ag2wKiyaLUbZOJSss7pA2WKQHwsqT3dwF4uaW3AXU0txACNxcN5iSG7ZTaegoKgJo2zzKP"
    "uYCyfinca5rAsjbdtIK/pscpOjdtSBMXZv7nDoOZUzbMjqZKun5sN5+QgO8DQeJIWmes6M"
    "jIw8Ki4DEeqpyvXZQSNdqeQcn03b8ZW/zhjyqIfuZlgM5L8kGKBJyObqx5C8QSzwl4jICB"
    "dJEImHBDtFH1kgZvLwAoeCqgtxhAN5akbQDVmiR+pK1HuMuFCHaRCfmdOpfKOlcJUDfaBn"
    "AF7VioC2nld9cN7gcOysAW0gzQELTWKtlUIPg63tR7I4/ugM8dWzhwCwDmAejf9DXI0bVs"
    "985VR6AfG+yS9zpxcyHZb6uvlhZSGdUo2pqv+Q1hrwHXX4jlgkXKYj7esnh5xKJ8gtc2GK"
    "k8PTFy0mh6flT2Q9OahTf9gSvl3ekkCcaCK35MSgKWgjSqRlhcm1DGRkePcGjcbMW44Q5X"
    "FsI+RHK3/AIo6UligkLqEqZpLRDT9F11lglHnHA8SJfCUCl6RBEm8Rqe353hChWRE7WByh"
    "HdCMYhCiZV9HFdMLOq0tQ8hr9akO4U/D4dnZy+GTsxevnj97+fL5qyergoTqqabKhIurn1"
    "VxQmEyqVYrxJgZzNCZfC88ol0Hb2xBEvtuaDHKemAyym8t1fmVzUFapgNhmtVhmnK1TIK0"
    "TL4XBmkfIZpNAcTXbBKvCyS+5mb5ewIKJ/MITCILzIV8sPlYee/Sh5duOUM4QPEFVaE6zk"
    "rVpT8fUP+1OqY891k0flwTMGx8yQ3iAPs81OOIDOKsdzc/tqIKzqyRM2uJObsK1PfNwuWV"
    "IHOdOSsKNJozmok6VMq2NGfqsvHaGi6Ye1O1TZrzQDhYblZgqc1RuLyw1OYohhmW2sBSm4"
    "NgV/hNZEIJpuK9CMBLGbthm+UJUqo+ZzesLFGAhUx7zEH/FuFAUKFhlGqNbl4FrK7G6krD"
    "QcJbojG5tZjmVQBT3UwWUh1x8I64dI79mmks0yn7fYnSaap8gOg2QPfu8u3Vx/MP0rAOhr"
    "FRkCZBRsl5e/zsSdnkStsaYkeFWVWI61eGFbVgddgGq8OoR6RNlbcLjdbmldRgCDYYAl8G"
    "KzH144iZFJsx38SA12h3suW2FWlt2ZR7xCfdovmiJqycsi2Yt4Rq/pxVB5xoaOb1yUETxb"
    "yqMDBIltFgzH6s1h2lpZqqlI0F5DXCSP46V2fvqJhJEcoR9VTNnHwKnxJPirlEnzPbypW/"
    "B9+DK8GTRJs8FxIpyjhRnDeVB1ZZt3ix1WhCw1ziZSSvMUCjJJHosigQozQvNz9FI/neyA"
    "9hhG4IWSQ1gDjgdySUIt8DLB8zQzMpC3SxWgCJApY8C3Dt9pAcUNy370odqC/b4eIggUWk"
    "8agbuLqVRg8B3k6BfR7gibw5CWWgbdavpaTWQ6i3/y5LE8Ki0CWOqcWoKPYQ7rNhC7jPhr"
    "Vwq1M1cJtNdyU1WG1cXg7rkkW34K+kCrlc68K/0sRA+azTQJdUYaAtH+iwc2lfVbdHfNme"
    "16nkInMD2rKkBaknbeqJyT90bsLL51Q24uQte7P3TckntJIJ8GsNwL077tATZqeRnMfM0M"
    "3kewjuFrqb2pJ0CL2Yta4mHOITg8ZkgxJpmWiIL8czpp/QUNq0gPBq3qBJEMh2K+JiKGw/"
    "8uAJCtuPYpihsB0K2w+Cno0dESckExLq2ZyGzlRV1R76qzspeF8tYmxd9pcpQMHfBlGuYA"
    "L7Dp7rKbPGyuKyKhQYk/z7Xy0whkT8jhPxM3UdVbhlgnFBCfoJ3o+yjK24zo+rX5y01ujF"
    "a7zv5UlJMt3Ibqw0egH4HtwPWPzxAI6IJazlLzi8Id5HwjmOI7QKe1kUGDSxmItY1Jknsi"
    "3pzPTKHHEiEObUkzI5yjIxn1Vys70aUJ1WxJgW1xVb5sNsKZJ/+M6K/cQVmqTv1wMEl3vP"
    "gC/w0mdYYzQuaIDDZY01XiuVQB8vReIL9Af2i9SvW8EuUb+4+nT+5V963C80fuDFv64vzy"
    "vIh932DiwoQi7I6lxQSBY+XnbcIrKgCutfbR5nj3JXhmfd1jmXdGGkbR7pgAmzfkWpfB8I"
    "1304J7ZQJWnAeaJjSbJzg0aCJJGiJg2YBQmwxFq/LDx/EngOKyJFKOk68tkASrqOYpihpG"
    "vbJV3Q9nGPJA/ljtpn9la3YI8xn+CgZvLP65WZHqnYL+gvPn/+UID+4qqM7bePF5dfHj0t"
    "FcJU3+47Mp4xduNEoW/ykpfUIGToUEJAhJDPY1Rgl9eB1PZhpra/Yl+b0Y6PD5riNC4lWo"
    "Zo6mJtFuM0yEHgBoEbePQP79FD4HYUwwyBG6zFOYhKk9hDMHFaVwrgsW68KqRLu/mS5lGu"
    "CXllsiZE+sROl41qC4ow3Vo93XZaS7j5KkLLOI89VPHDCqsdr/2BZRJHzCWpnR0+slsyJ4"
    "E40ZFKBYFBI7sU7xIxT2VN9mIm3pSEb9BIAkXViZFq8R43hFdrr1U7+LsZdWdodW10J81o"
    "1gS+ZjfmLVx0k/2Y07tq0hANfQPzWveHZOlcsBmRtft4bC/9AutZrofmEu01ZgYxG4TCO4"
    "FV9TswhDSnAnDatzaon8DKuV7nHdbOYyt54BU1vGK2z6SDJ4JoGibeu0HlWhHw1W5TqV9Z"
    "1RSX92pl1a4jxr0WhtsG7v7XCaackROF1AT1imIfCKd9o89cNwrDTtnTkirwuZbzuS7ruK"
    "qppAoDbd1AW8K2fVvEa4k1NFt6ZtDEr0WxTEte7SLyb9CEquIstX/ijN1JyVDxX0u1QWKV"
    "M2ujABVdVsRlUNF1hCYMKrqObpihogsqug6CHryRT29Ct2TyveADdk22eHRKuNEmpGuNHg"
    "K8g/1H2Z2mvKTWxmbiYGA1BjbNnhvAmdMARLVk9n+IK4wgzasApimmVlEAl2HItHsq5U8P"
    "7icDHKIkW1ICf1WDwhGbIGXC1P/jVcxf5QPulQYywAovzOL+o7aZke04u+mXZwZqQQkg1a"
    "wIMZjfMnGY23QhLpNX1lUV1CcKcyq9CBj2nSN05fRsgncmD2B3ANsjAlOjVhNrDQD8sDrT"
    "/Zo0Cbm8rSlOL5xvdJezdiPxtuAt/eX06qpoHAvkylsjqunYXy8GHrIVfgaky448jwLpsq"
    "MYZkiXQbrsIMLd2AlJ8KigWp/VKWr1wpXdw+rh2k0f6le21m/5AMtaXxs0nEg2rDO0HQUl"
    "2KOnnAtyCb3tWqOaVwVXxmpXZhEyl3Cuy/o1djEt6EEX0/ZdTFfAddmkpqQLm1rY/Gmluz"
    "hqp6V656uo1YeFNEXfa/j8eQvfS0rV+l7xuTIvPp/jwDPq9ZXXAe9rA+9r79vLWfZ+7z8v"
    "4ZNuJFNRE2YP22YPS5Ihl3L0vK9yHkrgryRDCucHTckQoiQdnoi2TIa8lZLS8USZVpLtiD"
    "vmcDoNiIdYJNCYTJg8knSCVm/rG3RDFgJFgaA+GpEfCyoHQ77po2oeZSd3gBSMFSFsfQom"
    "ab3Bwk4dO1ZqQBSUGMag20rWvB5QBNbNRMWufZmlMx7kgiYMs3XDbIvDoRIO/x2ReEir7s"
    "b6bLOzEactflOCLV2Nc5QlkP6LI3YXoAlRk38QN+8bh+yGhAM0mkXjU+kQnP45E0bU+8vo"
    "ddrULx51RAUS+Ca3otlnwVQdneMlmobsruqF7Pvm4KBYMXVCjcgR2lmoETm6YYYaEagROY"
    "gILlGsAFpPnK8UgDXfgDXPJUXam4iiElgJjZUAdryvs6slwar8OMk0pgRPNMFq7uygKVil"
    "K7mWseo/SOBJYRn4MU4QZxMh/xTFYYe3MvKTT7vM4klK+Gs0yk17fKT6asm4UmmmYaG8F5"
    "qwsBqW7vA+EIFaMfVDBHqExhMi0KMbZohAt+1bxv9X4GzoRo21G6wdZgn9vstcKHek80Bv"
    "NYg3VqYW9KAy1aAyNefJmfABZT2gBQ5zh6516PJ3sjxpjG2UwKBdeOPckGXLEEdeNW7/k4"
    "uNBghz9PX9+U/D5y+qsUobBQg6IOgAb/ThvVEIOo5imCHo2HbQkZtKDSeksiKkviCee8Bl"
    "Cw/eXfhhtyjdcW/hWWot24KbyffiXS6C22Zxf/3S/uq24C4zzJCvNSAW3iBFblHhMaRyd7"
    "gd1i276dhpIK8Jo2zzKPuYCyfqtuy9rAsjbdtIW8Jgfk7Xap1oyMvVuUETb5mt9mrJWP5C"
    "2MInqlYiXjmIaICwiAv43WSN4Rs0WmDO71jojRDlCIdTFgypN0AjwcRihFy6mJFQyJDjFJ"
    "2jgNyhEVkwdzZCJPB4uvowW6hYZUAf4gGAUbUijAVG9QgNLTCqRzfMwKhum1GVrmSop/7q"
    "6ZK8Tg8pk510RAR6dZ+bt0tnz+SFzuR7Afaud8bLXGiTtzmvA22OzF9oFZ6Y4J3JA9bmWM"
    "cRn4GHsZIH/0KXsYXKxf1WLsYEYdK6yaFBV4axfAGgGW0Oi2CdX19H2TIyuaYYNn960IZS"
    "7lAIu2Kj25XB1osDZQuULXB5Dz9pAWV7FMMMlC2svDtgNgAqNaFS8yArNaFg8BhmVygYPI"
    "ZRhoLBPo+0JRzP13gPuBMNvZOeGTQxO8kOci05nesZDT20wKGgJN1xQPVH4iTwULpnNH+D"
    "RpzIgF6M4la+o4U0WJRF3FkdDUm+YK/CBO3iJt+D74HUEELeg4/QjElg0Z26NEbcnZE5QQ"
    "Eh8tiYcOrFGyag5FLo0YxgT7UxJoHLPKk/QPJuE/pjgLA/ZSEVs7n80fPk26RIq4DfkfAx"
    "MFbAWAGVYck0DIzVUQwzMFbQrRiWbB8whDshAhP3zoSrWmv0AvBd1xUmfrLJ+7zW6AXA+3"
    "6jS8GOCfIaVSg13GAEbrFPPSfeTc/Utay7BvA8NvuYyf5M6o9wFljX9r7+29OogvnrMqGn"
    "NE4V+4ZmFjkdaGex0Y4Pi4V6HgPscyoA/SadRAIFhCYQa6zHzmlBNXb7amyozO3rbG5J1u"
    "bXJJNxLgSZL8SJJntTkhg0ZXHSvIh86WLhlumczwFB76+vf0Eu9n1VfIuRvDK9JeHydZId"
    "ucNcJV7EAAmWbteYy3R4iZArnxspVKq5nJ3cAdIqVvBZ9WkVoA13QhtmX44hrCU1gLXMxk"
    "bzMQkNsgZrBUgaaFwnc5cJsmuW+kqFYU1mZRPGI6cCLGOHbghE/tlcOEkBihHfoVGF2HuD"
    "2JsLLCIuAfY0maTaiaKk1Wm2sOwb2PZkQcKQaebeBhY1UwCL0qFFggLPcX2ss+P1CdGSWh"
    "+QLyZFz4YtkqJnw9qkqDpV8tUjiYV8JmeuQbrWYJS0wL3UWAxppRfyDsQZM29pYjkqipB9"
    "aWlC7KLM3kYh17dHLQoM2hBmbizbki97z+7kqTCuDvbZVLUi5YtQuliKu8KBaja6YHJgXi"
    "OiAm4UZ/xQtFCnZyQkaIY5ooKvOLABohO1yawiwe5wIF+6KoW2r5tuwKplj2BITJTUgGcD"
    "ns0KQoir4ClwdZ2P6LTe2c9p9Wni/tNweHb2cvjk7MWr589evnz+6slqBq+eaprKL65+Vr"
    "N5YYZJpne75pd3qZ1smGFWIq3mmNTw0rarbFTSJLHiExYipn5LLWWWEiGBMuByJvAicopG"
    "IYsCz5HRZiji/thqqkgzQQhPBAnTxIqaBXzsefLAmEzl3PEIT+VwP9bnbfb/CJDYscISwo"
    "Sz5wnHPv+pH7DGBXeGmOZ0AFAtoN3co6ouOElGTpK+CtWIxito9YL92HWbk4TBNwF5rdFD"
    "gLe/eCRfsNSSJM2r9MmGbI8hXfviBrCWtABZXQcv8kNkNXYdSkM16lAfanPNQ9JSuVPuV6"
    "cKCeCattfGWeCiVh8SkvtOBUPri6OwYND6orfDbBdrfpmSUSf1rPlKZNCGNc/YrZak+bcv"
    "H9JmUSqnmZDX/HTVJmqARhLAWdIuat3diavNJsvdo/j9Pap2fjegwq3gvqB11BEaVpg/j2"
    "6YoXUUtI46iBRMFGoajdTHyal4L6jo/feZgL5GD9NVJ3WMq9DXL3jR6cKKlw1WvECLo2P1"
    "hdQWgtoWLw1Jz7VKLyzfTjd4WERjn7pqJzWTuaWoBYy3+fSiGBkTxDN5wLob1sb1KQWlPq"
    "C+UzPSYVUwrAbeUieuVSGVEfwlNRiCjYdgQn2ha91x3xis9TYaBMvMzb7HgIXSmhg3pMtp"
    "QUO69g3pVFzEIlVBK2/vmdTLaTSBsdRWoqhlKfUA1xuVqiaYle5mRcxCJoRPnMUKU5O3Xa"
    "8NpVeaKnJoKLo/++1RHuPmhARzXaapPhDVqPYhOto7nx/vdGaYjyoobZCNOhzsDZJRlK+e"
    "zMyGFBXBjJj0JV4/nIkJKar1gqTdt/2AltB9zX7YVUn5nmA/Jgzr6ihTgUGbKsrZWrZVex"
    "tVrKh6NfNSdxk0ZQN0F1IhSIDGy1gu7WtAwteI08Alq64AE0x9PkCztHPNqtdMGBBvELcA"
    "GEtX5oaE+m43D/AM0Pzm4AowocBoJz6d+m7kXZz4azKd6CrKMNfZNteVxzoKdUmMWnolrw"
    "IsosZBT2YYxT65JDBZf1tVBHw1+LIFCbpVIxU1wTLZbJmS1bOR6xLOOwRcGnUYb+vHO51b"
    "uo53UR3G27bxtiTKPichdbXhdXpm0BRX47XMffF0/cBueXFfrUuhDXE0bkT6om8WU1rvQ9"
    "SHkrWrf+pr1eqX/xwmmVosVRs+f96iWE1K1ZarxedKNYHyozJAOBXvIbpPnzxp00bpyZP6"
    "PkrqXKmfAwuENuCoL1vIqUAtmmHBwoNOZn/8PwL9zho="
)
