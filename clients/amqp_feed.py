"""Read a pharmacy's events from its own feed, in order, and resume where one left off, with aio-pika (`pip install aio-pika httpx`).

    python clients/amqp_feed.py state.json

Reads HUB_URL, HUB_AMQP (host:port), PHARMACY_ID and API_KEY from the environment; makes the feed if there is none. The number of
the last event that was worked on is kept in the file. What is not in the feed (older than it, or dropped because it was full) comes
from `GET /api/events/`. With UNTIL=<sequence> it ends there.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import aio_pika
import httpx
from yarl import URL


class Reader:
    """Works on events, each once and in order."""

    def __init__(self, place: Path, web: httpx.AsyncClient) -> None:
        """Begin after the last event that the file knows, or with the first of all."""
        self.place = place
        self.web = web
        self.last = json.loads(place.read_text())["last"] if place.exists() else 0

    def work(self, event: dict) -> None:
        """Do what is to be done; here: say so, and remember it."""
        print(f"event {event['sequence']}: {event['type']} {event['subject']}", flush=True)
        self.last = event["sequence"]
        fresh = self.place.with_suffix(".new")
        fresh.write_text(json.dumps({"last": self.last}))
        fresh.replace(self.place)

    async def catch_up(self) -> None:
        """Work on what the log has and the feed may not: from before it was made, or dropped because it was full."""
        while True:
            page = await self.web.get("/api/events/", params={"after": self.last, "limit": 500})
            if not (items := page.raise_for_status().json()["items"]):
                return
            for event in items:
                self.work(event)

    async def take(self, event: dict) -> None:
        """Take an event from the feed: leave out what was seen, fetch what is missing before it."""
        if event["sequence"] > self.last + 1:
            await self.catch_up()
        if event["sequence"] > self.last:
            self.work(event)


async def main(place: Path) -> None:
    """Read until told to stop."""
    pharmacy, key = os.environ["PHARMACY_ID"], os.environ["API_KEY"]
    until = int(os.environ.get("UNTIL", sys.maxsize))
    host, _, port = os.environ["HUB_AMQP"].partition(":")
    url = URL.build(scheme="amqp", user=pharmacy, password=key, host=host, port=int(port or 5672), path="/")
    async with httpx.AsyncClient(base_url=os.environ["HUB_URL"], headers={"X-API-KEY": key}) as web:
        made = await web.post("/api/event-queue/", json={}, headers={"Prefer": "wait=10"})
        made.raise_for_status()
        reader = Reader(place, web)
        await reader.catch_up()
        if reader.last >= until:
            return
        # Robust: it reconnects by itself, and what was not acked comes again, in order.
        connection = await aio_pika.connect_robust(url)
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=50)
            # A look at the queue (`ensure`, the default): one that aio-pika has not seen it does not consume again after a reconnect.
            queue = await channel.get_queue(f"hub.out.{pharmacy}")
            async with queue.iterator() as messages:
                async for message in messages:
                    await reader.take(json.loads(message.body))
                    await message.ack()  # only now: what was not worked on comes again
                    if reader.last >= until:
                        return


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
