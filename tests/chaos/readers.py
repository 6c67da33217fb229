"""Readers of events: WebSocket and SSE that come back with `after`, and a queue of the broker's own."""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aio_pika
import aiohttp
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from yarl import URL

from hub.messaging.feeds import out_queue
from hub.messaging.topology import EVENTS, ORDERED
from hub.settings import Settings
from tests.chaos.clients import Crowd, Pharmacy

FEED = "chaos.feed"
_FRAME = '{"type":"event","event":'
_AGAIN_SECONDS = 0.2
_BREAK_SECONDS = (1.0, 12.0)
_PREFETCH = 500
_LOST = (WebSocketException, InvalidHandshake, aiohttp.ClientError, OSError, TimeoutError, EOFError)


@dataclass(slots=True)
class Heard:
    """What one reader of a pharmacy heard, in order: (sequence, digest of the event's text). A list for each connection.

    Args:
        after: behind which sequence each connection began.
        refusals: closes and answers that no fault explains.
    """

    name: str
    pharmacy: int
    after: list[int] = field(default_factory=list)
    events: list[list[tuple[int, int]]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    position: int = 0

    def begin(self) -> None:
        """Connect again, behind what is known."""
        self.after.append(self.position)
        self.events.append([])

    def hear(self, sequence: int, text: str) -> None:
        """Take in an event."""
        self.events[-1].append((sequence, digest_of(text)))
        self.position = sequence


def digest_of(text: str) -> int:
    """Shorten an event's text; every way out brings the same bytes."""
    return hash(text)


async def follow_socket(crowd: Crowd, pharmacy: Pharmacy, heard: Heard) -> None:
    """Follow a pharmacy's events over WebSocket; leave now and then, come back with `after`."""
    chance = random.Random(f"socket {crowd.seed} {pharmacy.number}")
    while True:
        url = chance.choice(crowd.urls).replace("http", "ws", 1)
        heard.begin()
        try:
            async with (
                asyncio.timeout(chance.uniform(*_BREAK_SECONDS)),
                connect(
                    f"{url}/ws/events?after={heard.position}", additional_headers=pharmacy.headers, compression=None,
                    proxy=None, open_timeout=5, close_timeout=1, ping_interval=None,
                ) as socket,
            ):  # fmt: skip
                async for frame in socket:
                    _take(crowd, pharmacy, heard, str(frame))
                if socket.close_code not in {1000, 1001, 1006, 1012, 1013, 4408, None}:
                    heard.refusals.append(f"closed with {socket.close_code} {socket.close_reason}")
        except _LOST:
            pass
        await asyncio.sleep(_AGAIN_SECONDS)


def _take(crowd: Crowd, pharmacy: Pharmacy, heard: Heard, frame: str) -> None:
    crowd.look(pharmacy, "a socket", frame)
    if frame.startswith(_FRAME):
        text = frame[len(_FRAME) : -1]
        event = orjson.loads(text)
        if event["pharmacyid"] != str(pharmacy.id):
            crowd.leaks.append(f"a socket of pharmacy {pharmacy.number} brought an event of {event['pharmacyid']}")
        heard.hear(event["sequence"], text)


async def follow_stream(crowd: Crowd, pharmacy: Pharmacy, heard: Heard) -> None:
    """Follow a pharmacy's events over SSE; leave now and then, come back with `Last-Event-ID`."""
    chance = random.Random(f"stream {crowd.seed} {pharmacy.number}")
    while True:
        heard.begin()
        headers = pharmacy.headers | {"Last-Event-ID": str(heard.position)}
        url = f"{chance.choice(crowd.urls)}/api/events/stream"
        try:
            limit = aiohttp.ClientTimeout(total=chance.uniform(*_BREAK_SECONDS))
            async with crowd.session.get(url, headers=headers, timeout=limit) as answer:
                if answer.status not in {200, 503}:
                    heard.refusals.append(f"{answer.status} {(await answer.text())[:200]}")
                elif answer.status == 200:
                    async for line in answer.content:
                        if line.startswith(b"data: "):
                            text = line[6:-1].decode()
                            crowd.look(pharmacy, "a stream", text)
                            heard.hear(orjson.loads(text)["sequence"], text)
        except _LOST:
            pass
        await asyncio.sleep(_AGAIN_SECONDS)


@dataclass(slots=True)
class Feed:
    """What came out of a queue that is bound to events: the owner of each, its sequence, its text's digest.

    Args:
        began: the last number before there was a queue.
    """

    began: int = 0
    events: list[tuple[str, int, int]] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)

    def hear(self, owner: str, sequence: int, text: str) -> None:
        """Take in an event; what was never acked comes again."""
        self.events.append((owner, sequence, digest_of(text)))
        self.positions[owner] = max(sequence, self.positions.get(owner, 0))

    def of(self, pharmacy_id: str) -> Iterator[tuple[int, int]]:
        """Give a pharmacy's, in order of arrival."""
        return ((sequence, digest) for owner, sequence, digest in self.events if owner == pharmacy_id)


async def open_feed(settings: Settings) -> None:
    """Make the queue; from now on it must get every event."""
    connection = await aio_pika.connect(settings.amqp_urls[0])
    async with connection, connection.channel() as channel:
        # One consumer at a time: a new one of a plain queue is served before the dead one's messages are given back.
        arguments: Any = ORDERED
        queue = await channel.declare_queue(FEED, durable=True, arguments=arguments)
        await queue.bind(EVENTS, "#")


async def follow_out(settings: Settings, crowd: Crowd, pharmacy: Pharmacy, feed: Feed) -> None:
    """Read a pharmacy's own feed as it does: logged in with its key."""
    url = URL(settings.amqp_urls[0]).with_user(str(pharmacy.id)).with_password(pharmacy.key)
    await follow_feed(str(url), out_queue(pharmacy.id), feed, partial(crowd.look, pharmacy, "hub.out"))


async def follow_feed(url: str, name: str, feed: Feed, look: Callable[[str], None] = lambda _: None) -> None:
    """Take events from a queue, and come back whenever the connection is lost."""
    while True:
        try:
            connection = await aio_pika.connect(url, timeout=5)
            async with connection, connection.channel() as channel:
                await channel.set_qos(_PREFETCH)
                queue = await channel.get_queue(name, ensure=False)
                async with queue.iterator() as messages:
                    async for message in messages:
                        text = message.body.decode()
                        event = orjson.loads(text)
                        look(text)
                        feed.hear(event["pharmacyid"], event["sequence"], text)
                        await message.ack()
        except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError):
            pass
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        await asyncio.sleep(_AGAIN_SECONDS)
