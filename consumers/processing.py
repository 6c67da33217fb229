"""Commands of the hub itself, sent in the background; and the events that cause them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from hub import clock
from hub.domain.command import Door
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


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A command that the hub gives itself. The operation's id follows from what caused it, so a repeat is the same command.

    Args:
        if_match: the versions that the resource may have; None: any.
        actor: who is behind it: the hub, or a source whose message became it.
    """

    pharmacy_id: UUID
    type: str
    resource_id: UUID
    operation_id: UUID
    body: Mapping[str, Any]
    if_match: Sequence[int] | None = None
    actor: str = "system"
    door: Door = "system"

    def message(self, accepted_at: datetime, partitions: int) -> Outgoing:
        """Write it for the queue of its pharmacy."""
        envelope: dict[str, Any] = {
            "operation_id": str(self.operation_id),
            "pharmacy_id": str(self.pharmacy_id),
            "resource_id": str(self.resource_id),
            "type": self.type,
            "accepted_at": accepted_at.isoformat(),
            "body": self.body,
            "actor": self.actor,
            "door": self.door,
        }
        if self.if_match is not None:
            envelope["if_match"] = self.if_match
        return Outgoing(COMMANDS, str(partition_of(self.pharmacy_id, partitions)), orjson.dumps([envelope]))


class CommandSender:
    """Publishes commands of the hub itself, in order and confirmed."""

    def __init__(self, connection: HubConnection, settings: Settings) -> None:
        """Publish on a connection that is used for publishing only."""
        self._publisher = BulkPublisher(connection, confirm_seconds=settings.confirm_seconds)
        self._partitions = settings.partitions

    async def send(self, commands: Sequence[OwnCommand]) -> None:
        """Publish commands.

        Raises:
            Unavailable: not confirmed; sending them again is safe, their operations are the same.
        """
        now = clock.now()
        await self._publisher.publish([command.message(now, self._partitions) for command in commands])
