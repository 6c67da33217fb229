#!/usr/bin/env python3
"""Watch a pharmacy's events over the WebSocket, and go on where it stopped when the connection breaks.

    HUB_API_KEY=phk_... python clients/watch_events.py http://127.0.0.1:8000 --after 0 --types 'sale.*,order.*'

Prints one line for an event. `--count N` ends the program after N events. Needs the package `websockets`.
"""

import argparse
import json
import os
import sys
import time
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

KEY_REVOKED, LOG_BEGINS_LATER = 4401, 4410
TOO_OFTEN, AWAY = 429, 503


def wait_out(refusal: InvalidStatus) -> None:
    """Wait as long as the hub asks for; end where waiting does not help."""
    if refusal.response.status_code not in (TOO_OFTEN, AWAY):
        sys.exit(f"the hub refuses: {refusal}")
    time.sleep(float(refusal.response.headers.get("Retry-After", "0")))


def main() -> None:
    """Connect, print, and reconnect with the last sequence seen."""
    parser = argparse.ArgumentParser(description="Watch a pharmacy's events.")
    parser.add_argument("url", help="address of the hub, e.g. http://127.0.0.1:8000")
    parser.add_argument(
        "--after", type=int, help="last sequence already known; without it: only what happens from now on"
    )
    parser.add_argument("--types", default="", help="event types, comma-separated, e.g. 'sale.*'")
    parser.add_argument("--count", type=int, default=sys.maxsize, help="end after this many events")
    options = parser.parse_args()
    after: int | None = options.after
    left: int = options.count
    while left:
        query = urlencode(
            {name: value for name, value in (("after", after), ("types", options.types)) if value not in (None, "")}
        )
        address = f"ws{options.url.removeprefix('http').rstrip('/')}/ws/events?{query}"
        try:
            with connect(address, additional_headers={"X-API-KEY": os.environ["HUB_API_KEY"]}) as socket:
                for text in socket:
                    frame = json.loads(text)
                    if frame["type"] == "ready":
                        print(f"watching; the last event so far is {frame['sequence']}", flush=True)
                        after = frame["sequence"] if after is None else after
                    if frame["type"] == "event":
                        event = frame["event"]
                        after = event["sequence"]
                        print(f"event {after}: {event['type']} {event['subject']}", flush=True)
                        left -= 1
                        if not left:
                            return
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
            if code in (KEY_REVOKED, LOG_BEGINS_LATER):
                sys.exit(f"the hub closed the connection with {code}")
        except InvalidStatus as refusal:
            wait_out(refusal)
        except OSError as error:
            print(f"no connection: {error}", file=sys.stderr)
        time.sleep(1)


if __name__ == "__main__":
    main()
