"""How an endpoint is called: its credentials, its own headers, its own time limit, and what is shown of them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from consumers.calling import digest_of, prepare
from hub.domain.webhook_health import Health
from hub.security.signatures import derive_webhook_secret
from hub.security.vault import Vault, endpoint_aad
from hub.storage.deliveries import CalledEndpoint

KEY = "a secret key that only the tests know"
VAULT = Vault(KEY)
ID = UUID(int=7)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def sealed(text: str) -> str:
    return VAULT.encrypt_text(text, endpoint_aad(ID))


def an_endpoint(**members: Any) -> CalledEndpoint:
    values: dict[str, Any] = {
        "id": ID, "pharmacy_id": UUID(int=1), "version": 1, "is_open": True, "url": "https://shop.example/hook",
        "secret": sealed(derive_webhook_secret(KEY, ID)), "previous_secrets": [], "auth": None, "headers": {}, "ordered": False,
        "timeout_seconds": 20, "ladder_seconds": None, "throttle_per_second": None, "health": Health(),
    }  # fmt: skip
    return CalledEndpoint(**values | members)


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ({"type": "bearer", "token": "hunter2"}, "Bearer hunter2"),
        ({"type": "basic", "username": "till", "password": "swordfish"}, "Basic dGlsbDpzd29yZGZpc2g="),
    ],
    ids=["bearer", "basic"],
)
def test_credentials_go_with_every_call_and_are_never_shown(auth: dict[str, str], sent: str) -> None:
    calling = prepare(an_endpoint(auth=sealed(orjson.dumps(auth).decode())), VAULT, (), 30.0)
    headers, shown = calling.sign("evt", NOW, b"{}")
    assert headers["authorization"] == sent
    assert orjson.loads(shown)["authorization"] == "***"
    assert not any(secret in shown for secret in ("hunter2", "swordfish", sent.split()[1]))


def test_own_headers_go_with_every_call() -> None:
    headers, shown = prepare(an_endpoint(headers={"X-Shop": "7"}), VAULT, (), 30.0).sign("evt", NOW, b"{}")
    assert (headers["x-shop"], orjson.loads(shown)["x-shop"]) == ("7", "7")


@pytest.mark.parametrize(("own", "longest", "seconds"), [(15, 30.0, 15.0), (30, 30.0, 30.0), (30, 20.0, 20.0)])
def test_a_call_lasts_as_long_as_the_endpoint_says_within_the_installations_limit(
    own: int, longest: float, seconds: float
) -> None:
    assert prepare(an_endpoint(timeout_seconds=own), VAULT, (), longest).timeout_seconds == seconds


def test_an_old_secret_signs_until_its_moment_and_no_longer() -> None:
    old = {
        "secret": sealed(derive_webhook_secret(KEY, UUID(int=8))),
        "valid_until": (NOW + timedelta(hours=1)).isoformat(),
    }
    calling = prepare(an_endpoint(previous_secrets=[old]), VAULT, (), 30.0)
    signatures = [
        len(calling.sign("evt", at, b"{}")[0]["webhook-signature"].split()) for at in (NOW, NOW + timedelta(hours=1))
    ]
    assert signatures == [2, 1]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/hook", "https://127.0.0.1/", "http://shop.example:8080/", "https://shop.example:22/"]
)
def test_a_url_that_may_not_be_called_is_a_fault_of_the_call(url: str) -> None:
    assert prepare(an_endpoint(url=url), VAULT, (), 30.0).fault is not None
    assert prepare(an_endpoint(), VAULT, (), 30.0).fault is None


def test_whatever_is_edited_makes_the_call_anew() -> None:
    edits: list[dict[str, Any]] = [
        {"url": "https://shop.example/other"}, {"secret": sealed("x")}, {"auth": sealed("{}")}, {"headers": {"X-Shop": "8"}},
        {"timeout_seconds": 15}, {"version": 2},
    ]  # fmt: skip
    first = an_endpoint()
    assert (
        len(
            {
                digest_of(
                    an_endpoint(secret=first.secret) if not edit else an_endpoint(**{"secret": first.secret} | edit)
                )
                for edit in [{}, *edits]
            }
        )
        == len(edits) + 1
    )
