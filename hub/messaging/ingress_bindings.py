"""Bindings of `hub.ingress`: each pharmacy's messages go to one queue, whatever becomes of the broker."""

import asyncio
from contextlib import suppress
from uuid import UUID

from aiormq.abc import AbstractConnection

from hub.messaging.connection import HubConnection
from hub.messaging.declaring import bind_ingress

_SECONDS = 3.0


class IngressBindings:
    """Binds a pharmacy the first time that somebody wants to publish for it.

    A consistent-hash exchange would need no bindings, but RabbitMQ builds its ring anew at every start, in the order in which
    its workers happen to recover the bindings: what a pharmacy sends after a restart may go to another queue, and overtake
    what waits in the old one (docs/adr/0035).
    """

    def __init__(self, connection: HubConnection, *, seconds: float = _SECONDS) -> None:
        """Know of no binding yet.

        Args:
            seconds: how long a connection that is away is waited for; whoever asks would be refused, and may not ask again.
        """
        self._connection = connection
        self._seconds = seconds
        self._bound: set[UUID] = set()
        self._bound_over: AbstractConnection | None = None
        self._wanted: set[UUID] = set()
        self._turn = asyncio.Lock()

    async def ensure(self, pharmacy_id: UUID) -> None:
        """See to it that a pharmacy is bound. Whoever waits for the same turn is bound in one go.

        Raises:
            Unavailable: the broker does not answer; call again.
        """
        if self._is_bound(pharmacy_id):
            return
        self._wanted.add(pharmacy_id)
        async with self._turn:
            if self._is_bound(pharmacy_id):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._connection.connected.wait()
            underlay = self._connection.underlay
            wanted, self._wanted = self._wanted | {pharmacy_id}, set()
            await bind_ingress(self._connection, [*wanted], seconds=self._seconds)
            if underlay is not self._bound_over:  # who knows what the broker still has: it may be another one
                self._bound, self._bound_over = set(), underlay
            self._bound |= wanted

    def _is_bound(self, pharmacy_id: UUID) -> bool:
        return pharmacy_id in self._bound and self._connection.underlay is self._bound_over
