"""A pharmacy's events as they happen, over the WebSocket: for commands that show them or pass them on."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import typer

from hub.cli.remote import Remote, sentence_of
from hub.faults import SettingsError

Types = Annotated[str | None, typer.Option("--type", help="Event types, comma-separated; a trailing * is allowed.")]
After = Annotated[int | None, typer.Option(min=0, help="Begin behind this sequence; default: with what happens now.")]
Count = Annotated[int | None, typer.Option(min=1, help="End after so many events.")]

_FINAL = frozenset({4400, 4401, 4410, 1003, 1009})  # connecting again would end in the same way
_AGAIN_SECONDS = 1.0
_EVENT = '{"type":"event","event":'


def follow(
    remote: Remote, types: str | None, after: int | None, count: int | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hear events, each as the hub wrote it and as JSON; goes on where it was when the connection breaks.

    Args:
        types: as the socket takes them; None: all.
        after: begin behind this sequence; None: with what happens now.
        count: end after so many; None: never.
    Raises:
        SettingsError: the hub refuses for good.
    """
    left = count
    while True:
        for text, frame in _frames(remote, types, after):
            if frame["type"] != "event":
                after = frame["sequence"] if after is None else after
                continue
            after = frame["event"]["sequence"]
            # `text` ends with the frame's own brace: what is between is the event, byte for byte.
            yield text[len(_EVENT) : -1], frame["event"]
            if left is not None:
                left -= 1
                if not left:
                    return
        time.sleep(_AGAIN_SECONDS)


def _frames(remote: Remote, types: str | None, after: int | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read frames until the connection ends, or until there is none."""
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
                yield str(text), json.loads(text)
    except ConnectionClosed as closed:
        if closed.rcvd is not None and closed.rcvd.code in _FINAL:
            sentence = f"the hub closed the connection ({closed.rcvd.code}): {closed.rcvd.reason}"
            raise SettingsError(sentence) from closed
    except InvalidStatus as refusal:
        status = refusal.response.status_code
        if status not in {429, 503}:
            raise SettingsError(
                sentence_of((refusal.response.body or b"").decode(errors="replace"), status)
            ) from refusal
    except OSError as error:
        print(f"hub: no connection to {remote.url} ({error}); trying again", file=sys.stderr)
