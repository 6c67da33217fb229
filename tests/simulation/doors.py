"""Doors in memory: they send the commands of random histories, again and again until the broker confirms them."""

import asyncio
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from hub import clock
from tests.promises.histories import Teller, Wish
from tests.simulation.database import POISON

if TYPE_CHECKING:
    from tests.simulation.world import World

REPLIES = "hub.replies.simulated"


@dataclass(frozen=True, slots=True)
class Sent:
    """A command as a door sent it."""

    wish: Wish
    fingerprint: str
    waits: bool
    is_readable: bool = True

    @property
    def is_poison(self) -> bool:
        return not self.is_readable or self.wish.body.get("name") == POISON

    def envelope(self) -> bytes:
        members = orjson.loads(self.wish.envelope())
        members["fingerprint"] = self.fingerprint
        if self.wish.type == "pharmacy.create":
            members["minted"] = {"key_digest": self.wish.operation_id.hex * 2, "key_hint": "abcd"}
        if self.waits:
            members["reply_to"] = REPLIES
        if not self.is_readable:
            members["type"] = "no.such"
        return orjson.dumps(members)


class Door:
    """Sends for some pharmacies of one partition, one message after the other, so their order is kept."""

    def __init__(self, world: "World", partition: int, pharmacies: list[UUID], commands: int) -> None:
        self.world = world
        self.partition = partition
        self.tellers = [Teller(pharmacy_id, random.Random(world.chance.random())) for pharmacy_id in pharmacies]
        self.left = commands
        self.sent: list[Sent] = []

    async def run(self) -> None:
        for teller in self.tellers:
            await self._send([self._birth(teller.pharmacy_id)])
        while self.left > 0:
            batch = [self._next() for _ in range(self.world.chance.choice((1, 1, 1, 2, 5)))]
            self.left -= len(batch)
            await self._send(batch)
            if self.world.happens(0.03):
                body = self.world.chance.choice((b"\xff", b"{}", b"[]", b"[" * 600 + b"]" * 600))
                self.world.garbage[body] = self.world.garbage.get(body, 0) + 1
                await self._publish(body)
            await asyncio.sleep(self.world.chance.choice((0.0, 0.01, 0.05, 0.5)))

    def _birth(self, pharmacy_id: UUID) -> Sent:
        wish = Wish(clock.new_id(), pharmacy_id, pharmacy_id, "pharmacy.create", {"name": "A pharmacy"})
        return Sent(wish, "f", waits=True)

    def _next(self) -> Sent:
        chance = self.world.chance
        if self.sent and self.world.happens(0.05):  # a client repeats itself, or uses its key for something else
            again = chance.choice(self.sent)
            return again if chance.random() < 0.6 else replace(again, fingerprint="another", waits=True)
        teller = chance.choice(self.tellers)
        if self.world.happens(0.03):
            body = {"sku": f"X{len(self.sent)}", "name": POISON, "price": "1.00", "quantity": 1}
            wish = Wish(clock.new_id(), teller.pharmacy_id, clock.new_id(), "inventory.create", body)
            sent = Sent(wish, "f", chance.random() < 0.5)
        else:
            sent = Sent(teller.next(), "f", chance.random() < 0.3, is_readable=not self.world.happens(0.02))
        self.sent.append(sent)
        return sent

    async def _send(self, batch: list[Sent]) -> None:
        for sent in batch:
            if sent.fingerprint == "f":
                self.world.sent[sent.wish.operation_id] = sent
            if sent.waits:
                self.world.waiting.append(sent)
        await self._publish(b"[" + b",".join(sent.envelope() for sent in batch) + b"]")

    async def _publish(self, body: bytes) -> None:
        """Publish until confirmed; what is not confirmed may have been stored, so it may arrive twice."""
        while True:
            await asyncio.sleep(self.world.latency())
            if self.world.now() >= self.world.broker.away_until and not self.world.happens(0.02):
                self.world.broker.put(self.partition, body)
                if not self.world.happens(0.03):
                    return
            await asyncio.sleep(0.2)
