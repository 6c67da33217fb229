"""Commands of the hub itself, sent in the background; and the events that cause them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from hub import clock
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import HubConnection
from hub.messaging.topology import COMMANDS, partition_of
from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class RoutedEvent:
    """An event as its message's properties tell it."""

    id: UUID
    pharmacy_id: UUID
    type: str


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
