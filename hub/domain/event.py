"""An event with its number: CloudEvents 1.0, structured JSON; the same bytes for every way out."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from hub.domain.fields import format_id, format_time
from hub.domain.ids import HUB_ID
from hub.domain.outcome import Event


class NumberedEvent(NamedTuple):
    """An event as it stands in the log of its pharmacy.

    Args:
        id: follows from its operation (`event_ids_for`): a repeat is the same event.
        sequence: its gap-free number in its pharmacy, from 1.
        causation_id: the operation that caused it.
    """

    id: UUID
    event: Event
    pharmacy_id: UUID
    causation_id: UUID
    sequence: int
    time: datetime

    def dump(self) -> dict[str, Any]:
        """Write it as CloudEvents JSON; `timestamp` is what Standard Webhooks expects beside CloudEvents' `time`."""
        at = format_time(self.time)
        return {
            "specversion": "1.0",
            "id": format_id(self.id),
            "type": self.event.type,
            "source": source_of(self.pharmacy_id),
            "subject": self.event.subject,
            "time": at,
            "timestamp": at,
            "datacontenttype": "application/json",
            "dataschema": f"/schemas/{self.event.type}.json",
            "sequence": self.sequence,
            "pharmacyid": format_id(self.pharmacy_id),
            "causationid": format_id(self.causation_id),
            "data": self.event.data,
        }


def source_of(pharmacy_id: UUID) -> str:
    """Name the source of a pharmacy's events."""
    return "/hub" if pharmacy_id == HUB_ID else f"/pharmacies/{format_id(pharmacy_id)}"


def routing_key_of(pharmacy_id: UUID, event_type: str) -> str:
    """Name the key under which an event is published to `hub.events`."""
    return f"{'hub' if pharmacy_id == HUB_ID else format_id(pharmacy_id)}.{event_type}"
