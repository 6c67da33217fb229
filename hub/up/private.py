"""Private servers without the hub on top: what tests and benchmarks run against."""

import contextlib
import json
import os
import secrets
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from hub.up.broker import BrokerServer, start_broker
from hub.up.ports import free_ports
from hub.up.postgres import THROWAWAY, PostgresServer, start_postgres
from hub.up.processes import Child, started_at
from hub.up.processes import start as start_process


@dataclass(frozen=True, slots=True)
class PrivateServers:
    """Both servers, running."""

    postgres: PostgresServer
    broker: BrokerServer
    children: tuple[Child, ...]

    @property
    def database_url(self) -> str:
        """PostgreSQL's address; the role may do everything."""
        return self.postgres.url

    @property
    def amqp_url(self) -> str:
        """RabbitMQ's address; the user may do everything."""
        return self.broker.url

    @property
    def management_url(self) -> str:
        """RabbitMQ's management API, with the password."""
        return self.broker.management_url


def start_private_servers(data_dir: Path, *, throwaway: bool = False, login_url: str | None = None) -> PrivateServers:
    """Start PostgreSQL and RabbitMQ beside each other, in an empty folder; about four seconds.

    Args:
        data_dir: where they keep everything; made if missing.
        throwaway: PostgreSQL may lose its data in a power cut (not in a crash of its own).
        login_url: as in `BrokerServer`.
    Raises:
        SettingsError: one of them is missing or does not start.
    """
    data_dir = data_dir.resolve()
    logs = data_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    data_dir.chmod(0o711)  # demoted servers walk through it, nobody lists it
    sql, amqp, management, distribution, epmd = free_ports([None] * 5)
    mark = str(data_dir)
    postgres = PostgresServer(data_dir / "postgres", sql, _password(), mark, THROWAWAY if throwaway else ())
    place = data_dir / "rabbitmq"
    broker = BrokerServer(place, amqp, management, distribution, epmd, _password(), mark, login_url)
    with ThreadPoolExecutor(2) as threads:
        start = partial(start_process, log_dir=logs)
        first, second = threads.submit(start_postgres, postgres, start), threads.submit(start_broker, broker, start)
    failed = first.exception() or second.exception()
    if failed:
        for future in (first, second):
            if not future.exception():
                result = future.result()
                for child in result if isinstance(result, tuple) else (result,):
                    child.stop()
        raise failed
    return PrivateServers(postgres, broker, (first.result(), *second.result()))


@contextmanager
def open_private_servers(
    data_dir: Path, *, throwaway: bool = False, login_url: str | None = None
) -> Iterator[PrivateServers]:
    """Run both servers for the length of a block; at its end they are killed when `throwaway`, else stopped in order."""
    servers = start_private_servers(data_dir, throwaway=throwaway, login_url=login_url)
    try:
        yield servers
    finally:
        for child in reversed(servers.children):
            if throwaway:
                child.kill()
            else:
                child.stop()


def _password() -> str:
    return secrets.token_urlsafe(24)


def dump_servers(servers: PrivateServers) -> str:
    """Write down running servers, so that another process can use and end them."""
    return json.dumps(
        {
            "postgres": asdict(servers.postgres),
            "broker": asdict(servers.broker),
            "processes": [{"pid": child.pid, "started": child.started} for child in servers.children],
        },
        default=str,
    )


def load_servers(text: str) -> PrivateServers:
    """Read what `dump_servers` wrote; the process objects stay with the process that started them."""
    found = json.loads(text)
    data, options = Path(found["postgres"]["data"]), tuple(found["postgres"]["options"])
    postgres = PostgresServer(**{**found["postgres"], "data": data, "options": options})
    return PrivateServers(postgres, BrokerServer(**{**found["broker"], "data": Path(found["broker"]["data"])}), ())


def kill_servers(text: str) -> None:
    """Kill the servers that `dump_servers` wrote down, whoever started them; nobody else's process is touched."""
    for process in reversed(json.loads(text)["processes"]):
        if started_at(process["pid"]) == process["started"]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process["pid"], signal.SIGKILL)
