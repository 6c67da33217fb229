"""Commands about an instance as a whole: up, status, doctor, version."""

import os
import sys
from typing import Annotated

import typer

from hub import VERSION
from hub.cli.places import AsJson, DataDir, place_of


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, status, doctor, version):
        app.command()(command)


def up(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="TCP port of the gateway; default: HUB_PORT, else 8000.")
    ] = None,
    data_dir: DataDir = None,
    *,
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Make a demo pharmacy with stock and keys.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Install what is missing without asking.")] = False,
) -> None:
    """Run the hub in the foreground: private PostgreSQL and RabbitMQ, gateway and consumers. Ctrl-C ends it all.

    HUB_DATABASE_URL and HUB_AMQP_URL, where set, name servers to use instead of private ones.
    """
    from hub.up.runner import Wish
    from hub.up.runner import up as run_instance

    run_instance(Wish(place_of(data_dir), port, demo, yes), os.environ)


def status(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Say whether the instance of a data dir runs, and where; exit code 1 if none does."""
    from hub.up.instance import find_instance

    place = place_of(data_dir)
    found = find_instance(place)
    if found is None or not found.is_ready:
        print(f"hub: {'an instance is starting' if found else 'no instance runs'} in {place}", file=sys.stderr)
        raise typer.Exit(1)
    if as_json:
        import json

        print(json.dumps({"url": found.url, "amqp_url": found.amqp_url, "pids": dict(found.pids)}))
        return
    print(f"{found.url} runs in {place}")
    for name, pid in found.pids.items():
        print(f"  {name:<10} process {pid}")


def doctor(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Examine the installation: programs, settings, servers, migrations, topology, disk; exit code 1 on a fault."""
    import asyncio

    from hub.up.examine import examine, print_findings

    findings = asyncio.run(examine(place_of(data_dir)))
    print_findings(findings, as_json=as_json)
    if any(finding.verdict == "fault" for finding in findings):
        raise typer.Exit(1)


def version() -> None:
    """Print the version of the hub."""
    print(VERSION)
