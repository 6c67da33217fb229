"""Notices between the hub's own processes: `key.changed`, `source.changed`, `session.ended`.

They only make caches younger: a notice may be lost, so who caches also reloads when listening resumes, and polls.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import orjson

from hub.messaging.connection import HubConnection
from hub.messaging.frames import Outgoing
from hub.messaging.listening import Listening, keep_listening
from hub.messaging.tasks import running
from hub.messaging.topology import CONTROL

FIRST_SECONDS = 3.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice: its kind, e.g. `key.changed`, and what it is about."""

    kind: str
    body: Mapping[str, Any]


def notice_message(notice: Notice) -> Outgoing:
    """Write a notice for `BulkPublisher`; nobody listening is fine."""
    body = orjson.dumps({"kind": notice.kind, "body": dict(notice.body)})
    return Outgoing(CONTROL, "", body, mandatory=False, persistent=False)


@asynccontextmanager
async def open_control(
    connection: HubConnection, hear: Callable[[Notice], None], *, resumed: Callable[[], None]
) -> AsyncIterator[None]:
    """Hear every notice that is published while this is open.

    Waits up to 3 s for the subscription, then goes on; it is restored whenever it is lost.

    Args:
        hear: called in the order of arrival; must not block.
        resumed: called each time listening begins, the first time included: reload what notices may have changed.
    """
    ready = asyncio.Event()

    def read(body: bytes) -> None:
        try:
            message = orjson.loads(body)
            notice = Notice(message["kind"], message["body"])
        except (orjson.JSONDecodeError, TypeError, KeyError):
            logger.exception("an unreadable notice of %d bytes was left out", len(body))
            return
        hear(notice)

    def begin() -> None:
        resumed()
        ready.set()

    listening = Listening("", CONTROL, read, begin, lambda: None)
    async with running(keep_listening(connection, listening), "reader of notices"):
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS if connection.underlay is not None else 0.0):
                await ready.wait()
        yield
