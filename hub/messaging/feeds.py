"""Own feeds on the broker: `hub.out.<pharmacy id>`, bound to the pharmacy's events, bounded by a policy."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from aiormq.abc import AbstractChannel

from hub.domain.feeds import DEFAULT_LENGTH
from hub.faults import Unavailable
from hub.messaging.connection import HubConnection, within
from hub.messaging.declaring import on_channel
from hub.messaging.management import Management
from hub.messaging.topology import EVENTS, ORDERED, OUT

FEED_BYTES: Final = 268_435_456
SECONDS: Final = 10.0
LOOK_SECONDS: Final = 2.0


class FeedState(NamedTuple):
    """What the broker knows of a feed: events that wait, and who reads it."""

    depth: int
    consumers: int


def out_queue(pharmacy_id: UUID) -> str:
    """Name the queue in which a pharmacy reads its own events."""
    return f"{OUT}.{pharmacy_id}"


def binding_keys(pharmacy_id: UUID, types: Sequence[str]) -> list[str]:
    """Name the routing keys that bring these types of events, and nobody else's.

    >>> binding_keys(UUID(int=1), ["sale.*", "order.placed"])[0]
    '00000000-0000-0000-0000-000000000001.sale.*'
    """
    if "*" in types:
        return [f"{pharmacy_id}.#"]
    return [f"{pharmacy_id}.{kind}" for kind in types]


async def open_feed(
    connection: HubConnection, management: Management, pharmacy_id: UUID, types: Sequence[str], max_length: int
) -> None:
    """Make a feed, or change which events it takes and how many it keeps; idempotent.

    Raises:
        Unavailable: the broker does not answer; call again.
    """
    name = out_queue(pharmacy_id)
    policy = f"hub-out-{pharmacy_id}"
    if max_length == DEFAULT_LENGTH:
        await management.drop_policy(policy)
    else:
        # Before the queue: it is never longer than it was asked to be.
        await management.set_policy(policy, _policy(name, max_length))
    keys = binding_keys(pharmacy_id, types)
    await declare_feed(connection, pharmacy_id, keys)
    surplus = [key for key in await management.list_binding_keys(EVENTS, name) if key not in keys]

    async def unbind(channel: AbstractChannel) -> None:
        for key in surplus:
            await channel.queue_unbind(name, EVENTS, key)

    if surplus:
        await on_channel(connection, unbind, SECONDS)


def _policy(name: str, max_length: int) -> dict[str, Any]:
    return {
        "pattern": f"^{name.replace('.', chr(92) + '.')}$",
        "apply-to": "queues",
        "priority": 20,
        "definition": {"max-length": max_length, "max-length-bytes": FEED_BYTES, "overflow": "drop-head"},
    }


async def declare_feed(connection: HubConnection, pharmacy_id: UUID, keys: Sequence[str]) -> None:
    """Make the queue and these bindings; idempotent. One consumer at a time reads it, so that events come in order.

    Raises:
        Unavailable: the broker does not answer.
    """
    name = out_queue(pharmacy_id)

    async def declare(channel: AbstractChannel) -> None:
        await channel.queue_declare(name, durable=True, arguments=ORDERED)
        for key in keys:
            await channel.queue_bind(name, EVENTS, key)

    await on_channel(connection, declare, SECONDS)


async def close_feed(connection: HubConnection, management: Management, pharmacy_id: UUID) -> None:
    """Remove a feed and what is left in it; one that is not there is fine.

    Raises:
        Unavailable: the broker does not answer; call again.
    """

    async def delete(channel: AbstractChannel) -> None:
        await channel.queue_delete(out_queue(pharmacy_id))

    await on_channel(connection, delete, SECONDS)
    await management.drop_policy(f"hub-out-{pharmacy_id}")


async def look_at_feed(connection: HubConnection, pharmacy_id: UUID) -> FeedState | None:
    """Ask the broker about a feed; None: it does not answer, or has no such queue."""
    underlay = connection.underlay
    if underlay is None:
        return None
    try:
        channel = await within(LOOK_SECONDS, underlay.channel(publisher_confirms=False), "rabbitmq")
        found = await within(LOOK_SECONDS, channel.queue_declare(out_queue(pharmacy_id), passive=True), "rabbitmq")
        await within(LOOK_SECONDS, channel.close(), "rabbitmq")
    except Unavailable:
        return None
    return FeedState(found.message_count or 0, found.consumer_count or 0)
