"""What an instance is to be: its settings, which servers it runs itself, and `hub.env`, which remembers it."""

import io
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from hub.faults import SettingsError
from hub.security.derive import login_path, mint_secret_key
from hub.settings import Settings, load_settings
from hub.up.broker import BrokerServer, TlsListener
from hub.up.ports import LOOPBACK, free_ports, is_free
from hub.up.postgres import PostgresServer

_FILE = "hub.env"
_MARK = "# --- below: written by `hub up` at every start; your own settings go above this line ---"
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+=%?&\[\]-]*")
_METRICS_PORT = 9464
_PORTS = (
    "POSTGRES_PORT",
    "RABBITMQ_PORT",
    "RABBITMQ_MANAGEMENT_PORT",
    "RABBITMQ_DISTRIBUTION_PORT",
    "RABBITMQ_EPMD_PORT",
)
# Fixed when an installation is made: another value later would lose keys or break the order.
_KEPT = ("HUB_SECRET_KEY", "HUB_PARTITIONS")


@dataclass(frozen=True, slots=True)
class Plan:
    """An instance before it starts: `postgres` or `broker` is None where an address was given."""

    settings: Settings
    variables: Mapping[str, str]
    postgres: PostgresServer | None
    broker: BrokerServer | None


def make_plan(place: Path, environment: Mapping[str, str], *, port: int | None, with_demo: bool = False) -> Plan:
    """Decide what this start runs, and write it to `hub.env`, where the CLI finds it.

    The environment comes first, then the upper part of `hub.env` (the operator's), then what is generated: addresses
    of private servers with passwords, the secret key, free ports (last time's, where they are free).

    Args:
        place: the data dir.
        environment: ours.
        port: of the gateway, as the command line says.
        with_demo: who tries the hub has a receiver on this machine; webhooks may reach loopback unless a setting says
            otherwise.
    Raises:
        SettingsError: a setting is wrong, a port is taken, or data is there without its `hub.env`.
    """
    theirs, ours = _read(place)
    given = {
        name: value for name, value in {**_parse(theirs), **environment}.items() if name.startswith("HUB_") and value
    }
    if not ours and any((place / name).exists() for name in ("postgres", "rabbitmq")):
        message = f"{place / _FILE} is missing although {place} holds data: put it back, since it has the data's passwords and secret key"
        raise SettingsError(message)
    if port is not None:
        given["HUB_PORT"] = str(port)
    memory = {
        name: ours.get(name) or secrets.token_urlsafe(24)
        for name in (_up("POSTGRES_PASSWORD"), _up("RABBITMQ_PASSWORD"))
    }
    ports = free_ports([int(ours[_up(name)]) if _up(name) in ours else None for name in _PORTS])
    memory |= {_up(name): str(number) for name, number in zip(_PORTS, ports, strict=True)}

    made: dict[str, str] = {name: ours[name] for name in _KEPT if name in ours}
    made = {
        "HUB_SECRET_KEY": mint_secret_key(),
        "HUB_HOST": LOOPBACK,
        "HUB_PORT": "8000",
        **made,
        **_settings_of(given),
    }
    made["HUB_DATA_DIR"] = str(place)
    if with_demo:
        made.setdefault("HUB_WEBHOOKS_ALLOW_NETWORKS", "127.0.0.0/8")
    if "HUB_METRICS_PORT" not in given:
        made["HUB_METRICS_PORT"] = str(_METRICS_PORT if is_free(_METRICS_PORT) else free_ports([None])[0])
    if "HUB_CONSUMERS_METRICS_PORT" not in given:
        metrics_port = _number("HUB_METRICS_PORT", made["HUB_METRICS_PORT"])
        made["HUB_CONSUMERS_METRICS_PORT"] = str(_free_after(metrics_port)) if metrics_port else "0"
    postgres = broker = None
    if "HUB_DATABASE_URL" not in given:
        postgres = PostgresServer(place / "postgres", ports[0], memory[_up("POSTGRES_PASSWORD")], str(place))
        made["HUB_DATABASE_URL"] = postgres.url
    if "HUB_AMQP_URL" not in given:
        login = f"http://{_reached_at(made['HUB_HOST'])}:{made['HUB_PORT']}{login_path(made['HUB_SECRET_KEY'])}"
        password = memory[_up("RABBITMQ_PASSWORD")]
        _, amqp, management, distribution, epmd = ports
        broker = BrokerServer(
            place / "rabbitmq", amqp, management, distribution, epmd, password, str(place), login, _tls(made)
        )
        made["HUB_AMQP_URL"] = broker.url
        made["HUB_AMQP_MANAGEMENT_URL"] = broker.management_url
    settings = _checked(place, theirs, made).model_copy(update={"port": _number("HUB_PORT", made["HUB_PORT"])})
    made["HUB_PARTITIONS"] = str(settings.partitions)
    if not is_free(settings.port, settings.host):
        message = (
            f"port {settings.port} on {settings.host} is taken: stop what listens there, or choose another with --port"
        )
        raise SettingsError(message)
    _write(place, theirs, {**made, **memory}).replace(place / _FILE)
    return Plan(settings, made, postgres, broker)


def _checked(place: Path, theirs: str, ours: Mapping[str, str]) -> Settings:
    """Read what is to be remembered before it is: a wrong value would be there at the next start as well."""
    fresh = _write(place, theirs, ours)
    try:
        return load_settings(place, fresh)
    finally:
        fresh.unlink()


def _free_after(port: int) -> int:
    return port + 1 if is_free(port + 1) else free_ports([None])[0]


def _tls(made: Mapping[str, str]) -> TlsListener | None:
    port = _number("HUB_AMQP_TLS_PORT", made.get("HUB_AMQP_TLS_PORT", "0"))
    certificate, key = made.get("HUB_AMQP_TLS_CERT"), made.get("HUB_AMQP_TLS_KEY")
    if not port:
        return None
    if certificate is None or key is None:
        message = "HUB_AMQP_TLS_PORT is set, but HUB_AMQP_TLS_CERT or HUB_AMQP_TLS_KEY is not"
        raise SettingsError(message)
    return TlsListener(made["HUB_HOST"], port, certificate, key)


def _up(name: str) -> str:
    return f"HUB_UP_{name}"


def _reached_at(host: str) -> str:
    return {"0.0.0.0": LOOPBACK, "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104


def _settings_of(given: Mapping[str, str]) -> dict[str, str]:
    names = {f"HUB_{name.upper()}" for name in Settings.model_fields}
    return {name: value for name, value in given.items() if name in names}


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        message = f"{name} is wrong: {text!r} is no port"
        raise SettingsError(message) from error


def _read(place: Path) -> tuple[str, dict[str, str]]:
    try:
        text = (place / _FILE).read_text()
    except FileNotFoundError:
        return "", {}
    except OSError as error:
        message = f"{place / _FILE} cannot be read ({error.strerror})"
        raise SettingsError(message) from error
    theirs, _, ours = text.partition(_MARK)
    return theirs, _parse(ours)


def _parse(text: str) -> dict[str, str]:
    return {
        name: value
        for name, value in dotenv_values(stream=io.StringIO(text), interpolate=False).items()
        if value is not None
    }


def _write(place: Path, theirs: str, ours: Mapping[str, str]) -> Path:
    lines = [f"{name}={value if _PLAIN.fullmatch(value) else _quoted(value)}" for name, value in sorted(ours.items())]
    fresh = place / f"{_FILE}.new"
    fresh.touch(mode=0o600)
    fresh.chmod(0o600)
    fresh.write_text(theirs + "\n".join([_MARK, *lines, ""]))
    return fresh


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
