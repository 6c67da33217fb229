"""A hub of one run's own: private servers, two gateways, two consumers processes, all ended and started by pid."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import httpx

from hub.security.derive import login_path
from hub.settings import Settings
from hub.up.commands import CONSUMERS as CONSUMERS_COMMAND
from hub.up.commands import GATEWAY
from hub.up.ports import free_ports
from hub.up.private import PrivateServers, open_private_servers
from hub.up.processes import MARK, Child, Spec, start
from tests.conftest import SECRET_KEY
from tests.kit.processes import environment_of
from tests.promises.outages import Breakable, migrate

if TYPE_CHECKING:
    from tests.chaos.poison import Neighbour, Poison

GATEWAYS = ("gateway-0", "gateway-1")
CONSUMERS = ("consumers-0", "consumers-1")
ALONE = (GATEWAYS[0], CONSUMERS[0])
WIRE = "wire"
"""Through it the second gateway and the second consumers process reach both servers."""
ALL_ROLES: tuple[str, ...] = Settings.model_fields["roles"].default
# The second process stands by where order counts, and shares the work of others.
SPLIT_ROLES = (("writer", "ingress", "fanout", "parker"), ("writer", "ingress", "deliver", "fanout", "janitor"))
LADDER_SECONDS = (0.3, 0.5, 1.0, 2.0, 4.0) + 400 * (6.0,)
CONFIRM_SECONDS = 2.0
SMALL_WINDOW = 40
_CHECKOUT = Path(__file__).parents[2]
_TEMPLATE = "chaos_template"
_LOOK_SECONDS = 0.1
_READY_SECONDS = 40.0


@dataclass(slots=True)
class Servers:
    """A PostgreSQL and a RabbitMQ that one run after the other may break.

    Args:
        port: of each run's first gateway, which RabbitMQ asks about log-ins.
    """

    port: int
    private: PrivateServers
    breakable: Breakable
    place: Path
    runs: int = 0


@contextmanager
def open_servers(place: Path) -> Iterator[Servers]:
    """Start both; at the end both are killed."""
    (port,) = free_ports([None])
    login = f"http://127.0.0.1:{port}{login_path(SECRET_KEY)}"
    with open_private_servers(place / "servers", throwaway=True, login_url=login) as private:
        breakable = Breakable(private, place / "servers" / "logs")
        try:
            yield Servers(port, private, breakable, place)
        finally:
            breakable.end()


@dataclass(slots=True)
class Stage:
    """The running parts of a hub.

    Args:
        children: the hub's own processes by name.
        down: names of those that a fault keeps down; whoever else ends is started again, as `hub up` does.
        ends: of those that ended by themselves.
        pharmacies: whose commands there are, by number.
        ask: says a command of a pharmacy and waits for its outcome; gives the seconds.
        poison, neighbours: what faults put into partitions, and how long others behind it took.
        did: how often faults that need luck came about.
    """

    servers: Servers
    settings: Settings
    vhost: str
    specs: dict[str, Spec]
    ports: dict[str, int]
    logs: Path
    children: dict[str, Child] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    ends: list[str] = field(default_factory=list)
    pharmacies: list[UUID] = field(default_factory=list)
    ask: Callable[[int], Awaitable[float]] = lambda _: asyncio.sleep(0, 0.0)
    poison: "list[Poison]" = field(default_factory=list)
    neighbours: "list[Neighbour]" = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)

    @property
    def urls(self) -> list[str]:
        """Where the gateways listen."""
        return [f"http://127.0.0.1:{self.ports[name]}" for name in self.gateways]

    @property
    def gateways(self) -> list[str]:
        """Those that there are."""
        return [name for name in GATEWAYS if name in self.specs]

    def start(self, name: str) -> None:
        """Start a process of the hub."""
        self.children[name] = start(self.specs[name], self.logs)

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process of the hub."""
        with suppress(ProcessLookupError):
            self.children[name].popen.send_signal(number)

    async def end(self, name: str, number: signal.Signals, within: float = 15.0) -> None:
        """End a process of the hub and keep it down."""
        self.down.add(name)
        self.send(name, number)
        child = self.children[name]
        try:
            async with asyncio.timeout(within):
                while child.exit_code() is None:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            child.kill()

    def revive(self, name: str) -> None:
        """Start again what a fault kept down."""
        self.start(name)
        self.down.discard(name)

    def oldest(self, names: tuple[str, ...]) -> str:
        """Name the process that runs longest: of two writers, the one at work."""
        return min((name for name in names if name not in self.down), key=self._age, default=names[0])

    def _age(self, name: str) -> int:
        return int(self.children[name].started.rpartition(":")[2] or 0)

    async def keep_alive(self) -> None:
        """Start again whatever ends by itself, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for name, child in self.children.items():
                if name not in self.down and (code := child.exit_code()) is not None:
                    self.ends.append(f"{name} ended with {code}: {child.last_words(1)[-400:]}")
                    await asyncio.sleep(0.5)
                    self.start(name)

    async def connect(self) -> asyncpg.Connection:
        """Open a connection of the database's owner; read-only or not, it may write."""
        return await asyncpg.connect(
            self.settings.database_url.get_secret_value(),
            timeout=5,
            server_settings={"default_transaction_read_only": "off"},
        )

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[asyncpg.Connection]:
        """Be the database's owner for a block; at its end the server may be gone."""
        connection = await self.connect()
        try:
            yield connection
        finally:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await connection.close()

    async def management(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Call RabbitMQ's management API."""
        async with httpx.AsyncClient(
            base_url=self.servers.private.management_url, timeout=20, trust_env=False
        ) as client:
            answer = await client.request(method, path, json=body)
        answer.raise_for_status()
        return answer

    def stop(self) -> None:
        """End all processes of the hub at once."""
        self.down.update(self.children)
        for child in self.children.values():
            child.kill()


@asynccontextmanager
async def open_stage(
    servers: Servers, *, is_small: bool, is_alone: bool = False, sabotage: str = ""
) -> AsyncIterator[Stage]:
    """Run a hub with a database and a virtual host of its own.

    Args:
        is_small: the consumers share the roles, and a window has forty commands; else both have all roles, and a window
            has as many as by default.
        is_alone: one gateway and one consumers process, which is enough where nothing is broken.
        sabotage: what is made wrong with the hub's processes, see `sabotages.py`; the code itself is as it is.
    """
    servers.runs += 1
    name = f"chaos{servers.runs}"
    place = servers.place / name
    place.mkdir()
    stage = _prepare(servers, name, place, is_small=is_small, sabotage=sabotage)
    if is_alone:
        stage.specs = {one: spec for one, spec in stage.specs.items() if one in ALONE}
    await _create_database(stage, name)
    await stage.management("PUT", f"/api/vhosts/{quote(name)}")
    keeper = asyncio.create_task(stage.keep_alive(), name="keeper of processes")
    try:
        for process in (WIRE, *CONSUMERS, *GATEWAYS):
            if process in stage.specs:
                stage.start(process)
        await until_ready(stage)
        yield stage
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        stage.stop()


async def _create_database(stage: Stage, name: str) -> None:
    """Migrate the first run's database; every other is a copy of a copy of it."""
    owner = await asyncpg.connect(stage.servers.private.database_url)
    try:
        if stage.servers.runs > 1:
            await owner.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
            return
        await owner.execute(f"CREATE DATABASE {name}")
        await asyncio.to_thread(migrate, stage.settings)
        await owner.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE {name}")
    finally:
        await owner.close()


def _prepare(servers: Servers, name: str, place: Path, *, is_small: bool, sabotage: str) -> Stage:
    plain = servers.breakable.settings(place)
    settings = plain.model_copy(
        update={
            "database_url": type(plain.database_url)(plain.database_url.get_secret_value().removesuffix("/hub") + f"/{name}"),
            "amqp_url": type(plain.amqp_url)(plain.amqp_url.get_secret_value() + name),
            "webhooks_allow_networks": (ip_network("127.0.0.0/8"),),
            "webhooks_ladder_seconds": LADDER_SECONDS,
            "webhooks_timeout_seconds": 2.0,
            "confirm_seconds": CONFIRM_SECONDS,
            "window_commands": SMALL_WINDOW if is_small else plain.window_commands,
            "roles": ALL_ROLES,
        }
    )  # fmt: skip
    ports = dict(zip((*GATEWAYS, "postgres", "rabbitmq"), free_ports([servers.port, None, None, None]), strict=True))
    wires = {"postgres": settings.database_url.get_secret_value(), "rabbitmq": settings.amqp_url.get_secret_value()}
    far = settings.model_copy(
        update={
            "database_url": type(settings.database_url)(_rewired(wires["postgres"], ports["postgres"])),
            "amqp_url": type(settings.amqp_url)(_rewired(wires["rabbitmq"], ports["rabbitmq"])),
        }
    )
    specs = {
        gateway: Spec(gateway, _python(sabotage, *GATEWAY, "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
            _environment(reached, sabotage), _CHECKOUT)
        for gateway, port, reached in zip(GATEWAYS, ports.values(), (settings, far), strict=False)
    } | {
        consumers: Spec(consumers, _python(sabotage, *CONSUMERS_COMMAND),
            _environment(reached.model_copy(update={"roles": roles}), sabotage), _CHECKOUT)
        for consumers, roles, reached in zip(
            CONSUMERS, SPLIT_ROLES if is_small else (ALL_ROLES, ALL_ROLES), (settings, far), strict=True)
    } | {
        WIRE: Spec(WIRE, [sys.executable, "-m", "tests.chaos.wire", *(f"{ports[to]}={url}" for to, url in wires.items())],
            _environment(settings, ""), _CHECKOUT)
    }  # fmt: skip
    return Stage(servers, settings, name, specs, ports, place)


def _rewired(url: str, port: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"))


def _python(sabotage: str, *module: str) -> list[str]:
    return [sys.executable, "-m", *(["tests.chaos.sabotaged"] if sabotage else []), *module]


def _environment(settings: Settings, sabotage: str) -> dict[str, str]:
    told = environment_of(settings) | {"PYTHONUNBUFFERED": "1", MARK: str(settings.data_dir)}
    return told | ({"CHAOS_SABOTAGE": sabotage} if sabotage else {})


async def until_ready(stage: Stage, *names: str) -> None:
    """Wait until these gateways (default: all) say that they take reads and writes."""
    async with asyncio.timeout(_READY_SECONDS), httpx.AsyncClient(timeout=5, trust_env=False) as client:
        for name in names or stage.gateways:
            while True:
                with suppress(httpx.TransportError):
                    if (await client.get(f"http://127.0.0.1:{stage.ports[name]}/health/ready")).is_success:
                        break
                await asyncio.sleep(0.05)
