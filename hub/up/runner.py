"""`hub up`: from a data dir to a hub that answers, in the order in which things need each other."""

import asyncio
import contextlib
import logging
import signal
import sys
import time
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

import hub
from hub.faults import HubFault, SettingsError
from hub.settings import Settings
from hub.up.binaries import ensure_installed
from hub.up.box import Ready, show
from hub.up.broker import start_broker
from hub.up.commands import CONSUMERS, GATEWAY
from hub.up.family import Family
from hub.up.instance import end_leftovers, open_lock, prepare, write_instance
from hub.up.plan import Plan, make_plan
from hub.up.postgres import start_postgres
from hub.up.processes import MARK, Spec

_READY_SECONDS = 60.0
_POLL_SECONDS = 0.05
_CHECKOUT = Path(hub.__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says; None = the settings decide."""

    data_dir: Path
    port: int | None = None
    with_demo: bool = False
    assume_yes: bool = False


def up(wish: Wish, environment: Mapping[str, str]) -> None:
    """Run an instance until SIGINT, SIGTERM or SIGHUP.

    Raises:
        HubFault: it cannot start; the message is one sentence.
    """
    console = Console(stderr=True, highlight=False)
    place = prepare(wish.data_dir)
    with open_lock(place):
        for name in end_leftovers(place):
            console.print(f"ended {name}, which an instance that was killed had left in {place}", soft_wrap=True)
        plan = make_plan(place, environment, port=wish.port, with_demo=wish.with_demo)
        ensure_installed(postgres=plan.postgres is not None, broker=plan.broker is not None, assume_yes=wish.assume_yes)
        try:
            asyncio.run(_run(wish, place, plan, console, environment))
        except HubFault:
            raise
        except Exception as error:
            log = place / "logs" / "hub.log"
            log.write_text(traceback.format_exc())
            message = f"the hub could not start: {type(error).__name__}: {error} (the whole story: {log})"
            raise SettingsError(message) from error


async def _run(wish: Wish, place: Path, plan: Plan, console: Console, environment: Mapping[str, str]) -> None:
    is_ready = False

    def changed() -> None:
        amqp_url = plan.settings.amqp_url.get_secret_value()
        write_instance(place, plan.settings.url, amqp_url, family.pids, is_ready=is_ready)

    family = Family(place / "logs", lambda line: console.print(line, soft_wrap=True, markup=False), changed)
    async with _until_told(family, console) as told:
        starting = asyncio.create_task(_start(wish, plan, family, console, environment))
        await _first_of(starting, told)
        if told.done():
            # What is just being started ends as well, so the start ends by itself.
            await asyncio.to_thread(family.stop)
            starting.cancel()
            await asyncio.wait([starting])
            return
        ready = starting.result()
        is_ready = True
        changed()
        demo, link = ready
        api_key, operator_key, pharmacy_id = demo or (None, None, None)
        show(Ready(plan.settings.url, str(place / "logs"), api_key, operator_key, pharmacy_id, link), console)
        print(f"ready {plan.settings.url}", flush=True)  # for programs that wait for it: the one line on stdout
        keeping = asyncio.create_task(family.keep_alive())
        await _first_of(keeping, told)
        keeping.cancel()
        await asyncio.wait([keeping])


async def _first_of(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


@asynccontextmanager
async def _until_told(family: Family, console: Console) -> AsyncIterator[asyncio.Future[None]]:
    """Yield what is done once a signal asks for the end; on leaving, all processes are ended, at once on a second signal."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[None] = loop.create_future()

    def on_signal() -> None:
        is_second = told.done()
        if is_second:
            family.kill()
        else:
            told.set_result(None)
        with contextlib.suppress(OSError):  # the terminal may be what went away
            console.print("stopping at once" if is_second else "stopping (once more: at once)")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup means it
            loop.add_signal_handler(number, on_signal)
    try:
        yield told
    finally:
        if not told.done():
            told.set_result(None)
        await asyncio.to_thread(family.stop)


async def _start(
    wish: Wish, plan: Plan, family: Family, console: Console, environment: Mapping[str, str]
) -> tuple[tuple[str, str, str] | None, str | None]:
    began = time.monotonic()
    settings = plan.settings

    def done(what: str) -> None:
        console.print(f"{time.monotonic() - began:5.1f} s  {what}")

    async def database() -> None:
        if plan.postgres is not None:
            await asyncio.to_thread(start_postgres, plan.postgres, family.start)
            done(f"PostgreSQL on port {plan.postgres.port}")
        await _migrate(settings)
        done("migrations")

    async def broker() -> None:
        if plan.broker is not None:
            await asyncio.to_thread(start_broker, plan.broker, family.start)
            done(f"RabbitMQ on port {plan.broker.amqp_port}")
        await _declare_topology(settings)
        done("topology")

    await asyncio.gather(database(), broker())
    for spec in hub_processes(plan, environment):
        family.start(spec).is_ready = True
    await _until_ready(settings, family)
    await _until_consumed(settings, family)
    done("gateway and consumers")
    demo = await _demo(settings) if wish.with_demo else None
    return demo, await _login_link(settings) if settings.admin_enabled else None


async def _migrate(settings: Settings) -> None:
    from hub.storage.migrate import migrate

    await migrate(settings)


async def _declare_topology(settings: Settings) -> None:
    from hub.messaging.connection import open_connection
    from hub.messaging.declaring import declare_topology

    logging.getLogger("aio_pika").setLevel(logging.CRITICAL)  # what is wrong is said below, once
    async with open_connection(settings.amqp_urls, name="hub up") as connection:
        if connection.underlay is None:
            hosts = ", ".join(urlsplit(url).netloc.rpartition("@")[2] for url in settings.amqp_urls)
            message = f"no RabbitMQ answers at {hosts}: start it, or correct HUB_AMQP_URL"
            raise SettingsError(message)
        await declare_topology(connection, settings.partitions)


async def _demo(settings: Settings) -> tuple[str, str, str]:
    from hub.demo.seed import ensure_demo

    demo = await ensure_demo(settings)
    return str(demo.api_key), str(demo.operator_key), str(demo.pharmacy_id)


async def _login_link(settings: Settings) -> str:
    from hub.door import open_door

    async with open_door(settings) as door:
        return await door.login_link()


def hub_processes(plan: Plan, environment: Mapping[str, str]) -> list[Spec]:
    """Say how gateway and consumers are started; `environment` is ours."""
    settings = plan.settings
    gateway = (*GATEWAY, "--host", settings.host, "--port", str(settings.port))
    own = {**environment, **plan.variables, MARK: str(settings.data_dir), "PYTHONUNBUFFERED": "1"}
    # One gateway without a neighbour: nobody could be sent elsewhere while it drains, and Ctrl-C is to be quick.
    drain = settings.drain_seconds or 0.0
    own["HUB_DRAIN_SECONDS"] = f"{drain:g}"
    return [
        Spec(name, [sys.executable, "-m", *argv], own, _CHECKOUT, stop_seconds=seconds)
        for name, argv, seconds in (("gateway", gateway, 10.0 + drain), ("consumers", CONSUMERS, 20.0))
    ]


async def _until_ready(settings: Settings, family: Family) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    status, said = 0, ""
    while status != 200:  # noqa: PLR2004
        family.check()
        if time.monotonic() > deadline:
            message = (
                f"the hub was not ready within {_READY_SECONDS:.0f} s: /health/ready says {status or 'nothing'} {said}"
                f" (logs: {family.log_dir})"
            )
            raise SettingsError(message)
        await asyncio.sleep(_POLL_SECONDS)
        status, said = await asyncio.to_thread(_get, f"http://{_host(settings)}:{settings.port}/health/ready")


async def _until_consumed(settings: Settings, family: Family) -> None:
    """Wait until every partition has a writer: the gateway accepts without one, but nothing would be applied."""
    from hub.messaging.connection import open_connection
    from hub.messaging.declaring import find_unread_partitions

    deadline = time.monotonic() + _READY_SECONDS
    async with open_connection(settings.amqp_urls, name="hub up") as connection:
        while unread := await find_unread_partitions(connection, settings.partitions):
            family.check()
            if time.monotonic() > deadline:
                message = (
                    f"nobody reads {len(unread)} of {settings.partitions} partitions after {_READY_SECONDS:.0f} s:"
                    f" the consumers do not start (log: {family.log_dir}/consumers.log)"
                )
                raise SettingsError(message)
            await asyncio.sleep(_POLL_SECONDS)


def _host(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _get(url: str) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
        connection.request("GET", parts.path)
        response = connection.getresponse()
        return response.status, response.read(500).decode(errors="replace")
    return 0, ""
