"""A private RabbitMQ: own node, data, cookie, port mapper and ports, loopback only, one user with a password."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hub.faults import SettingsError
from hub.messaging.server import COMMON, LOGINS, dump_configuration, dump_plugins, login_addresses
from hub.up.accounts import Account, account
from hub.up.binaries import BrokerPrograms, find_broker
from hub.up.ports import LOOPBACK, answers
from hub.up.processes import MARK, Child, Spec, Starter, wait_until
from hub.up.reach import is_reachable

USER = "hub"
# The name needs no resolver: the machine's own may not resolve.
_NODE = "hub@localhost"
_GREETING, _START_FRAME = b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00"
_FOLDERS = ("mnesia", "log", "home")


@dataclass(frozen=True, slots=True)
class TlsListener:
    """Where a private RabbitMQ takes AMQP with TLS: address, port, PEM files of the certificate and of its key."""

    host: str
    port: int
    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class BrokerServer:
    """Where a private RabbitMQ keeps its data and how it is reached.

    Args:
        data: its folder.
        amqp_port, management_port, distribution_port, epmd_port: loopback TCP ports.
        password: of the user `hub`.
        mark: names the instance in the environment of its processes.
        login_url: where RabbitMQ asks about integrators' log-ins, an HTTP address of the gateway; None = no integrators.
        tls: a listener for integrators besides; None = none.
    """

    data: Path
    amqp_port: int
    management_port: int
    distribution_port: int
    epmd_port: int
    password: str
    mark: str
    login_url: str | None = None
    tls: TlsListener | None = None

    @property
    def url(self) -> str:
        """Its AMQP address, with the password."""
        return f"amqp://{USER}:{self.password}@{LOOPBACK}:{self.amqp_port}/"

    @property
    def management_url(self) -> str:
        """The address of its management API, with the password."""
        return f"http://{USER}:{self.password}@{LOOPBACK}:{self.management_port}"


def start_broker(server: BrokerServer, start: Starter) -> tuple[Child, Child]:
    """Start a private RabbitMQ and wait until it takes connections; returns the port mapper and the node.

    Args:
        server: what to start.
        start: starts a process.
    Raises:
        SettingsError: there are no programs for it, or it does not start.
    """
    programs = _programs()
    runs_as = _user(server)
    _write_files(server, runs_as)
    environment = _environment(server)
    epmd = start(
        Spec(
            "epmd",
            [str(programs.epmd), "-address", LOOPBACK, "-port", str(server.epmd_port)],
            {**environment, MARK: server.mark},
            Path("/"),
            runs_as,
            stop_seconds=2,
        )
    )
    try:
        wait_until(epmd, lambda: answers(server.epmd_port), 10)
        node = start(
            Spec(
                "rabbitmq",
                [str(programs.server)],
                {**environment, MARK: server.mark},
                Path("/"),
                runs_as,
                stop_seconds=20,
            )
        )
        try:
            # The listeners open last, when plugins and users are there.
            wait_until(node, lambda: answers(server.amqp_port, greeting=_GREETING, reply=_START_FRAME), 60)
            wait_until(node, lambda: answers(server.management_port), 30)
        except BaseException:
            node.kill()
            raise
    except BaseException:
        epmd.stop()
        raise
    return epmd, node


def control(server: BrokerServer, *arguments: str) -> str:
    """Run `rabbitmqctl` against a private RabbitMQ and return what it prints.

    Raises:
        SettingsError: the command failed.
    """
    runs_as = _user(server)
    done = subprocess.run(
        [_programs().ctl, "-q", *arguments],
        env=_environment(server),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        user=runs_as.uid if runs_as else None,
        group=runs_as.gid if runs_as else None,
        extra_groups=[] if runs_as else None,
    )
    if done.returncode:
        message = f"rabbitmqctl {arguments[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}"
        raise SettingsError(message)
    return done.stdout


def _programs() -> BrokerPrograms:
    programs = find_broker()
    if programs is None:
        message = "RabbitMQ is missing on this machine: install it with apt-get install --no-install-recommends rabbitmq-server"
        raise SettingsError(message)
    return programs


def _user(server: BrokerServer) -> Account | None:
    user = account("rabbitmq")
    # RabbitMQ opens its files by path from several processes: where its user cannot walk to them, it stays root.
    return user if is_reachable(server.data, user) else None


def _write_files(server: BrokerServer, runs_as: Account | None) -> None:
    server.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _FOLDERS:
        (server.data / name).mkdir(mode=0o700, exist_ok=True)
    (server.data / "enabled_plugins").write_text(dump_plugins())
    configuration = server.data / "rabbitmq.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(dump_configuration(_configuration(server)))
    # Data that once ran as another user (root, where the folder was out of the user's reach) changes hands as a whole.
    owner = (runs_as.uid, runs_as.gid) if runs_as else (os.geteuid(), os.getegid())
    if os.geteuid() == 0:
        moved = server.data.stat().st_uid != owner[0]
        own = [server.data, configuration, server.data / "enabled_plugins", *(server.data / name for name in _FOLDERS)]
        for path in [*own, *server.data.rglob("*")] if moved else own:
            os.chown(path, *owner, follow_symlinks=False)


def _configuration(server: BrokerServer) -> dict[str, object]:
    settings: dict[str, object] = {
        "listeners.tcp.1": f"{LOOPBACK}:{server.amqp_port}",
        "management.tcp.ip": LOOPBACK,
        "management.tcp.port": server.management_port,
        "default_user": USER,
        "default_pass": server.password,
        "disk_free_limit.absolute": "200MB",
        **COMMON,
    }
    if server.tls is not None:
        settings |= {
            "listeners.ssl.1": f"{server.tls.host}:{server.tls.port}",
            "ssl_options.certfile": server.tls.certificate,
            "ssl_options.keyfile": server.tls.key,
            # Integrators prove themselves by their API key, not by a certificate of theirs.
            "ssl_options.verify": "verify_none",
            "ssl_options.fail_if_no_peer_cert": "false",
            "ssl_options.versions.1": "tlsv1.3",
            "ssl_options.versions.2": "tlsv1.2",
        }
    if server.login_url is not None:
        settings |= {**LOGINS, **login_addresses(server.login_url)}
    return settings


def _environment(server: BrokerServer) -> dict[str, str]:
    data = server.data
    on_loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
    return {
        "PATH": f"{os.environ.get('PATH', '')}:/usr/bin:/bin:/usr/sbin:/sbin",
        "LC_ALL": "C.UTF-8",
        "HOME": str(data / "home"),  # the cookie; shared by node and rabbitmqctl
        "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node instead of standing between it and us
        "RABBITMQ_NODENAME": _NODE,
        # Names that do not exist keep out what the machine configures for its own RabbitMQ.
        "RABBITMQ_CONF_ENV_FILE": str(data / "none"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(data / "none.config"),
        "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_PID_FILE": str(data / "pid"),
        "RABBITMQ_DIST_PORT": str(server.distribution_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": on_loopback,
        "RABBITMQ_CTL_ERL_ARGS": on_loopback,
        "ERL_EPMD_PORT": str(server.epmd_port),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_CRASH_DUMP_BYTES": "0",
    }
