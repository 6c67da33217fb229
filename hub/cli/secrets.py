"""Commands about the installation's secret."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.places import DataDir, place_of

if TYPE_CHECKING:
    from hub.storage.sealed import Rotated

group = typer.Typer(help="The installation's secret.", no_args_is_help=True)


@group.command("rotate")
def rotate_secrets(
    data_dir: DataDir = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Encrypt anew what was encrypted under a secret of HUB_PREVIOUS_SECRET_KEYS. May be repeated.

    Exit code 1: something opens with no secret; it is named, and stays as it is.
    """
    import asyncio

    from hub.security.vault import Vault
    from hub.settings import load_settings
    from hub.storage.database import open_database
    from hub.storage.sealed import rotate

    settings = load_settings(place_of(data_dir))

    async def work() -> "Mapping[str, Rotated]":
        vault = Vault(settings.secret_key.get_secret_value(), settings.previous_secrets)
        async with open_database(settings.database_url.get_secret_value(), "hub_write", pool=1) as database:
            return await rotate(database, vault, dry_run=dry_run)

    found = asyncio.run(work())
    for table, told in found.items():
        print(f"{table}: {told.renewed} {'to be renewed' if dry_run else 'renewed'}, {told.current} current")
    unreadable = sorted({place for told in found.values() for place in told.unreadable})
    for place in unreadable:
        print(f"hub: {place} opens with no secret of this installation; give it a new one", file=sys.stderr)
    if unreadable:
        raise typer.Exit(1)
