"""Fan-out: each event becomes a delivery for every endpoint that wants it, and goes to the deliverers at once."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from consumers.pausing import Pause
from consumers.processing import Processing, RoutedEvent
from consumers.window import Delivery, Window, acknowledge
from hub import clock
from hub.domain.ids import derived_id
from hub.domain.webhooks import wants
from hub.faults import Unavailable
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.topology import deliver_queue
from hub.storage.database import Database
from hub.storage.webhooks import EndpointFilter, NewDelivery, add_deliveries, find_endpoints

_MESSAGES = 500
_BYTES = 4 * 1_048_576

log = structlog.get_logger("fanout")


class Fanout:
    """Turns events into deliveries, a batch of events at a time."""

    def __init__(self, window: Window, database: Database, publisher: BulkPublisher, processing: Processing) -> None:
        """Put the parts together."""
        self._window = window
        self._database = database
        self._publisher = publisher
        self._processing = processing
        self._events: dict[tuple[int, int], RoutedEvent] = {}

    def add(self, delivery: Delivery, event: RoutedEvent | None) -> None:
        """Take in a message; an event of no pharmacy has no endpoints."""
        if event is not None:
            self._events[id(delivery.channel), delivery.tag] = event
        self._window.add(delivery)

    async def run(self) -> None:
        """Work until the window is closed."""
        while deliveries := await self._window.take(_MESSAGES, _BYTES):
            keys = [(id(delivery.channel), delivery.tag) for delivery in deliveries]
            events = [event for key in keys if (event := self._events.pop(key, None)) is not None]
            pause = Pause()
            while True:
                try:
                    await self._spread(events)
                    await self._processing.process(events)
                except Unavailable as fault:
                    log.warning("fanout.held", what=fault.what, detail=fault.detail, events=len(events))
                    await pause.wait()
                else:
                    break
            await acknowledge(deliveries)

    async def _spread(self, events: Sequence[RoutedEvent]) -> None:
        if not events:
            return
        async with self._database.transaction() as connection:
            endpoints = await find_endpoints(connection, list({event.pharmacy_id for event in events}))
            if not endpoints:
                return
            deliveries = [
                NewDelivery(
                    derived_id(endpoint.id, "delivery", event.id), event.pharmacy_id, endpoint.id, event.id, event.sequence,
                    event.type,
                )
                for event in events
                for endpoint in endpoints
                if _is_wanted(endpoint, event)
            ]
            if not deliveries:
                return
            await add_deliveries(connection, deliveries, clock.now())
        await self._publisher.publish([deliver_message(one.id, one.endpoint_id) for one in deliveries])


def _is_wanted(endpoint: EndpointFilter, event: RoutedEvent) -> bool:
    # What happened before an endpoint was made is not news to it, however late the fan-out comes.
    return (
        endpoint.pharmacy_id == event.pharmacy_id
        and endpoint.created_at <= event.time
        and wants(endpoint.event_types, event.type)
    )


def deliver_message(delivery_id: UUID, endpoint_id: UUID) -> Outgoing:
    """Ask the deliverers for the next attempt of a delivery."""
    return Outgoing("", deliver_queue(endpoint_id), str(delivery_id).encode(), content_type="text/plain")

