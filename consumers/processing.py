"""Processing in the background: a received webhook, once stored, is worked on and marked as processed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from hub import clock
from hub.domain.ids import derived_id
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import HubConnection
from hub.messaging.topology import COMMANDS, partition_of
from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class RoutedEvent:
    """An event as its message's properties tell it.

    Args:
        resource_id: what it is about; known for received webhooks only, whose body is read.
    """

    id: UUID
    pharmacy_id: UUID
    type: str
    resource_id: UUID | None = None


class CommandSender:
    """Publishes commands of the hub itself, in order and confirmed."""

    def __init__(self, connection: HubConnection, settings: Settings) -> None:
        """Publish on a connection that is used for publishing only."""
        self._publisher = BulkPublisher(connection, confirm_seconds=settings.confirm_seconds)
        self._partitions = settings.partitions

    async def send(self, commands: Sequence[tuple[UUID, str, UUID, UUID, Mapping[str, Any]]]) -> None:
        """Publish commands, each (pharmacy, type, resource, operation, body).

        Raises:
            Unavailable: not confirmed; sending them again is safe, their operations are the same.
        """
        now = clock.now().isoformat()
        await self._publisher.publish(
            [
                Outgoing(
                    COMMANDS,
                    str(partition_of(pharmacy_id, self._partitions)),
                    orjson.dumps(
                        [
                            {
                                "operation_id": str(operation_id),
                                "pharmacy_id": str(pharmacy_id),
                                "resource_id": str(resource_id),
                                "type": command,
                                "accepted_at": now,
                                "body": body,
                                "actor": "system",
                                "door": "system",
                            }
                        ]
                    ),
                )
                for pharmacy_id, command, resource_id, operation_id, body in commands
            ]
        )


class Processing:
    """Works on received webhooks."""

    def __init__(self, sender: CommandSender) -> None:
        """Answer with commands."""
        self._sender = sender

    async def process(self, events: Sequence[RoutedEvent]) -> None:
        """Mark received webhooks as processed; a repeat of an event is the same command."""
        await self._sender.send(
            [
                (
                    event.pharmacy_id,
                    "webhook_event.update",
                    event.resource_id,
                    derived_id(event.id, "processed"),
                    {"processed": True},
                )
                for event in events
                if event.type == "webhook_event.received" and event.resource_id is not None
            ]
        )
