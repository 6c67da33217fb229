"""Own feeds: a pharmacy's queue on the broker, in which it reads its events over AMQP."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import Field

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, format_id, format_time
from hub.domain.ids import derived_id
from hub.domain.outcome import Accepted, Outcome, Rejected
from hub.domain.problem import not_found
from hub.domain.state import Ref, State

DEFAULT_LENGTH: Final = 100_000
MAX_LENGTH: Final = 1_000_000
MAX_TYPES: Final = 50

EventType = Annotated[str, Field(strict=True, pattern=r"^(\*|[a-z_]{1,32}\.(\*|[a-z_]{1,32}))$")]
"""A type of event, all of a resource's (`sale.*`), or `*`."""


class OpenEventQueue(Body):
    """Make the pharmacy's feed, or change which events it takes and how many it keeps."""

    types: Annotated[list[EventType], Field(min_length=1, max_length=MAX_TYPES)] = Field(default_factory=lambda: ["*"])
    max_length: Annotated[int, Field(strict=True, ge=1, le=MAX_LENGTH)] = DEFAULT_LENGTH


class CloseEventQueue(Body):
    """Remove the feed, and what is left in it."""


@dataclass(frozen=True, slots=True)
class EventQueue:
    """A pharmacy's feed: `types` it takes, and how many events it keeps before it drops the oldest."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    types: list[str]
    max_length: int
    created_at: datetime
    updated_at: datetime
    version: int
    deleted_at: datetime | None = None


def feed_id(pharmacy_id: UUID) -> UUID:
    """Derive the id of a pharmacy's feed; it has one."""
    return derived_id(pharmacy_id, "event-queue")


def dump_event_queue(queue: EventQueue) -> dict[str, Any]:
    """Represent a feed, without what only the broker knows."""
    return {
        "id": format_id(queue.id),
        "pharmacy_id": format_id(queue.pharmacy_id),
        "queue": f"hub.out.{queue.pharmacy_id}",
        "types": queue.types,
        "max_length": queue.max_length,
        "created_at": format_time(queue.created_at),
        "updated_at": format_time(queue.updated_at),
        "version": queue.version,
    }


def _touch(command: Command) -> Iterable[Ref]:
    yield Ref(EventQueue, "id", feed_id(command.pharmacy_id))


def _open(state: State, command: Command) -> Outcome:
    """Make or change the feed; how events reach somebody is no event itself."""
    body = command.body
    assert isinstance(body, OpenEventQueue)
    types = list(dict.fromkeys(body.types))
    found = state.find_even_deleted(EventQueue, feed_id(state.pharmacy_id))
    if found is None:
        fresh = EventQueue(
            feed_id(state.pharmacy_id), state.pharmacy_id, types, body.max_length, state.now, state.now, version=1
        )
        return Accepted((fresh,), (), dump_event_queue(fresh))
    after = replace(found, types=types, max_length=body.max_length, deleted_at=None)
    if after == found:
        return Accepted((), (), dump_event_queue(found))
    after = replace(after, updated_at=state.now, version=found.version + 1)
    return Accepted((after,), (), dump_event_queue(after))


def _close(state: State, _command: Command) -> Outcome:
    found = state.find(EventQueue, feed_id(state.pharmacy_id))
    if found is None:
        return Rejected(not_found("event queue"))
    return Accepted((replace(found, deleted_at=state.now, updated_at=state.now, version=found.version + 1),), (), None)


RULES = (
    Rule("event_queue.open", OpenEventQueue, _open, "event-queue", _touch),
    Rule("event_queue.close", CloseEventQueue, _close, "event-queue", _touch),
)
