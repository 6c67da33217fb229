"""Parked messages at the console: looked at, replayed and given up, one and many."""

import html
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.console.test_models import HOSTILE, is_text_on
from tests.console.test_screens import a_pharmacy, an_item, read
from tests.kit.buggy import Bug, a_bug
from tests.kit.console import signed_in
from tests.kit.in_process import Hub
from tests.kit.wait import eventually, until


@pytest.fixture
def bug() -> Iterator[Bug]:
    """A bug in the writer."""
    with pytest.MonkeyPatch.context() as patch, a_bug(patch) as found:
        yield found


def park(hub: Hub, key: str) -> tuple[str, str]:
    """Send a command that meets the bug; its sku, and the operation's id."""
    sku = f"BUG-{uuid4().hex[:8]}"
    headers = {"X-API-KEY": key, "Prefer": "wait=20"}
    body = {"sku": sku, "name": "n", "price": "1.00"}
    answer = httpx.post(f"{hub.url}/api/inventory/", json=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/parked")
    return sku, answer.json()["operation_id"]


def parked_of(hub: Hub, pharmacy: str, count: int) -> list[dict[str, str]]:
    """Wait for the rows of a pharmacy's parked messages: the parker makes them after the answer."""

    def rows() -> list[dict[str, str]]:
        found: list[dict[str, str]] = read(hub, hub.operator_key, f"/api/parked/?pharmacy_id={pharmacy}")["items"]
        return found

    return until(rows, lambda found: len(found) == count)


async def test_parked_messages_are_shown_replayed_and_discarded(hub: Hub, bug: Bug) -> None:
    pharmacy, key = a_pharmacy(hub)
    sent = [park(hub, key) for _ in range(4)]
    rows = {one["operation_id"]: one["id"] for one in parked_of(hub, pharmacy, len(sent))}
    ids = [rows[operation] for _, operation in sent]
    person = signed_in(hub, "operator")
    listed = person.get(f"/admin/parked/?pharmacy={pharmacy}&status=parked").text
    assert all(one in listed for one in ids)
    page = person.get(f"/admin/parked/{ids[0]}/").text
    assert "ZeroDivisionError" in page
    assert sent[0][0] in page, "the payload is shown"
    viewer = signed_in(hub, "viewer")
    viewer.get("/admin/")
    assert viewer.post(f"/admin/parked/{ids[0]}/do/replay/", {}).status_code == 403
    bug.is_there = False
    assert "after all that came in meanwhile" in person.get(f"/admin/parked/{ids[0]}/do/replay/").text
    assert "done" in person.post(f"/admin/parked/{ids[0]}/do/replay/", {"reason": "mended"}).text
    assert "mended" in person.get(f"/admin/parked/{ids[0]}/").text
    assert "given up" in person.get(f"/admin/parked/{ids[1]}/do/discard/").text
    assert "done" in person.post(f"/admin/parked/{ids[1]}/do/discard/", {"reason": "a test"}).text
    many = person.post("/admin/parked/bulk/", {"action": "replay", "id": [ids[2]], "sure": "yes"})
    assert "Replay: 1 parked message, done." in many.text
    many = person.post("/admin/parked/bulk/", {"action": "discard", "id": [ids[3]], "sure": "yes"})
    assert "Discard: 1 parked message, done." in many.text

    async def states() -> list[str]:
        return [read(hub, key, f"/api/operations/{operation}")["status"] for _, operation in sent]

    wanted = ["applied", "parked", "applied", "parked"]
    assert await eventually(states, lambda found: found == wanted, within=20) == wanted
    stock = {one["sku"] for one in read(hub, key, "/api/inventory/")["items"]}
    assert stock == {sent[0][0], sent[2][0]}
    left = person.get(f"/admin/parked/?pharmacy={pharmacy}&status=parked").text
    assert "Nothing matches" in left


@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_a_hostile_note_on_a_parked_message_is_shown_as_text(hub: Hub, bug: Bug, verb: str) -> None:
    pharmacy, key = a_pharmacy(hub)
    park(hub, key)
    (row,) = parked_of(hub, pharmacy, 1)
    person = signed_in(hub, "operator")
    address = f"/admin/parked/{row['id']}/"
    person.get(f"{address}do/{verb}/")
    assert "done" in person.post(f"{address}do/{verb}/", {"reason": HOSTILE}).text
    page = person.get(address)
    is_text_on([page, person.get(f"/admin/parked/?pharmacy={pharmacy}")])
    assert HOSTILE in html.unescape(page.text.partition("<dt>Note</dt>")[2].partition("</dd>")[0])


async def test_the_timeline_of_an_operation_leads_from_its_acceptance_to_its_deliveries(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    body = {"url": "https://hook.invalid/timeline", "event_types": ["inventory.*"]}
    hub.make(key, "webhook-endpoints", body)
    operation = an_item(hub, key).headers["operation-id"]
    person = signed_in(hub, "viewer")

    async def timeline() -> str:
        shown = person.get(f"/admin/operations/{operation}/?pharmacy={pharmacy}").text
        return shown.partition('<ol class="timeline">')[2].partition("</ol>")[0]

    steps = [">accepted<", ">applied<", "inventory.created", "https://hook.invalid/timeline"]
    found = await eventually(timeline, lambda text: steps[-1] in text, within=20)
    places = [found.find(step) for step in steps]
    assert -1 not in places, (steps, places)
    assert places == sorted(places)
