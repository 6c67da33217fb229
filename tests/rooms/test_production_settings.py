"""A production hub does not start with settings that are fit for a laptop only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.faults import SettingsError
from hub.settings import load_settings
from hub.up.commands import CONSUMERS, GATEWAY

SAFE = {
    "HUB_ENVIRONMENT": "production",
    "HUB_DATABASE_URL": "postgresql://hub:secret@db.example.org/hub",
    "HUB_AMQP_URL": "amqp://hub:secret@one.example.org/,amqp://hub:secret@two.example.org/",
    "HUB_SECRET_KEY": "0123456789" * 4,
    "HUB_PUBLIC_URL": "https://hub.example.org",
}


def _tell(monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    for name, value in (SAFE | changes).items():
        monkeypatch.setenv(name, value)


def test_a_production_hub_starts_with_safe_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _tell(monkeypatch)
    assert load_settings(tmp_path).environment == "production"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HUB_AMQP_URL", "amqp://guest:guest@one.example.org/", "HUB_AMQP_URL has no user"),
        ("HUB_AMQP_URL", "amqp://hub:secret@one.example.org/,amqp://two.example.org/", "HUB_AMQP_URL has no user"),
        ("HUB_DATABASE_URL", "postgresql://hub@db.example.org/hub", "HUB_DATABASE_URL has no password"),
        ("HUB_PUBLIC_URL", "http://hub.example.org", "HUB_PUBLIC_URL is not an https address"),
        ("HUB_FAILPOINT", "after_commit:kill", "HUB_FAILPOINT is set"),
        ("HUB_AMQP_URL", "amqp://hub@one.example.org/", "HUB_AMQP_URL has no password"),
        ("HUB_AMQP_URL", "amqp://hub:guest@one.example.org/", "HUB_AMQP_URL has no password"),
        ("HUB_DATABASE_READ_URL", "postgresql://hub@db.example.org/hub", "HUB_DATABASE_READ_URL has no password"),
        *(
            ("HUB_WEBHOOKS_ALLOW_NETWORKS", networks, "HUB_WEBHOOKS_ALLOW_NETWORKS lets webhooks")
            for networks in (
                "10.0.0.0/8,127.0.0.0/8",
                "0.0.0.0/0",
                "126.0.0.0/7",
                "0.0.0.0/8",
                "127.1.2.0/24",
                "::/0",
                "::1/128",
            )
        ),
    ],
)
def test_a_production_hub_names_what_is_unsafe_and_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, said: str
) -> None:
    _tell(monkeypatch, **{name: value})
    with pytest.raises(SettingsError, match="production") as refused:
        load_settings(tmp_path)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "command", [GATEWAY, CONSUMERS, ("hub.cli", "migrate"), ("hub.cli", "up")], ids=lambda words: " ".join(words[:2])
)
def test_no_process_of_a_production_hub_starts_with_the_guest_user(tmp_path: Path, command: tuple[str, ...]) -> None:
    told = SAFE | {"HUB_AMQP_URL": "amqp://guest:guest@127.0.0.1:1/", "HUB_DATA_DIR": str(tmp_path)}
    others = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    done = subprocess.run(
        [sys.executable, "-m", *command], env=others | told, cwd=Path(__file__).parents[2], capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode in {1, 2}
    assert "HUB_AMQP_URL has no user" in " ".join((done.stdout + done.stderr).split())


def test_a_laptop_may_have_all_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _tell(monkeypatch, HUB_ENVIRONMENT="development", HUB_AMQP_URL="amqp://guest:guest@127.0.0.1/")
    assert load_settings(tmp_path).environment == "development"


@pytest.mark.parametrize(
    ("environment", "told", "seconds"),
    [("production", None, 5.0), ("development", None, 0.0), ("production", "0", 0.0), ("development", "2.5", 2.5)],
)
def test_a_production_gateway_gives_its_proxy_time_and_a_laptop_stops_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: str, told: str | None, seconds: float
) -> None:
    _tell(monkeypatch, HUB_ENVIRONMENT=environment, **({} if told is None else {"HUB_DRAIN_SECONDS": told}))
    assert load_settings(tmp_path).drain == seconds


@pytest.mark.parametrize(
    "url", ["http://hub:secret@one.example.org/", "one.example.org", "amqp://", "amqp://hub:secret@/"]
)
def test_an_address_that_is_none_of_rabbitmq_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    _tell(monkeypatch, HUB_AMQP_URL=f"amqp://hub:secret@two.example.org/,{url}")
    with pytest.raises(SettingsError, match="HUB_AMQP_URL is wrong: give amqp://") as refused:
        load_settings(tmp_path)
    assert "secret" not in str(refused.value)
