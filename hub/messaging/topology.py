"""Every exchange, queue and binding of the hub, declared in one place.

`rabbitmq/definitions.json` is `definitions(8)` (a test compares them). Arguments are part of a queue's identity and can
never be changed on an installation that runs; whatever may change is a policy.
"""

import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiormq.abc import AbstractChannel

from hub.faults import SettingsError, Unavailable
from hub.messaging.connection import HubConnection, within
from hub.messaging.refusals import MARKER, explain_refusal

COMMANDS = "hub.commands"
INGRESS = "hub.ingress"
INGRESS_HASH = "hub.ingress.hash"
EVENTS = "hub.events"
CONTROL = "hub.control"
FANOUT = "hub.webhooks.fanout"
TRANSLATE = "hub.webhooks.translate"
DELIVER = "hub.webhooks.deliver"
AUDIT = "hub.audit"
DEAD = "hub.dead"
OUT = "hub.out"
REPLIES = "hub.replies"
DEFAULT_EXCHANGE = ""

INGRESS_QUEUES = 4
DELIVER_QUEUES = 8
MAX_PARTITIONS = 256
DEFAULT_PARTITIONS = 8

_DECLARE_SECONDS = 30.0  # for all declarations together
_SECONDS = 10.0

QUORUM: dict[str, Any] = {
    "x-queue-type": "quorum",
    # 4.x would drop a message at its 20th delivery; -1 drops redelivered ones at once on 3.10 (measured).
    "x-delivery-limit": 2147483647,
    "x-quorum-initial-group-size": 3,
    "x-queue-leader-locator": "balanced",
}
ORDERED: dict[str, Any] = {**QUORUM, "x-single-active-consumer": True}

# They arrive with definitions.json or over the management API: AMQP cannot set them.
POLICIES: tuple[dict[str, Any], ...] = (
    {
        "name": "hub-out-bounded",
        "pattern": r"^hub\.out\.",
        "apply-to": "queues",
        "priority": 10,
        "definition": {"max-length": 100_000, "max-length-bytes": 268_435_456, "overflow": "drop-head"},
    },
    {
        "name": "hub-ingress-expired",  # what expires before it is read is parked, not lost
        "pattern": r"^hub\.ingress\.[0-9]+$",
        "apply-to": "queues",
        "priority": 10,
        "definition": {"dead-letter-exchange": "", "dead-letter-routing-key": DEAD},
    },
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange as the broker holds it."""

    name: str
    kind: str
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue and the arguments that are part of its identity."""

    name: str
    arguments: dict[str, Any] = field(default_factory=lambda: QUORUM)


@dataclass(frozen=True, slots=True)
class Binding:
    """A way from an exchange to a queue or to another exchange."""

    source: str
    target: str
    routing_key: str
    to_exchange: bool = False


@dataclass(frozen=True, slots=True)
class Topology:
    """All that is declared for an installation with a given number of partitions."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]


def partition_of(pharmacy_id: UUID, partitions: int) -> int:
    """Name the partition that keeps a pharmacy's commands in order.

    Stable for the life of an installation: another `partitions` would move pharmacies between queues and break
    their order, so `declare_topology` refuses when the broker has a different number.

    >>> partition_of(UUID(int=0), 8)
    5

    Args:
        partitions: number of command queues, 1 to 256.
    Returns:
        0 to `partitions` - 1.
    Raises:
        ValueError: `partitions` is out of range.
    Source: design, section 3; CRC-32 as in RFC 1952, section 8.
    """
    if not 1 <= partitions <= MAX_PARTITIONS:
        message = f"partitions must be 1 to {MAX_PARTITIONS}, not {partitions}"
        raise ValueError(message)
    return zlib.crc32(pharmacy_id.bytes) % partitions


def command_queue(partition: int) -> str:
    """Name the queue of a partition; the routing key on `hub.commands` is the number alone."""
    return f"{COMMANDS}.{partition}"


def ingress_queue(number: int) -> str:
    """Name one of the queues of integrators' messages."""
    return f"{INGRESS}.{number}"


def deliver_queue(endpoint_id: UUID) -> str:
    """Name the queue of an endpoint's deliveries."""
    return f"{DELIVER}.{zlib.crc32(endpoint_id.bytes) % DELIVER_QUEUES}"


def replies_queue(gateway_id: str) -> str:
    """Name the queue to which the outcomes for one gateway process go."""
    return f"{REPLIES}.{gateway_id}"


def topology(partitions: int) -> Topology:
    """List what an installation with so many partitions consists of, the marker of that number first."""
    if not 1 <= partitions <= MAX_PARTITIONS:
        message = f"HUB_PARTITIONS must be 1 to {MAX_PARTITIONS}, not {partitions}"
        raise SettingsError(message)
    commands = [command_queue(number) for number in range(partitions)]
    ingress = [ingress_queue(number) for number in range(INGRESS_QUEUES)]
    deliver = [f"{DELIVER}.{number}" for number in range(DELIVER_QUEUES)]
    return Topology(
        exchanges=(
            Exchange(COMMANDS, "direct"),
            Exchange(INGRESS, "topic"),
            Exchange(INGRESS_HASH, "x-consistent-hash", internal=True),
            Exchange(EVENTS, "topic"),
            Exchange(CONTROL, "fanout"),
        ),
        queues=(
            # Nobody publishes here: its length limit IS the number of partitions, and the broker compares it.
            Queue(MARKER, {**QUORUM, "x-max-length": partitions}),
            # Deliveries as well: one process at a time makes all calls to an endpoint, so its limits hold exactly.
            *(Queue(name, ORDERED) for name in (*commands, *ingress, *deliver, TRANSLATE)),
            *(Queue(name) for name in (FANOUT, AUDIT, DEAD)),
        ),
        bindings=(
            *(Binding(COMMANDS, name, str(number)) for number, name in enumerate(commands)),
            Binding(INGRESS, INGRESS_HASH, "#", to_exchange=True),
            *(Binding(INGRESS_HASH, name, "1") for name in ingress),  # the key is the weight: equal shares
            # What the fan-out always hears: changes of endpoints. The events of a pharmacy are bound once it has an
            # endpoint, so that nobody pays for webhooks that nobody wants.
            *(Binding(EVENTS, FANOUT, key) for key in ("*.pharmacy.*", "*.webhook_endpoint.*")),
            *(Binding(EVENTS, TRANSLATE, key) for key in ("*.webhook_event.received", "*.webhook_event.reopened")),
        ),
    )


def definitions(partitions: int) -> dict[str, Any]:
    """Render the topology as RabbitMQ's definitions file: no users, so that it can be published."""
    wanted = topology(partitions)
    lasting: dict[str, Any] = {"vhost": "/", "durable": True, "auto_delete": False}
    return {
        "vhosts": [{"name": "/"}],
        "policies": [{"vhost": "/", **policy} for policy in POLICIES],
        "exchanges": [
            {"name": each.name, **lasting, "type": each.kind, "internal": each.internal, "arguments": {}}
            for each in wanted.exchanges
        ],
        "queues": [{"name": each.name, **lasting, "arguments": each.arguments} for each in wanted.queues],
        "bindings": [
            {
                "source": each.source,
                "vhost": "/",
                "destination": each.target,
                "destination_type": "exchange" if each.to_exchange else "queue",
                "routing_key": each.routing_key,
                "arguments": {},
            }
            for each in wanted.bindings
        ],
    }


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
    for binding in wanted.bindings:
        if binding.to_exchange:
            await channel.exchange_bind(binding.target, binding.source, binding.routing_key)
        else:
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
