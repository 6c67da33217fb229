"""Figures of one gateway process in Prometheus' form, on a loopback port of their own: `/metrics`."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from gateway.context import Gateway

log = structlog.get_logger("gateway")

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
Metric = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Meter(Collector):
    """Counts requests by method, route and status, and how long they took; read only when somebody asks."""

    def __init__(self) -> None:
        """Count from nothing."""
        self._requests: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[tuple[str, str], list[float]] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered.

        Args:
            route: the template of the path, so that ids make no new series; `unmatched` where there is none.
        """
        key = (method, route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        # One number for each bucket, one for what is above all of them, and the sum.
        buckets = self._seconds.setdefault((method, route), [0.0] * (len(BOUNDS) + 2))
        buckets[bisect_left(BOUNDS, seconds)] += 1
        buckets[-1] += seconds

    def collect(self) -> Iterator[Metric]:
        """Write the figures; called by the metrics' own thread."""
        requests = CounterMetricFamily("hub_http_requests", "Requests answered.", labels=["method", "route", "status"])
        for (method, route, status), count in list(self._requests.items()):
            requests.add_metric([method, route, str(status)], count)
        yield requests
        durations = HistogramMetricFamily(
            "hub_http_request_seconds", "From a request to its whole answer.", labels=["method", "route"]
        )
        for (method, route), buckets in list(self._seconds.items()):
            total = 0.0
            rows = []
            for bound, number in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=False):
                total += number
                rows.append((bound, total))
            durations.add_metric([method, route], rows, buckets[-1])
        yield durations


class _Parts(Collector):
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        gateway = self._gateway
        yield GaugeMetricFamily(
            "hub_broker_usable", "1: commands can be published.", int(gateway.publishing.fault() is None)
        )
        yield GaugeMetricFamily(
            "hub_replies_listening", "1: waited writes get their outcome.", int(gateway.replies.is_listening)
        )
        yield GaugeMetricFamily("hub_keys_loaded", "1: the API keys were read.", int(gateway.keys.is_loaded))


@contextmanager
def serving_metrics(gateway: Gateway, meter: Meter, port: int) -> Iterator[None]:
    """Serve the figures on 127.0.0.1; a port that is taken, as by a second process, costs the figures only.

    Args:
        port: 0 = off.
    """
    if not port:
        yield
        return
    registry = CollectorRegistry()
    for collector in (meter, _Parts(gateway)):
        registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        log.warning("metrics.off", port=port, detail=str(error))
        yield
        return
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(2)
