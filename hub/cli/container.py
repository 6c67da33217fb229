"""The command that docker-compose.yml runs first."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("container-files", hidden=True)(container_files)


def container_files(hub_dir: Path, postgres_dir: Path, rabbitmq_dir: Path) -> None:
    """Make the secrets that the containers share, unless they are there."""
    from hub.up.container import write_container_files

    made = write_container_files(hub_dir, postgres_dir, rabbitmq_dir)
    print("secrets made" if made else "secrets are there")
