"""Standard Webhooks signatures, each checked against the specification's own Python library."""

import hmac
import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from hub.security.signatures import (
    PUBLIC_PREFIX,
    SIGNATURES,
    derive_signing_key,
    derive_webhook_secret,
    public_key_of,
    refuse_secret,
    refuse_signature,
    sign,
)
from tests.kit.signatures import refuse_public_signature

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "standard_webhooks.json").read_text("utf-8"))
NOW = datetime.now(UTC)
BODY = b'{"type": "sale.recorded", "n": "\xc3\xa9"}'


def a_secret(number: int = 1) -> str:
    return derive_webhook_secret("a secret of the installation, long", UUID(int=number))


def a_secret_of(length: int) -> str:
    return "whsec_" + b64encode(bytes(length)).decode()


@pytest.mark.parametrize("vector", VECTORS)
def test_the_published_vectors_hold(vector: dict[str, str]) -> None:
    at = datetime.fromtimestamp(int(vector["webhook_timestamp"]), UTC)
    body = vector["raw_body"].encode()
    headers = sign(vector["webhook_id"], at, body, [vector["secret"]])
    assert headers == {
        "webhook-id": vector["webhook_id"],
        "webhook-timestamp": str(vector["webhook_timestamp"]),
        "webhook-signature": vector["signature"],
    }
    assert refuse_signature(headers, body, [vector["secret"]], at) is None


@given(body=st.text(st.characters(exclude_categories=["Cs"])), length=st.integers(24, 64))
def test_another_library_accepts_what_we_sign(body: str, length: int) -> None:
    secret = a_secret_of(length)
    headers = sign("evt_1", datetime.now(UTC), body.encode(), [secret])
    Webhook(secret).verify(body, headers, json_parse=False)


@given(body=st.text(st.characters(exclude_categories=["Cs"])))
def test_we_accept_what_another_library_signs(body: str) -> None:
    signature = Webhook(a_secret()).sign("evt_1", NOW, body)
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(int(NOW.timestamp())), "webhook-signature": signature}
    assert refuse_signature(headers, body.encode(), [a_secret()], NOW) is None


def test_during_a_rotation_the_receiver_may_hold_either_secret() -> None:
    now = datetime.now(UTC)  # the other library looks at the clock itself
    headers = sign("evt_1", now, BODY, [a_secret(1), a_secret(2)])
    for secret in (a_secret(1), a_secret(2)):
        Webhook(secret).verify(BODY, headers)
        assert refuse_signature(headers, BODY, [secret], now) is None
    assert refuse_signature(headers, BODY, [a_secret(3)], now) == "no signature fits"


def test_a_source_in_rotation_may_sign_with_either_secret() -> None:
    headers = sign("evt_1", NOW, BODY, [a_secret(2)])
    assert refuse_signature(headers, BODY, [a_secret(1), a_secret(2)], NOW) is None
    assert refuse_signature(headers, BODY, [], NOW) == "no signature fits"


def _signed(**changes: str) -> dict[str, str]:
    headers = sign("evt_1", NOW, BODY, [a_secret()])
    return headers | {name.replace("_", "-"): value for name, value in changes.items()}


GENUINE = _signed()["webhook-signature"]
OTHER = sign("evt_1", NOW, BODY, [a_secret(2)])["webhook-signature"]


@pytest.mark.parametrize(
    "signature",
    [
        "", "v1", "v1,", "v1, ", ",", GENUINE[3:], "v1a," + GENUINE[3:], "v2," + GENUINE[3:], "V1," + GENUINE[3:],
        OTHER, GENUINE[:-1], GENUINE + "=", GENUINE.replace("v1,", "v1, "), "v1,????", "v1,é", "v1," + "A" * 100_000,
        " ".join([OTHER] * 50), " ".join([OTHER] * SIGNATURES + [GENUINE]), GENUINE + "\n",
    ],
    ids=map(str, range(19)),
)  # fmt: skip
def test_a_wrong_signature_is_refused(signature: str) -> None:
    assert refuse_signature(_signed(webhook_signature=signature), BODY, [a_secret()], NOW) is not None


@pytest.mark.parametrize(
    "signature",
    [f"{OTHER} {GENUINE}", f"v1a,xx {GENUINE}", f"{GENUINE} nonsense", f" {GENUINE}"],
    ids=map(str, range(4)),
)
def test_one_fitting_signature_among_others_is_enough(signature: str) -> None:
    assert refuse_signature(_signed(webhook_signature=signature), BODY, [a_secret()], NOW) is None


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_within_the_tolerance_a_message_is_accepted(seconds: int) -> None:
    whole = NOW.replace(microsecond=0)
    headers = sign("evt_1", whole, BODY, [a_secret()])
    assert refuse_signature(headers, BODY, [a_secret()], whole + timedelta(seconds=seconds)) is None


@pytest.mark.parametrize("minutes", [-6, 6, -60_000])
def test_too_old_and_too_new_are_refused_though_the_signature_fits(minutes: int) -> None:
    headers = sign("evt_1", NOW + timedelta(minutes=minutes), BODY, [a_secret()])
    assert "seconds away" in (refuse_signature(headers, BODY, [a_secret()], NOW) or "")


@pytest.mark.parametrize(
    "stamp", ["", "0", "1e9", "1e10", "-1", "+1", "01700000000", "1700000000.0", " 1700000000", "١٧٠", "9" * 30]
)
def test_a_timestamp_is_plain_digits(stamp: str) -> None:
    mac = hmac.digest(b64decode(a_secret()[6:]), f"evt_1.{stamp}.".encode() + BODY, "sha256")
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{b64encode(mac).decode()}",
    }
    at = datetime.fromtimestamp(1_700_000_000, UTC)
    assert "malformed" in (refuse_signature(headers, BODY, [a_secret()], at) or "")


def test_a_missing_header_is_refused() -> None:
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        headers = {key: value for key, value in _signed().items() if key != name}
        assert name in (refuse_signature(headers, BODY, [a_secret()], NOW) or "")


def test_another_body_id_or_time_does_not_fit() -> None:
    later = str(int(_signed()["webhook-timestamp"]) + 1)
    assert refuse_signature(_signed(), BODY.replace(b" ", b""), [a_secret()], NOW) == "no signature fits"
    assert refuse_signature(_signed(webhook_id="evt_2"), BODY, [a_secret()], NOW) == "no signature fits"
    assert refuse_signature(_signed(webhook_timestamp=later), BODY, [a_secret()], NOW) == "no signature fits"


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "é", "a\n", "x" * 256])
def test_an_id_that_could_be_read_two_ways_is_neither_signed_nor_accepted(message_id: str) -> None:
    assert refuse_signature(_signed(webhook_id=message_id), BODY, [a_secret()], NOW) is not None
    with pytest.raises(ValueError, match="webhook-id"):
        sign(message_id, NOW, BODY, [a_secret()])


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_holds_24_to_64_bytes(length: int) -> None:
    assert refuse_secret(a_secret_of(length)) is None


@pytest.mark.parametrize(
    "secret",
    [
        "", "whsec_", a_secret_of(23), a_secret_of(65), a_secret_of(10_000), "WHSEC_" + "A" * 32, "A" * 32,
        "whsec_" + "é" * 32,
        "whsec_" + "A" * 33, "whsec_" + "-_" * 16, "whsec_ " + "A" * 32, "whsec_" + "A" * 32 + "\n",
        a_secret_of(32)[:-1],
    ],
)  # fmt: skip
def test_what_is_no_secret_is_refused_and_never_signs(secret: str) -> None:
    assert refuse_secret(secret) is not None
    with pytest.raises(ValueError, match="secret"):
        sign("evt_1", NOW, BODY, [secret])


def test_nothing_is_sent_unsigned() -> None:
    with pytest.raises(ValueError, match="one secret or more"):
        sign("evt_1", NOW, BODY, [])


def test_a_secret_is_derived_again_from_the_same_operation() -> None:
    assert a_secret() == a_secret()
    assert a_secret() != a_secret(2)
    assert refuse_secret(a_secret()) is None


# Signatures that receivers verify without a secret


def a_signing_key(number: int = 1) -> str:
    return derive_signing_key("a secret of the installation, long", UUID(int=number))


def test_a_v1a_signature_is_ed25519_over_id_time_and_body() -> None:
    headers = sign("evt_1", NOW, BODY, [a_signing_key()])
    version, _, text = headers["webhook-signature"].partition(",")
    public = Ed25519PublicKey.from_public_bytes(b64decode(public_key_of(a_signing_key()).removeprefix(PUBLIC_PREFIX)))
    public.verify(b64decode(text), b"evt_1." + headers["webhook-timestamp"].encode() + b"." + BODY)  # raises if wrong
    assert version == "v1a"


def test_a_signing_key_verifies_with_its_own_public_key_only() -> None:
    headers = sign("evt_1", NOW, BODY, [a_signing_key()])
    assert refuse_public_signature(headers, BODY, public_key_of(a_signing_key())) is None
    assert refuse_public_signature(headers, BODY, public_key_of(a_signing_key(2))) == "no signature fits"
    assert refuse_public_signature(headers, BODY + b" ", public_key_of(a_signing_key())) == "no signature fits"


def test_during_a_change_from_v1_to_v1a_both_receivers_accept() -> None:
    headers = sign("evt_1", datetime.now(UTC), BODY, [a_signing_key(), a_secret()])
    Webhook(a_secret()).verify(BODY, headers)
    assert refuse_public_signature(headers, BODY, public_key_of(a_signing_key())) is None


def test_a_signing_key_is_read_as_a_seed_too() -> None:
    seed = "whsk_" + b64encode(b64decode(a_signing_key().removeprefix("whsk_"))[:32]).decode()
    assert public_key_of(seed) == public_key_of(a_signing_key())


@pytest.mark.parametrize("key", ["", "whsk_", "whsk_AAAA", "whsec_" + b64encode(bytes(32)).decode(), "whsk_!"])
def test_what_is_no_signing_key_has_no_public_key(key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        public_key_of(key)
