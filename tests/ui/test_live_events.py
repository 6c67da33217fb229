"""The live page in a real browser under 100 events a second: it shows each of them and does not grow."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.kit.browsing import a_sight
from tests.kit.console import signed_in
from tests.kit.in_process import Hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PER_SECOND = 100
SECONDS = 60
SETTLED = 15
SENDERS = 4
MOST_GROWTH = 1.3
MOST_ROWS = 500
MOST_NODES = 12_000
"""Of 500 rows of a dozen nodes each, and the page around them."""

# Counts the events whose rows were added, and those that are missing between them.
_WATCH = """() => {
  const rows = document.querySelector("#events").tBodies[0];
  const seen = window.seen = {count: 0, last: Math.max(0, ...[...rows.rows].map(row => +row.cells[0].textContent)), missing: 0, most: 0};
  new MutationObserver(changes => {
    for (const change of changes) {
      const added = [...change.addedNodes].filter(row => row.dataset.body).map(row => +row.cells[0].textContent);
      for (const sequence of added.sort((one, other) => one - other)) {
        seen.missing += sequence - seen.last - 1;
        seen.last = sequence;
        seen.count += 1;
      }
    }
    seen.most = Math.max(seen.most, rows.rows.length);
  }).observe(rows, {childList: true});
}"""


@pytest.mark.long
@pytest.mark.timeout(240)
def test_the_live_page_shows_a_hundred_events_a_second_and_does_not_grow(browser: "Browser", hub: Hub) -> None:
    pharmacy_id, key = hub.open_pharmacy("Busy")
    with a_sight(browser, hub, signed_in(hub)) as sight, ThreadPoolExecutor(SENDERS) as threads:
        page = sight.page
        sight.open(f"/admin/live/?pharmacy={pharmacy_id}")
        page.wait_for_selector("#link.good")
        page.evaluate(_WATCH)
        cdp = page.context.new_cdp_session(page)
        cdp.send("Performance.enable")
        began = time.monotonic()
        sending = [threads.submit(_send, hub, key, number, began) for number in range(SENDERS)]
        taken = {}
        for second in (SETTLED, 30, 45, SECONDS):
            page.wait_for_function("most => window.seen.count >= most", arg=second * PER_SECOND, timeout=60_000)
            taken[second] = _weigh(cdp)
        took = time.monotonic() - began
        sent = sum(future.result() for future in sending)
        seen: dict[str, int] = page.evaluate("window.seen")
    figures = f"{sent} sent, {seen} seen within {took:.1f} s; by second: {taken}"
    print(figures)
    assert (sent, seen["count"], seen["missing"]) == (PER_SECOND * SECONDS, PER_SECOND * SECONDS, 0), figures
    assert took < SECONDS * 1.2, figures
    assert taken[SECONDS]["heap"] <= MOST_GROWTH * taken[SETTLED]["heap"], figures
    assert seen["most"] <= MOST_ROWS, figures
    assert max(one["nodes"] for one in taken.values()) <= MOST_NODES, figures


def _send(hub: Hub, key: str, number: int, began: float) -> int:
    """Send this sender's share, each at its time; the answer is the 202."""
    share = PER_SECOND * SECONDS // SENDERS
    with httpx.Client(base_url=hub.url, headers={"X-API-KEY": key}, timeout=30) as web:
        for index in range(share):
            due = began + (index * SENDERS + number) / PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))  # a hundred a second is what the page is shown
            item = {"sku": f"live-{number}-{index}", "name": "Live", "price": "1.00", "extra_data": {"note": "x" * 200}}
            answer = web.post("/api/inventory/", json=item)
            assert answer.status_code == 202, answer.text
    return share


def _weigh(cdp: Any) -> dict[str, float]:
    """Say how much of the page's memory is in use once the rubbish is out, in MB, and how many nodes there are."""
    cdp.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in cdp.send("Performance.getMetrics")["metrics"]}
    return {"heap": round(found["JSHeapUsedSize"] / 1e6, 2), "nodes": found["Nodes"]}
