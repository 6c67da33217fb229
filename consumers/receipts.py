"""Receipts: each AMQP message that asks for one is answered with its operation, or with the list of them in its order.

A client chooses where its receipt goes, and RabbitMQ decodes that address in the channel of whoever publishes to it: a forged
one ends the channel. So receipts go out on a channel of their own, apart from the events, and one that breaks the channel
is found by halving and left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import structlog

from hub.domain.command import Receipt
from hub.faults import Unavailable
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.topology import DEFAULT_EXCHANGE

_SHORT_BYTES = 255

log = structlog.get_logger("writer")


class Given(NamedTuple):
    """The outcome of one command for the receipt of its message: the operation as clients see it."""

    reply_to: str
    receipt: Receipt
    operation: Mapping[str, Any]


def receipt_messages(given: Iterable[Given]) -> list[Outgoing]:
    """Write the receipts, in order of their messages' first commands."""
    letters: dict[str, list[Given]] = {}
    for one in given:
        letters.setdefault(one.receipt.id, []).append(one)
    return [_message(of_one) for of_one in letters.values()]


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
    """Sends receipts. They are worth less than anything else that the writer says: what fails is left out, and logged."""

    def __init__(self, publisher: BulkPublisher) -> None:
        """Send with a publisher that nobody else uses."""
        self._publisher = publisher

    async def send(self, given: Sequence[Given]) -> None:
        """Send what can be sent; the outcomes stay readable at `/api/operations/`."""
        if given:
            await self._send(receipt_messages(given))

    async def _send(self, messages: Sequence[Outgoing]) -> None:
        try:
            await self._publisher.publish(messages)
        except Unavailable as fault:
            # No cause: there is no connection, and whoever waited has lost theirs as well.
            if len(messages) == 1 or fault.__cause__ is None or isinstance(fault.__cause__, TimeoutError):
                log.warning("receipts.lost", what=fault.what, detail=fault.detail, receipts=len(messages))
                return
            half = len(messages) // 2
            await self._send(messages[:half])
            await self._send(messages[half:])
