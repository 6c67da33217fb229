"""`hub sources`, `hub trigger` and `hub listen`, as a developer uses them."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import standardwebhooks

from hub.cli.developing import TRIGGERS, listen, listening_secret, trigger
from hub.cli.remote import Remote
from hub.faults import SettingsError
from tests.kit.hooks import Shop


def run(shop: Shop, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli", *arguments, "--url", shop.hub.url, "--key", shop.key],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_source_is_made_rotated_and_removed(shop: Shop) -> None:
    made = json.loads(
        run(
            shop,
            "sources",
            "create",
            "Web shop",
            "--scheme",
            "shopify",
            "--mapping",
            '{"adapter": "shopify"}',
            "--json",
        )
    )
    assert shop.items("/api/sources/")[0]["id"] == made["id"]
    assert made["secret"]
    assert "secret" in run(shop, "sources", "rotate-secret", made["id"])
    assert made["url"] in run(shop, "sources", "list")
    run(shop, "sources", "delete", made["id"])
    assert shop.items("/api/sources/") == []


def test_every_trigger_lets_its_event_happen(shop: Shop) -> None:
    from unittest.mock import patch

    from hub.cli import developing

    remote = Remote(shop.hub.url, {"X-API-KEY": shop.key})
    with patch.object(developing, "find_remote", lambda *_, **__: remote):
        for event_type in TRIGGERS:
            developing.trigger(event_type)
    shop.until(
        lambda: shop.ask("GET", "/api/events/?limit=500"),
        lambda seen: set(TRIGGERS) <= {event["type"] for event in seen.json()["items"]},
    )


@contextmanager
def a_developers_machine() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Take calls on localhost; gives the address, and a list that gets the headers and body of each."""
    calls: list[tuple[dict[str, str], bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hooks", calls
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_events_are_posted_to_the_developer_signed_with_the_same_secret_every_time(shop: Shop) -> None:
    with a_developers_machine() as (place, calls):
        shop.make("/api/webhook-events/", {"event_type": "é", "payload": {}})
        shown = run(shop, "listen", "--forward-to", place, "--after", "0", "--count", "2")
    secret = listening_secret(Remote(shop.hub.url, {"X-API-KEY": shop.key}))
    assert [line.split()[1:3] for line in shown.splitlines()] == [
        ["pharmacy.created", "204"],
        ["webhook_event.received", "204"],
    ]
    for headers, body in calls:
        event = standardwebhooks.Webhook(secret).verify(body, headers)
        assert event["id"] == headers["webhook-id"]


def test_a_machine_where_nobody_listens_is_said_for_each_event_and_ends_nothing(shop: Shop) -> None:
    shop.make("/api/webhook-events/", {"event_type": "x", "payload": {}})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        place = f"http://127.0.0.1:{taken.getsockname()[1]}/hooks"
        shown = run(shop, "listen", "--forward-to", place, "--after", "0", "--count", "2").splitlines()
    assert [line.split()[1:3] for line in shown] == [
        ["pharmacy.created", "failed:"],
        ["webhook_event.received", "failed:"],
    ]


@pytest.mark.parametrize(
    "place", ["localhost:3000", "ftp://localhost/", "http://", "http:///hooks", "http://[", "http://localhost:99999/", "http://localhost:0/", "http://☃.example:x/"]
)  # fmt: skip
def test_a_place_that_is_no_address_is_refused_before_anything_is_heard(place: str) -> None:
    with pytest.raises(SettingsError, match="--forward-to is an http or https address"):
        listen(place)


def test_what_nobody_can_trigger_is_refused_with_what_can_be(shop: Shop) -> None:
    with pytest.raises(SettingsError, match=r"'order\.paid' cannot be triggered; choose from .*order\.placed"):
        trigger("order.paid")
    assert [event["type"] for event in shop.items("/api/events/")] == ["pharmacy.created"]


def test_without_a_beginning_the_developer_gets_what_happens_from_now_on(shop: Shop) -> None:
    command = [sys.executable, "-m", "hub.cli", "listen", "--url", shop.hub.url, "--key", shop.key, "--count", "1"]
    with (
        a_developers_machine() as (place, calls),
        subprocess.Popen(
            [*command, "--forward-to", place], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as told,
    ):
        try:
            # When it listens is not to be seen from outside, so something happens again and again.
            shop.until(
                lambda: shop.ask("POST", "/api/webhook-events/", {"event_type": "x", "payload": {}}),
                lambda _: told.poll() is not None, within=30,
            )  # fmt: skip
        finally:
            told.kill()
    ((headers, body),) = calls
    event = standardwebhooks.Webhook(listening_secret(Remote(shop.hub.url, {"X-API-KEY": shop.key}))).verify(
        body, headers
    )
    assert event["type"].startswith("webhook_event.")  # the pharmacy was made before
