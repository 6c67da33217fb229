"""Feeds that a broker lost, as a new one has: made anew when the consumers start, so that no event passes them by."""

import structlog

from hub.faults import Unavailable
from hub.messaging.connection import HubConnection
from hub.messaging.feeds import binding_keys, declare_feed
from hub.storage.database import Database
from hub.storage.feeds import list_feeds_of_any_pharmacy

log = structlog.get_logger("ingress")


async def restore_feeds(database: Database, connection: HubConnection) -> None:
    """Declare every feed and its bindings; what is there stays as it is. Without the servers it is left for the next start."""
    try:
        async with database.connection() as reading:
            feeds = await list_feeds_of_any_pharmacy(reading)
        for feed in feeds:
            await declare_feed(connection, feed.pharmacy_id, binding_keys(feed.pharmacy_id, feed.types))
    except Unavailable as fault:
        log.warning("feeds.held", what=fault.what, detail=fault.detail)
