"""The door of the hub's own tools: a command goes the way every command goes, and its outcome comes back."""

import asyncio
import getpass
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from hub import clock
from hub.domain.fingerprint import fingerprint_of
from hub.domain.ids import HUB_ID, operation_id_for, resource_id_for
from hub.faults import Unavailable
from hub.messaging.connection import open_connection
from hub.messaging.publisher import CommandPublisher, open_command_publisher
from hub.messaging.replies import Replies, open_replies
from hub.messaging.topology import partition_of
from hub.security.keys import KeyKind, mint_key
from hub.security.login_links import seal_login_link
from hub.security.tokens import Tokens
from hub.settings import Settings

WAIT_SECONDS = 15.0
ADMIN = "admin"
"""The user name of the first operator."""


@dataclass(frozen=True, slots=True)
class Door:
    """Sends commands as `system` and waits for what becomes of them."""

    settings: Settings
    publisher: CommandPublisher
    replies: Replies

    async def send(
        self,
        command: str,
        body: Mapping[str, Any],
        *,
        pharmacy_id: UUID,
        operation_id: UUID,
        resource_id: UUID,
        minted: Mapping[str, str] | None = None,
        fingerprint: str = "",
    ) -> dict[str, Any]:
        """Publish a command and wait for its outcome.

        Raises:
            Unavailable: no confirm, or no outcome within 15 s: the consumers are down or far behind.
        """
        envelope = {
            "operation_id": str(operation_id),
            "pharmacy_id": str(pharmacy_id),
            "resource_id": str(resource_id),
            "type": command,
            "accepted_at": clock.now().isoformat(),
            "body": dict(body),
            "minted": dict(minted or {}),
            "actor": "system",
            "door": "cli",
            "origin": _origin(),
            "reply_to": self.replies.queue_name,
            "fingerprint": fingerprint,
        }
        partition = partition_of(pharmacy_id, self.settings.partitions)
        with self.replies.wait_for(operation_id) as outcome:
            await self.publisher.publish(partition, orjson.dumps(envelope))
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    return await outcome
            except TimeoutError as error:
                detail = f"no outcome within {WAIT_SECONDS:.0f} s; are the consumers running? The command is kept"
                raise Unavailable("the writer", detail) from error

    async def create_pharmacy(self, name: str, *, once: str | None = None) -> tuple[UUID, str]:
        """Create a pharmacy and give its id and first key. With `once`, a repeat names the same pharmacy.

        Raises:
            Unavailable: as for `send`, or the writer refuses: `once` was used with another name.
        """
        operation_id = clock.new_id() if once is None else operation_id_for(HUB_ID, once)
        pharmacy_id = resource_id_for(operation_id)
        key, minted = self._mint(operation_id, "pharmacy")
        body = {"name": name}
        outcome = await self.send(
            "pharmacy.create",
            body,
            pharmacy_id=pharmacy_id,
            operation_id=operation_id,
            resource_id=pharmacy_id,
            minted=minted,
            fingerprint="" if once is None else fingerprint_of("pharmacy.create", None, body),
        )
        _refuse(outcome)
        return pharmacy_id, key

    async def create_operator_key(self, name: str, *, once: str | None = None) -> str:
        """Create a key for an operator. With `once`, a repeat gives the same key.

        Raises:
            Unavailable: as for `create_pharmacy`.
        """
        operation_id = clock.new_id() if once is None else operation_id_for(HUB_ID, once)
        key, minted = self._mint(operation_id, "operator")
        body = {"name": name}
        outcome = await self.send(
            "operator_key.create",
            body,
            pharmacy_id=HUB_ID,
            operation_id=operation_id,
            resource_id=resource_id_for(operation_id),
            minted=minted,
            fingerprint="" if once is None else fingerprint_of("operator_key.create", None, body),
        )
        _refuse(outcome)
        return key

    async def create_operator(self, username: str, role: str, *, once: str | None = None) -> None:
        """Let somebody sign in at the console, unless there is an operator of that name. They have no password yet."""
        operation_id = clock.new_id() if once is None else operation_id_for(HUB_ID, once)
        outcome = await self.send(
            "operator.create",
            {"username": username, "role": role},
            pharmacy_id=HUB_ID,
            operation_id=operation_id,
            resource_id=resource_id_for(operation_id),
        )
        if outcome["problem"] is not None and outcome["problem"]["type"] != "/problems/duplicate":
            _refuse(outcome)

    async def login_link(self, username: str = ADMIN) -> str:
        """Make a link that signs an operator in at the console, once, within ten minutes; the first admin is made with it."""
        if username == ADMIN:
            await self.create_operator(ADMIN, "admin", once="console/1/admin")
        tokens = Tokens(self.settings.secret_key.get_secret_value(), self.settings.previous_secrets)
        return seal_login_link(tokens, self.settings.url, username)[0]

    def _mint(self, operation_id: UUID, kind: KeyKind) -> tuple[str, dict[str, str]]:
        return mint_key(self.settings.secret_key.get_secret_value(), operation_id, kind)


def _origin() -> str:
    """Say who sits at the command line, for the audit log: the user and the machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        user = str(os.getuid())
    return f"{user} on {socket.gethostname()}"[:200]


def _refuse(outcome: Mapping[str, Any]) -> None:
    if outcome["problem"] is not None:
        raise Unavailable("the writer", f"it refused: {outcome['problem']['detail']}")


@asynccontextmanager
async def open_door(settings: Settings) -> AsyncIterator[Door]:
    """Open a door with connections of its own.

    Raises:
        Unavailable: RabbitMQ does not answer.
    """
    async with (
        open_connection(settings.amqp_urls, name="hub tool publishing") as publishing,
        open_connection(settings.amqp_urls, name="hub tool listening") as listening,
    ):
        if (fault := publishing.fault()) is not None:
            raise fault
        async with (
            open_command_publisher(
                publishing, partitions=settings.partitions, confirm_seconds=settings.confirm_seconds
            ) as publisher,
            open_replies(listening, f"tool-{clock.new_id()}") as replies,
        ):
            yield Door(settings, publisher, replies)
