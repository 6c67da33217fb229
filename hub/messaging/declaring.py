"""Declares what `hub.messaging.topology` names, and the bindings that come and go with pharmacies."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from aiormq.abc import AbstractChannel

from hub.faults import SettingsError, Unavailable
from hub.messaging.connection import HubConnection, within
from hub.messaging.refusals import explain_refusal
from hub.messaging.topology import EVENTS, FANOUT, INGRESS, Topology, command_queue, ingress_queue_of, topology

_DECLARE_SECONDS = 30.0  # for all declarations together
_SECONDS = 10.0
# What earlier versions declared. The ring of a consistent-hash exchange is another one after a restart (docs/adr/0035).
_REMOVED = ("hub.ingress.hash",)


async def declare_topology(connection: HubConnection, partitions: int) -> None:
    """Declare everything; what exists with the same arguments stays untouched.

    Run it once at start: while a node of a cluster is frozen every declaration hangs.

    Raises:
        Unavailable: no broker, or it did not answer within 30 s.
        SettingsError: the broker holds another number of partitions or other arguments, lacks the plugin, or the
            user may not declare.
    """
    await on_channel(connection, lambda channel: _declare(channel, topology(partitions)), _DECLARE_SECONDS)


async def on_channel(
    connection: HubConnection, act: Callable[[AbstractChannel], Awaitable[None]], seconds: float
) -> None:
    """Do something on a channel of its own; raises as `declare_topology`."""
    underlay = connection.underlay
    if underlay is None:
        detail = "there is no connection to declare the topology on"
        raise Unavailable("rabbitmq", detail)

    async def on_own_channel() -> None:
        channel = await underlay.channel(publisher_confirms=False)
        await act(channel)
        await channel.close()

    try:
        await within(seconds, on_own_channel(), "rabbitmq")
    except Unavailable as fault:
        sentence = explain_refusal(fault.__cause__)
        if sentence is None:
            raise
        raise SettingsError(sentence) from fault


async def _declare(channel: AbstractChannel, wanted: Topology) -> None:
    # Queues first, and the marker first of all: a wrong number of partitions changes nothing.
    for queue in wanted.queues:
        await channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
    for exchange in wanted.exchanges:
        await channel.exchange_declare(
            exchange.name, exchange_type=exchange.kind, durable=True, internal=exchange.internal
        )
    for name in _REMOVED:
        await channel.exchange_delete(name)
    for binding in wanted.bindings:
        await channel.queue_bind(binding.target, binding.source, binding.routing_key)


async def bind_fanout(connection: HubConnection, pharmacy_ids: Sequence[UUID], *, seconds: float = _SECONDS) -> None:
    """Let the fan-out hear all events of these pharmacies; bound twice is bound once.

    Raises:
        Unavailable: the broker does not answer.
    """

    async def bind(channel: AbstractChannel) -> None:
        for pharmacy_id in pharmacy_ids:
            await channel.queue_bind(FANOUT, EVENTS, f"{pharmacy_id}.#")

    await on_channel(connection, bind, seconds)


async def unbind_fanout(connection: HubConnection, pharmacy_id: UUID) -> None:
    """Spare the fan-out the events of a pharmacy that has no endpoint any more.

    Raises:
        Unavailable: the broker does not answer.
    """

    async def unbind(channel: AbstractChannel) -> None:
        await channel.queue_unbind(FANOUT, EVENTS, f"{pharmacy_id}.#")

    await on_channel(connection, unbind, _SECONDS)


async def bind_ingress(connection: HubConnection, pharmacy_ids: Sequence[UUID], *, seconds: float = _SECONDS) -> None:
    """Lead what is published for these pharmacies to their ingress queues, for good; bound twice is bound once.

    Raises:
        Unavailable: the broker does not answer.
    """

    async def bind(channel: AbstractChannel) -> None:
        for pharmacy_id in pharmacy_ids:
            await channel.queue_bind(ingress_queue_of(pharmacy_id), INGRESS, str(pharmacy_id))

    await on_channel(connection, bind, seconds)


async def find_unread_partitions(connection: HubConnection, partitions: int) -> list[int]:
    """Name the partitions that no writer reads, by the broker's own count of consumers.

    Raises:
        Unavailable: the broker does not answer.
    """
    unread: list[int] = []

    async def look(channel: AbstractChannel) -> None:
        for number in range(partitions):
            declared = await channel.queue_declare(command_queue(number), passive=True)
            if not declared.consumer_count:
                unread.append(number)

    await on_channel(connection, look, _SECONDS)
    return unread
