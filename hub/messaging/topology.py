"""Every exchange, queue and binding of the hub, named in one place; `hub.messaging.declaring` declares them.

`rabbitmq/definitions.json` is `definitions(8)` (a test compares them). Arguments are part of a queue's identity and can
never be changed on an installation that runs; whatever may change is a policy.
"""

import zlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hub.faults import SettingsError
from hub.messaging.refusals import MARKER

COMMANDS = "hub.commands"
INGRESS = "hub.ingress"
INGRESS_UNBOUND = "hub.ingress.unbound"
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
    {
        "name": "hub-ingress-unbound",  # what was not led to a queue is read all the same
        "pattern": r"^hub\.ingress$",
        "apply-to": "exchanges",
        "priority": 10,
        "definition": {"alternate-exchange": INGRESS_UNBOUND},
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
    """A way from an exchange to a queue."""

    source: str
    target: str
    routing_key: str


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


def ingress_queue_of(pharmacy_id: UUID) -> str:
    """Name the queue that keeps the messages of a pharmacy's integrators in order."""
    return ingress_queue(zlib.crc32(pharmacy_id.bytes) % INGRESS_QUEUES)


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
            Exchange(INGRESS_UNBOUND, "fanout", internal=True),
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
            # A pharmacy's own binding to its queue is made before RabbitMQ lets anybody publish for it: `IngressBindings`.
            Binding(INGRESS_UNBOUND, ingress[0], ""),
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
                "destination_type": "queue",
                "routing_key": each.routing_key,
                "arguments": {},
            }
            for each in wanted.bindings
        ],
    }
