"""The consumers' loopback port: `/metrics` for Prometheus, `/health` for whoever restarts processes."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from consumers.figures import Figures

_SOCKET_SECONDS = 5.0

Health = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Tells whether all is well, and the details."""

log = structlog.get_logger("consumers")


@contextmanager
def serving_side_port(figures: Figures, health: Health, port: int) -> Iterator[None]:
    """Serve both on 127.0.0.1 in a thread; a port that is taken, as by a second process, costs this only.

    Args:
        port: 0 = off.
    """
    if not port:
        yield
        return
    registry = CollectorRegistry()
    registry.register(figures)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(registry, health))
    except OSError as error:
        log.warning("metrics.off", port=port, detail=str(error))
        yield
        return
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="side port", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(2)


def _handler(registry: CollectorRegistry, health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SOCKET_SECONDS

        def do_GET(self) -> None:
            match self.path:
                case "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
                case "/health":
                    is_well, details = health()
                    body = {"status": "ready" if is_well else "not ready", **details}
                    self._answer(200 if is_well else 503, "application/json", json.dumps(body).encode())
                case _:
                    self._answer(404, "text/plain", b"/metrics or /health\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
            """Stay silent: who asks every few seconds would fill the log."""

    return Handler
