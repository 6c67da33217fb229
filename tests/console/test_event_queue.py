"""A pharmacy's event queue at the console: opened with filters, looked at, changed and removed."""

import asyncio
import html
import re
import time

import httpx
import pytest

from tests.console.test_screens import a_pharmacy, an_item, read
from tests.kit.console import portal, signed_in
from tests.kit.in_process import Hub
from tests.kit.wait import eventually

PATH = "/admin/event-queue/"


def facts(page: str) -> dict[str, str]:
    """Read what a page says, by its headings."""
    pairs = re.findall(r"<dt>([^<]+)</dt><dd[^>]*>(.*?)</dd>", page, re.DOTALL)
    return {name: " ".join(html.unescape(re.sub(r"<[^>]+>", " ", value)).split()) for name, value in pairs}


@pytest.mark.parametrize("who", ["operator", "pharmacy"])
async def test_a_queue_is_opened_with_filters_looked_at_changed_and_removed(hub: Hub, who: str) -> None:
    pharmacy, key = a_pharmacy(hub)
    person = portal(hub, key) if who == "pharmacy" else signed_in(hub, "operator")
    address = PATH if who == "pharmacy" else f"{PATH}?pharmacy={pharmacy}"
    assert "There is no queue yet" in person.get(address).text
    wrong = person.post(address, {"types": "Sale", "max_length": "many"})
    assert wrong.status_code == 422
    assert "f-max_length-fault" in wrong.text
    opened = person.post(address, {"types": "inventory.*\nsale.recorded", "max_length": "500"})
    assert "The event queue is open." in opened.text
    an_item(hub, key)

    async def depth() -> str:
        return facts(person.get(address).text)["Waiting"]

    await eventually(depth, lambda said: said == "1 of 500", within=10)
    said = facts(person.get(address).text)
    assert (said["Queue"], said["Events"]) == (f"hub.out.{pharmacy}", "inventory.* sale.recorded")
    assert said["Last sequence"] == str(read(hub, key, "/api/event-queue/")["last_sequence"])
    person.post(address, {"types": "*", "max_length": "700"})
    assert read(hub, key, "/api/event-queue/")["types"] == ["*"]
    closing = address.replace(PATH, f"{PATH}close/")
    assert "What is left in it is lost" in person.get(closing).text
    assert "The event queue is removed." in person.post(closing, {}).text
    assert read(hub, key, "/api/event-queue/")["status"] == 404


def test_a_viewer_sees_a_queue_and_neither_they_nor_a_strangers_key_changes_it(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    operator = signed_in(hub, "operator")
    operator.get(f"{PATH}?pharmacy={pharmacy}")
    operator.post(f"{PATH}?pharmacy={pharmacy}", {"types": "sale.*", "max_length": "9"})
    viewer, stranger = signed_in(hub, "viewer"), portal(hub, a_pharmacy(hub)[1])
    page = viewer.get(f"{PATH}?pharmacy={pharmacy}")
    assert facts(page.text)["Events"] == "sale.*"
    assert "Remove" not in page.text
    assert viewer.post(f"{PATH}?pharmacy={pharmacy}", {"types": "*", "max_length": "1"}).status_code == 403
    assert viewer.post(f"{PATH}close/?pharmacy={pharmacy}", {}).status_code == 403
    assert "There is no queue yet" in stranger.get(f"{PATH}?pharmacy={pharmacy}").text
    stranger.post(f"{PATH}?pharmacy={pharmacy}", {"types": "*", "max_length": "1"})
    stranger.post(f"{PATH}close/?pharmacy={pharmacy}", {})
    assert read(hub, key, "/api/event-queue/")["types"] == ["sale.*"]


def test_a_broker_that_stops_answering_keeps_nobody_waiting_for_the_queue(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lead(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("gateway.routes.event_queue._lead", lead)
    _, key = a_pharmacy(hub)
    began = time.monotonic()
    answer = httpx.post(f"{hub.url}/api/event-queue/", json={}, headers={"X-API-KEY": key}, timeout=30)
    assert time.monotonic() - began < 6
    assert answer.status_code == 503
    assert answer.json()["operation_id"] == answer.headers["operation-id"]
