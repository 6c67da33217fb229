"""Figures of a consumers process: plain numbers that the roles count, written down when somebody asks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
SIZES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0)

Metric = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Histogram:
    """Counts values by buckets."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """Count from nothing."""
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def note(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def write(self, name: str, meaning: str) -> HistogramMetricFamily:
        """Write it as Prometheus has it: each bucket counts those below it as well."""
        total = 0
        rows = []
        for bound, count in zip((*map(str, self._bounds), "+Inf"), list(self._counts), strict=True):
            total += count
            rows.append((bound, float(total)))
        return HistogramMetricFamily(name, meaning, buckets=rows, sum_value=self._sum)


class Figures(Collector):
    """What the roles of this process did; read by the metrics' own thread."""

    def __init__(self) -> None:
        """Count from nothing."""
        self.commands: Counter[str] = Counter()
        self.events = 0
        self.window_commands = Histogram(SIZES)
        self.window_seconds = Histogram(SECONDS)
        self.apply_lag = Histogram(SECONDS)
        self.attempts: Counter[str] = Counter()
        self.attempt_seconds = Histogram(SECONDS)
        self.parked_waiting: int | None = None
        self.overdue: int | None = None
        self.waiting: dict[str, Callable[[], int]] = {}
        self.silent: dict[str, Callable[[], float]] = {}

    def note_window(self, statuses: Mapping[str, int], events: int, seconds: float, lag_seconds: float) -> None:
        """Count a window that was committed.

        Args:
            statuses: how many of its operations ended how.
            seconds: from its taking to its commit.
            lag_seconds: from the door's acceptance of its oldest command to the commit.
        """
        self.commands.update(statuses)
        self.events += events
        self.window_commands.note(sum(statuses.values()))
        self.window_seconds.note(seconds)
        self.apply_lag.note(max(0.0, lag_seconds))

    def note_attempt(self, result: str, seconds: float) -> None:
        """Count an attempt of a delivery; `result` is `delivered`, `retry` or `exhausted`."""
        self.attempts[result] += 1
        self.attempt_seconds.note(seconds)

    def collect(self) -> Iterator[Metric]:
        """Write the figures."""
        yield _counter("hub_commands", "Commands that were finished.", "status", self.commands)
        yield CounterMetricFamily("hub_events_appended", "Events that were added to the log.", self.events)
        yield self.window_commands.write("hub_window_commands", "Commands of one transaction of the writer.")
        yield self.window_seconds.write("hub_window_seconds", "From the taking of a window to its commit.")
        yield self.apply_lag.write(
            "hub_apply_lag_seconds", "From the acceptance of a window's oldest command to its commit."
        )
        yield _counter("hub_delivery_attempts", "Calls of webhooks.", "result", self.attempts)
        yield self.attempt_seconds.write("hub_delivery_seconds", "How long a call of a webhook took.")
        if self.parked_waiting is not None:
            yield GaugeMetricFamily(
                "hub_parked_waiting", "Parked messages that wait for an operator.", self.parked_waiting
            )
        if self.overdue is not None:
            yield GaugeMetricFamily("hub_deliveries_overdue", "Deliveries that nobody takes up.", self.overdue)
        waiting = GaugeMetricFamily(
            "hub_messages_waiting", "Messages a role has taken in and not begun.", labels=["role"]
        )
        for role, count in self.waiting.items():
            waiting.add_metric([role], count())
        yield waiting
        silent = GaugeMetricFamily("hub_silent_seconds", "How long a loop has been at one step.", labels=["loop"])
        for loop, seconds in self.silent.items():
            silent.add_metric([loop], seconds())
        yield silent


def _counter(name: str, meaning: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, meaning, labels=[label])
    for value, count in list(counts.items()):
        family.add_metric([value], count)
    return family
