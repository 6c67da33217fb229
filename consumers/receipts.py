"""Receipts: each AMQP message that asks for one is answered with its operation, or with the list of them in its order.

A client chooses where its receipt goes, and RabbitMQ decodes that address in the channel of whoever publishes to it: a forged
one ends the channel, some the whole connection. So receipts go out on a connection of their own, apart from the events;
the one that breaks it is found by halving and left out, and whoever sent it gets no receipts for a while.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import orjson
import structlog

from hub.clock import monotonic
from hub.domain.command import Receipt
from hub.faults import Unavailable
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import HubConnection, open_connection
from hub.messaging.topology import DEFAULT_EXCHANGE
from hub.settings import Settings

_SHORT_BYTES = 255
_RECONNECT_SECONDS = 2.0
_LOOK_SECONDS = 0.02
_SILENCE_SECONDS = 60.0

log = structlog.get_logger("writer")


class Given(NamedTuple):
    """The outcome of one command for the receipt of its message: the operation as clients see it."""

    reply_to: str
    receipt: Receipt
    operation: Mapping[str, Any]


class _Letter(NamedTuple):
    actor: str  # who chose the address
    message: Outgoing


def _letters(given: Iterable[Given]) -> list[_Letter]:
    """Write the receipts, in order of their messages' first commands."""
    letters: dict[str, list[Given]] = {}
    for one in given:
        letters.setdefault(one.receipt.id, []).append(one)
    return [_Letter(of_one[0].receipt.actor, _message(of_one)) for of_one in letters.values()]


def _message(given: Sequence[Given]) -> Outgoing:
    reply_to, receipt, _ = given[0]
    operations = [one.operation for one in sorted(given, key=lambda one: one.receipt.at)]
    correlation_id = receipt.correlation_id
    return Outgoing(
        DEFAULT_EXCHANGE,
        reply_to,
        orjson.dumps(operations if receipt.of else operations[0]),
        # What was no UTF-8 has grown by its replacement and may not fit any more.
        correlation_id=correlation_id if 0 < len(correlation_id.encode()) <= _SHORT_BYTES else None,
        mandatory=False,
        persistent=False,
    )


class ReceiptSender:
    """Sends receipts. They are worth less than anything else that a role says: what fails is left out, and logged."""

    def __init__(self, connection: HubConnection, confirm_seconds: float) -> None:
        """Send on a connection that nobody else uses."""
        self._connection = connection
        self._publisher = BulkPublisher(connection, confirm_seconds=confirm_seconds, name="receipts")
        self._silent_until: dict[str, float] = {}

    async def send(self, given: Sequence[Given]) -> None:
        """Send what can be sent; the outcomes stay readable at `/api/operations/`."""
        if not given:
            return
        now = monotonic()
        for actor in [actor for actor, until in self._silent_until.items() if until <= now]:
            del self._silent_until[actor]
        letters = _letters(one for one in given if one.receipt.actor not in self._silent_until)
        if letters:
            await self._reconnected()
            await self._send(letters)

    async def _send(self, letters: Sequence[_Letter], *, is_again: bool = False) -> None:
        try:
            await self._publisher.publish([letter.message for letter in letters])
        except Unavailable as fault:
            # No cause: RabbitMQ is away or takes nothing, which is nobody's fault.
            if fault.__cause__ is None or isinstance(fault.__cause__, TimeoutError):
                log.warning("receipts.lost", what=fault.what, detail=fault.detail, receipts=len(letters))
                return
            await self._reconnected()
            if len(letters) > 1:
                half = len(letters) // 2
                await self._send(letters[:half])
                await self._send(letters[half:])
            elif not is_again:  # RabbitMQ may just have been restarted
                await self._send(letters, is_again=True)
            else:
                (guilty,) = letters
                self._silent_until[guilty.actor] = monotonic() + _SILENCE_SECONDS
                log.warning("receipts.refused", actor=guilty.actor, seconds=_SILENCE_SECONDS, detail=fault.detail)

    async def _reconnected(self) -> None:
        """Wait for the connection to come back, in case a forged address ended it; not for long: all others wait as well."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_RECONNECT_SECONDS):
                while self._connection.underlay is None:  # noqa: ASYNC110 -- its event is still set when it has just closed
                    await asyncio.sleep(_LOOK_SECONDS)


@asynccontextmanager
async def open_receipts(settings: Settings) -> AsyncIterator[ReceiptSender]:
    """Connect for receipts only."""
    async with open_connection(settings.amqp_urls, name="consumers receipts") as connection:
        yield ReceiptSender(connection, settings.confirm_seconds)
