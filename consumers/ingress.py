"""Ingress: what integrators publish becomes commands in their pharmacies' partitions, in order, confirmed, then acked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
import structlog

from consumers.directory import Directory, Sender
from consumers.holding import Hold
from consumers.ingress_message import MAX_BYTES, Incoming, read_commands
from consumers.receipts import Given, ReceiptSender
from consumers.strays import Stray, Strays
from consumers.window import Delivery, Window, acknowledge
from hub import clock
from hub.domain.command import Receipt
from hub.domain.problem import Problem
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.parking import Parked, park
from hub.messaging.topology import COMMANDS, ingress_queue, partition_of

_MESSAGES = 200
_BYTES = 4 * 1_048_576
# As the gateway's publisher: what waits travels together, so that the writer has few messages with many commands.
_TOGETHER_COMMANDS = 200
_TOGETHER_BYTES = 1_048_576
_KEPT_BYTES = 1024
_FORBIDDEN = "this message speaks for no pharmacy: log in with a pharmacy's key and set user_id, or ask for a grant"

log = structlog.get_logger("ingress")


@dataclass(slots=True)
class _Work:
    """What a window comes to: messages for the broker, in order, receipts for what was parked, and who is told on."""

    messages: list[Outgoing] = field(default_factory=list)
    receipts: list[Given] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    commands: int = 0
    parked: int = 0


@dataclass(frozen=True, slots=True)
class _Letter(Delivery):
    """A delivery with what its message says."""

    incoming: Incoming


class Ingress:
    """Takes windows of integrators' messages."""

    def __init__(
        self, window: Window, directory: Directory, publisher: BulkPublisher, receipts: ReceiptSender, partitions: int
    ) -> None:
        """Put the parts together; nothing runs before `run`."""
        self._window = window
        self._hold = Hold(window.pulse, log, "ingress.held")
        self._directory = directory
        self._publisher = publisher
        self._receipts = receipts
        self._partitions = partitions
        self._strays = Strays()

    def add(self, delivery: Delivery, message: Any) -> None:  # noqa: ANN401 -- aio-pika's message
        """Take in a message; of a body that is too large only the beginning is kept."""
        incoming = _incoming(message)
        self._window.add(_Letter(delivery.partition, delivery.channel, delivery.tag, incoming.body, incoming))

    def close(self) -> None:
        """Take no more."""
        self._window.close()

    async def run(self) -> None:
        """Work until closed."""
        while deliveries := await self._window.take(_MESSAGES, _BYTES):
            arrived = [one for one in deliveries if isinstance(one, _Letter)]
            # Held while the database is away: nothing could be applied then anyway.
            work = await self._hold(partial(self._read, arrived), messages=len(arrived))
            if work.strays:
                work.messages += self._strays.tell(work.strays)
            if work.messages:
                # Again in order: what came through twice is applied once.
                await self._hold(partial(self._publisher.publish, work.messages), messages=len(work.messages))
            await self._receipts.send(work.receipts)
            await acknowledge(deliveries)
            log.debug("ingress.taken", messages=len(deliveries), commands=work.commands, parked=work.parked)

    async def _read(self, arrived: Sequence[_Letter]) -> _Work:
        """Read a window; the database is needed only where a user is not known without it."""
        await self._directory.refresh()
        work = _Work()
        bundle = _Bundle()
        for letter in arrived:
            incoming = letter.incoming
            found = await self._directory.find(incoming.user_id, incoming.routing_key)
            if incoming.reply_to and not incoming.answers_to:
                work.strays.append(_stray(incoming, found))
            if not isinstance(found, Sender):
                self._park(work, letter, found)
                continue
            receipt_id = clock.new_id().hex
            commands = read_commands(incoming, found.pharmacy_id, found.actor, clock.now(), receipt_id)
            work.commands += len(commands)
            bundle.add(work.messages, partition_of(found.pharmacy_id, self._partitions), [*map(orjson.dumps, commands)])
        bundle.flush(work.messages)
        return work

    def _park(self, work: _Work, letter: _Letter, reason: str) -> None:
        """Set a message aside whose pharmacy nobody can tell, and say so to whoever waits."""
        now, incoming = clock.now(), letter.incoming
        origin = ingress_queue(letter.partition)
        log.warning("message.parked", origin=origin, reason=reason)
        extra = {"user_id": incoming.user_id[:64], "routing_key": incoming.routing_key[:64], "type": incoming.type[:64]}
        work.messages.append(park(Parked(incoming.body, reason, origin, now, now, extra=extra)))
        work.parked += 1
        if incoming.answers_to:
            shown: dict[str, Any] = {
                "id": None, "type": incoming.type[:64] or None, "status": "parked", "accepted_at": None, "finished_at": None,
                "resource": None, "events": [], "problem": Problem("forbidden", _FORBIDDEN).dump(),
            }  # fmt: skip
            # Without a user the routing key names the sender: RabbitMQ lets nobody publish under another's.
            sender = incoming.user_id or incoming.routing_key
            receipt = Receipt(clock.new_id().hex, incoming.correlation_id, 0, 0, sender)
            work.receipts.append(Given(incoming.answers_to, receipt, shown))


def _stray(incoming: Incoming, found: Sender | str) -> Stray:
    actor, pharmacy_id = (found.actor, found.pharmacy_id) if isinstance(found, Sender) else ("unknown", None)
    sender = incoming.user_id or incoming.routing_key
    return Stray(sender, actor, pharmacy_id, incoming.reply_to, incoming.message_id)


class _Bundle:
    """Gathers the commands of a partition that follow each other; one message's commands are never parted."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[bytes]] = {}

    def add(self, messages: list[Outgoing], partition: int, commands: Sequence[bytes]) -> None:
        waiting = self._waiting.setdefault(partition, [])
        size = sum(map(len, waiting)) + sum(map(len, commands))
        if waiting and (len(waiting) + len(commands) > _TOGETHER_COMMANDS or size > _TOGETHER_BYTES):
            self._flush_one(messages, partition)
        self._waiting[partition].extend(commands)

    def flush(self, messages: list[Outgoing]) -> None:
        for partition in self._waiting:
            self._flush_one(messages, partition)

    def _flush_one(self, messages: list[Outgoing], partition: int) -> None:
        if commands := self._waiting[partition]:
            messages.append(Outgoing(COMMANDS, str(partition), b"[" + b",".join(commands) + b"]"))
            self._waiting[partition] = []


def _incoming(message: Any) -> Incoming:  # noqa: ANN401 -- aio-pika's message
    body: bytes = message.body
    return Incoming(
        body=body if len(body) <= MAX_BYTES else body[:_KEPT_BYTES],
        size=len(body),
        routing_key=_text(message.routing_key),
        user_id=_text(message.user_id),
        message_id=_text(message.message_id),
        type=_text(message.type),
        content_type=_text(message.content_type),
        content_encoding=_text(message.content_encoding),
        reply_to=_text(message.reply_to),
        correlation_id=_text(message.correlation_id),
        headers=tuple(map(str, message.headers or ())),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
