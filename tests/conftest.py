"""Real servers for the tests: started once a run, shared by all workers; every test gets an empty database and vhost."""

import fcntl
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from hub.settings import Settings
from hub.up.binaries import find_postgres
from hub.up.private import PrivateServers, dump_servers, kill_servers, load_servers, start_private_servers

# To read the system's certificates takes 50 ms, more than most requests, and nearly every test makes clients.
httpx._transports.default.create_ssl_context = cache(httpx._transports.default.create_ssl_context)  # type: ignore[attr-defined]

SECRET_KEY = "a secret key that only the tests know, 0123456789"
SESSION_DIR = pytest.StashKey[Path]()
_TEMPLATE = "hub_template"
_ENOUGH_BYTES = 6 << 30
# Keeps the servers' process objects alive in the worker that started them.
_started: list[PrivateServers] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know `--long`, how long is long, and `--shuffle`."""
    parser.addoption("--long", action="store_true", help="run the tests marked long as well")
    parser.addoption(
        "--outage-seconds", type=float, default=600.0, help="how long the long outage of PostgreSQL lasts; default 600"
    )
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in an order drawn from this seed")


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of this run; a worker of xdist uses its controller's."""
    given = getattr(config, "workerinput", {}).get("hub_session_dir")
    if given is None:
        place = Path(tempfile.mkdtemp(prefix="pharmacy-hub-tests-", dir=_in_memory()))
        place.chmod(0o711)  # demoted servers walk through it
    else:
        place = Path(given)
    config.stash[SESSION_DIR] = place


def _in_memory() -> Path | None:
    """Name a folder in memory where there is plenty of both: a database of its own for each test is hundreds of files."""
    memory = Path("/dev/shm")
    try:
        told = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = min(shutil.disk_usage(memory).free, int(told["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError):
        return None
    return memory if free > _ENOUGH_BYTES else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a worker of xdist where the folder is."""
    node.workerinput["hub_session_dir"] = str(node.config.stash[SESSION_DIR])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers when the whole run is over."""
    for started in _started:
        for child in started.children:
            child.disown()  # they outlive the worker that started them
    if hasattr(config, "workerinput") or SESSION_DIR not in config.stash:
        return
    place = config.stash[SESSION_DIR]
    if (place / "servers.json").exists():
        kill_servers((place / "servers.json").read_text())
    shutil.rmtree(place, ignore_errors=True)


# Folders whose tests share one stage that takes long to build; and those whose tests share nothing.
_STAGED = frozenset({"amqp", "chaos", "console", "ui"})
_FREE = frozenset({"domain", "simulation"})
# Files of `promises` whose tests share the hub that is broken.
_BREAKING = tuple(f"promises/test_{number}_" for number in (1, 3, 8))


class _ByStage(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps together on one worker what shares a stage: a whole folder, else a file, else each test is for itself."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        folder = path.split("/")[1] if path.count("/") > 1 else path
        if folder in _STAGED:
            return folder
        if path.partition("/")[2].startswith(_BREAKING):
            return "promises"
        return nodeid if folder in _FREE or path.endswith(("/test_openapi.py", "/test_bad_http.py")) else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Spread the tests over the workers of `-n`."""
    return _ByStage(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked long, unless it is asked for, and shuffle what is left if that is."""
    if (seed := config.getoption("--shuffle")) is not None:
        _shuffle(items, Random(seed))
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: run with --long"))


def pytest_collection_finish() -> None:
    """Look for cycles in what the tests make, not again and again in the tests."""
    gc.collect()
    gc.freeze()


def _shuffle(items: list[pytest.Item], chance: Random) -> None:
    """Shuffle the files, and the tests of each: what a file builds once is still built once."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    order = list(files.values())
    chance.shuffle(order)
    for tests in order:
        chance.shuffle(tests)
    items[:] = [test for tests in order for test in tests]


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of this run; `private` has their ports, folders and passwords."""

    private: PrivateServers
    session_dir: Path

    @property
    def management_url(self) -> str:
        """RabbitMQ's management API, with the password."""
        return self.private.management_url

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run one statement as the all-powerful role and return the bare text of its rows."""
        done = subprocess.run(
            [
                _psql(),
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                statement,
                _database(self.private, database),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def database_url(self, database: str) -> str:
        """Name a database of PostgreSQL by its address."""
        return _database(self.private, database)

    def amqp_url(self, vhost: str) -> str:
        """Name a virtual host of RabbitMQ by its address."""
        return self.private.amqp_url + vhost

    def management(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Call RabbitMQ's management API, e.g. `GET`, `/api/queues`."""
        response = httpx.request(method, self.management_url + path, json=body, timeout=30)
        response.raise_for_status()
        return response


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """PostgreSQL and RabbitMQ of this run: the first worker that asks starts them, the controller stops them."""
    place = pytestconfig.stash[SESSION_DIR]
    state = place / "servers.json"
    with _only_one(place):
        if not state.exists():
            started = start_private_servers(place / "servers", throwaway=True)
            _started.append(started)
            state.write_text(dump_servers(started))
    return Servers(load_servers(state.read_text()), place)


@pytest.fixture(scope="session")
def template_database(servers: Servers) -> str:
    """Name the database that is migrated once and cloned for every test."""
    with _only_one(servers.session_dir):
        if servers.sql(f"SELECT 1 FROM pg_database WHERE datname = '{_TEMPLATE}'"):
            return _TEMPLATE
        unfinished = f"{_TEMPLATE}_new"
        servers.sql(f"DROP DATABASE IF EXISTS {unfinished}")
        servers.sql(f"CREATE DATABASE {unfinished} TEMPLATE template0 ENCODING 'UTF8'")
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli", "migrate"],
            env={
                **os.environ,
                "HUB_DATABASE_URL": servers.database_url(unfinished),
                "HUB_AMQP_URL": servers.amqp_url(""),
                "HUB_SECRET_KEY": SECRET_KEY,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        servers.sql(f"ALTER DATABASE {unfinished} RENAME TO {_TEMPLATE}")
    return _TEMPLATE


@pytest.fixture
def database_url(servers: Servers, template_database: str) -> Iterator[str]:
    """Address of a migrated, empty database for this test alone."""
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    yield servers.database_url(name)
    servers.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def amqp_url(servers: Servers) -> Iterator[str]:
    """Address of an empty virtual host of RabbitMQ for this test alone."""
    name = f"t-{uuid4().hex}"
    servers.management("PUT", f"/api/vhosts/{name}")
    yield servers.amqp_url(name)
    servers.management("DELETE", f"/api/vhosts/{name}")


@pytest.fixture
def settings(database_url: str, amqp_url: str, servers: Servers, data_dir: Path) -> Settings:
    """Settings of a hub on this test's database and virtual host; `settings.model_copy(update=...)` for others."""
    return Settings(
        _env_file=None,
        database_url=database_url,
        amqp_url=amqp_url,
        amqp_management_url=servers.management_url,
        secret_key=SECRET_KEY,
        data_dir=data_dir,
        metrics_port=0,
    )


@pytest.fixture
def data_dir(pytestconfig: pytest.Config) -> Iterator[Path]:
    """An empty folder that PostgreSQL's and RabbitMQ's users can walk to, which `tmp_path` is not for root."""
    place = Path(tempfile.mkdtemp(prefix="data-", dir=pytestconfig.stash[SESSION_DIR]))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@cache
def _psql() -> Path:
    programs = find_postgres()
    assert programs is not None
    return programs.folder / "psql"  # Debian's own `psql` is a script that looks for this one


@contextmanager
def _only_one(place: Path) -> Iterator[None]:
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _database(private: PrivateServers, name: str) -> str:
    return urlunsplit(urlsplit(private.database_url)._replace(path=f"/{name}"))
