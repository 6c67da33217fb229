"""Every model of the console, from its list to its deletion, as operators and as pharmacies see it."""

import csv
import gzip
import html
import io
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.admin import inside
from gateway.admin.csv_files import plain
from gateway.admin.entries import MODELS
from gateway.admin.routes import HANDLERS
from tests.kit.console import Person, a_person, portal, signed_in
from tests.kit.flows import FLOWS, a_shop, fill, make, part_of
from tests.kit.in_process import Hub

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{7*7}}"""


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


@pytest.fixture(scope="module")
def shop(hub: Hub) -> tuple[str, str]:
    """A pharmacy with something to sell; its id and its key."""
    return a_shop(hub, "Shelf & Co")


def until(look: Callable[[], httpx.Response], is_so: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Open a page again and again until it shows something, for 20 s."""
    deadline = time.monotonic() + 20
    while not is_so(seen := look()):
        assert time.monotonic() < deadline, seen.text
        time.sleep(0.05)  # a look every 50 ms
    return seen


def test_every_model_that_has_a_form_has_a_flow() -> None:
    assert set(FLOWS) == {name for name, model in MODELS.items() if model.create is not None}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_list_opens_is_ordered_and_is_sent_as_csv(admin: Person, shop: tuple[str, str], name: str) -> None:
    model = MODELS[name]
    query = f"?pharmacy={shop[0]}" if model.needs_pharmacy else ""
    assert admin.get(f"/admin/{name}/{query}").status_code == 200
    answer = admin.get(f"/admin/{name}/export.csv{query}")
    assert answer.headers["content-type"].startswith("text/csv")
    heads = next(csv.reader(io.StringIO(answer.text)))
    assert heads[: len(model.columns)] == [column.name for column in model.columns]
    for order in model.api.sorts if model.api.is_sortable else ():
        assert 'role="alert"' not in admin.get(f"/admin/{name}/?sort=-{order}&pharmacy={shop[0]}").text


def test_a_list_that_hangs_on_a_pharmacy_asks_for_one(admin: Person) -> None:
    assert "Choose a pharmacy" in admin.get("/admin/keys/").text
    assert "<p>Choose a pharmacy first.</p>" in admin.get("/admin/keys/export.csv").text


@pytest.mark.parametrize("name", sorted(set(FLOWS) - {"operators", "webhook-endpoints"}))
def test_hostile_text_is_shown_as_text_everywhere(admin: Person, shop: tuple[str, str], name: str) -> None:
    text = f"{HOSTILE}{uuid4().hex[:6]}"
    address = make(admin, name, shop[0], text)
    pages = [admin.get(address), admin.get(part_of(address, f"do/{FLOWS[name].end[0]}/"))]
    pages.append(admin.get(f"/admin/{name}/?pharmacy={shop[0]}&q={httpx.QueryParams({'q': text})['q']}"))
    if MODELS[name].edit is not None:
        pages.append(admin.get(part_of(address, "edit/")))
    admin.get("/admin/")
    row = address.split("/")[3]
    pages.append(admin.post(f"/admin/{name}/bulk/?pharmacy={shop[0]}", {"action": FLOWS[name].end[0], "id": row}))
    is_text_on(pages)
    assert text in html.unescape(pages[0].text)


def is_text_on(pages: Iterable[httpx.Response]) -> None:
    """See that no page takes the hostile text for a part of itself."""
    for page in pages:
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "49" not in page.text.partition("onerror")[2][:20]


INSIDE: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType({
    "settings of a source": ("sources", {"scheme": "basic", "settings": {"username": HOSTILE}}),
    "answer of a source": ("sources", {"scheme": "api_key", "settings": {"answer": {"status": 200, "body": HOSTILE}}}),
    "mapping": ("sources", {"mapping": {"skus": {HOSTILE: HOSTILE}, "locations": [HOSTILE]}}),
    "headers of an endpoint": ("webhook-endpoints", {"event_types": "source.deleted", "headers": {"X-Note": HOSTILE}}),
    "settings of a pharmacy": ("pharmacies", {"settings": {HOSTILE: HOSTILE}}),
    "deep settings of a pharmacy": ("pharmacies", {"settings": {"a": {HOSTILE: [HOSTILE]}}}),
})  # fmt: skip
"""Models, and fields of theirs that hold text inside."""


@pytest.mark.parametrize("inside_of", sorted(INSIDE))
def test_hostile_text_inside_of_an_object_is_shown_as_text(
    admin: Person, shop: tuple[str, str], inside_of: str
) -> None:
    name, fields = INSIDE[inside_of]
    typed = {field: value if isinstance(value, str) else json.dumps(value) for field, value in fields.items()}
    address = make(admin, name, shop[0], f"x-{uuid4().hex[:8]}", **typed)
    pages = [admin.get(address), admin.get(part_of(address, "edit/")), admin.get(f"/admin/{name}/?pharmacy={shop[0]}")]
    is_text_on(pages)
    for page in pages[:2]:
        assert HOSTILE in html.unescape(page.text).replace('\\"', '"')


def test_hostile_credentials_of_an_endpoint_are_text_in_their_form_and_shown_nowhere_else(
    admin: Person, shop: tuple[str, str]
) -> None:
    auth = json.dumps({"type": "basic", "username": HOSTILE, "password": HOSTILE})
    form = fill(FLOWS["webhook-endpoints"].made, f"x-{uuid4().hex[:8]}", pharmacy=shop[0], auth=auth)
    admin.get("/admin/webhook-endpoints/new/")
    refused = admin.post("/admin/webhook-endpoints/new/", {**form, "timeout_seconds": "many"})
    is_text_on([refused])
    assert (refused.status_code, auth in html.unescape(refused.text)) == (422, True)
    address = make(admin, "webhook-endpoints", shop[0], f"x-{uuid4().hex[:8]}", auth=auth, event_types="source.deleted")
    pages = [admin.get(address), admin.get(part_of(address, "edit/"))]
    assert '<dt>Credentials</dt><dd><code class="once">basic</code>' in pages[0].text
    for page in pages:
        assert "alert(1)" not in page.text


def test_a_problem_lands_on_its_field_and_what_was_typed_stays(admin: Person, shop: tuple[str, str]) -> None:
    admin.get("/admin/inventory/new/")
    form = {
        "pharmacy": shop[0],
        "sku": "SHELF",
        "name": "Kept",
        "price": "1.234",
        "quantity": "many",
        "extra_data": "{",
    }
    local = admin.post("/admin/inventory/new/", form)
    assert local.status_code == 422
    assert {"f-quantity-fault", "f-extra_data-fault"} <= set(re.findall(r'id="([^"]+-fault)"', local.text))
    shape = admin.post("/admin/inventory/new/", {**form, "quantity": "1", "extra_data": ""})
    assert re.findall(r'id="([^"]+-fault)"', shape.text) == ["f-price-fault"]
    assert 'value="Kept"' in shape.text
    rule = admin.post("/admin/inventory/new/", {**form, "quantity": "1", "extra_data": "", "price": "1.00"})
    assert rule.status_code == 409
    assert re.findall(r'id="([^"]+-fault)"', rule.text) == ["f-sku-fault"]


def test_a_fault_of_a_line_stands_in_its_line(admin: Person, shop: tuple[str, str]) -> None:
    admin.get("/admin/orders/new/")
    form = {"pharmacy": shop[0], "order_reference": "o", "source": "hub", "items.0.sku": "A", "items.0.quantity": "1", "items.0.unit_price": "1.00",
            "items.1.sku": "B", "items.1.quantity": "0", "items.1.unit_price": "1.00"}  # fmt: skip
    answer = admin.post("/admin/orders/new/", form)
    assert answer.status_code == 422
    assert re.findall(r'id="([^"]+-fault)"', answer.text) == ["f-items-1-quantity-fault"]


def test_a_fault_of_a_field_says_what_is_allowed_and_which_entry_it_is(admin: Person, shop: tuple[str, str]) -> None:
    page = admin.post(
        "/admin/webhook-endpoints/new/",
        {"pharmacy": shop[0], "url": "https://hook.invalid/", "event_types": "sale.*\nSales", "signing": "v1", "timeout_seconds": "5"},
    )  # fmt: skip
    assert page.status_code == 422
    assert "Entry 2: a type such as sale.recorded, the beginning of types such as sale.*, or * for all" in page.text
    assert "This is 15 or more" in page.text
    integrator = admin.post("/admin/integrators/new/", {"name": "Agency", "pharmacy_ids": "Corner"})
    assert "Entry 1: this is an id such as 01963f0e-7c5a-7b1e-8a44-2f6d0c9b1e55, not a name" in integrator.text


def test_a_change_over_somebody_elses_is_refused_and_says_so(admin: Person, hub: Hub, shop: tuple[str, str]) -> None:
    text = f"x-{uuid4().hex[:8]}"
    address = make(admin, "inventory", shop[0], text)
    version = admin.hidden(admin.get(part_of(address, "edit/")), "version")
    row = address.split("/")[3]
    headers = {"X-API-KEY": shop[1], "Prefer": "wait=20"}
    httpx.patch(f"{hub.url}/api/inventory/{row}/", json={"name": "theirs"}, headers=headers, timeout=30)
    form = {"sku": text, "name": "mine", "quantity": "5", "price": "1.50", "version": version}
    late = admin.post(part_of(address, "edit/"), form)
    assert (late.status_code, "Somebody changed it meanwhile" in late.text) == (412, True)


def test_only_what_differs_is_sent(admin: Person, hub: Hub, shop: tuple[str, str]) -> None:
    text = f"x-{uuid4().hex[:8]}"
    address = make(admin, "inventory", shop[0], text)
    form = {
        "sku": text,
        "name": "Aspirin",
        "quantity": "5",
        "price": "1.50",
        "identifiers.0.scheme": "shelf",
        "identifiers.0.value": "A1",
    }
    admin.get(part_of(address, "edit/"))
    assert "Nothing was changed" in admin.post(part_of(address, "edit/"), {**form, "version": "1"}).text
    admin.post(part_of(address, "edit/"), {**form, "version": "1", "low_stock_threshold": "3"})
    events = httpx.get(f"{hub.url}/api/events/?limit=500", headers={"X-API-KEY": shop[1]}).json()["items"]
    assert events[-1]["data"]["changed"] == {"low_stock_threshold": None}


def test_a_key_is_shown_once_after_it_was_made(admin: Person, hub: Hub, shop: tuple[str, str]) -> None:
    admin.get("/admin/keys/new/")
    done = admin.post("/admin/keys/new/", {"name": "till", "scopes": ["read", "write"], "pharmacy": shop[0]})
    key = re.search(r"phk_[0-9A-Za-z]{39}", done.text)
    assert key is not None
    assert httpx.get(f"{hub.url}/api/inventory/", headers={"X-API-KEY": key[0]}).status_code == 200
    assert "phk_" not in admin.get(f"/admin/keys/?pharmacy={shop[0]}").text


def test_the_keys_of_an_integrator_are_made_and_revoked_on_its_page(
    admin: Person, hub: Hub, shop: tuple[str, str]
) -> None:
    address = make(admin, "integrators", shop[0], f"x-{uuid4().hex[:8]}")
    admin.get(part_of(address, "do/new-key/"))
    done = admin.post(part_of(address, "do/new-key/"), {"name": "second", "scopes": "read"})
    key = re.search(r"phi_[0-9A-Za-z]{39}", done.text)
    assert key is not None
    links = re.findall(r'href="([^"]*do/revoke-key/[^"]*)"', admin.get(address).text)
    assert len(links) == 2
    asked = admin.get(html.unescape(links[0]))
    assert "It ends for good" in asked.text
    assert admin.post(html.unescape(links[0]), {}).status_code == 200
    assert len(re.findall(r'href="([^"]*do/revoke-key/[^"]*)"', admin.get(address).text)) == 1
    assert admin.post(part_of(address, "do/revoke-key/?key_id=nonsense"), {}).status_code == 404


def test_a_late_answer_is_queued_and_found_later(
    admin: Person, shop: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "WAIT_SECONDS", 0)
    admin.get("/admin/inventory/new/")
    text = f"x-{uuid4().hex[:8]}"
    done = admin.post("/admin/inventory/new/", fill(FLOWS["inventory"].made, text, pharmacy=shop[0]))
    assert "Queued." in done.text
    status = re.search(r'hx-get="([^"]+)"[^>]*hx-trigger="every', done.text)
    assert status is not None
    address = html.unescape(status[1])
    part = until(lambda: admin.get(address, HX_Request="true"), lambda seen: "Queued." not in seen.text)
    assert "Open it" in part.text
    assert "<html" not in part.text


def test_many_rows_are_ended_at_once_after_a_question(admin: Person, shop: tuple[str, str]) -> None:
    rows = [make(admin, "inventory", shop[0], f"x-{uuid4().hex[:8]}").split("/")[3] for _ in range(3)]
    asked = admin.post("/admin/inventory/bulk/", {"action": "delete", "id": rows})
    assert f"<h1>Delete: {len(rows)} items</h1>" in asked.text
    assert "<h1>Delete: 1 item</h1>" in admin.post("/admin/inventory/bulk/", {"action": "delete", "id": rows[:1]}).text
    assert "Delete 3" in asked.text
    assert admin.get(f"/admin/inventory/{rows[0]}/").status_code == 200
    done = admin.post("/admin/inventory/bulk/", {"action": "delete", "id": rows, "sure": "yes"})
    assert "Delete: 3 items, done." in done.text
    assert [admin.get(f"/admin/inventory/{row}/").status_code for row in rows] == [404] * 3


def test_a_list_of_several_pages_says_that_a_selection_counts_for_one(admin: Person, hub: Hub) -> None:
    pharmacy, key = a_shop(hub, "Pages")
    said, place = "A selection counts for this page only.", f"/admin/inventory/?pharmacy={pharmacy}&limit=25"
    assert said not in admin.get(place).text
    for number in range(25):
        hub.make(key, "inventory", {"sku": f"P{number}", "name": "n", "price": "1.00", "quantity": 1})
    first = admin.get(place)
    assert said in first.text
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first.text)
    assert said in admin.get(f"/admin/inventory/{html.unescape(following)}").text


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=1+1", "'=1+1"), ("+49 30", "'+49 30"), ("-5.00", "-5.00"), ("-cmd", "'-cmd"), ("@a", "'@a"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"),
     ("a=1", "a=1"), (-5, "-5"), (True, "true"), (None, ""), (["=1"], '["=1"]'), ("-1.5=2", "'-1.5=2")],
    ids=["equals", "plus", "money", "minus", "at", "tab", "return", "inside", "number", "flag", "none", "list", "mixed"],
)  # fmt: skip
def test_a_csv_cell_is_never_a_formula(value: object, cell: str) -> None:
    assert plain(value) == cell


def _routes() -> list[tuple[str, str, str]]:
    """List the console's routes: method, path, who may come."""
    found = []
    for handler in HANDLERS:
        for path in handler.paths:
            method = next(iter(handler.http_methods - {"HEAD", "OPTIONS"}))
            found.append((str(method), path, handler.opt["console"]))
    return sorted(found)


@pytest.mark.parametrize(("method", "path", "who"), _routes())
def test_nobody_comes_to_a_page_that_is_not_theirs(
    hub: Hub, method: str, path: str, who: str, roles: Mapping[str, Person]
) -> None:
    filled = path.replace("{name:str}", "operators").replace("{verb:str}", "delete")
    address = "/admin" + re.sub(r"{\w+:uuid}", str(uuid4()), filled)
    if path in {"/sign-out", "/theme"}:
        pytest.skip("it ends the session that the others share, or takes none")
    for role, person in roles.items():
        person.get("/admin/sign-in/" if role == "nobody" else "/admin/")
        # Not read to its end: a stream has none.
        with person.web.stream(method, address, data={"csrf": person.token} if method == "POST" else None) as answer:
            pass
        if who == "anyone":
            assert answer.status_code != 403, role
        elif role == "nobody":
            assert (answer.status_code, "/admin/sign-in/" in answer.headers["location"]) == (303, True)
        elif who == "admin":
            assert (answer.status_code == 403) == (role != "admin"), role
        elif role == "pharmacy":  # operators are the hub's own: a pharmacy knows of no such page
            own = {200, 403, 404} | ({303} if method == "POST" else set())  # its own queue it may open
            assert answer.status_code in own if "{name" not in path else answer.status_code == 404, role
        if method == "POST" and role == "viewer" and who == "signed-in":
            assert answer.status_code in {303, 403, 404}


@pytest.fixture(scope="module")
def roles(hub: Hub, shop: tuple[str, str]) -> Mapping[str, Person]:
    """One person of each kind."""
    people = {role: signed_in(hub, role) for role in ("viewer", "operator", "admin")}
    return {"nobody": a_person(hub), "pharmacy": portal(hub, shop[1]), **people}


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_a_viewer_changes_nothing_and_is_offered_nothing(
    roles: Mapping[str, Person], admin: Person, shop: tuple[str, str], name: str
) -> None:
    viewer = roles["viewer"]
    address = make(admin, name, shop[0], f"x-{uuid4().hex[:8]}")
    page = viewer.get(address)
    assert page.status_code == 200
    assert "/edit/" not in page.text
    assert "/do/" not in page.text
    assert viewer.post(part_of(address, f"do/{FLOWS[name].end[0]}/"), {}).status_code == 403
    assert viewer.post(f"/admin/{name}/new/", fill(FLOWS[name].made, "x", pharmacy=shop[0])).status_code == 403
    row = address.split("/")[3]
    bulk = viewer.post(
        f"/admin/{name}/bulk/?pharmacy={shop[0]}", {"action": FLOWS[name].end[0], "id": row, "sure": "yes"}
    )
    assert bulk.status_code == 403


@pytest.mark.parametrize("name", ["pharmacies", "keys", "operator-keys", "operators", "integrators"])
def test_an_operator_decides_not_who_may_come_in(roles: Mapping[str, Person], shop: tuple[str, str], name: str) -> None:
    operator = roles["operator"]
    operator.get("/admin/")
    assert operator.get(f"/admin/{name}/new/").status_code == 403
    assert operator.post(f"/admin/{name}/new/", fill(FLOWS[name].made, "x", pharmacy=shop[0])).status_code == 403


def test_the_first_page_with_all_that_it_loads_is_light(admin: Person, shop: tuple[str, str]) -> None:
    packed = {"accept-encoding": "gzip"}
    with admin.web.stream("GET", f"/admin/inventory/?pharmacy={shop[0]}", headers=packed) as answer:
        page = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
    total = len(page)
    for name in re.findall(rb'(?:href|src)="(/static/[^"]+)"', gzip.decompress(page)):
        with admin.web.stream("GET", name.decode(), headers=packed) as answer:
            total += len(b"".join(answer.iter_raw()))
    assert total < 150_000, total
