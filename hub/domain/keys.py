"""What holds for every key, whoever it belongs to: it does not begin expired, and it is revoked once, for good."""

from collections.abc import Callable
from dataclasses import Field as DataclassField
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from pydantic import Field

from hub.domain.command import Command
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, refuse
from hub.domain.problem import FieldError, not_found
from hub.domain.state import State
from hub.domain.versions import Versioned

Scope = Literal["read", "write", "webhooks"]
ALL_SCOPES: tuple[Scope, ...] = ("read", "write", "webhooks")
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=3)]


class Key(Versioned, Protocol):
    """A row of a key: its SHA-256 in hex, never the key itself."""

    __dataclass_fields__: ClassVar[dict[str, DataclassField[Any]]]

    @property
    def revoked_at(self) -> datetime | None:
        """When it was ended; None: it is in force."""


K = TypeVar("K", bound=Key)


@dataclass(frozen=True, slots=True)
class Keys(Generic[K]):
    """The keys of one kind of owner.

    Args:
        name: the resource in the types of events, and the member of their data.
        route: the first part of the events' subject.
        dump: represents a key, without the key.
    """

    name: str
    route: str
    dump: Callable[[K], dict[str, Any]]

    def created(self, key: K) -> Accepted:
        """Tell of a new key."""
        return self._told("created", key, {}, self.dump(key))

    def revoke(self, state: State, key: K | None) -> Outcome:
        """Decide the end of a key, which None says is not there; one that was revoked before stays as it is."""
        if key is None:
            return Rejected(not_found("key"))
        if key.revoked_at is not None:
            return Accepted((), (), None)
        after = replace(key, revoked_at=state.now, updated_at=state.now, version=key.version + 1)
        return self._told("revoked", after, changed(self.dump(key), self.dump(after)), None)

    def _told(self, past: str, key: K, before: dict[str, Any], resource: dict[str, Any] | None) -> Accepted:
        data = {self.name: self.dump(key), "changed": before}
        return Accepted((key,), (Event(f"{self.name}.{past}", f"{self.route}/{key.id}", data),), resource)


def begins_expired(command: Command, expires_at: datetime | None) -> Rejected | None:
    """Refuse a key that would be of no use from the start."""
    if expires_at is None or expires_at > command.accepted_at:
        return None
    detail = "the key would be expired from the start; name a time to come"
    return refuse("validation", detail, FieldError("#/expires_at", "past", detail))


def in_order(scopes: list[Scope]) -> list[str]:
    """Name each scope once, in the order of `ALL_SCOPES`."""
    return [scope for scope in ALL_SCOPES if scope in scopes]
