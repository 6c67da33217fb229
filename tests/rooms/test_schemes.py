"""The vendors' own vectors, and that a secret shows nowhere."""

from datetime import UTC, datetime

import pytest

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
