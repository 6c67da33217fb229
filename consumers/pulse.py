"""Signs of life of a loop: what the watchdog reads, and the metrics show."""

from hub import clock


class Pulse:
    """When a loop last made a step; a loop that has nothing to do rests and is never overdue.

    Read from the watchdog's thread as well, hence one attribute that is replaced whole.
    """

    __slots__ = ("_since", "name")

    def __init__(self, name: str) -> None:
        """Begin at rest."""
        self.name = name
        self._since: float | None = None

    def beat(self) -> None:
        """Make a step: something was taken, finished, or found to be impossible for now."""
        self._since = clock.monotonic()

    def rest(self) -> None:
        """Wait for work."""
        self._since = None

    def silent_seconds(self) -> float:
        """Tell how long it has been at one step; 0 while it rests."""
        since = self._since
        return 0.0 if since is None else max(0.0, clock.monotonic() - since)
