"""What is parked can be read back with its reason."""

from datetime import UTC, datetime

import pytest

from hub.faults import Poison
from hub.messaging.bulk_publisher import BulkPublisher
from hub.messaging.connection import open_connection
from hub.messaging.declaring import declare_topology
from hub.messaging.parking import Parked, park, read_parked
from hub.messaging.topology import DEAD
from tests.rooms.broker_reader import read_queue


async def test_a_parked_message_comes_back_as_it_was(amqp_url: str) -> None:
    parked = Parked(
        body=b"\xff not JSON",
        reason="body is not JSON",
        origin="hub.commands.3",
        first_failed_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        last_failed_at=datetime(2026, 1, 2, 4, tzinfo=UTC),
        message_id="m-1",
        extra={"operation_id": "o-1"},
    )
    async with open_connection([amqp_url], name="test") as connection:
        await declare_topology(connection, 1)
        await BulkPublisher(connection, confirm_seconds=2).publish([park(parked)])
    (message,) = await read_queue(amqp_url, DEAD, 1)
    read = read_parked(message.body, message.headers, message_id=message.message_id, content_type=message.content_type)
    assert read == parked


def test_a_stranger_in_the_queue_is_poison() -> None:
    with pytest.raises(Poison, match="without the hub's headers"):
        read_parked(b"", {}, message_id=None, content_type=None)
