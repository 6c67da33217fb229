"""Commands about the database: migrate."""

import typer

from hub.cli.places import DataDir, place_of


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(migrate)


def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's tables up to this version; does nothing when they are."""
    import asyncio

    from hub.settings import load_settings
    from hub.storage.migrate import migrate as run_migrations

    for name in asyncio.run(run_migrations(load_settings(place_of(data_dir)))):
        print(f"applied {name}")
