"""A lane: what one endpoint gets of the deliverer. It narrows where calls fail or are slow, and shuts when all fail.

No I/O and no clock of its own: whoever drives it says what time it is.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

CALLS: Final = 32
"""Calls to one endpoint at a time, at most."""

FAILURES: Final = 10
"""Calls in a row that get no answer, 429 or 5xx, after which nobody calls for a while."""

LONGEST_OPEN_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
"""A receiver's `Retry-After` keeps everybody from it for so long at most."""

_FIRST_CALLS = 16.0
# A stranger is taken for slow until it has answered, so that one that never does holds few places of its queue.
_FIRST_SECONDS = 0.5
_AHEAD_SECONDS = 1.0
_MOST_AHEAD = 2000
_ORDERED_AHEAD = 64
STALL_SECONDS: Final = 1.0
"""When none of its calls has ended for so long, an endpoint is taken for one that died: it keeps little in this process."""
_GONE = 410
_GONE_SECONDS = 10.0
_TOO_MANY = 429
_SERVER_FAULT = 500
_ASKS_FOR_A_PAUSE = frozenset({429, 502, 503, 504})
_WEIGHT = 0.1


class Work(Protocol):
    """A delivery in a lane."""

    @property
    def sequence(self) -> int:
        """The number of its event."""
        ...


W = TypeVar("W", bound=Work)


def _sequence(work: Work) -> int:
    return work.sequence


@dataclass(slots=True)
class Lane(Generic[W]):
    """The deliveries of one endpoint that are in this process, and whether the next may be called.

    Args:
        calls: how many may run at once now: halved by a failure, one more after a success.
        seconds: how long a call takes, as of late.
        held_until: nobody calls before this moment.
        opened: how often in a row the circuit was opened; while it is not 0, one call at a time probes.
        spacing: seconds between the beginnings of two calls, from the endpoint's throttle.
        head: in ordered mode the sequence that is next; None: to be found out.
        has_backlog: some deliveries were sent back to the schedule; what is newer waits behind them.
        moved_at: when a call ended the last time, or the first one began.
        stalls: none has ended for a while, so no more is taken up until one does.
    """

    endpoint_id: UUID
    host: str = ""
    waiting: deque[W] = field(default_factory=deque)
    size: int = 0
    running: int = 0
    calls: float = _FIRST_CALLS
    seconds: float = _FIRST_SECONDS
    failures: int = 0
    opened: int = 0
    held_until: float = 0.0
    spacing: float = 0.0
    next_start: float = 0.0
    ordered: bool = False
    head: int | None = None
    ladder: Sequence[float] = (5.0,)
    has_backlog: bool = False
    moved_at: float = 0.0
    stalls: bool = False

    def room(self, now: float) -> int:
        """Say how many more deliveries may wait here: about what a second works off, none while it is held."""
        if now < self.held_until:
            return 0
        if self.opened:
            most = 1.0
        elif self.stalls:
            most = self.calls
        elif self.ordered:
            most = _ORDERED_AHEAD
        else:
            most = max(self.calls, min(_MOST_AHEAD, _AHEAD_SECONDS * self.calls / self.seconds))
        if self.spacing:
            most = min(most, max(1.0, _AHEAD_SECONDS / self.spacing))
        return max(0, int(most) - self.running - len(self.waiting))

    def add(self, work: W, size: int) -> None:
        """Take in a delivery; in ordered mode it is put where its sequence belongs."""
        if self.ordered:
            items = list(self.waiting)
            insort(items, work, key=_sequence)
            self.waiting = deque(items)
        else:
            self.waiting.append(work)
        self.size += size

    def stall(self, now: float, size: Callable[[W], int]) -> list[W]:
        """Look whether no call has ended for a while; hand out what waits beyond one for each call, to be put off.

        A fast endpoint is given much ahead. When it dies, that would be held until the first calls time out: unacked, and in
        the way of those who share its queue.
        """
        if not self.running or now - self.moved_at < STALL_SECONDS:
            return []
        self.stalls = True
        given: list[W] = []
        while len(self.waiting) > self.calls:
            work = self.waiting.pop()
            self.size -= size(work)
            given.append(work)
        return given[::-1]

    def drop_settled(self, size: Callable[[W], int]) -> list[W]:
        """Hand out what waits before the head: it was cancelled or skipped while it waited, and would be in the way."""
        given: list[W] = []
        while self.waiting and (self.head is None or self.waiting[0].sequence < self.head):
            work = self.waiting.popleft()
            self.size -= size(work)
            given.append(work)
        return given

    def keep_order(self, is_wanted: bool) -> None:  # noqa: FBT001 -- the endpoint's member
        """Follow the endpoint in or out of ordered mode; what waits already is brought in order."""
        if is_wanted and not self.ordered:
            self.waiting = deque(sorted(self.waiting, key=_sequence))
        self.ordered = is_wanted

    def clear(self) -> list[W]:
        """Hand out all that wait, to be put off."""
        given = list(self.waiting)
        self.waiting.clear()
        self.size = 0
        return given

    def wait(self, now: float) -> float | None:
        """Say in how many seconds the next call may begin: 0 now, None not before something else happens."""
        if not self.waiting:
            return None
        if self.ordered and (self.running or self.head != self.waiting[0].sequence):
            return None
        if self.running >= (1 if self.opened else int(self.calls)):
            return None
        return max(0.0, self.held_until - now, self.next_start - now)

    def begin(self, now: float, size: Callable[[W], int]) -> W:
        """Take the next delivery to be called."""
        work = self.waiting.popleft()
        self.size -= size(work)
        if not self.running:
            self.moved_at = now
        self.running += 1
        if self.ordered:
            self.head = None
        if self.spacing:
            self.next_start = max(now, self.next_start) + self.spacing
        return work

    def end(self, now: float, seconds: float, status_code: int | None, retry_after_seconds: float | None) -> None:
        """Take in how a call went."""
        self.running -= 1
        self.moved_at, self.stalls = now, False
        if status_code == _GONE:
            self.hold(now + _GONE_SECONDS)  # until it is disabled, nobody else asks
        self.seconds += _WEIGHT * (max(seconds, 0.001) - self.seconds)
        if status_code is not None and status_code != _TOO_MANY and status_code < _SERVER_FAULT:
            self.failures = self.opened = 0
            self.calls = min(CALLS, self.calls + 1)
            return
        self.calls = max(1.0, self.calls / 2)
        self.failures += 1
        if status_code in _ASKS_FOR_A_PAUSE and retry_after_seconds is not None:
            self.hold(now + min(retry_after_seconds, LONGEST_PAUSE_SECONDS))
        if now < self.held_until:
            return  # it was shut while this call was under way
        if self.opened or self.failures >= FAILURES:
            self.hold(now + self.open_seconds())
            self.opened += 1

    def open_seconds(self) -> float:
        """Say how long the circuit stays open: the ladder's first wait, doubled each time, within a minute."""
        longest = min(LONGEST_OPEN_SECONDS, max(self.ladder))
        return min(longest, max(0.05, self.ladder[0]) * 2.0**self.opened)

    def hold(self, until: float) -> None:
        """Let nobody call before this moment."""
        self.held_until = max(self.held_until, until)

    def reopen(self) -> None:
        """Forget what was: the endpoint is another one now."""
        self.calls, self.seconds = _FIRST_CALLS, _FIRST_SECONDS
        self.failures = self.opened = 0
        self.held_until = 0.0
        self.stalls = False

    @property
    def is_idle(self) -> bool:
        """Nothing of it is in this process."""
        return not self.running and not self.waiting


@dataclass(slots=True)
class Slots:
    """Calls at once, to one host or altogether, shared by lanes.

    Args:
        reserve: how many slots must be free for every call that a lane has, before it gets another: so that however many
            lanes are slow, some slots are left for who has none. Source: Choudhury and Hahne, "Dynamic queue length
            thresholds for shared-memory packet switches" (1998).
    """

    limit: int
    reserve: int
    taken: int = 0

    def has_room(self, running: int) -> bool:
        """Tell whether a lane that has so many calls under way gets another."""
        return self.limit - self.taken > self.reserve * running
