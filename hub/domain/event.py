"""An event with its number: CloudEvents 1.0, structured JSON; the same bytes for every way out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.domain.fields import format_id, format_time
from hub.domain.ids import HUB_ID, event_id_for
from hub.domain.outcome import Event


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event as it stands in the log of its pharmacy.

    Args:
        index: its place among the events of its operation, from 0.
        sequence: its gap-free number in its pharmacy, from 1.
        causation_id: the operation that caused it.
    """

    event: Event
    pharmacy_id: UUID
    causation_id: UUID
    index: int
    sequence: int
    time: datetime

    @property
    def id(self) -> UUID:
        """The event's id, which follows from its operation: a repeat is the same event."""
        return event_id_for(self.causation_id, self.index)

    def dump(self, event_id: UUID) -> dict[str, Any]:
        """Write it as CloudEvents JSON; `timestamp` is what Standard Webhooks expects beside CloudEvents' `time`.

        Args:
            event_id: what `id` gave.
        """
        at = format_time(self.time)
        return {
            "specversion": "1.0",
            "id": format_id(event_id),
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
