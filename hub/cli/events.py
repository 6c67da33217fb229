"""The command `hub events tail`: events as they happen, on a line each."""

import json
import sys
import time
from typing import Annotated
from urllib.parse import urlencode, urlsplit

import typer

from hub.cli.places import DataDir, place_of
from hub.cli.remote import Key, Pharmacy, Remote, Url
from hub.faults import SettingsError

group = typer.Typer(help="Events.", no_args_is_help=True)

_FINAL = frozenset({4400, 4401, 4410, 1003, 1009})  # connecting again would end in the same way
_AGAIN_SECONDS = 1.0
_EVENT = '{"type":"event","event":'


@group.command("tail")
def tail(
    event_type: Annotated[
        str | None, typer.Option("--type", help="Event types, comma-separated; a trailing * is allowed.")
    ] = None,
    after: Annotated[
        int | None, typer.Option(min=0, help="Begin behind this sequence; default: with what happens now.")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
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
    from hub.cli.remote import find_remote

    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=False)
    position, left = after, count
    while left is None or left > 0:
        position, left = _follow(remote, event_type, position, left, as_json=as_json)
        if left is None or left > 0:
            time.sleep(_AGAIN_SECONDS)


def _follow(
    remote: Remote, types: str | None, after: int | None, left: int | None, *, as_json: bool
) -> tuple[int | None, int | None]:
    """Print events until the connection ends; returns the last sequence seen and how many are still wanted.

    Raises:
        SettingsError: the hub refuses for good.
    """
    from websockets.exceptions import ConnectionClosed, InvalidStatus
    from websockets.sync.client import connect

    query = urlencode({name: value for name, value in (("after", after), ("types", types)) if value is not None})
    address = f"ws{remote.url.removeprefix('http')}/ws/events" + (f"?{query}" if query else "")
    is_near = urlsplit(remote.url).hostname in {"localhost", "127.0.0.1", "::1"}
    try:
        with connect(
            address, additional_headers=remote.headers, proxy=None if is_near else True, max_size=None
        ) as socket:
            for text in socket:
                frame = json.loads(text)
                if frame["type"] != "event":
                    after = frame["sequence"] if after is None else after
                    continue
                event = frame["event"]
                after = event["sequence"]
                # `text` ends with the frame's own brace: what is between is the event, byte for byte.
                print(str(text)[len(_EVENT) : -1] if as_json else _line_of(event), flush=True)
                if left is not None:
                    left -= 1
                    if not left:
                        return after, 0
    except ConnectionClosed as closed:
        if closed.rcvd is not None and closed.rcvd.code in _FINAL:
            sentence = f"the hub closed the connection ({closed.rcvd.code}): {closed.rcvd.reason}"
            raise SettingsError(sentence) from closed
    except InvalidStatus as refusal:
        from hub.cli.remote import sentence_of

        status = refusal.response.status_code
        if status not in {429, 503}:
            raise SettingsError(
                sentence_of((refusal.response.body or b"").decode(errors="replace"), status)
            ) from refusal
    except OSError as error:
        print(f"hub: no connection to {remote.url} ({error}); trying again", file=sys.stderr)
    return after, left


def _line_of(event: dict[str, object]) -> str:
    return f"{event['sequence']:>8}  {event['time']}  {event['type']:<26} {event['subject']}"
