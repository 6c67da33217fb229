"""The vendors' own vectors, and that a secret shows nowhere."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from pathlib import Path
from typing import Any, get_args

import pytest

from hub.domain.source_bodies import Scheme
from hub.security.schemes import Expected, MessageHeaders, refuse_message

NOW = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)


def judge(expected: Expected, body: bytes, **headers: str) -> str | None:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return refuse_message(expected, MessageHeaders(raw), body, NOW)


def test_squares_documented_example_verifies() -> None:
    expected = Expected("square", ["asdf1234"], {"notification_url": "https://example.com/webhook"})
    signature = "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og="
    assert judge(expected, b'{"hello":"world"}', x_square_hmacsha256_signature=signature) is None
    assert judge(expected, b'{"hello": "world"}', x_square_hmacsha256_signature=signature) is not None


def test_the_reference_vector_of_standard_webhooks_verifies() -> None:
    expected = Expected("standard", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], {})
    headers = {
        "webhook_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook_timestamp": "1614265330",
        "webhook_signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert judge(expected, b'{"test": 2432232314}', **headers) is None


def test_githubs_documented_example_verifies_in_either_case() -> None:
    expected = Expected("github", ["It's a Secret to Everybody"], {})
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    for spelling in (signature, signature.upper().replace("SHA256", "sha256")):
        assert judge(expected, b"Hello, World!", x_hub_signature_256=spelling) is None


@pytest.mark.parametrize("secrets", [["new secret", "old secret"], ["old secret"]])
def test_either_of_two_secrets_is_good(secrets: list[str]) -> None:
    expected = Expected("api_key", secrets, {})
    assert judge(expected, b"{}", x_api_key="old secret") is None
    assert judge(expected, b"{}", x_api_key="older secret") is not None


def test_what_is_expected_never_shows_its_secrets() -> None:
    assert "hush" not in repr(Expected("github", ["hush hush"], {}))


MADE = json.loads((Path(__file__).parents[1] / "vectors/webhooks/signatures.json").read_text())
AT = datetime.fromtimestamp(MADE["at"], UTC)
"""When the messages of the vectors were signed."""


def verdict(
    vector: dict[str, Any], *, body: str = MADE["body"], at: datetime = AT, url: str = MADE["url"]
) -> str | None:
    expected = Expected(vector["scheme"], [vector["secret"]], vector["settings"], url)
    raw = [(name.encode(), value.encode()) for name, value in vector["headers"].items()]
    return refuse_message(expected, MessageHeaders(raw), body.encode(), at)


@pytest.mark.parametrize("vector", MADE["vectors"], ids=lambda vector: vector["name"])
def test_what_another_program_signed_verifies_and_nothing_else_does(vector: dict[str, Any]) -> None:
    assert verdict(vector) is None
    assert verdict(vector | {"secret": vector["secret"][:-2] + "x="}) is not None
    if vector["scheme"] not in {"basic", "api_key"}:  # these sign nothing
        assert verdict(vector, body=MADE["body"] + " ") is not None
    if vector["scheme"] == "square" and not vector["settings"]:
        assert verdict(vector, url=MADE["url"] + "/") is not None


@pytest.mark.parametrize("vector", MADE["vectors"], ids=lambda vector: vector["name"])
def test_no_comparison_ends_early(vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every secret is compared with all there is, in constant time, wherever the right one stands and though none is right."""
    compared: list[tuple[int, int]] = []

    def compare(ours: bytes, theirs: bytes) -> bool:
        compared.append((len(ours), len(theirs)))
        return compare_digest(ours, theirs)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    right, wrong = vector["secret"], vector["secret"][:-2] + "x="
    seen = []
    for secrets, is_good in (([right, wrong], True), ([wrong, right], True), ([wrong, wrong], False)):
        compared.clear()
        expected = Expected(vector["scheme"], secrets, vector["settings"], MADE["url"])
        raw = [(name.encode(), value.encode()) for name, value in vector["headers"].items()]
        assert (refuse_message(expected, MessageHeaders(raw), MADE["body"].encode(), AT) is None) is is_good
        seen.append(list(compared))
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) >= 2
    assert all(ours == theirs for ours, theirs in seen[0])


def test_every_scheme_has_a_vector() -> None:
    assert {vector["scheme"] for vector in MADE["vectors"]} == set(get_args(Scheme))


@pytest.mark.parametrize("scheme", ["standard", "stripe"])
@pytest.mark.parametrize("seconds", [-301, -300, 300, 301])
def test_a_timestamp_is_good_for_300_seconds_either_way(scheme: str, seconds: int) -> None:
    (vector,) = (one for one in MADE["vectors"] if one["scheme"] == scheme)
    is_good = verdict(vector, at=AT + timedelta(seconds=seconds)) is None
    assert is_good is (abs(seconds) <= 300)


@pytest.mark.parametrize(
    ("signatures", "is_good"),
    [("{good},v1={other}", True), ("v1={other},{good}", True), ("v1=00, {good}", True), ("v0={digits},v1={other}", False), ("v1={other},v1={other}", False)],
)  # fmt: skip
def test_one_of_several_signatures_of_stripe_is_enough(signatures: str, is_good: bool) -> None:  # noqa: FBT001
    """While a secret is being rolled, Stripe signs with both."""
    (vector,) = (one for one in MADE["vectors"] if one["scheme"] == "stripe")
    stamp, good = vector["headers"]["stripe-signature"].split(",")[:2]
    several = signatures.format(good=good, other="0" * 64, digits=good.removeprefix("v1="))
    assert (verdict(vector | {"headers": {"stripe-signature": f"{stamp},{several}"}}) is None) is is_good
