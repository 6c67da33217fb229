"""Parked messages can be discarded, keys say when they were last used, and the audit log falls into months.

The audit log is only ever added to: the roles may INSERT, a trigger refuses UPDATE and DELETE to everybody, and months
are dropped by `hub_keep_audit` alone, which knows the shortest time that an installation may choose.
"""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True

COLUMNS = """
ALTER TABLE "api_keys" ADD "last_used_at" TIMESTAMPTZ;
ALTER TABLE "operator_keys" ADD "last_used_at" TIMESTAMPTZ;
ALTER TABLE "parked_messages" ADD "discarded_at" TIMESTAMPTZ;
ALTER TABLE "parked_messages" ADD "note" TEXT;
ALTER TABLE "audit_log" ADD "outcome" VARCHAR(16);
GRANT SELECT (last_used_at) ON api_keys TO hub_read;
"""

INDEXES = """
CREATE INDEX operations_accepted ON operations USING brin (accepted_at);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries USING brin (created_at);
CREATE INDEX orders_ready ON orders (updated_at) WHERE status = 'ready';
ALTER TABLE parked_messages ADD CONSTRAINT parked_messages_settled CHECK (replayed_at IS NULL OR discarded_at IS NULL);
"""

# A month for everything; what no month takes, because none was made in time, lands in the default partition.
AUDIT = """
ALTER TABLE audit_log RENAME TO audit_log_before;
ALTER TABLE audit_log_before RENAME CONSTRAINT audit_log_pkey TO audit_log_before_pkey;
CREATE TABLE audit_log (
    "id" UUID NOT NULL,
    "pharmacy_id" UUID,
    "actor" VARCHAR(64) NOT NULL,
    "action" VARCHAR(64) NOT NULL,
    "subject" TEXT NOT NULL,
    "at" TIMESTAMPTZ NOT NULL,
    "origin" TEXT NOT NULL,
    "outcome" VARCHAR(16),
    PRIMARY KEY ("at", "id")
) PARTITION BY RANGE ("at");
COMMENT ON TABLE "audit_log" IS
    'Who did what, when, from where; only ever added to. Monthly partitions and the key (at, id) stand in the migration.';
CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT;
CREATE INDEX audit_log_pharmacy ON audit_log (pharmacy_id, at);
INSERT INTO audit_log (id, pharmacy_id, actor, action, subject, at, origin, outcome)
    SELECT id, pharmacy_id, actor, action, subject, at, origin, outcome FROM audit_log_before;
DROP TABLE audit_log_before;
GRANT SELECT ON audit_log TO hub_read_all;
GRANT SELECT, INSERT ON audit_log TO hub_write;

CREATE FUNCTION audit_log_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_stays();

CREATE FUNCTION hub_audit_month(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE partition text := 'audit_log_' || to_char(month, 'YYYY_MM');
BEGIN
    IF to_regclass('public.' || quote_ident(partition)) IS NULL THEN
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.audit_log FOR VALUES FROM (%L) TO (%L)',
                       partition, month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END IF;
END $$;
REVOKE ALL ON FUNCTION hub_audit_month(date) FROM PUBLIC;

CREATE FUNCTION hub_keep_audit(keep_days integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
    this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    month date;
    partition text;
    dropped integer := 0;
BEGIN
    IF keep_days IS NULL OR keep_days < 90 THEN
        RAISE EXCEPTION 'the audit log is kept for 90 days or more' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM public.audit_log_default) THEN
        ALTER TABLE public.audit_log DETACH PARTITION public.audit_log_default;
        FOR month IN SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date FROM public.audit_log_default LOOP
            PERFORM public.hub_audit_month(month);
        END LOOP;
        INSERT INTO public.audit_log SELECT * FROM public.audit_log_default;
        TRUNCATE public.audit_log_default;
        ALTER TABLE public.audit_log ATTACH PARTITION public.audit_log_default DEFAULT;
    END IF;
    FOR ahead IN 0..2 LOOP
        PERFORM public.hub_audit_month((this_month + make_interval(months => ahead))::date);
    END LOOP;
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.audit_log'::regclass AND c.relname ~ '^audit_log_[0-9]{4}_[0-9]{2}$'
    LOOP
        IF to_date(right(partition, 7), 'YYYY_MM') + interval '1 month' <= now() - make_interval(days => keep_days) THEN
            EXECUTE format('DROP TABLE public.%I', partition);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION hub_keep_audit(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub_keep_audit(integer) TO hub_write;
SELECT hub_keep_audit(90000);
"""


async def upgrade(db: BaseDBAsyncClient) -> str:
    """Add the columns, cut the audit log into months, and let the janitor keep them."""
    return COLUMNS + INDEXES + AUDIT


async def downgrade(db: BaseDBAsyncClient) -> str:
    """Refuse: a log that is only ever added to is not taken apart; restore a backup instead."""
    message = "the audit log is not taken apart; restore a backup of the release before"
    raise NotImplementedError(message)


MODELS_STATE = (
    "eJztXW1z27gR/isYfUpmdB5HcRw36XTGTnwXt7F9kyi9l16HhknYwpkiFBC0o7nmvxegSI"
    "kvIE1QL4ao/WJbwC5FPyAXuw92gb96Y+YRP9w7ntB/kWnvDfqrF+AxkX8UevqohyeTRbtq"
    "EPjaj0XxhDp3ZBo34utQcOwK2X6D/ZDIJo+ELqcTQVmgpOXlQsRu0GSE+Ri7lIR9hEP0+c"
    "PxD4NXh3vqIh5z5VVocNtQPgro14g4gt0SMSJcav3nv7KZBh75RsL04+TOuaHE93L/JvXU"
    "BeJ2R0wncduXL2fvf4wl1b1cOy7zo3GwkJ5MxYgFc/Eoot6e0lF9tyQgHAviZQAIIt9PsE"
    "qbZncsGwSPyPxWvUWDR25w5CsYe3+/iQJXoYfib1I/Dv6R3FpGzHEuLofO59Oh4/RKqKtb"
    "KACbNLksUCNGA6GA+uv77LoLQOLWnvqCdx+OPz17efg8hoCF4pbHnTFcve+xIhZ4phqDvk"
    "DZ5URh4mBRRvu97BF0TPSI5zULyHuJ6l76R5sRSBsWQ7B4cFNwU/g2C/jw7Pz08/D4/Gd1"
    "+XEYfvVjvI6Hp6pnELdOC63PZuPD5Ds4eznnF0G/nA0/IPUR/X55cVocxbnc8PeeuiccCe"
    "YE7MHBXhaTtDltkqKLYY4mXsthzmvCMFs9zPeEh+rfL43xWSD0w5vRKIytxGcLR1Per/z1"
    "w+DFweuDo5eHB0dSJL7RecvrmgE/uxjG9nKBaDK3TR2z6aigtsp5yd7X5dFpaAFr/LuE55"
    "B8q3hMU/kCkPLGugXh8PTXYc7YXPz7+FOM6/nxr89zBufj5cVPqfjC2ly8+3h5UgDbo7ck"
    "1Bj+d/Ih1cO90FgN4I/7Uus0CWP8zfFJcCtG8uPhQQ38KdiHBwUjng7DIO7KwztKLGVTcF"
    "P5TjzLeXCPGmB7VAntURHZ0GXqCiVs//n58kKP7UKj6KlQV6D/IZ+G2zir1cCqsKi3GEXj"
    "ULDO6gJFi0G+TajsbuEu5jVX4C4mlmILRmLrvEVO7tldq6AgrwmjbPMo+zgUThS2GueiLo"
    "y0bSOt6LObuwy1oxqusXv3gLnnlHrYgFXJlrvGg3GxBQf4Nh4khaa6z5SMjDwqTgPB9VTl"
    "ordfS1cqOcdnt834yl9GDHnUQw8jLPryJwn66IazsfqTk7eIBf4UERnhIgki8ZBge+icBW"
    "IkmyeYC6ouFCIcyK4RQXdkip6pK1HvOQqFaqZB3DOmt/KJlsJlDvSJ7gF4VSsC2mpe9cl5"
    "g+2xswa0gTQHjJvEWnOFDgZbq49kcfzSGeKrZw8BYB3AYXT9J3E1blg185VR6QTEmya/zJ"
    "1eWOmw1NfNDivj9JZqTFX1i7TQgPeoxXvEIuEyHWlfPTlkVFpBbpkLk58cXhw2mBxeFF+R"
    "xeSgur7bEr6d3pNA9DSR26yjXxe0ESXSMMNkKAMZGd69RVfXzJteIRrGsY2QL638A4s4Up"
    "oiTlxCVcwko5twDw3TwCj1jvsoJPKRCFySBElhg0htw98NEZoVsYPFEdoWzSgGIVr6dpQx"
    "PaG3lWkIWa0u5SH8bTB4+fL1YP/l4dGrg9evXx3tzxMSyl11mQknZz+p5ITcZFLOVogxM5"
    "ihU/lOeETrDt7YhMzsu6HFKOqBySg+tVTnV9YHaakOhGlWh2nK1TIJ0lL5ThikTYRoNgUQ"
    "n9NJvCqQ+JyZ5R8JKJzUIzCJLHAo5I2Nr5X3Ln146ZYzhAMUX1AlquM0VV368wH136g25b"
    "mPouvnFQHD0pdcIg6wz0PdjcggXvVu58eWVMGZNXJmLTFnZ4F6vxmfngky1pmzvECtOaOp"
    "qEOlbENzpi4b19aEgrl3Zduk6QfCwXKzAqU2O+HyQqnNTgwzlNpAqc1WsCvhXWRCCSbinQ"
    "jACyt2gyblCVKqes1uUCpRgEKmDa5Bf41wIKjQMEqVRjerAlZXY3Wl4SD8nmhMbiWmWRXA"
    "VDeTcaojDt4Tl46xXzGNpTpFv2+mtJcobyG6NdC9P313dn78URrW/iA2CtIkyCg5a48P9o"
    "smV9pWjh0VZpUhrq4My2tBddgS1WHUI9Kmyq/jRrV5BTUYgiWGwJfBSkz9OGIkxUbMNzHg"
    "FdqtbLltSVorNuUe8Um7aD6vCZVTtgXzllDNl2l2QE9DMy86+3UU8zzDwGCxjAbX7Nu87i"
    "hJ1VSpbCwgbxBG8uNY9T5QMZIiNETUUzlz8i58Sjwp5hL9mtlKrvxH8EdwJsLZQpvs40SK"
    "spAozpvKhvmqW1xsdXVDeWbh5Upeo4+uZguJLosCcZWsy4330JV8buSLcIXuCJnMcgBxED"
    "4QLkX+CLC8zRTNWVqgi1UBJArY7F6Aa7eH5IDkvk1n6kB+2RqLgwQWkcajruHq5hodBHg1"
    "CfZZgG/klxMuA22z/VoKah2EevXPsjQhLOIucUwtRkmxg3C/HDSA++WgEm7VVQG32XRXUI"
    "Nq42I5rEsm7YK/giqs5VoX/hUmBhqOWg10QRUG2vKB5q1T+8q6HeLLNlynkonMDWjLghYs"
    "PWmXnpj8R8cmvHxGZSlO3rIne9OU/IxWMgF+oQG4t8cd9oRZayTnMTN0U/kOgruC3U2tWn"
    "RgvOJoiWx3//GFB8ZbHDKRqjY8Y6JaHLh4K8JmyHvf8dgK8t53Ypgh733VIRukEMNZCF2J"
    "FuAshHWdhQBb8u/C7Apb8u/CKMOW/F0eaVs4Hu7FbEiZ3Yk7+rW8jhJpSOjElwvTbE5COf"
    "JpQMIylVMnCCQOkDgQ3T/9zAQkzk4MM5A4sHnBVqTgxY6Iw8kN4fqMnZrdx8uqHWQZ1rKp"
    "wXyjqsalnakCFHUukckgmMC+g8f6tKja6vGiKhSRk+zzXy4ih2KLNRdbjNR1VHGeER2cVY"
    "IzIx5HWcZWoc6Pq149Wmh04jHe9PrRrGDCyG7MNToB+AbcD9jg4wkcEUtYy58xvyPeOQlD"
    "HEdoJfYyL9CvYzEnsagznsk2pDOTK4coJALhkHpSJkNZzsxnmdxsrgZUpxUxpsW145b5MC"
    "uK5J/+9Ixu4goH4W3WAwSXe8OAT/DUZ1hjNE5ogPm0whovlAqgX0/FzBfoDuwniV83h12i"
    "fnJ2cfzpNz3uJxo/8OS34elxCXneLhklpwhrQVavBXEy8fG0Zc5RThVSUWweZ4+GrgzP2u"
    "1lV9CFkbZ5pAMmzBLKE/kuEK6bcE5soUqSgLOnY0nSvn4tQTKToiaHbAkSYIm1fuu/bCfw"
    "HFZEipDSteOzAaR07cQwQ0oX1OVtmR+VSzkKHel60HvdpkyM+QQHFZN/Vq/I9EjFbkF/cn"
    "n5MQf9yVkR2y/nJ6efnr0oJMKUn+4Hcj1i7M6JuG/ykBfUIGRokUJAhJD3Y5Rgl9WBpe3t"
    "XNr+jH3tinbc3q+L00Ip0TBEUxdrUoxTIweBGwRu4NE/vUcPgdtODDMEblCLsxWZJrGHYO"
    "K0zhXAY126KqTNkYIFzZ2sCTkyqQmRPrGTzogm821OEaZbq6fbVrWEy1cRWsZ5bCCLHyqs"
    "1lz7A2USO8wlzYqKdGzSvNyohk+KZRov+lPuoQnmgpJwdiTeGE9RSNQRfjM2OHyLrkLici"
    "Ku1EF+Lp2MCBfySdNlCSx5NWCnrAgLgJ3acT8K2KmdGGZgp4Cd2gp2CrI1NrmE7Y6IDu6a"
    "2G6u0QnA1x3bzfxfk+d5odEJgDf9RM/OFlNf5EywHFQD5DWqMAQthmAsA1Z1PyXoq8mMjA"
    "owGUusMZBAAaErsazLvctoQeZd88w7j/ikXeSU14QiLNsCJ1vIQcHcu3N2Lx2uQPR0HGFO"
    "oF9LFSpRZ5zIGtQJScNwS/hbdCWBpaojJvOE7Ik3ZkQ0QA8j6o7Q/NrogXCC5K34lHj6+q"
    "JVXHQJAjH9Vo2drDk4Nqv1eEScvJLL8YjrD4c3cmBsNcn41FSuvYbSIGQGJmItsKrNUA0h"
    "zagAnPZtHNRNYOVcr1s6rpzH5vJA62q8+q8RDgQVUwffCKI5MbcS1rIi4KvBt2rbpbqknU"
    "5tu7RuynGju0bYBu6mua55QpkTcWqCekmxC9lom0afuW7EeSsKpqAKq9fWkTD518xlLbc8"
    "KqjCQFs30JawbV8m8UaDGpot6enX8WtRLNOQVzuJ/Dt0Q1XlJg48NGIPUpIr/muKMCdlzq"
    "yJAiTUWRGXQULdDpowSKjbuWGGhDpIqNsKevBO3r0J3ZLKd4IPWDfZ4tFbEmoMfTW8C40O"
    "Anx40ADgw4NKgFVXgWBhD5ras0obm4qDgdUY2GT13ADOjAYgqiWz/ySuMII0qwKYJphaRQ"
    "Gccs60B65nu/uPkwEOUZINKYEf1aCEiN0gZcLU7+t5zF/mAx6VBjLACi/M4sOJbDMjq3F2"
    "kzfPDNScEkCq2S7GYH5LxWFu04W4TF5Zl1VQvVCYUelEwLDpNUJXTs8meKfyAHYLsD0iMD"
    "Xah3ahAYBv17EVv8x2eTgWgown2vT0gkSty5zuR4xnwg295suAoA/D4c/Ixb6v3GCM5JXp"
    "PeHTstP8mDD4zFZ4HuAzbz5/NH4JDGEtqAGsxTy8aHxtlEC6UADfWcdeGq+nwjrqFqyjzj"
    "aLc/RueuW7UtBq9cJYljy56veFpDxlU1d8rgCpqC0inygpUhmbLFcVtMDua9dYwon8BuJc"
    "M29q8jyXFCHC3MoI813EQ/2CTF6g3yS+dGPZhuHlh0WeJfLZrapRDiecYA8JhnCASODF9N"
    "wbRJQnjOIdRFA0Ud0jVa88wiGiIpzHmX1Eb2QDepDtDzgQuvroTX3pEuFueguGEUNBDQJg"
    "CICtiNRCIv8Z7U7SddsBZLW6NHFvYEcAu+aX94mdrJlh5iKN5pjE8DY+jlcRkzMrfsM4Yu"
    "pTYin7cbr/w4gEyoDLmcCLNNUBLfSB67TCBoGp37Cpt89z6Qas8dZ5hphmdABQLaDtHJOy"
    "LrgnRu6Jfj/J8iBUJ3nntTrBO6w70RuOGVlzqUJ2Zb1p+ndGpUs2ZHVHi5NvIk1ZaFHwp1"
    "GHzSBtXqzycShn1lYrVjpVWLYqv1JQJb0TbxJUSXd2mO1i906T0L1Xze7NRfpN2L2UC2hI"
    "7n359DE5H0utvcx4OoNztszVgdqzIpaHfUB20PTBDLdzwwz7gMA+IFtBKUfcqDAnEe8Etb"
    "bpZEA49WnDgC/4dg29WXOGcl4Njh6Co4e24+ghGs7v3AzvvCJAbnLa0+LmDAx7QQ2se6uq"
    "Yjhoq5uBlGVU4X3FOVu5/n4jkvC++SlbydUTms+VX41oUGYCq8WA8bMi1ALGbwctGDB+Oz"
    "fMwPgB47cVjB/kLupT6wZHTXLrBkfVyXWqr/AI42l6SERT9imjAszTEsxTyCLuEkPbkVNa"
    "wnJsT0BoYDg4cQm9b3vcTlYVXBmrXZkJZy4JQ2PaNqcHLGJzFnEOXItXq6gLdJbNrxaQll"
    "0dZUtIy2PCqTvqaejKpKdfR1TihcxjBGX1wK6YeKyMn7VemiZ0Th705QhH6+Pmap6xkpmo"
    "jvaqqYkuhHqDV68ahHpSqjLUi/tKx2iYIJyIdxDdF/v7TQLp/f3qQFr1FfdrDkSyzNI0kM"
    "6oQCBtGEg/6WT2/f8vPu0U"
)
