"""Read a pharmacy's events from its own feed, in order, and resume where one left off, with pika (`pip install pika httpx`).

    python clients/amqp_pika_feed.py state.json

Reads HUB_URL, HUB_AMQP (host:port), PHARMACY_ID and API_KEY from the environment; makes the feed if there is none. The number of
the last event that was worked on is kept in the file. What is not in the feed (older than it, or dropped because it was full) comes
from `GET /api/events/?after=`. With UNTIL=<sequence> it ends there.
"""

import json
import os
import sys
import time
from pathlib import Path

import httpx
import pika


class Reader:
    """Works on events, each once and in order."""

    def __init__(self, place: Path, web: httpx.Client) -> None:
        """Begin after the last event that the file knows, or with the first of all."""
        self.place = place
        self.web = web
        self.last = json.loads(place.read_text())["last"] if place.exists() else 0

    def work(self, event: dict) -> None:
        """Do what is to be done; here: say so, and remember it. Pika keeps no heartbeat meanwhile: be done within a minute."""
        print(f"event {event['sequence']}: {event['type']} {event['subject']}", flush=True)
        self.last = event["sequence"]
        fresh = self.place.with_suffix(".new")
        fresh.write_text(json.dumps({"last": self.last}))
        fresh.replace(self.place)

    def catch_up(self) -> None:
        """Work on what the log has and the feed may not: from before it was made, or dropped because it was full."""
        while True:
            page = self.web.get("/api/events/", params={"after": self.last, "limit": 500})
            if not (items := page.raise_for_status().json()["items"]):
                return
            for event in items:
                self.work(event)

    def take(self, event: dict) -> None:
        """Take an event from the feed: leave out what was seen, fetch what is missing before it."""
        if event["sequence"] > self.last + 1:
            self.catch_up()
        if event["sequence"] > self.last:
            self.work(event)


def follow(reader: Reader, parameters: pika.ConnectionParameters, feed: str, until: int) -> None:
    """Consume until the last event that is wanted; raises when the connection ends before."""
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=50)
        for method, _, body in channel.consume(feed):
            reader.take(json.loads(body))
            channel.basic_ack(method.delivery_tag)  # only now: what was not worked on comes again
            if reader.last >= until:
                return
    finally:
        if connection.is_open:
            connection.close()


def main(place: Path) -> None:
    """Read until told to stop."""
    pharmacy, key = os.environ["PHARMACY_ID"], os.environ["API_KEY"]
    until = int(os.environ.get("UNTIL", sys.maxsize))
    host, _, port = os.environ["HUB_AMQP"].partition(":")
    parameters = pika.ConnectionParameters(host, int(port or 5672), "/", pika.PlainCredentials(pharmacy, key))
    with httpx.Client(base_url=os.environ["HUB_URL"], headers={"X-API-KEY": key}) as web:
        web.post("/api/event-queue/", json={}, headers={"Prefer": "wait=10"}, timeout=15).raise_for_status()
        reader = Reader(place, web)
        reader.catch_up()
        while reader.last < until:
            # Pika does not reconnect by itself. What was not acked comes again, in order.
            try:
                follow(reader, parameters, f"hub.out.{pharmacy}", until)
            except pika.exceptions.AMQPError as error:
                print(f"again in a second: {error!r}", file=sys.stderr)
                time.sleep(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
