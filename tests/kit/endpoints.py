"""Endpoints put straight into the database, and what became of their deliveries: for tests of the sending engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import standardwebhooks

from hub import clock
from hub.security.signatures import derive_signing_key, derive_webhook_secret, public_key_of
from hub.security.vault import Vault, endpoint_aad
from hub.settings import Settings
from tests.kit.builders import an_item
from tests.kit.consumers import running_consumers
from tests.kit.door import TestDoor, open_test_door
from tests.kit.receiver import Received, Receiver, open_receiver

ITEMS = ("inventory.created",)
LOOPBACK = (ip_network("127.0.0.0/8"),)


def calling(settings: Settings, *ladder: float, **others: Any) -> Settings:
    """Settings of a hub that may call this machine, with a ladder of these seconds."""
    return settings.model_copy(
        update={"webhooks_allow_networks": LOOPBACK, "webhooks_ladder_seconds": ladder or (0.1,), **others}
    )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of `webhook_endpoints`, with its secrets in plain."""

    id: UUID
    secret: str

    def verify(self, call: Received, secret: str | None = None) -> None:
        """Verify a call with the library of the specification; raises if it is not genuine."""
        headers = {name.lower(): value for name, value in call.headers.items()}
        standardwebhooks.Webhook(secret or self.secret).verify(call.body, headers)


@dataclass(frozen=True, slots=True)
class Desk:
    """A connection of the all-powerful role, the installation's vault, and what its endpoints are known by."""

    connection: asyncpg.Connection
    settings: Settings
    secrets: set[str] = field(default_factory=set)

    async def add(self, pharmacy_id: UUID, url: str, types: tuple[str, ...] = ("*",), **columns: Any) -> Endpoint:
        """Add an endpoint; columns by name, `auth` and `previous` (pairs of secret and time) in plain."""
        endpoint_id = clock.new_id()
        key = self.settings.secret_key.get_secret_value()
        vault, aad = Vault(key), endpoint_aad(endpoint_id)
        derive = derive_signing_key if columns.get("signing") == "v1a" else derive_webhook_secret
        secret = derive(key, endpoint_id)
        self.secrets.add(public_key_of(secret) if columns.get("signing") == "v1a" else secret)
        previous: list[tuple[str, datetime]] = columns.pop("previous", [])
        values: dict[str, Any] = {
            "id": endpoint_id, "pharmacy_id": pharmacy_id, "url": url, "secret": vault.encrypt_text(secret, aad),
            "event_types": orjson.dumps(types).decode(), "enabled": True, "is_default": False, "description": "", "version": 1,
            # A little early, so that what happens from now on is wanted.
            "created_at": clock.now(), "updated_at": clock.now(),
            "previous_secrets": orjson.dumps([
                {"secret": vault.encrypt_text(old, aad), "valid_until": until.isoformat()} for old, until in previous
            ]).decode(),
        }  # fmt: skip
        for name, value in columns.items():
            if name == "auth":
                values[name] = vault.encrypt_text(orjson.dumps(value).decode(), aad)
            else:
                values[name] = orjson.dumps(value).decode() if isinstance(value, dict | list) else value
        marks = ", ".join(f"${index}" for index in range(1, len(values) + 1))
        await self.connection.execute(
            f"INSERT INTO webhook_endpoints ({', '.join(values)}) VALUES ({marks})", *values.values()
        )
        return Endpoint(endpoint_id, secret)

    async def deliveries(self, endpoint: Endpoint, columns: str = "status") -> list[tuple[Any, ...]]:
        """Read columns of an endpoint's deliveries, in order of their events."""
        records = await self.connection.fetch(
            f"SELECT {columns} FROM webhook_deliveries WHERE endpoint_id = $1 ORDER BY event_sequence", endpoint.id
        )
        return [tuple(record) for record in records]

    async def attempts(self, endpoint: Endpoint, columns: str) -> list[tuple[Any, ...]]:
        """Read columns of the attempts at an endpoint's deliveries, in their order."""
        records = await self.connection.fetch(
            f"SELECT {columns} FROM webhook_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id "
            "WHERE d.endpoint_id = $1 ORDER BY a.at",
            endpoint.id,
        )
        return [tuple(record) for record in records]

    async def events(self, pharmacy_id: UUID, prefix: str) -> list[dict[str, Any]]:
        """Read a pharmacy's events whose type begins like this."""
        records = await self.connection.fetch(
            "SELECT body FROM events WHERE pharmacy_id = $1 AND starts_with(type, $2) ORDER BY sequence",
            pharmacy_id,
            prefix,
        )
        return [orjson.loads(record[0]) for record in records]


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[Desk]:
    """Connect."""
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        yield Desk(connection, settings)
    finally:
        await connection.close()


@asynccontextmanager
async def sending(settings: Settings) -> AsyncIterator[tuple[TestDoor, Receiver, Desk]]:
    """Run the consumers, with a door into them, a receiver that they call, and a look at their rows."""
    async with (
        running_consumers(settings),
        open_test_door(settings) as door,
        open_desk(settings) as desk,
        open_receiver(desk.secrets) as receiver,
    ):
        yield door, receiver, desk


async def create_items(door: TestDoor, pharmacy_id: UUID, count: int, first: int = 1) -> None:
    """Let so many items come into being, one after the other, with numbers from `first` on in their skus."""
    for number in range(first, first + count):
        outcome = await door.send(pharmacy_id, "inventory.create", an_item(f"PZN{number}"))
        assert outcome["status"] == "applied"
