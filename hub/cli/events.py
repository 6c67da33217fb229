"""The command `hub events tail`: events as they happen, on a line each."""

from typing import Annotated

import typer

from hub.cli.following import After, Count, Types, follow
from hub.cli.places import DataDir, place_of
from hub.cli.remote import Key, Pharmacy, Url, find_remote

group = typer.Typer(help="Events.", no_args_is_help=True)


@group.command("tail")
def tail(
    event_type: Types = None,
    after: After = None,
    count: Count = None,
    pharmacy: Pharmacy = None,
    key: Key = None,
    url: Url = None,
    data_dir: DataDir = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as the hub sent it.")] = False,
) -> None:
    """Show a pharmacy's events over the WebSocket; goes on by itself where it was when the connection breaks.

    With an operator's key and no --pharmacy: the hub's own events.
    """
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=False)
    for text, event in follow(remote, event_type, after, count):
        print(text if as_json else _line_of(event), flush=True)


def _line_of(event: dict[str, object]) -> str:
    return f"{event['sequence']:>8}  {event['time']}  {event['type']:<26} {event['subject']}"
