"""The screens: the overview's figures, live events, and an operation's way through the hub."""

import json
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.amqp_sessions import Sessions
from hub.messaging.management import QueueDepth
from tests.kit.console import Person, a_person, portal, signed_in
from tests.kit.in_process import Hub
from tests.kit.wait import eventually, until

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


def test_live_events_follow_from_behind_the_last_one_that_the_page_has_room_for(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    headers = {"X-API-KEY": key, "Prefer": "wait=20"}
    long = {str(number): "x" * 9_999 for number in range(60)}
    for _ in range(9):
        body = {"event_type": "news", "payload": long}
        assert httpx.post(f"{hub.url}/api/webhook-events/", json=body, headers=headers, timeout=30).status_code == 201
    person = signed_in(hub, "viewer")
    page = person.get(f"/admin/live/?pharmacy={pharmacy}").text
    shown = [int(number) for number in re.findall(r'<td class="right num">(\d+)</td>', page)]
    assert 0 < len(shown) < 9
    assert f"/admin/live/stream?after={max(shown)}&amp;" in page
    log = person.get(f"/admin/event-log/?pharmacy={pharmacy}").text
    assert f'rel="next" href="?after={max(shown)}' in log, "the rest is a page further"


def test_the_overview_never_alarms_on_what_rabbitmq_has_not_told_yet(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        QueueDepth("hub.commands.0", 2, 1), QueueDepth("hub.commands.1", 3, None), QueueDepth("hub.dead", None, None),
        QueueDepth("hub.audit", 4, 0), QueueDepth("hub.ingress.0", 5, 1),
    ]  # fmt: skip

    async def tell(_: Sessions) -> list[QueueDepth]:
        return told

    monkeypatch.setattr(Sessions, "count_messages", tell)
    page = signed_in(hub, "viewer").get("/admin/overview/figures").text
    rows = [re.findall(r">([^<>\s]+)<", row) for row in page.partition("Queues")[2].split("<tr>")[1:]]
    shown = {name: figures for name, *figures in rows}
    assert shown == {
        "hub.commands": ["5", "–"], "hub.dead": ["–", "–"], "hub.audit": ["4", "0"], "hub.ingress": ["5", "1"],
    }  # fmt: skip
    assert re.findall(r'num minus">([^<]*)<', page.partition("Queues")[2]) == ["0"]


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


def test_an_operation_shows_the_events_that_a_page_has_room_for_and_where_the_others_are(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    headers = {"X-API-KEY": key, "Prefer": "wait=20"}
    long = {str(number): "x" * 9_999 for number in range(6)}
    count = 80
    items = [{"sku": f"B-{number}", "name": "n", "price": "1.00", "extra_data": long} for number in range(count)]
    prices = "sku,price\n" + "".join(f"B-{number},2.00\n" for number in range(count))
    for kind, content in (("application/x-ndjson", "\n".join(map(json.dumps, items))), ("text/csv", prices)):
        sent = {"X-API-KEY": key, "Content-Type": kind}
        taken = httpx.post(f"{hub.url}/api/inventory/bulk", content=content, headers=sent, timeout=30)
        assert taken.status_code == 202

    def updates() -> Any:
        query = {"type": "inventory.updated", "limit": "1"}
        return httpx.get(f"{hub.url}/api/events/", params=query, headers=headers, timeout=30).json()["items"]

    event = until(updates)[0]
    address = f"/admin/operations/{event['causationid']}/"
    for person, whose in ((portal(hub, key), ""), (signed_in(hub, "viewer"), f"&amp;pharmacy={pharmacy}")):
        page = person.get(address).text
        shown = [int(number) for number in re.findall(r'<span class="dot info">event (\d+)</span>', page)]
        assert 0 < len(shown) < count
        assert f'href="/admin/event-log/?after={max(shown)}{whose}"' in page
        assert len(page) < 8 * 1_048_576


def test_a_strangers_operation_is_as_unknown_as_none(hub: Hub) -> None:
    _, key = a_pharmacy(hub)
    operation = an_item(hub, key).headers["operation-id"]
    stranger = portal(hub, a_pharmacy(hub)[1])
    assert stranger.get(f"/admin/operations/{operation}/").status_code == 404
    assert stranger.get(f"/admin/operations/{uuid4()}/").status_code == 404
    assert stranger.get(f"/admin/operations/?q={operation}").url.path == "/admin/operations/"


def read(hub: Hub, key: str, path: str) -> Any:
    """Ask the API with a key."""
    return httpx.get(f"{hub.url}{path}", headers={"X-API-KEY": key}, timeout=30).json()


def send_file(person: Person, pharmacy: str, content: str, **more: str) -> httpx.Response:
    """Choose a file and press a button."""
    page = person.get(f"/admin/import/?pharmacy={pharmacy}")
    return person.web.post(
        f"/admin/import/?csrf={person.token}",
        data={"kind": "inventory", "pharmacy": pharmacy, "key": person.hidden(page, "key"), **more},
        files={"file": ("stock.csv", content.encode(), "text/csv")},
        follow_redirects=True,
    )


async def test_a_file_is_looked_at_without_changing_anything_and_then_imported(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    person = signed_in(hub, "operator")
    content = f"sku,name,price\nA1,{HTML_TEXT},3.90\nA2,b,wrong\n"
    looked = send_file(person, pharmacy, content, check="yes").text
    assert "2 rows, 1 of them wrong" in looked
    assert "#/price" in looked
    assert HTML_TEXT not in looked
    assert read(hub, key, "/api/inventory/")["items"] == []
    sent = send_file(person, pharmacy, content)
    assert sent.url.path.startswith("/admin/uploads/")
    path = sent.url.path.replace("/admin", "/api").rstrip("/")

    async def upload() -> Any:
        return read(hub, key, path)

    done = await eventually(upload, lambda one: one["status"] == "done", within=30)
    assert (done["applied"], done["rejected"]) == (1, 1)


def test_a_form_with_a_file_that_is_sent_twice_is_one_upload(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    person = signed_in(hub, "operator")
    form = person.hidden(person.get(f"/admin/import/?pharmacy={pharmacy}"), "key")
    content = "sku,quantity,total_price\nA,1,1.00\n"
    first, again = (send_file(person, pharmacy, content, kind="sales", key=form).url.path for _ in range(2))
    assert first == again
    other = send_file(person, pharmacy, content.replace("A", "B"), kind="sales", key=form).url.path
    anew = send_file(person, pharmacy, content, kind="sales").url.path
    bare = [send_file(person, pharmacy, content, kind="sales", key="").url.path for _ in range(2)]
    assert len({first, other, anew, *bare}) == 5, "another file, another page, and no page's"
    assert len(read(hub, key, "/api/uploads/")["items"]) == 5


def test_who_may_not_import_is_offered_no_form(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    reading = httpx.post(
        f"{hub.url}/api/pharmacies/{pharmacy}/keys/",
        json={"name": "reading", "scopes": ["read"]},
        headers={"X-API-KEY": hub.operator_key, "Prefer": "wait=20"},
        timeout=30,
    ).json()["api_key"]
    for person, said in ((signed_in(hub, "viewer"), "takes the role operator"), (portal(hub, reading), "scope write")):
        assert "/admin/import/" not in person.get("/admin/").text
        refused = person.get(f"/admin/import/?pharmacy={pharmacy}")
        assert (refused.status_code, said in refused.text, 'type="file"' in refused.text) == (403, True, False)
    assert 'type="file"' in portal(hub, key).get("/admin/import/").text


def test_a_broken_file_and_a_form_of_another_site_are_refused(hub: Hub) -> None:
    pharmacy, _ = a_pharmacy(hub)
    person = signed_in(hub, "operator")
    assert "does not name the columns" in send_file(person, pharmacy, "what,ever\n1,2\n").text
    person.token = "0" * 64
    refused = person.web.post(
        f"/admin/import/?csrf={person.token}",
        data={"kind": "inventory"},
        files={"file": ("a.csv", b"sku\nA", "text/csv")},
    )
    assert refused.status_code == 403


def test_an_id_leads_to_its_page_and_a_strangers_does_not(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    item = an_item(hub, key).json()["id"]
    person = signed_in(hub, "viewer")
    assert person.get(f"/admin/jump/?q={item}").url.path.rstrip("/") == f"/admin/inventory/{item}"
    assert person.get(f"/admin/jump/?q={pharmacy}").url.path.rstrip("/") == f"/admin/pharmacies/{pharmacy}"
    assert person.get("/admin/jump/?q=orders").url.path.rstrip("/") == "/admin/orders"
    stranger = portal(hub, a_pharmacy(hub)[1])
    assert stranger.get(f"/admin/jump/?q={item}").url.path.rstrip("/") == "/admin/operations"


@pytest.mark.parametrize(
    "path", ["a/b/c/d/", "inventory/no-id/", "inventory/no-id/edit/", "<script>alert(1)</script>/x/"]
)
def test_what_is_no_page_of_the_console_is_a_page_that_says_so(hub: Hub, path: str) -> None:
    for person in (a_person(hub), signed_in(hub, "viewer")):
        answer = person.web.get(f"/admin/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8"), answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "has no such page" in answer.text
        assert HTML_TEXT not in answer.text
    elsewhere = httpx.get(f"{hub.url}/nothing/{path}")
    assert (elsewhere.status_code, elsewhere.headers["content-type"]) == (404, "application/problem+json")


def test_the_doctor_shows_settings_without_their_secrets(hub: Hub) -> None:
    page = signed_in(hub, "viewer").get("/admin/doctor/").text
    assert "HUB_PARTITIONS" in page
    for secret in (hub.settings.secret_key, hub.settings.database_url, hub.settings.amqp_url):
        assert secret.get_secret_value() not in page
    assert portal(hub, a_pharmacy(hub)[1]).get("/admin/doctor/").status_code == 403


def test_a_quantity_is_explained_by_its_movements_and_an_order_says_where_it_may_go(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    item = an_item(hub, key).json()
    person = signed_in(hub, "viewer")
    page = person.get(f"/admin/inventory/{item['id']}/?pharmacy={pharmacy}").text
    assert "explained by its movements" in page
    placed = httpx.post(
        f"{hub.url}/api/orders/",
        json={
            "order_reference": "W-1",
            "items": [{"sku": item["sku"], "name": "a", "quantity": 1, "unit_price": "1.00"}],
        },
        headers={"X-API-KEY": key, "Prefer": "wait=20"},
        timeout=30,
    ).json()
    states = person.get(f"/admin/orders/{placed['id']}/?pharmacy={pharmacy}").text
    assert "From here it may become" in states
    assert '<span class="chip">confirmed</span>' in states


def test_deliveries_are_counted_before_they_are_sent_again(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    made = httpx.post(
        f"{hub.url}/api/webhook-endpoints/",
        json={"url": "https://example.org/hook", "enabled": False},
        headers={"X-API-KEY": key, "Prefer": "wait=20"},
        timeout=30,
    )
    assert made.status_code == 201, made.text
    endpoint = made.json()["id"]
    an_item(hub, key)
    person = signed_in(hub, "operator")
    page = person.get(f"/admin/webhook-endpoints/{endpoint}/?pharmacy={pharmacy}")
    assert "Send again" in page.text
    for way in ("recover", "replay", "replay-missing"):
        wanted = {"way": way, "pharmacy": pharmacy, "since": "2020-01-01T00:00", "count": "yes"}
        counted = person.post(f"/admin/mend/{endpoint}/", wanted)
        assert "Nothing was sent." in counted.text, way
    counting = {"way": "replay", "pharmacy": pharmacy, "since": "2020-01-01T00:00", "count": "yes"}
    assert "The filter is no JSON" in person.post(f"/admin/mend/{endpoint}/", counting | {"filter": "{"}).text
    wrong = person.post(f"/admin/mend/{endpoint}/", counting | {"filter": '{"a": {"$wrong": 1}}'}).text
    assert "#/filter/a: it begins with one of" in wrong
    both = counting | {"event_type": "sale.recorded", "filter": '{"attempts": {"$gte": 1}}'}
    assert "0 deliveries match. Nothing was sent." in person.post(f"/admin/mend/{endpoint}/", both).text
    assert "disabled" in person.post(f"/admin/mend/{endpoint}/", {"way": "replay", "pharmacy": pharmacy}).text
    viewer = signed_in(hub, "viewer")
    viewer.get(f"/admin/webhook-endpoints/{endpoint}/?pharmacy={pharmacy}")
    refused = viewer.post(f"/admin/mend/{endpoint}/", {"way": "replay", "pharmacy": pharmacy})
    assert "sent again" not in refused.text


def test_the_menu_has_its_places_in_this_order_and_those_of_a_pharmacy_for_a_pharmacy(hub: Hub) -> None:
    _, key = a_pharmacy(hub)
    places = {}
    people = {"viewer": signed_in(hub, "viewer"), "operator": signed_in(hub, "operator"), "pharmacy": portal(hub, key)}
    for who, person in people.items():
        menu = person.get("/admin/").text.partition('class="side-nav"')[2].partition("</nav>")[0]
        places[who] = re.findall(r"<p[^>]*>([^<]+)</p>|<span>([^<]+)</span>", menu)
    hubs = "Hub: Parked, Audit, Integrators, Operators, Operator keys, Doctor,"
    assert _as_text(places["viewer"]) == f"{_MENU.replace('Import, ', 'Pharmacies, ')} {hubs}"
    assert _as_text(places["operator"]) == f"{_MENU.replace('Import, ', 'Import, Pharmacies, ')} {hubs}"
    assert _as_text(places["pharmacy"]) == _MENU


_MENU = (
    "Overview, Live events, Event log, Operations, Reconciliation, "
    "Pharmacies: Import, Inventory, Movements, Orders, Sales, Keys, Uploads, Event queue, "
    "Webhooks: Sources, Received, Endpoints, Deliveries,"
)


def _as_text(menu: list[tuple[str, str]]) -> str:
    return " ".join(f"{group}:" if group else f"{label}," for group, label in menu)
