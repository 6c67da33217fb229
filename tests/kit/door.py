"""A bare door for tests: sends any command and waits for its outcome."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from hub.door import Door, open_door
from hub.messaging.connection import open_connection
from hub.messaging.declaring import declare_topology
from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class TestDoor:
    """Sends commands with ids of their own, unless told."""

    __test__ = False

    door: Door

    async def send(self, pharmacy_id: UUID, command: str, body: dict[str, Any], **envelope: Any) -> dict[str, Any]:
        """Publish a command and wait for its outcome."""
        members = {"operation_id": uuid4(), "resource_id": uuid4()} | envelope
        return await self.door.send(command, body, pharmacy_id=pharmacy_id, **members)

    async def publish(self, partition: int, body: bytes) -> None:
        """Publish bytes, whatever they are."""
        await self.door.publisher.publish(partition, body)

    async def open_pharmacy(self, name: str = "Corner") -> UUID:
        """Create a pharmacy."""
        pharmacy_id, _ = await self.door.create_pharmacy(name)
        return pharmacy_id


@asynccontextmanager
async def open_test_door(settings: Settings) -> AsyncIterator[TestDoor]:
    """Open a door; the topology is declared first."""
    async with open_connection(settings.amqp_urls, name="test topology") as connection:
        await declare_topology(connection, settings.partitions)
    async with open_door(settings) as door:
        yield TestDoor(door)
