"""What a request needs of the process: opened once, closed in reverse."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from litestar.connection import ASGIConnection

from gateway.amqp_door import AmqpDoor
from gateway.amqp_sessions import Sessions, open_sessions
from gateway.audit import AuditTrail, open_audit
from gateway.keys import KeyCache, open_key_cache
from gateway.limits import Limits
from gateway.relay import Relay, open_relay
from gateway.sources import SourceCache, open_source_cache
from gateway.tickets import Tickets
from hub import clock
from hub.messaging.connection import HubConnection, open_connection
from hub.messaging.control import Notice, open_control
from hub.messaging.ingress_bindings import IngressBindings
from hub.messaging.publisher import CommandPublisher, open_command_publisher
from hub.messaging.replies import Replies, open_replies
from hub.security.tokens import Tokens
from hub.security.vault import Vault
from hub.settings import Settings
from hub.storage.database import Database, open_database

FIRST_SECONDS = 0.5
REMEMBERED = 20_000
TROUBLE_SECONDS = 10.0


class Remembered:
    """What this process took under an `Idempotency-Key`: operation to fingerprint, the oldest forgotten first."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._fingerprints: OrderedDict[UUID, str] = OrderedDict()

    def differs(self, operation_id: UUID, fingerprint: str) -> bool:
        """Tell whether this operation is known here with another body or route."""
        return self._fingerprints.get(operation_id, fingerprint) != fingerprint

    def add(self, operation_id: UUID, fingerprint: str) -> None:
        """Remember what the broker has confirmed."""
        self._fingerprints.setdefault(operation_id, fingerprint)
        if len(self._fingerprints) > REMEMBERED:
            self._fingerprints.popitem(last=False)


class Troubles:
    """Queues that did not confirm lately, for `/health/ready`."""

    def __init__(self) -> None:
        """Know of no trouble."""
        self._seen: dict[str, float] = {}

    def note(self, what: str) -> None:
        """Remember that something did not answer just now."""
        self._seen[what] = clock.monotonic()

    def recent(self) -> list[str]:
        """Name what did not answer in the last 10 s."""
        now = clock.monotonic()
        self._seen = {what: at for what, at in self._seen.items() if now - at < TROUBLE_SECONDS}
        return sorted(self._seen)


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway process.

    Args:
        reads: PostgreSQL under row-level security, for one pharmacy at a time.
        reads_all: PostgreSQL without it, for operators and look-ups of keys.
        publishing: the broker connection that only publishes commands.
        consuming: the broker connection for replies, notices and live events.
        partitions: number of command queues.
        relay: live events for sockets, and who listens.
        tickets: what lets a browser's socket in.
        audit: what is told for the audit log.
        sessions: who is connected over AMQP.
        amqp_door: answers RabbitMQ about log-ins and rights.
        sources: who may post to `/hooks/<id>`.
    """

    settings: Settings
    reads: Database
    reads_all: Database
    publishing: HubConnection
    consuming: HubConnection
    publisher: CommandPublisher
    replies: Replies
    keys: KeyCache
    limits: Limits
    tokens: Tokens
    vault: Vault
    secret_key: str
    partitions: int
    relay: Relay
    tickets: Tickets
    audit: AuditTrail
    sessions: Sessions
    amqp_door: AmqpDoor
    sources: SourceCache
    remembered: Remembered = field(default_factory=Remembered)
    troubles: Troubles = field(default_factory=Troubles)


def gateway_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Gateway:
    """Read the process's parts from a request or socket."""
    gateway: Gateway = connection.app.state["hub"]
    return gateway


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Open all that a gateway process needs. Servers that are away are connected to later, in the background.

    Raises:
        SettingsError: an address or a password is wrong.
    """
    secret_key = settings.secret_key.get_secret_value()
    read_url = (settings.database_read_url or settings.database_url).get_secret_value()
    # Keys come from the database that is written: a replica may lag behind a revocation.
    key_url = settings.database_url.get_secret_value()
    gateway_id = clock.new_id().hex
    vault = Vault(secret_key, settings.previous_secrets)
    async with (
        open_database(read_url, "hub_read", pool=settings.database_read_pool) as reads,
        open_database(key_url, "hub_read_all", pool=settings.database_read_pool) as reads_all,
        open_key_cache(reads_all) as keys,
        open_source_cache(reads_all, vault) as sources,
        open_connection(settings.amqp_urls, name="hub gateway publishing", wait_seconds=FIRST_SECONDS) as publishing,
        open_connection(settings.amqp_urls, name="hub gateway consuming", wait_seconds=FIRST_SECONDS) as consuming,
        open_command_publisher(
            publishing, partitions=settings.partitions, confirm_seconds=settings.confirm_seconds
        ) as publisher,
        open_replies(consuming, gateway_id) as replies,
        open_control(consuming, _hear(keys, sources), resumed=_resume(keys, sources)),
        open_relay(consuming, reads, keys) as relay,
        open_audit(publishing, confirm_seconds=settings.confirm_seconds) as audit,
        open_sessions(settings, keys) as sessions,
    ):
        tokens = Tokens(secret_key, settings.previous_secrets)
        gateway = Gateway(
            settings,
            reads,
            reads_all,
            publishing,
            consuming,
            publisher,
            replies,
            keys,
            Limits(settings.rate_limit_per_second, settings.rate_limit_burst),
            tokens,
            vault,
            secret_key,
            settings.partitions,
            relay,
            Tickets(tokens, keys),
            audit,
            sessions,
            AmqpDoor(keys, sessions, settings, audit, IngressBindings(consuming)),
            sources,
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await keys.until_loaded()
        yield gateway


def _hear(keys: KeyCache, sources: SourceCache) -> Callable[[Notice], None]:
    def hear(notice: Notice) -> None:
        if notice.kind == "key.changed":
            keys.note_change()
        elif notice.kind == "session.ended":
            keys.dismiss(UUID(notice.body["operator_id"]))
        # A pharmacy that is stopped or revived is a change of keys as well.
        if notice.kind in {"key.changed", "source.changed"}:
            sources.note_change()

    return hear


def _resume(keys: KeyCache, sources: SourceCache) -> Callable[[], None]:
    def resume() -> None:
        keys.note_change()
        sources.note_change()

    return resume
