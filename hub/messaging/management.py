"""RabbitMQ's management API: what AMQP cannot do, which is to see and close connections, and to set policies."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from hub.faults import Unavailable
from hub.messaging.topology import POLICIES
from hub.settings import Settings

SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection to the broker: its name there, and its user."""

    name: str
    user: str


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """A queue, how many messages lie in it (those on their way to a consumer included), and how many read it.

    None: not known yet. RabbitMQ's statistics tell of a new queue up to 5 s after its name.
    """

    name: str
    messages: int | None
    consumers: int | None


class Management:
    """Speaks to the API about one virtual host; see `open_management`."""

    def __init__(self, client: httpx.AsyncClient, vhost: str) -> None:
        """Speak about this virtual host."""
        self._client = client
        self._vhost = vhost
        self._quoted = quote(vhost, safe="")

    async def list_connections(self, user: str | None = None) -> list[OpenConnection]:
        """Name who is connected: one user's connections, as they are now, or everybody's, as they were some seconds ago.

        Raises:
            Unavailable: the API does not answer.
        """
        path = f"/api/vhosts/{self._quoted}/connections" if user is None else f"/api/connections/username/{quote(user)}"
        found = await self._ask("GET", path)
        return [
            OpenConnection(each["name"], each.get("user", ""))
            for each in found or ()
            if each.get("vhost") == self._vhost
        ]

    async def close(self, connection: OpenConnection, reason: str) -> None:
        """Close a connection; one that is gone is fine, and so is one that RabbitMQ's statistics do not show yet.

        Raises:
            Unavailable: the API does not answer.
        """
        await self._ask("DELETE", f"/api/connections/{quote(connection.name, safe='')}", headers={"X-Reason": reason})

    async def close_all(self, user: str, reason: str) -> None:
        """Close all connections of a user, the newest included.

        Raises:
            Unavailable: as above.
        """
        await self._ask("DELETE", f"/api/connections/username/{quote(user)}", headers={"X-Reason": reason})

    async def set_policies(self) -> None:
        """Set the hub's own policies (`hub.messaging.topology.POLICIES`).

        Raises:
            Unavailable: the API does not answer.
        """
        for policy in POLICIES:
            await self.set_policy(policy["name"], {name: value for name, value in policy.items() if name != "name"})

    async def set_policy(self, name: str, policy: Mapping[str, Any]) -> None:
        """Set a policy.

        Raises:
            Unavailable: as above.
        """
        await self._ask("PUT", f"/api/policies/{self._quoted}/{quote(name)}", json=dict(policy))

    async def drop_policy(self, name: str) -> None:
        """Take a policy away; one that is not there is fine.

        Raises:
            Unavailable: as above.
        """
        await self._ask("DELETE", f"/api/policies/{self._quoted}/{quote(name)}")

    async def list_binding_keys(self, exchange: str, queue: str) -> Sequence[str]:
        """Name the routing keys by which a queue is bound.

        Raises:
            Unavailable: as above.
        """
        path = f"/api/bindings/{self._quoted}/e/{quote(exchange)}/q/{quote(queue)}"
        return [each["routing_key"] for each in await self._ask("GET", path) or ()]

    async def count_messages(self) -> list[QueueDepth]:
        """Count what lies in the hub's queues, as it was some seconds ago.

        Raises:
            Unavailable: the API does not answer.
        """
        found = await self._ask("GET", f"/api/queues/{self._quoted}?columns=name,messages,consumers")
        return [
            QueueDepth(each["name"], each.get("messages"), each.get("consumers"))
            for each in found or ()
            if each["name"].startswith("hub.")
        ]

    async def _ask(self, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401 -- JSON
        try:
            answer = await self._client.request(method, path, **more)
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            answer.raise_for_status()
            return answer.json() if answer.content else None
        except (httpx.HTTPError, ValueError) as error:
            # The address holds the password, and httpx' messages hold the address.
            detail = f"RabbitMQ's management API does not answer as it should ({type(error).__name__})"
            raise Unavailable("rabbitmq", detail) from error


@asynccontextmanager
async def open_management(settings: Settings) -> AsyncIterator[Management | None]:
    """Open the API of this installation's broker; None where it is not set, and the AMQP door stays shut."""
    if settings.amqp_management_url is None:
        yield None
        return
    address = settings.amqp_management_url.get_secret_value()
    async with httpx.AsyncClient(base_url=address, timeout=SECONDS, trust_env=False) as client:
        yield Management(client, settings.amqp_vhost)
