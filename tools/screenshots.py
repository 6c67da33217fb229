#!/usr/bin/env python3
"""Take the pictures of the console for README.md and docs/: a demo hub, a little traffic, a browser.

It needs the group `ui` (`./run setup --dev`) and Debian's chromium. Look at every picture before it is committed.

    .venv/bin/python tools/screenshots.py
"""

import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PORT = 8179
URL = f"http://127.0.0.1:{PORT}"
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
STARTING_SECONDS = 180


def main() -> None:
    """Start a hub, write to it, take the pictures, and stop it."""
    with tempfile.TemporaryDirectory(prefix="shots-") as place:
        Path(place).chmod(0o755)
        log = Path(place) / "up.log"
        command = [ROOT / ".venv/bin/hub", "up", "--demo", "--port", str(PORT), "--data-dir", f"{place}/data", "--yes"]
        reach = os.environ | {"HUB_WEBHOOKS_ALLOW_NETWORKS": "127.0.0.0/8"}
        with log.open("w") as out:
            hub = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, env=reach)
        try:
            said = _ready(log)
            with _receiver() as receiver:
                take(said, receiver)
        finally:
            hub.terminate()
            hub.wait(60)


def _ready(log: Path) -> str:
    until = time.monotonic() + STARTING_SECONDS
    while f"ready {URL}" not in (said := log.read_text()):
        if time.monotonic() > until:
            raise SystemExit(said)
        time.sleep(0.5)
    return said


@contextmanager
def _receiver() -> Iterator[str]:
    """Listen for webhooks, and fail one in nine; the URL."""
    calls = count()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(503 if next(calls) % 9 == 0 else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hooks"
        server.shutdown()


def take(said: str, receiver: str) -> None:
    """Take every picture of a hub that printed this, whose webhooks somebody receives."""
    key, pharmacy = _found(r"phk_\w+", said), _found(r"(?<=Pharmacy  )[0-9a-f-]{36}", said)
    api = httpx.Client(base_url=URL, headers={"X-API-KEY": key, "Prefer": "wait=10"}, timeout=30)
    wanted = {"url": receiver, "event_types": ["sale.*", "order.*"], "description": "Loyalty programme"}
    api.post("/api/webhook-endpoints/", json=wanted).raise_for_status()
    order = _write(api)
    source = _receive(api)
    api.post("/api/event-queue/", json={"types": ["sale.*", "order.*"], "max_length": 50_000}).raise_for_status()
    _mint(_found(r"pho_\w+", said))
    item = api.get("/api/inventory/", params={"limit": 1, "sort": "sku"}).json()["items"][0]["id"]
    shelf = {"identifiers": [{"scheme": "shelf", "value": "A-12"}]}
    api.patch(f"/api/inventory/{item}/", json=shelf).raise_for_status()
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport=DESK, color_scheme="light")
        page.goto(_found(r"http://\S+/admin/sign-in/link/\S+", said))
        page.get_by_role("button").first.click()
        page.wait_for_url("**/admin/**")
        for name, path in {
            "overview": "",
            "inventory": f"inventory/?pharmacy={pharmacy}",
            "item": f"inventory/{item}/?pharmacy={pharmacy}",
            "order": f"orders/{order}/?pharmacy={pharmacy}",
            "live": f"live/?pharmacy={pharmacy}",
            "deliveries": f"deliveries/?pharmacy={pharmacy}",
            "movements": f"movements/?pharmacy={pharmacy}",
            "event-log": f"event-log/?pharmacy={pharmacy}",
            "event-queue": f"event-queue/?pharmacy={pharmacy}",
            "reconciliation": "reconciliation/",
            "operator-keys": "operator-keys/",
        }.items():
            _show(page, path)
            _picture(page, f"console-{name}")
        for name, path, heading in [
            ("history", f"orders/{order}/?pharmacy={pharmacy}", "History"),
            ("reprocess", f"sources/{source}/", "Translate again"),
        ]:
            _show(page, path)
            section = page.locator("section.card", has=page.get_by_role("heading", name=heading, exact=True))
            section.screenshot(path=IMAGES / f"console-{name}.png")
        page.emulate_media(color_scheme="dark")
        _show(page, "")
        _picture(page, "console-overview-dark")
        _show(page, "audit/")
        _picture(page, "console-audit-dark")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(PHONE)
        _show(page, f"inventory/?pharmacy={pharmacy}")
        _picture(page, "console-inventory-phone")
        _show(page, f"inventory/{item}/?pharmacy={pharmacy}")
        _picture(page, "console-item-phone")
        browser.close()


def _show(page: Page, path: str) -> None:
    page.goto(f"{URL}/admin/{path}")
    page.wait_for_timeout(1500)  # charts and live rows are drawn


def _picture(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"{name}.png  {(IMAGES / f'{name}.png').stat().st_size // 1024} kB")


def _write(api: httpx.Client) -> str:
    """Sell, order and move stock for some seconds, so that there is something to see; give an order's id."""
    items = api.get("/api/inventory/", params={"limit": 20, "sort": "sku"}).json()["items"]
    order = ""
    for number in range(120):
        item = items[number % len(items)]
        line = {"sku": item["sku"], "quantity": 1 + number % 3, "total_price": item["price"]}
        api.post("/api/sales/", json={"lines": [line], "reference": f"receipt-{4100 + number}"})
        if number % 12 == 0:
            wanted = {"sku": item["sku"], "name": item["name"], "quantity": 1, "unit_price": item["price"]}
            placed = api.post("/api/orders/", json={"order_reference": f"WEB-{900 + number}", "items": [wanted]}).json()
            order = placed["id"]
            for status in ("confirmed", "preparing")[: 1 + number % 2]:
                api.post(f"/api/orders/{order}/transitions/", json={"status": status})
        time.sleep(0.05)
    return order


def _receive(api: httpx.Client) -> str:
    """Let a web shop send some webhooks; give its source's id."""
    body = {"name": "Web shop", "scheme": "api_key", "event_type_path": "/type"}
    made = api.post("/api/sources/", json=body)
    made.raise_for_status()
    source = made.json()
    for number in range(6):
        sent = {"type": "order.created", "id": f"shop-{number}", "order": {"number": 7000 + number}}
        answer = httpx.post(source["url"], json=sent, headers={"X-API-KEY": source["secret"]}, timeout=30)
        answer.raise_for_status()
    return str(source["id"])


def _mint(operator_key: str) -> None:
    """Make some keys of operators, one of them revoked."""
    headers = {"X-API-KEY": operator_key, "Prefer": "wait=10"}
    with httpx.Client(base_url=URL, headers=headers, timeout=30) as web:
        for name in ("Nightly reports", "Monitoring", "Migration 2026"):
            made = web.post("/api/operator-keys/", json={"name": name})
            made.raise_for_status()
        web.delete(f"/api/operator-keys/{made.json()['id']}/").raise_for_status()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        message = f"there is no {pattern} in:\n{text}"
        raise SystemExit(message)
    return match[0]


if __name__ == "__main__":
    main()
