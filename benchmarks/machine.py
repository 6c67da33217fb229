"""What it was measured on: enough to judge a figure, nothing that names a machine or a place."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import aiormq
from aiormq.exceptions import AMQPError

from benchmarks.django import REQUIREMENTS

PACKAGES = ("litestar", "uvicorn", "faststream", "aio-pika", "asyncpg", "tortoise-orm", "pydantic")


async def describe(*, postgres: str, amqp_url: str, wrk: str) -> list[tuple[str, str]]:
    """List facts of machine and versions, as (name, value)."""
    return [
        ("processor", f"{os.cpu_count()} cores, {_processor()}"),
        ("memory", f"{_memory_gib():.0f} GiB"),
        ("system", f"{_system()}, kernel {platform.release().partition('-')[0]}"),
        ("load before (1 min)", f"{os.getloadavg()[0]:.2f}"),
        ("Python", platform.python_version()),
        ("PostgreSQL", postgres),
        ("RabbitMQ", await _broker_version(amqp_url)),
        ("hub's packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES)),
        ("reference's packages", ", ".join(_reference_packages())),
        ("load generator", f"wrk {wrk}"),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())


def _reference_packages() -> list[str]:
    lines = REQUIREMENTS.read_text().splitlines()
    return [line.replace("==", " ") for line in lines if "==" in line]


async def _broker_version(amqp_url: str) -> str:
    try:
        connection = await aiormq.connect(amqp_url.partition(",")[0])
    except AMQPError:
        return "unknown"
    try:
        return str(connection.server_properties.get("version", "unknown"))
    finally:
        await connection.close()
