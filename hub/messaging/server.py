"""What the hub wants of a RabbitMQ server: its plugins, its limits, and whom it asks about log-ins.

`hub up` writes this for its own server; `rabbitmq/rabbitmq.conf` and `rabbitmq/enabled_plugins` say the same for servers
that are set up by hand (a test compares them).
"""

from collections.abc import Mapping
from typing import Final

PLUGINS: Final = (
    "rabbitmq_management",
    "rabbitmq_auth_backend_http",
    "rabbitmq_auth_backend_cache",
)
LOGIN_CACHE_SECONDS: Final = 3.0
"""For so long RabbitMQ lets the same key in again without asking."""

CHANNEL_MAX: Final = 320
"""Of one connection. The hub's own takes one for each partition, at most 256, and under 20 more.

An integrator's 20 connections may be closed at once: with 1,024 channels in each that kept RabbitMQ from letting anybody
in for 19 seconds, with 320 for a third of one.
"""

COMMON: Final[Mapping[str, str]] = {
    "log.console": "true",
    "log.console.level": "info",
    "log.file": "false",
    "channel_max": f"{CHANNEL_MAX}",
    "max_message_size": "8388608",
    # A single connection can be closed once it stands in the statistics, which are as old as the smallest step of `basic`: 5 s
    # by default. What is not named here would not be kept at all; the others are RabbitMQ's own.
    "management.sample_retention_policies.global.minute": "5",
    "management.sample_retention_policies.global.hour": "60",
    "management.sample_retention_policies.global.day": "1200",
    "management.sample_retention_policies.basic.minute": "2",
    "management.sample_retention_policies.basic.hour": "60",
    "management.sample_retention_policies.detailed.10": "5",
}
LOGINS: Final[Mapping[str, str]] = {
    # The hub's own user is RabbitMQ's: it must get in while no gateway runs.
    "auth_backends.1": "internal",
    "auth_backends.2": "cache",
    "auth_cache.cached_backend": "http",
    "auth_cache.cache_ttl": f"{LOGIN_CACHE_SECONDS * 1000:.0f}",
    # A GET would put keys into the address.
    "auth_http.http_method": "post",
}
BY_HAND: Final[Mapping[str, str]] = {
    "disk_free_limit.absolute": "1GB",
    "cluster_partition_handling": "pause_minority",
}
"""What a server of its own wants besides: room for more than one developer's messages, and a cluster that never parts."""


def login_addresses(login_url: str) -> dict[str, str]:
    """Name the addresses at which RabbitMQ asks about log-ins and rights.

    Args:
        login_url: the gateway's address and the path that only RabbitMQ knows (`hub.security.derive.login_path`).
    """
    return {f"auth_http.{check}_path": f"{login_url}/{check}" for check in ("user", "vhost", "resource", "topic")}


def dump_configuration(settings: Mapping[str, object]) -> str:
    """Write `rabbitmq.conf`.

    >>> print(dump_configuration({"channel_max": 320, "log.file": "false"}), end="")
    channel_max = 320
    log.file = false
    """
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def dump_plugins() -> str:
    """Write `enabled_plugins`, which is an Erlang term."""
    return f"[{','.join(PLUGINS)}].\n"
