"""A pharmacy with sources, and the vendors that post to them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.kit.in_process import Hub
from tests.kit.senders import SIGN, Headers, a_source

PUBLIC = "https://hub.example.org"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shop:
    """A pharmacy at the front door of a hub."""

    hub: Hub
    pharmacy_id: str
    key: str
    web: httpx.Client

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Send a request with the pharmacy's key; a write waits for its outcome."""
        sent = {"X-API-KEY": self.key, "Prefer": "wait=15"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.web.request(method, path, json=body, headers=sent)

    def make(self, path: str, body: object) -> Json:
        """Make something that must be made."""
        answer = self.ask("POST", path, body)
        assert answer.status_code in {200, 201}, answer.text
        made: Json = answer.json()
        return made

    def items(self, path: str) -> list[Json]:
        """List what there is."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        found: list[Json] = answer.json()["items"]
        return found

    def register(self, scheme: str, **members: Any) -> Json:
        """Register a source."""
        return self.make("/api/sources/", a_source(scheme, **members))

    def post(self, source: Json, content: bytes, headers: Headers) -> httpx.Response:
        """Post bytes as a vendor does: no key."""
        return self.web.post(
            f"/hooks/{source['id']}",
            content=content,
            headers=[(name.encode(), value.encode()) for name, value in headers],
        )

    def deliver(self, source: Json, payload: object, **options: Any) -> Json:
        """Post a genuine message, and wait until the hub is done with it."""
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        answer = self.post(source, content, SIGN[source["scheme"]](content, source["url"], **options))
        assert answer.status_code == 200, answer.text
        link = self.until(
            lambda: self.ask("GET", f"/api/operations/{answer.json()['operation_id']}"),
            lambda seen: seen.status_code == 200,
        )
        event_id = link.json()["resource"]["id"]
        seen = self.until(
            lambda: self.ask("GET", f"/api/webhook-events/{event_id}/"),
            lambda seen: seen.status_code == 200 and seen.json()["processed"],
        )
        stored: Json = seen.json()
        return stored

    def until(
        self, look: Callable[[], httpx.Response], is_right: Callable[[httpx.Response], bool], within: float = 10.0
    ) -> httpx.Response:
        """Look again and again until an answer is right."""
        deadline = time.monotonic() + within
        while not is_right(answer := look()):
            assert time.monotonic() < deadline, (
                f"after {within} s the last answer was {answer.status_code} {answer.text}"
            )
            time.sleep(0.02)  # a look every 20 ms
        return answer


@contextmanager
def open_shop(hub: Hub) -> Iterator[Shop]:
    """Open a pharmacy."""
    pharmacy_id, key = hub.open_pharmacy()
    with httpx.Client(base_url=hub.url, timeout=30, trust_env=False) as web:
        yield Shop(hub, str(pharmacy_id), key, web)
