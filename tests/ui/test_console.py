"""The console in a real browser: nothing is refused by its policy, nothing pops up, nobody else is asked, anybody can use it."""

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from gateway.admin import inside
from gateway.admin.entries import MODELS
from tests.kit.browsing import a_sight
from tests.kit.console import Person, link_for, make_operator, portal, signed_in
from tests.kit.in_process import Hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser


HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)><a href="javascript:alert(3)">x</a>"""
PASSWORD = "four words and more"


@pytest.fixture(scope="module")
def shop(hub: Hub) -> dict[str, str]:
    """A pharmacy with one of everything, hostile in every text; the ids by the models' names."""
    pharmacy_id, key = hub.open_pharmacy(HOSTILE)
    headers = {"X-API-KEY": key, "Prefer": "wait=20"}

    def make(path: str, body: dict[str, Any], api_key: str = key) -> str:
        named = headers | {"X-API-KEY": api_key}
        answer = httpx.post(f"{hub.url}/api/{path}/", json=body, headers=named, timeout=30)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    line = {"sku": HOSTILE, "name": HOSTILE, "quantity": 1, "unit_price": "1.00"}
    item = {"sku": HOSTILE, "name": HOSTILE, "price": "1.00", "quantity": 9, "extra_data": {HOSTILE: HOSTILE}}
    endpoint = {
        "url": "https://example.org/hook",
        "description": HOSTILE,
        "headers": {"X-Note": HOSTILE},
        "filter": {"data.x": HOSTILE},
    }
    source = {"name": HOSTILE, "scheme": "api_key", "event_type_path": f"/{HOSTILE.replace('/', '')}"}
    mine = hub.operator_key
    inventory = make("inventory", item)
    moved = {"reason": "received", "delta": 1, "note": HOSTILE, "reference_uri": HOSTILE}
    said = httpx.post(f"{hub.url}/api/inventory/{inventory}/adjustments/", json=moved, headers=headers, timeout=30)
    assert said.status_code in {200, 201}, said.text
    return {
        "pharmacies": str(pharmacy_id),
        "inventory": inventory,
        "operation": said.headers["operation-id"],
        "webhook-endpoints": make("webhook-endpoints", endpoint),
        "sources": make("sources", source),
        "integrators": make("integrators", {"name": HOSTILE}, mine),
        "operators": make("operators", {"username": f"u-{uuid4().hex[:8]}", "name": HOSTILE, "role": "viewer"}, mine),
        "operator-keys": make("operator-keys", {"name": HOSTILE}, mine),
        "sales": make("sales", {"sku": HOSTILE, "quantity": 1, "total_price": "1.00", "reference": HOSTILE}),
        "orders": make("orders", {"order_reference": HOSTILE, "items": [line], "extra_data": {"x": HOSTILE}}),
        "webhook-events": make("webhook-events", {"event_type": HOSTILE, "payload": {"x": [HOSTILE]}}),
        "keys": make(f"pharmacies/{pharmacy_id}/keys", {"name": HOSTILE}),
        "key": key,
    }


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


def pages_of(name: str, shop: dict[str, str]) -> list[str]:
    """Name every page of a model; without one, those that belong to none."""
    if name == "none":
        queue = f"/admin/event-queue/?pharmacy={shop['pharmacies']}"
        return [
            "/admin/",
            "/admin/account/",
            "/admin/account/?totp=new",
            "/admin/nothing/",
            "/admin/no/such/page/",
            queue,
            f"/admin/event-log/?pharmacy={shop['pharmacies']}",
            f"/admin/live/?pharmacy={shop['pharmacies']}",
            f"/admin/operations/{shop['operation']}/",
            "/admin/reconciliation/",
        ]
    model = MODELS[name]
    suffix = f"?pharmacy={shop['pharmacies']}" if model.needs_pharmacy else ""
    found = [f"/admin/{name}/{suffix}"]
    if model.create is not None:
        found.append(f"/admin/{name}/new/{suffix}")
    if (row := shop.get(name)) is not None:
        found.append(f"/admin/{name}/{row}/{suffix}")
        found += [f"/admin/{name}/{row}/do/{one.name}/{suffix}" for one in model.all_actions[-1:]]
        if model.edit is not None:
            found.append(f"/admin/{name}/{row}/edit/{suffix}")
    return found


# Their pages are made of what the others' are made of.
_LONG = {"keys", "integrators", "operator-keys", "movements", "deliveries", "parked", "uploads", "audit"}


@pytest.mark.parametrize(
    "name", ["none", *(pytest.param(name, marks=pytest.mark.long) if name in _LONG else name for name in MODELS)]
)
def test_every_page_is_for_everybody_fits_a_phone_and_shows_hostile_text_as_text(
    browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str], name: str
) -> None:
    found, wide = [], {}
    with a_sight(browser, hub, admin) as sight:
        for path in pages_of(name, shop):
            sight.open(path)
            found += sight.axe()
            sight.page.set_viewport_size({"width": 360, "height": 740})
            if (by := sight.overflow()) > 0:
                wide[path] = by
            sight.page.set_viewport_size({"width": 1280, "height": 800})
    assert (found, wide) == ([], {})


def test_the_dark_console_is_for_everybody_too(
    browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str]
) -> None:
    found = []
    with a_sight(browser, hub, color_scheme="dark") as sight:
        sight.open("/admin/sign-in/")
        found += sight.axe()
    item = f"/admin/inventory/{shop['inventory']}/"
    with a_sight(browser, hub, admin, color_scheme="dark") as sight:
        for path in (
            "/admin/",
            "/admin/account/",
            "/admin/orders/",
            item,
            f"{item}edit/",
            f"{item}do/delete/",
            "/admin/nothing/",
        ):
            sight.open(path)
            assert sight.page.locator("html").get_attribute("data-bs-theme") == "dark"
            found += sight.axe()
    assert found == []


def test_one_signs_in_makes_an_item_and_signs_out_with_the_keyboard_alone(browser: "Browser", hub: Hub) -> None:
    person = signed_in(hub)
    person.get("/admin/account/")
    person.post("/admin/account/password/", {"password": PASSWORD, "again": PASSWORD})
    pharmacy_id, _ = hub.open_pharmacy("Keyboard")
    with a_sight(browser, hub) as sight:
        page = sight.page
        press, type_text = page.keyboard.press, page.keyboard.type
        sight.open("/admin/inventory/")

        def reach(selector: str) -> None:
            for _ in range(80):
                if page.evaluate("s => document.activeElement && document.activeElement.matches(s)", selector):
                    return
                press("Tab")
            pytest.fail(f"the keyboard does not reach {selector} on {page.url}")

        reach("#username")
        type_text(person.username)
        reach("#password")
        type_text(PASSWORD)
        press("Enter")
        page.wait_for_url("**/admin/inventory")
        press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        reach('a[href^="/admin/inventory/new/"]')
        press("Enter")
        page.wait_for_url("**/inventory/new/**")
        page.wait_for_load_state()
        reach("#f-pharmacy")
        type_text("Keyboard")
        reach("#f-sku")
        type_text("KEY-1")
        reach("#f-name")
        type_text("Keyboard item")
        reach("#f-price")
        type_text("2.50")
        press("Enter")
        page.wait_for_selector("h1:has-text('KEY-1')")
        assert str(pharmacy_id) in page.content()
        reach('button[aria-label="Sign out"]')
        press("Enter")
        page.wait_for_url("**/sign-in/**")


def test_a_list_narrows_while_one_types_and_its_address_can_be_shared(
    browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str]
) -> None:
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open("/admin/inventory/")
        page.evaluate("window.same = true")
        page.fill("#q", "nothing has this name")
        page.wait_for_selector("#rows:has-text('Nothing matches; clear the filter')")
        page.fill("#q", "<script>")
        page.wait_for_selector("#rows a.title")
        assert page.evaluate("window.same") is True
        assert page.url.endswith("?q=%3Cscript%3E")
        page.reload()
        assert page.input_value("#q") == "<script>"
        assert page.locator("#rows tbody tr").count() >= 1


def test_lines_are_added_to_a_form_and_all_are_sent(
    browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str]
) -> None:
    reference = f"o-{uuid4().hex[:8]}"
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/orders/new/?pharmacy={shop['pharmacies']}")
        page.fill("#f-order_reference", reference)
        for index in range(4):
            if index == 3:
                page.click("[data-more=items]")
            page.fill(f"[name='items.{index}.sku']", f"S{index}")
            page.fill(f"[name='items.{index}.quantity']", "1")
            page.fill(f"[name='items.{index}.unit_price']", "1.00")
        page.click("main button.btn-primary")
        page.wait_for_selector(f"h1:has-text('{reference}')")
        assert page.locator(".inner tbody tr").count() == 4
        page.click(".head-actions a:has-text('Move')")
        page.select_option("#f-status", "confirmed")
        page.click("main button.btn-primary")
        page.wait_for_selector(".alert-danger")


def test_a_late_answer_shows_by_itself(
    browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "WAIT_SECONDS", 0)
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/webhook-events/new/?pharmacy={shop['pharmacies']}")
        page.fill("#f-event_type", "late.answer")
        page.click("main button.btn-primary")
        page.wait_for_selector("#queued")
        page.click("#queued a:has-text('Open it')")
        page.wait_for_selector("h1:has-text('late.answer')")


def test_everything_goes_without_scripts(browser: "Browser", hub: Hub) -> None:
    _, name = make_operator(hub)
    pharmacy_id, _ = hub.open_pharmacy("Plain")
    with a_sight(browser, hub, java_script_enabled=False) as sight:
        page = sight.page
        page.goto(link_for(hub, name))
        page.click("main button")
        page.goto(f"/admin/orders/new/?pharmacy={pharmacy_id}")
        page.fill("#f-order_reference", "plain")
        page.fill("[name='items.0.sku']", "A")
        page.fill("[name='items.0.quantity']", "2")
        page.fill("[name='items.0.unit_price']", "1.00")
        page.click("button[name=more_lines]")
        assert page.locator("table.lines tbody tr").count() > 3
        assert page.input_value("[name='items.0.sku']") == "A"
        page.click("main button.btn-primary")
        assert page.locator("h1").inner_text() == "plain"
        page.goto(f"/admin/orders/?pharmacy={pharmacy_id}")
        page.fill("#q", "plain")
        page.click("button:has-text('Show')")
        page.check("tbody input[type=checkbox]")
        page.select_option("#bulk", "cancel")
        page.click("button:has-text('Go on')")
        page.click("main button.btn-danger")
        assert "Cancel: 1 order, done." in page.locator("main .alert, .alert").first.inner_text()
        page.click("button[aria-label=Dark]")
        assert page.locator("html").get_attribute("data-bs-theme") == "dark"


def test_a_pharmacy_finds_its_own_and_nothing_of_the_hubs(browser: "Browser", hub: Hub, shop: dict[str, str]) -> None:
    person = portal(hub, shop["key"])
    with a_sight(browser, hub, person, color_scheme="dark") as sight:
        sight.open("/admin/")
        assert sight.axe() == []
        labels = sight.page.locator(".side-nav a").all_inner_texts()
        assert "Inventory" in labels
        assert not {"Pharmacies", "Operators", "Audit", "Parked"} & set(labels)
        sight.open("/admin/inventory/")
        assert sight.axe() == []
        sight.page.click("#rows a.title")
        sight.page.wait_for_selector("dl.facts")
        assert sight.axe() == []
