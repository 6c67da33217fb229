"""`hub doctor`: what could be wrong with an installation, looked at without changing anything."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from hub.faults import HubFault, SettingsError
from hub.messaging.connection import HubConnection, open_connection, within
from hub.messaging.topology import command_queue, topology
from hub.security.derive import login_path
from hub.settings import Settings, load_settings
from hub.storage.migrate import pending_migrations
from hub.up.binaries import find_broker, find_postgres
from hub.up.instance import find_instance
from hub.up.ports import is_free

_SECONDS = 5.0
_OLDEST_POSTGRES = 150000
_OLDEST_RABBITMQ = (3, 10)
_LITTLE_DISK, _TOO_LITTLE_DISK = 2 * 2**30, 300 * 2**20
_STYLE = {"ok": "green", "warning": "yellow", "fault": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: a `warning` may be meant, a `fault` breaks a promise of the hub or stops it."""

    what: str
    verdict: Literal["ok", "warning", "fault"]
    says: str


async def examine(place: Path) -> list[Finding]:
    """Look at everything and say what was found; what cannot be looked at is a fault, never an exception."""
    findings = [*_machine(place)]
    try:
        settings = load_settings(place)
    except SettingsError as fault:
        return [*findings, Finding("settings", "fault", str(fault))]
    findings += [
        Finding("settings", "ok", f"{settings.environment}, {settings.partitions} partitions"),
        *_port(place, settings),
    ]
    for name, look in (
        ("postgres", _postgres),
        ("migrations", _migrations),
        ("rabbitmq", _rabbitmq),
        ("topology", _topology),
    ):
        try:
            async with asyncio.timeout(_SECONDS * 3):
                findings += [finding async for finding in look(settings)]
        except TimeoutError:
            findings.append(Finding(name, "fault", f"no answer within {_SECONDS * 3:.0f} s"))
        except (HubFault, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, httpx.HTTPError) as fault:
            findings.append(Finding(name, "fault", str(fault) or type(fault).__name__))
    return findings


def print_findings(findings: list[Finding], *, as_json: bool) -> None:
    """Print a table for people, or JSON."""
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
        return
    table = Table(box=None, show_header=False)
    for finding in findings:
        table.add_row(f"[{_STYLE[finding.verdict]}]{finding.verdict}[/]", finding.what, finding.says)
    Console(highlight=False).print(table)


def _machine(place: Path) -> list[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    findings = [Finding("python", "ok" if sys.version_info >= (3, 11) else "fault", f"{version}, {sys.executable}")]
    postgres, broker = find_postgres(), find_broker()
    # Needed only for private servers, so their lack may be meant.
    findings.append(
        Finding("programs", "ok", f"PostgreSQL {postgres.version} in {postgres.folder}")
        if postgres
        else Finding("programs", "warning", "no PostgreSQL 15 or newer here: `hub up` needs HUB_DATABASE_URL")
    )
    findings.append(
        Finding("programs", "ok", f"RabbitMQ in {broker.server.parent}")
        if broker
        else Finding("programs", "warning", "no RabbitMQ here: `hub up` needs HUB_AMQP_URL")
    )
    if not place.exists():
        return [*findings, Finding("data dir", "warning", f"{place} does not exist: no instance was started there")]
    free = shutil.disk_usage(place).free
    verdict: Literal["ok", "warning", "fault"] = (
        "fault" if free < _TOO_LITTLE_DISK else "warning" if free < _LITTLE_DISK else "ok"
    )
    return [*findings, Finding("disk", verdict, f"{free / 2**30:.1f} GiB free in {place}")]


def _port(place: Path, settings: Settings) -> list[Finding]:
    running = find_instance(place)
    if running is not None:
        return [Finding("instance", "ok", f"runs at {running.url}")]
    if is_free(settings.port, settings.host):
        return [Finding("port", "ok", f"{settings.port} on {settings.host} is free; no instance runs in {place}")]
    return [
        Finding("port", "warning", f"{settings.port} on {settings.host} is taken, and not by an instance of {place}")
    ]


async def _postgres(settings: Settings) -> AsyncIterator[Finding]:
    connection = await asyncpg.connect(settings.database_url.get_secret_value(), timeout=_SECONDS)
    try:
        read = {name: await connection.fetchval(f"SHOW {name}") for name in ("server_version", "server_version_num")}
        old = int(read["server_version_num"]) < _OLDEST_POSTGRES
        yield Finding(
            "postgres", "fault" if old else "ok", f"{read['server_version']}{', the hub needs 15' if old else ''}"
        )
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            value = await connection.fetchval(f"SHOW {name}")
            lossy = value == "off"
            says = f"{name} = {value}" + (": a power cut loses what was acknowledged; set it on" if lossy else "")
            yield Finding("postgres", "fault" if lossy else "ok", says)
    finally:
        await connection.close(timeout=_SECONDS)


async def _migrations(settings: Settings) -> AsyncIterator[Finding]:
    pending = await pending_migrations(settings)
    if pending:
        yield Finding("migrations", "fault", f"not applied: {', '.join(pending)}; run `hub migrate`")
    else:
        yield Finding("migrations", "ok", "all applied")


async def _rabbitmq(settings: Settings) -> AsyncIterator[Finding]:
    async with open_connection(settings.amqp_urls, name="hub doctor", wait_seconds=_SECONDS) as connection:
        if connection.underlay is None:
            reason = connection.last_error or "no answer"
            yield Finding("rabbitmq", "fault", f"no connection: {reason}; is HUB_AMQP_URL right, and the broker up?")
            return
        version = str(connection.underlay.server_properties.get("version", "0"))
        old = tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST_RABBITMQ
        yield Finding("rabbitmq", "fault" if old else "ok", f"{version}{', the hub needs 3.10' if old else ''}")
    async for finding in examine_amqp_door(settings):
        yield finding
    if settings.amqp_management_url is None:
        return
    async for finding in _management(settings, settings.amqp_management_url.get_secret_value()):
        yield finding


async def _management(settings: Settings, url: str) -> AsyncIterator[Finding]:
    vhost = quote(urlsplit(settings.amqp_urls[0]).path[1:] or "/", safe="")
    async with httpx.AsyncClient(base_url=url, timeout=_SECONDS) as client:
        alarms = await client.get("/api/health/checks/alarms")
        if alarms.status_code == httpx.codes.OK:
            yield Finding("rabbitmq", "ok", "no memory or disk alarm")
        else:
            reason = alarms.json().get("reason", f"status {alarms.status_code}")
            yield Finding("rabbitmq", "fault", f"takes no messages: {reason}; free memory or disk on its machine")
        for kind in ("policies", "operator-policies"):
            answer = await client.get(f"/api/{kind}/{vhost}")
            for policy in answer.raise_for_status().json():
                limit = policy["definition"].get("delivery-limit")
                if limit is not None and re.search(policy["pattern"], command_queue(0)):
                    says = f"policy {policy['name']} drops a command after {limit} deliveries: take its delivery-limit away"
                    yield Finding("rabbitmq", "fault", says)


async def examine_amqp_door(settings: Settings) -> AsyncIterator[Finding]:
    """Say whether integrators can log in, and if not, why."""
    if settings.amqp_management_url is None:
        yield Finding(
            "amqp door", "warning", "off: HUB_AMQP_MANAGEMENT_URL is not set, so nobody could be disconnected"
        )
        return
    url = settings.amqp_management_url.get_secret_value()
    async with httpx.AsyncClient(base_url=url, timeout=_SECONDS, trust_env=False) as client:
        nodes = (await client.get("/api/nodes")).raise_for_status().json()
    missing = {
        plugin
        for node in nodes
        if "enabled_plugins" in node  # a node that has just started tells nothing of itself for some seconds
        for plugin in ("rabbitmq_auth_backend_http", "rabbitmq_auth_backend_cache")
        if plugin not in node["enabled_plugins"]
    }
    if missing:
        says = f"off: RabbitMQ lacks {', '.join(sorted(missing))}; run `rabbitmq-plugins enable` for each on its nodes"
        yield Finding("amqp door", "warning", says)
        return
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    asked = f"http://{host}:{settings.port}{login_path(settings.secret_key.get_secret_value())}/user"
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            answer = await client.post(asked, data={"username": "doctor"})
    except httpx.HTTPError:
        yield Finding("amqp door", "warning", "no gateway answers RabbitMQ: connections go on, new logins are refused")
        return
    is_open = answer.text == "deny"  # nobody is called that: the question was understood
    says = (
        "open: the gateway answers RabbitMQ"
        if is_open
        else "off: the gateway does not know RabbitMQ's address for log-ins"
    )
    yield Finding("amqp door", "ok" if is_open else "warning", says)


async def _topology(settings: Settings) -> AsyncIterator[Finding]:
    async with open_connection(settings.amqp_urls, name="hub doctor", wait_seconds=_SECONDS) as connection:
        wanted = topology(settings.partitions)
        missing = [queue.name for queue in wanted.queues if not await _is_there(connection, queue.name)]
    if missing:
        yield Finding("topology", "fault", f"missing or different: {', '.join(missing)}; `hub up` declares it")
    else:
        yield Finding("topology", "ok", f"{len(wanted.queues)} queues are there")


async def _is_there(connection: HubConnection, queue: str) -> bool:
    underlay = connection.underlay
    if underlay is None:
        return False
    # Its own channel: RabbitMQ closes it when the queue is missing.
    channel = await within(_SECONDS, underlay.channel(publisher_confirms=False), "rabbitmq")
    try:
        await within(_SECONDS, channel.queue_declare(queue, passive=True), "rabbitmq")
    except HubFault:
        return False
    await within(_SECONDS, channel.close(), "rabbitmq")
    return True
