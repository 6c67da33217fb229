"""The screens: the overview's figures, live events, and an operation's way through the hub."""

import json
import re
from typing import Any
from uuid import uuid4

import httpx

from tests.kit.console import portal, signed_in
from tests.kit.in_process import Hub

HTML_TEXT = "<script>alert(1)</script>"


def a_pharmacy(hub: Hub) -> tuple[str, str]:
    """Make a pharmacy; its id and key."""
    answer = httpx.post(
        f"{hub.url}/api/pharmacies/",
        json={"name": f"Screens {uuid4().hex[:8]}"},
        headers={"X-API-KEY": hub.operator_key, "Prefer": "wait=20"},
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["api_key"]


def an_item(hub: Hub, key: str, **headers: str) -> httpx.Response:
    """Create an item and wait for it."""
    answer = httpx.post(
        f"{hub.url}/api/inventory/",
        json={"sku": f"S-{uuid4().hex[:10]}", "name": HTML_TEXT, "price": "1.00", "quantity": 3},
        headers={"X-API-KEY": key, "Prefer": "wait=20", **headers},
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    return answer


def series_of(page: str) -> Any:
    """Read what the charts draw."""
    found = re.search(r"data-series='([^']*)'", page)
    assert found is not None
    return json.loads(found[1])


def test_the_overview_counts_what_was_written(hub: Hub) -> None:
    first = a_pharmacy(hub)[1]
    own, other = portal(hub, first), portal(hub, a_pharmacy(hub)[1])
    before = [sum(series_of(person.get("/admin/overview/figures").text)[1]) for person in (own, other)]
    an_item(hub, first)
    after = [sum(series_of(person.get("/admin/overview/figures").text)[1]) for person in (own, other)]
    assert after[0] > before[0]
    assert after[1] == before[1], "another pharmacy's figures are its own"
    page = own.get("/admin/").text
    assert "Failing endpoints" in page
    assert "Queues" not in page, "a pharmacy does not see the hub's queues"
    everything = signed_in(hub, "viewer").get("/admin/").text
    assert "PostgreSQL" in everything
    assert "Queues" in everything or "does not tell how full" in everything


def test_live_events_show_the_newest_and_follow_the_log(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    an_item(hub, key)
    person = signed_in(hub, "viewer")
    page = person.get(f"/admin/live/?pharmacy={pharmacy}")
    assert "inventory.created" in page.text
    assert HTML_TEXT not in page.text, "what a pharmacy wrote is text"
    with person.web.stream("GET", f"/admin/live/stream?pharmacy={pharmacy}&after=1") as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        lines = stream.iter_lines()
        event = next(json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))
    assert (event["type"], event["pharmacyid"]) == ("inventory.created", pharmacy)


def test_an_operation_is_found_by_its_id_and_by_the_key_its_client_chose(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    chosen = f"order/{uuid4()}"
    operation = an_item(hub, key, **{"Idempotency-Key": chosen}).headers["operation-id"]
    person = signed_in(hub, "viewer")
    pages = [
        person.get(f"/admin/operations/?{query}") for query in (f"q={operation}", f"q={chosen}&pharmacy={pharmacy}")
    ]
    assert {page.url.path.rstrip("/") for page in pages} == {f"/admin/operations/{operation}"}
    assert "inventory.created" in pages[0].text
    assert "applied" in pages[0].text
    assert HTML_TEXT not in pages[0].text


def test_a_strangers_operation_is_as_unknown_as_none(hub: Hub) -> None:
    _, key = a_pharmacy(hub)
    operation = an_item(hub, key).headers["operation-id"]
    stranger = portal(hub, a_pharmacy(hub)[1])
    assert stranger.get(f"/admin/operations/{operation}/").status_code == 404
    assert stranger.get(f"/admin/operations/{uuid4()}/").status_code == 404
    assert stranger.get(f"/admin/operations/?q={operation}").url.path == "/admin/operations/"
