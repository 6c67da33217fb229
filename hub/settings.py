"""Every setting of the hub: its name, unit, bounds and help. The only reader of the environment."""

import os
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, TypeAdapter, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hub.faults import SettingsError

DEFAULT_LADDER_SECONDS = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)

ROLES = ("writer", "ingress", "fanout", "translate", "deliver", "parker", "janitor")

_SECRET_LENGTH = 32
_OWN = (ip_network("127.0.0.0/8"), ip_network("0.0.0.0/8"), ip_network("::/127"), ip_network("::ffff:127.0.0.0/104"))
"""Networks in which this machine is: by loopback, or as the address that is none."""
_DRAIN_SECONDS = 5.0  # a proxy that probes every second or two has noticed by then


def _parts(value: SecretStr | None) -> tuple[str, ...]:
    text = "" if value is None else value.get_secret_value()
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _secrets(value: SecretStr | None) -> tuple[str, ...]:
    text = "" if value is None else value.get_secret_value().strip()
    if not text.startswith("["):  # as JSON a secret may have a comma in it
        return _parts(value)
    return TypeAdapter(tuple[str, ...]).validate_json(text)


class Settings(BaseSettings):
    """What an installation is told from outside: `HUB_<NAME>` in the environment, else `hub.env` in the data dir."""

    model_config = SettingsConfigDict(env_prefix="HUB_", extra="ignore", frozen=True)

    database_url: SecretStr = Field(description="PostgreSQL 15 or newer, `postgresql://user:password@host:port/name`.")
    database_read_url: SecretStr | None = Field(
        None, description="Another PostgreSQL address for the gateway's reads; default: `HUB_DATABASE_URL`."
    )
    database_read_pool: int = Field(8, ge=1, le=100, description="Connections of one gateway process for reads.")
    amqp_url: SecretStr = Field(
        description="RabbitMQ 3.10 or newer, `amqp://user:password@host:port/`; several hosts: comma-separated."
    )
    amqp_management_url: SecretStr | None = Field(
        None, description="RabbitMQ's management API; without it the AMQP door stays shut."
    )
    amqp_connections: int = Field(
        20, ge=1, le=10_000, description="AMQP connections that one pharmacy or integrator may have open."
    )
    amqp_tls_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="TCP port on which the broker of `hub up` takes AMQP with TLS, on `HUB_HOST`; 0 = off.",
    )
    amqp_tls_cert: Path | None = Field(
        None, description="PEM file with its certificate and those above it; RabbitMQ's user must be able to read it."
    )
    amqp_tls_key: Path | None = Field(None, description="PEM file with the key of that certificate, readable likewise.")
    secret_key: SecretStr = Field(
        min_length=_SECRET_LENGTH,
        description="The installation's secret, 32 characters or more; keys and webhook secrets derive from it.",
    )
    previous_secret_keys: SecretStr | None = Field(
        None,
        description="Secrets that `HUB_SECRET_KEY` replaced, comma-separated or a JSON list; what they encrypted opens.",
    )
    environment: Literal["development", "production"] = Field(
        "development", description="`production` refuses to start with unsafe settings."
    )
    host: str = Field("127.0.0.1", description="Address the gateway listens on.")
    port: int = Field(8000, ge=1, le=65535, description="TCP port of the gateway.")
    public_url: str | None = Field(None, description="The address clients see, e.g. `https://hub.example.org`.")
    metrics_port: int = Field(9464, ge=0, le=65535, description="Loopback TCP port of the gateway's metrics; 0 = off.")
    data_dir: Path = Field(Path(".hub"), description="Where `hub up` keeps its servers' data, logs and `hub.env`.")
    partitions: int = Field(8, ge=1, le=256, description="Command queues; fixed when the hub is installed.")
    confirm_seconds: float = Field(
        5.0, ge=0.1, le=30, description="Wait for the broker's confirm, in seconds; then 503."
    )
    window_commands: int = Field(500, ge=1, le=5000, description="Commands that the writer applies in one transaction.")
    partition_prefetch: int = Field(
        200, ge=1, le=5000, description="Unacked messages of a partition; never lower it on an installation that runs."
    )
    webhooks_allow_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (), description="Networks a webhook may reach besides public addresses, comma-separated; permits http there."
    )
    webhooks_source_address: IPv4Address | IPv6Address | None = Field(
        None,
        description="This machine's address from which webhooks leave; endpoints of the other family are not called.",
    )
    webhooks_ladder_seconds: Annotated[tuple[float, ...], NoDecode] = Field(
        DEFAULT_LADDER_SECONDS, description="Waits between the attempts of a delivery, in seconds, comma-separated."
    )
    webhooks_timeout_seconds: float = Field(
        30.0, ge=1, le=30, description="Longest attempt as a whole, in seconds, whatever the endpoint's own limit says."
    )
    webhooks_disable_after_hours: float = Field(
        120.0, gt=0, le=2400, description="Hours without one success after which a failing endpoint is disabled."
    )
    rate_limit_per_second: float = Field(
        200.0, ge=0, description="Requests a second of one key and gateway process; 0 = no limit."
    )
    rate_limit_burst: int = Field(400, ge=0, description="Requests that one key may send at once; 0 = no limit.")
    admin_enabled: bool = Field(True, description="Serve the operator's console at `/admin/`.")
    retention_operations_days: int = Field(
        30, ge=1, description="Days an ended operation is kept: the window of idempotency keys; also faults of uploads."
    )
    retention_events_days: int = Field(
        90, ge=1, description="Days an event is kept in the log; longer while an open endpoint still waits for it."
    )
    retention_attempts_days: int = Field(
        30, ge=1, description="Days a settled delivery is kept with its attempts; one that is due is never deleted."
    )
    retention_parked_days: int = Field(
        30, ge=1, description="Days a parked message is kept once it was replayed or discarded; till then for ever."
    )
    audit_retention_days: int = Field(
        90, ge=90, description="Days the audit log is kept; it is dropped by whole months."
    )
    orders_expire_hours: int = Field(
        0,
        ge=0,
        description="Hours an order may stay `ready` before it expires; 0 = for ever. External orders never do.",
    )
    janitor_seconds: float = Field(
        60.0, ge=0.1, le=3600, description="Time between two rounds of the janitor, in seconds."
    )
    roles: Annotated[tuple[str, ...], NoDecode] = Field(
        ROLES,
        description="Roles of this consumers process, comma-separated.",
    )
    consumers_metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Loopback TCP port of the consumers' metrics and health; 0 = off; default: `HUB_METRICS_PORT` plus one.",
    )
    watchdog_seconds: float = Field(
        60.0,
        ge=0,
        le=3600,
        description="A consumers process ends when a role of it makes no step for so long with work in hand; 0 = never.",
    )
    drain_seconds: float | None = Field(
        None,
        ge=0,
        le=60,
        description="How long a gateway goes on serving after SIGTERM while `/health/ready` is red, so that a proxy leaves it; "
        "default: 5 in production, else and under `hub up` 0.",
    )
    failpoint: str | None = Field(
        None,
        pattern=r"^(before_commit|after_commit|after_publish|before_ack):(kill|freeze)(@[1-9]\d{0,5})?$",
        description="For tests only: the writer ends or stops itself at this point, e.g. `after_commit:kill@3`.",
    )
    log_format: Literal["json", "pretty"] = Field("json", description="Form of the log lines.")

    @field_validator("webhooks_allow_networks", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        return value

    @field_validator("previous_secret_keys")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and any(len(secret) < _SECRET_LENGTH for secret in _secrets(value)):
            message = f"each of them has {_SECRET_LENGTH} characters or more"
            raise ValueError(message)
        return value

    @field_validator("webhooks_ladder_seconds")
    @classmethod
    def _ladder(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or any(not 0 <= step <= 7 * 86400 for step in value):
            message = "give one or more waits of 0 to 604800 seconds"
            raise ValueError(message)
        return value

    @field_validator("webhooks_ladder_seconds", "roles", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = set(value) - set(ROLES)
        if unknown or not value:
            message = f"unknown role {', '.join(sorted(unknown))}; choose from {', '.join(ROLES)}"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _whole_tls(self) -> Self:
        if self.amqp_tls_port and (self.amqp_tls_cert is None or self.amqp_tls_key is None):
            message = "HUB_AMQP_TLS_PORT is set, but HUB_AMQP_TLS_CERT or HUB_AMQP_TLS_KEY is not"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _whole_addresses(self) -> Self:
        parts = [urlsplit(url) for url in self.amqp_urls]
        if not all(one.scheme in {"amqp", "amqps"} and one.hostname for one in parts):
            message = (
                "HUB_AMQP_URL is wrong: give amqp://user:password@host:port/, comma-separated where there are several"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _safe_in_production(self) -> Self:
        if self.environment != "production":
            return self
        faults = []
        if any(urlsplit(url).username in {None, "guest"} for url in self.amqp_urls):
            faults.append("HUB_AMQP_URL has no user of the hub's own (guest is everybody's)")
        if any(urlsplit(url).password in {None, "", "guest"} for url in self.amqp_urls):
            faults.append("HUB_AMQP_URL has no password of the hub's own")
        for name, url in (("HUB_DATABASE_URL", self.database_url), ("HUB_DATABASE_READ_URL", self.database_read_url)):
            if url is not None and not urlsplit(url.get_secret_value()).password:
                faults.append(f"{name} has no password")
        if self.public_url is None or not self.public_url.startswith("https://"):
            faults.append("HUB_PUBLIC_URL is not an https address")
        if any(own.overlaps(one) for own in _OWN for one in self.webhooks_allow_networks if own.version == one.version):
            faults.append("HUB_WEBHOOKS_ALLOW_NETWORKS lets webhooks reach this machine")
        if self.failpoint is not None:
            faults.append("HUB_FAILPOINT is set, which is for tests")
        if faults:
            message = f"HUB_ENVIRONMENT is production, but {'; '.join(faults)}"
            raise ValueError(message)
        return self

    @property
    def amqp_urls(self) -> tuple[str, ...]:
        """The broker's hosts, in the order given."""
        return _parts(self.amqp_url)

    @property
    def previous_secrets(self) -> tuple[str, ...]:
        """The secrets that the installation had before: they only open what they closed."""
        return _secrets(self.previous_secret_keys)

    @property
    def consumers_port(self) -> int:
        """The loopback port of the consumers' metrics and health; 0 = off."""
        if self.consumers_metrics_port is not None:
            return self.consumers_metrics_port
        return self.metrics_port + 1 if 0 < self.metrics_port < 65535 else 0  # noqa: PLR2004 -- the last port

    @property
    def drain(self) -> float:
        """Seconds that a gateway goes on serving after SIGTERM: in production there is a proxy that has to notice."""
        usual = _DRAIN_SECONDS if self.environment == "production" else 0.0
        return usual if self.drain_seconds is None else self.drain_seconds

    @property
    def amqp_vhost(self) -> str:
        """The virtual host that the hub uses, and integrators with it."""
        return unquote(urlsplit(self.amqp_urls[0]).path[1:]) or "/"

    @property
    def url(self) -> str:
        """The address that clients use."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def default_data_dir() -> Path:
    """Name the data dir of an installation that was told none: under /var/lib for root (PostgreSQL runs as another user)."""
    named = os.environ.get("HUB_DATA_DIR")
    if named:
        return Path(named)
    return Path("/var/lib/pharmacy-hub") if os.geteuid() == 0 else Path.cwd() / ".hub"


def load_settings(data_dir: Path | None = None, file: Path | None = None) -> Settings:
    """Read the settings: the environment first, then `hub.env` of the data dir, or the file that is to become it.

    Raises:
        SettingsError: a value is missing or wrong; the sentence names the variable and what is allowed.
    """
    place = data_dir or default_data_dir()
    try:
        return Settings(_env_file=file or place / "hub.env", data_dir=place)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        if not fault["loc"]:
            faults.append(fault["msg"].removeprefix("Value error, "))
            continue
        name = "HUB_" + "_".join(str(part) for part in fault["loc"][:1]).upper()
        if fault["type"] == "missing":
            faults.append(f"{name} is not set: start the hub with ./run, or set it ({_help(fault['loc'])})")
        else:
            faults.append(f"{name} is wrong: {fault['msg']} ({_help(fault['loc'])})")
    return "; ".join(faults)


def _help(location: tuple[int | str, ...]) -> str:
    field = Settings.model_fields.get(str(location[0])) if location else None
    return (field.description or "").rstrip(".") if field else ""
