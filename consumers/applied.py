"""What the writer's transactions leave to say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from consumers.envelope import Arrived, SetAside
from consumers.receipts import Given
from hub.messaging.bulk_publisher import Outgoing


@dataclass(frozen=True)
class Applied:
    """What a committed transaction leaves to say.

    Args:
        compose: writes the messages, in order; done when they are wanted, so that the next window need not wait for it.
    """

    compose: Callable[[], list[Outgoing]]
    events: int = 0
    statuses: Mapping[str, int] = field(default_factory=dict)
    receipts: Sequence[Given] = ()

    @cached_property
    def messages(self) -> list[Outgoing]:
        """What is to be published, in order; the same list each time."""
        return self.compose()


@dataclass(frozen=True, slots=True)
class Isolated:
    """What a committed transaction made of a window that broke.

    Args:
        broken: what was parked, with what it broke with.
        left: what it did not come to, the last ones of the window.
    """

    applied: list[Applied] = field(default_factory=list)
    broken: list[tuple[SetAside, Exception]] = field(default_factory=list)
    left: list[Arrived] = field(default_factory=list)
