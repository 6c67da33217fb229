"""Clients: pharmacies that write over HTTP and never give up on what has a key; every word goes into the history."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import aiohttp
import orjson

from hub.domain.ids import operation_id_for
from tests.chaos.commands import Command, RefTeller, stranger_in
from tests.chaos.history import History

if TYPE_CHECKING:
    from tests.chaos.amqp_clients import Line

PATIENCE_SECONDS = 12.0
WAIT_SECONDS = 3
BULK_SHARE = 0.35
FILE_ROWS = (5, 120)
_TRIES = 400
_KEPT_SECONDS = 0.02
# What a rule may answer to a command that was well-formed.
_RULES = {404, 409, 412, 422}
_BROKEN = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(slots=True)
class Pharmacy:
    """A pharmacy and what its clients know."""

    number: int
    id: UUID
    key: str
    teller: RefTeller

    @property
    def headers(self) -> dict[str, str]:
        """What each of its calls carries."""
        return {"X-API-KEY": self.key}


@dataclass(slots=True)
class Crowd:
    """All clients of a run.

    Args:
        refs: how many are to be said in all.
        allowed: so many of them for now; the nemesis keeps the rest back, so that every fault meets a crowd at work.
        leaks: what a pharmacy was sent of another.
        lines: connections to RabbitMQ over which receipts may still come.
    """

    session: aiohttp.ClientSession
    urls: Sequence[str]
    history: History
    pharmacies: Sequence[Pharmacy]
    seed: int
    refs: int = 0
    allowed: int = 0
    said: int = 0
    bulk: int = 0
    leaks: list[str] = field(default_factory=list)
    is_over: bool = False
    lines: "list[Line]" = field(default_factory=list)

    async def take(self, refs: int) -> int:
        """Take leave to say so many, or as many as are allowed for now; 0: all is said."""
        while self.said >= self.allowed and self.said < self.refs:
            await asyncio.sleep(_KEPT_SECONDS)
        taken = min(refs, min(self.allowed, self.refs) - self.said)
        self.said += taken
        return taken

    def look(self, pharmacy: Pharmacy, what: str, text: str) -> None:
        """Search what a pharmacy was sent for what is not its own."""
        if (found := stranger_in(pharmacy.number, text)) is not None:
            self.leaks.append(f"{what} of pharmacy {pharmacy.number} shows {found}")

    async def write(self, pharmacy: Pharmacy, number: int, *, waits: bool) -> None:
        """Be one client that sends one command after the other."""
        chance = random.Random(f"client {self.seed} {pharmacy.number} {number}")
        while await self.take(1):
            command = pharmacy.teller.next()
            assert isinstance(command, Command)
            await say(self, pharmacy, command, chance, waits=waits)

    async def upload(self, pharmacy: Pharmacy) -> None:
        """Be one client that sends files, as long as that is not most of what is said."""
        chance = random.Random(f"files {self.seed} {pharmacy.number}")
        most = max(1, self.refs // 40)
        while self.said < self.refs:
            if self.bulk > BULK_SHARE * self.said:
                await asyncio.sleep(_KEPT_SECONDS)
            elif rows := await self.take(min(chance.randint(*FILE_ROWS), most)):
                self.bulk += rows
                await send_file(self, pharmacy, pharmacy.teller.rows(rows), chance)

    async def read(self, pharmacy: Pharmacy) -> None:
        """Be one client that reads lists all the while, and searches every byte."""
        chance = random.Random(f"reader {self.seed} {pharmacy.number}")
        paths = ("/api/events?limit=200&after=0", "/api/sales/", "/api/inventory/", "/api/orders/", "/api/webhook-deliveries/",
                 "/api/webhook-events/", "/api/webhook-endpoints/")  # fmt: skip
        while not self.is_over:
            url, path, began = chance.choice(self.urls), chance.choice(paths), time.monotonic()
            try:
                async with self.session.get(url + path, headers=pharmacy.headers, timeout=PATIENCE) as answer:
                    text = await answer.text()
            except _BROKEN:
                self.history.write("read", what=path, seconds=time.monotonic() - began)
                await asyncio.sleep(0.3)
                continue
            self.history.write("read", what=path, seconds=time.monotonic() - began)
            if answer.status not in {200, 503}:
                self.history.write("wrong", status=answer.status, what=text[:200])
            self.look(pharmacy, "a list", text)
            await asyncio.sleep(chance.uniform(0.1, 0.5))


PATIENCE = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
Send = Callable[[str], Awaitable[tuple[int, bytes, str | None]]]
"""Sends to a gateway; gives status, body and the operation that the answer names."""


async def say(
    crowd: Crowd, pharmacy: Pharmacy, command: Command, chance: random.Random, *, waits: bool = False
) -> bool:
    """Send a command until somebody says what became of it; without a key only once. True: there is a receipt."""
    method, path = command.request
    headers = dict(pharmacy.headers)
    if command.is_keyed:
        headers["Idempotency-Key"] = command.ref
    if waits:
        headers["Prefer"] = f"wait={WAIT_SECONDS}"
    data: bytes | None = None
    if method != "DELETE":
        data, headers["Content-Type"] = orjson.dumps(command.body), "application/json"

    async def send(url: str) -> tuple[int, bytes, str | None]:
        async with crowd.session.request(
            method, url + path, data=data, headers=headers, timeout=PATIENCE, allow_redirects=False
        ) as answer:
            return answer.status, await answer.read(), answer.headers.get("operation-id")

    first = {
        "p": pharmacy.number, "door": "http", "type": command.type, "body": command.body,
        "resource": str(command.resource_id), "operation": str(command.operation_id) if command.is_keyed else None,
        "waits": waits,
    }  # fmt: skip
    tries = _TRIES if command.is_keyed else 1
    return await _insist(crowd, pharmacy, command.ref, [command.ref], first, send, chance, tries)


async def send_file(
    crowd: Crowd, pharmacy: Pharmacy, rows: list[tuple[str, dict[str, Any]]], chance: random.Random
) -> bool:
    """Send a file of sales until it is taken in."""
    key = pharmacy.teller.file_key()
    body = b"\n".join(orjson.dumps(row) for _, row in rows)
    headers = pharmacy.headers | {"Idempotency-Key": key, "Content-Type": "application/x-ndjson"}

    async def send(url: str) -> tuple[int, bytes, str | None]:
        async with crowd.session.post(f"{url}/api/sales/bulk", data=body, headers=headers, timeout=PATIENCE) as answer:
            return answer.status, await answer.read(), answer.headers.get("operation-id")

    first = {
        "p": pharmacy.number, "door": "bulk", "rows": rows, "operation": str(operation_id_for(pharmacy.id, key)),
    }  # fmt: skip
    return await _insist(crowd, pharmacy, key, [ref for ref, _ in rows], first, send, chance, _TRIES)


async def _insist(
    crowd: Crowd, pharmacy: Pharmacy, ref: str, refs: list[str], first: dict[str, Any], send: Send,
    chance: random.Random, tries: int,
) -> bool:  # fmt: skip
    history = crowd.history
    for number in range(1, tries + 1):
        url = chance.choice(crowd.urls)
        if number == 1:
            history.write("send", ref=ref, **{"try": number}, url=url[-5:], **first)
        else:
            history.write("send", ref=ref, refs=refs, **{"try": number}, url=url[-5:])
        try:
            status, raw, operation = await send(url)
        except _BROKEN as error:
            history.write("fail", ref=ref, error=type(error).__name__)
        else:
            crowd.look(pharmacy, "an answer", raw.decode())
            said, wrong = _read(status, raw, waited=first.get("waits", False))
            history.write("answer", ref=ref, refs=refs, status=status, said=said, operation=operation, wrong=wrong)
            if said != "unknown":
                history.received(len(refs))
                return True
            if wrong:
                return False
        if number < tries:
            await asyncio.sleep(min(0.5, 0.05 * number) * chance.uniform(0.5, 1.5))
        if crowd.is_over:
            break
    history.received(len(refs))  # there will be no receipt; the nemesis waits for nobody
    return False


def _read(status: int, raw: bytes, *, waited: bool) -> tuple[str, str]:
    """Say what an answer means, and what is wrong with it."""
    try:
        answer = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        return "unknown", f"no JSON: {raw[:100].decode(errors='replace')}"
    match status:
        case 202:
            return "accepted", ""
        case 200 | 201 | 204:
            return "applied", "" if waited else "an outcome that nobody waited for"
        case 503:
            return "unknown", ""
        case _ if status in _RULES and "mismatch" not in answer.get("type", ""):
            return "refused", "" if waited else f"refused at the door: {answer.get('detail')}"
        case _:
            return "unknown", str(answer.get("detail"))
