"""What a pharmacy that signed in with its key sees of the console: its own, never another's."""

import csv
import io
import re
import time
from html import unescape
from uuid import uuid4

import httpx
import pytest

from gateway.admin.entries import MODELS
from gateway.admin.menu import PLACES
from tests.conftest import Servers
from tests.kit.console import Person, portal, signed_in
from tests.kit.flows import FLOWS, a_shop, make, part_of
from tests.kit.in_process import Hub
from tests.kit.wait import until


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


@pytest.fixture(scope="module")
def shop(hub: Hub) -> tuple[str, str]:
    """A pharmacy with something to sell; its id and its key."""
    return a_shop(hub, "Portal")


@pytest.fixture(scope="module")
def neighbour(hub: Hub) -> tuple[str, str]:
    """Another one."""
    return a_shop(hub, "Next door")


def test_a_pharmacy_sees_its_own_and_never_anothers(hub: Hub, admin: Person, shop: tuple[str, str]) -> None:
    _, key = hub.open_pharmacy("Stranger")
    stranger = portal(hub, key)
    text = f"x-{uuid4().hex[:8]}"
    for name, model in MODELS.items():
        address = make(admin, name, shop[0], text + name) if name in FLOWS else ""
        for query in (f"pharmacy={shop[0]}", f"pharmacy={shop[0]}&q={text}"):
            listed = stranger.get(f"/admin/{name}/?{query}")
            assert listed.status_code == (404 if model.is_hubs else 200), name
            assert not address or address.partition("?")[0] not in listed.text, name
            assert shop[0] not in listed.text.replace(f"pharmacy={shop[0]}", "")
        if name in FLOWS:
            for place in (address, part_of(address, "edit/"), part_of(address, f"do/{FLOWS[name].end[0]}/")):
                answer = stranger.get(place)
                assert answer.status_code in {403, 404}, place
                assert text not in answer.text
            assert stranger.post(part_of(address, f"do/{FLOWS[name].end[0]}/"), {}).status_code in {403, 404}
            assert admin.get(address).status_code == 200


@pytest.mark.parametrize("name", sorted(name for name in FLOWS if not MODELS[name].is_hubs))
def test_a_pharmacy_sees_its_own_rows_in_the_list_and_on_their_pages(
    hub: Hub, admin: Person, shop: tuple[str, str], neighbour: tuple[str, str], name: str
) -> None:
    own, others = f"x-{uuid4().hex[:8]}", f"x-{uuid4().hex[:8]}"
    # What an endpoint wants, so that nothing is sent to it; other forms have no such field.
    rare = "source.deleted"
    address = make(admin, name, shop[0], own, event_types=rare)
    theirs = make(admin, name, neighbour[0], others, event_types=rare)
    person = portal(hub, shop[1])
    listed, page = person.get(f"/admin/{name}/"), person.get(address)
    assert (address in listed.text, own in listed.text) == (True, True)
    assert (theirs in listed.text, others in listed.text) == (False, False)
    assert (page.status_code, own in page.text) == (200, True)
    assert person.get(theirs).status_code == 404


def test_a_pharmacy_sees_its_own_deliveries_in_the_list_and_on_their_pages(
    hub: Hub, servers: Servers, shop: tuple[str, str], neighbour: tuple[str, str]
) -> None:
    own, theirs = str(uuid4()), str(uuid4())
    rows = ", ".join(
        f"('{row}', '{pharmacy}', '{uuid4()}', '{uuid4()}', 4711, 'sale.recorded', 'delivered', 1, now(), now())"
        for row, pharmacy in ((own, shop[0]), (theirs, neighbour[0]))
    )
    servers.sql(
        "INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, attempts, "
        f"created_at, updated_at) VALUES {rows}",
        hub.settings.database_url.get_secret_value().rpartition("/")[2],
    )
    person = portal(hub, shop[1])
    listed, page = person.get("/admin/deliveries/").text, person.get(f"/admin/deliveries/{own}/")
    assert (f"/admin/deliveries/{own}/" in listed, theirs in listed) == (True, False)
    assert (page.status_code, '<h1 class="cut">sale.recorded #4711</h1>' in page.text) == (200, True)
    assert person.get(f"/admin/deliveries/{theirs}/").status_code == 404


def test_a_pharmacy_keeps_its_own_stock(hub: Hub, shop: tuple[str, str]) -> None:
    person, text = portal(hub, shop[1]), f"x-{uuid4().hex[:8]}"
    address = make(person, "inventory", "another", text)
    assert text in person.get(address).text
    adjusted = person.post(part_of(address, "do/adjust/"), {"reason": "received", "delta": "4"})
    assert "done" in adjusted.text
    assert ">9</span>" in person.get(address).text


def imported(hub: Hub, key: str, sku: str) -> str:
    """Import a file of two rows, one of them wrong, at the console of a pharmacy; the address of the upload's page."""
    person = portal(hub, key)
    person.get("/admin/import/")
    content = f"sku,name,price\n{sku},Imported,3.90\n{sku}-wrong,Imported,{sku}\n"
    sent = person.web.post(
        f"/admin/import/?csrf={person.token}",
        data={"kind": "inventory"},
        files={"file": ("stock.csv", content.encode(), "text/csv")},
        follow_redirects=True,
    )
    address = sent.url.path
    assert address.startswith("/admin/uploads/"), sent.text
    until(lambda: person.get(address).text, lambda page: "2 of 2 rows" in page, within=20)
    return f"{address.rstrip('/')}/"


def test_all_refused_rows_of_a_file_are_shown_page_by_page(hub: Hub) -> None:
    shop = a_shop(hub, "Refused")
    person = portal(hub, shop[1])
    faulty = "sku,price\n" + "".join(f"R-{number},many\n" for number in range(60))
    sent = httpx.post(
        f"{hub.url}/api/inventory/bulk", content=faulty, headers={"X-API-KEY": shop[1], "Content-Type": "text/csv"}, timeout=30,
    )  # fmt: skip
    place = f"/admin/uploads/{sent.json()['upload_id']}/"
    until(lambda: person.get(place).text, lambda text: "60 of 60 rows" in text)
    seen: list[int] = []
    address = f"{place}?pharmacy={shop[0]}"
    for page in (1, 2, 3):
        text = person.get(address).text.partition('id="refused-rows"')[2]
        seen += map(int, re.findall(r'data-label="Line"><span class="num">(\d+)<', text))
        assert ("From the beginning" in text, "Next page" in text, "last page" in text) == (
            page > 1,
            page < 3,
            page == 3,
        )
        if page < 3:
            query = unescape(re.findall(r'rel="next" href="([^"]+)"', text)[0])
            assert query.startswith(f"?pharmacy={shop[0]}&refused-rows=")
            assert query.endswith("#refused-rows")
            address = place + query.partition("#")[0]
    assert seen == list(range(2, 62))
    file = unescape(re.findall(r'href="([^"]+refused-rows.csv[^"]*)" download', person.get(place).text)[0])
    rows = list(csv.DictReader(io.StringIO(person.get(file).text)))
    assert [int(row["line"]) for row in rows] == seen
    assert {row["pointer"] for row in rows} == {"#/price"}
    assert portal(hub, a_shop(hub, "Stranger")[1]).get(file).status_code == 404


@pytest.fixture(scope="module")
def stocks(hub: Hub, shop: tuple[str, str], neighbour: tuple[str, str]) -> dict[str, tuple[str, str, str]]:
    """What each of two pharmacies imported and moved: a SKU, the upload's page and the item's id."""
    found = {}
    for whose, (_, key) in {"own": shop, "theirs": neighbour}.items():
        sku = f"{whose}-{uuid4().hex[:8]}"
        upload = imported(hub, key, sku)
        headers = {"X-API-KEY": key}
        rows = httpx.get(f"{hub.url}/api/inventory/", params={"sku": sku}, headers=headers, timeout=30).json()["items"]
        moved = httpx.post(
            f"{hub.url}/api/inventory/{rows[0]['id']}/adjustments/",
            json={"reason": "received", "delta": 4, "note": f"note of {sku}"},
            headers={**headers, "Prefer": "wait=20"},
            timeout=30,
        )
        assert moved.status_code == 200, moved.text
        found[whose] = (sku, upload, rows[0]["id"])
    return found


def test_a_pharmacy_sees_its_own_uploads_and_never_anothers(
    hub: Hub, shop: tuple[str, str], neighbour: tuple[str, str], stocks: dict[str, tuple[str, str, str]]
) -> None:
    person, (sku, own, _), (their_sku, theirs, _) = portal(hub, shop[1]), stocks["own"], stocks["theirs"]
    for narrowed in ("", f"?pharmacy={neighbour[0]}", "?kind=inventory&status=done"):
        listed = person.get(f"/admin/uploads/{narrowed}").text
        assert (own in listed, theirs in listed) == (True, False), narrowed
        file = csv.DictReader(io.StringIO(person.get(f"/admin/uploads/export.csv{narrowed}").text))
        assert [row["id"] for row in file] == [own.split("/")[3]], narrowed
    page = person.get(own)
    assert (page.status_code, "2 of 2 rows" in page.text) == (200, True)
    assert "#/price" in page.text.partition("Refused rows")[2]
    for address in (theirs, f"{theirs}?pharmacy={neighbour[0]}"):
        answer = person.get(address)
        assert (answer.status_code, their_sku in answer.text) == (404, False)
    assert sku in person.get("/admin/inventory/").text


def test_a_pharmacy_sees_its_own_movements_and_never_anothers(
    hub: Hub, shop: tuple[str, str], neighbour: tuple[str, str], stocks: dict[str, tuple[str, str, str]]
) -> None:
    person, (sku, _, item), (their_sku, _, their_item) = portal(hub, shop[1]), stocks["own"], stocks["theirs"]
    seen = [f"note of {sku}", sku, item]
    strange = [f"note of {their_sku}", their_sku, their_item, neighbour[0]]
    for narrowed in ("", f"?pharmacy={neighbour[0]}", "?reason=received", f"?sku={sku}", f"?item_id={item}"):
        for place in ("", "export.csv"):
            text = person.get(f"/admin/movements/{place}{narrowed}").text.replace(f"pharmacy={neighbour[0]}", "")
            assert [one in text for one in seen] == [True] * 3, (place, narrowed)
            assert [one in text for one in strange] == [False] * 4, (place, narrowed)
    for narrowed in (f"sku={their_sku}", f"item_id={their_item}", f"item_id={their_item}&pharmacy={neighbour[0]}"):
        page = person.get(f"/admin/movements/?{narrowed}").text
        assert "Nothing matches" in page, narrowed
        file = person.get(f"/admin/movements/export.csv?{narrowed}").text
        assert len(file.splitlines()) == 1, narrowed
    ledger = person.get(f"/admin/inventory/{item}/")
    assert (ledger.status_code, seen[0] in ledger.text) == (200, True)
    assert person.get(f"/admin/inventory/{their_item}/").status_code == 404


def test_a_session_ends_with_its_key_within_five_seconds_and_so_does_what_it_follows(hub: Hub) -> None:
    pharmacy_id, key = hub.open_pharmacy("Rotating")
    keys = f"pharmacies/{pharmacy_id}/keys"
    made = hub.make(key, keys, {"name": "lost"})
    lost, stays = portal(hub, made["api_key"]), portal(hub, key)
    with lost.web.stream("GET", "/admin/live/stream") as stream:
        pieces = stream.iter_text()
        next(pieces)
        headers = {"X-API-KEY": key, "Prefer": "wait=20"}
        assert httpx.delete(f"{hub.url}/api/{keys}/{made['id']}/", headers=headers, timeout=30).status_code == 204
        began = time.monotonic()
        assert "4401" in "".join(pieces)  # all that came until its end
        until(lambda: lost.get("/admin/inventory/").url.path, lambda path: path == "/admin/sign-in/", within=5)
        assert time.monotonic() - began < 5
    lost.post("/admin/inventory/new/", {"sku": "after", "name": "after", "price": "1.00"})
    listed = httpx.get(f"{hub.url}/api/inventory/", headers={"X-API-KEY": key})
    assert listed.json()["items"] == []
    assert stays.get("/admin/inventory/").url.path == "/admin/inventory/"


def test_a_key_that_may_not_read_shows_nothing_of_what_happens(hub: Hub) -> None:
    pharmacy_id, key = hub.open_pharmacy("Write only")
    canary = f"x-{uuid4().hex}"
    headers = {"X-API-KEY": hub.operator_key, "X-Pharmacy-Id": str(pharmacy_id), "Prefer": "wait=20"}
    sent = httpx.post(
        f"{hub.url}/api/inventory/",
        json={"sku": canary, "name": canary, "price": "1.00"},
        headers=headers | {"Idempotency-Key": canary},
        timeout=30,
    )
    made = httpx.post(
        f"{hub.url}/api/pharmacies/{pharmacy_id}/keys/",
        json={"name": "till", "scopes": ["write", "webhooks"]},
        headers=headers,
        timeout=30,
    )
    blind, seeing = portal(hub, made.json()["api_key"]), portal(hub, key)
    event = httpx.get(f"{hub.url}/api/events/?type=inventory.created", headers={"X-API-KEY": key}).json()["items"][0]
    places = [place.path for place in PLACES if place.role == "signed-in"]
    places += [f"/admin/inventory/{sent.json()['id']}/", f"/admin/operations/{event['causationid']}/"]
    places += ["/admin/overview/figures"]
    for place in places:
        assert canary not in blind.get(place).text, place
    for place in (
        "live/stream?after=0",
        "live/",
        "event-log/",
        "overview/figures",
        f"operations/{event['causationid']}/",
    ):
        assert blind.get(f"/admin/{place}").status_code == 403, place
    for place in ("live/", "event-log/", f"operations/{event['causationid']}/"):
        assert canary in seeing.get(f"/admin/{place}").text, place
