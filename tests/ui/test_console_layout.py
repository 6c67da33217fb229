"""Where things stand on a page of the console: nothing is cut off on a phone, nothing breaks where it should not."""

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from gateway.admin.entries import MODELS
from tests.kit.browsing import a_sight
from tests.kit.console import Person, signed_in
from tests.kit.in_process import Hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1265, "height": 860}
"""1280 pixels less a scroll bar."""

_SCROLLING = """() => [...document.querySelectorAll(".table-responsive")]
  .filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText.slice(0, 60))"""
_CELLS = """() => [...document.querySelector("#events tbody tr").cells].map(cell => {
  const {left, top, bottom} = cell.getBoundingClientRect();
  return {left, top, bottom};
})"""
# A button that stands below all filters has dropped alone to a line of its own.
_DROPPED = """() => {
  const button = document.querySelector(".filter-buttons").getBoundingClientRect();
  return ![...document.querySelectorAll(".filters label")].some(one => one.getBoundingClientRect().bottom > button.top);
}"""
# A code in parts may break between them; one that is cut anywhere it likes, or a part over two lines, is broken.
_BROKEN = """() => [...document.querySelectorAll("[data-label=Actor], [data-label=Action], [data-label=Origin]")]
  .filter(cell => cell.querySelector(".cut") || [...cell.querySelectorAll(".once")].some(one => one.getClientRects().length > 1))
  .map(cell => cell.textContent)"""


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


@pytest.fixture(scope="module")
def shop(hub: Hub) -> dict[str, str]:
    """A pharmacy with an order, an item and keys; the ids by the models' names."""
    pharmacy_id, key = hub.open_pharmacy("Narrow")
    made = {"pharmacies": str(pharmacy_id)}
    line = {
        "sku": "0363-0474-01",
        "name": "Mucus relief 600 mg, extended release",
        "quantity": 2,
        "unit_price": "22.49",
    }
    bodies: dict[str, Any] = {
        "inventory": {
            "sku": "0363-0474-01",
            "name": "Mucus relief",
            "price": "22.49",
            "quantity": 9,
            "identifiers": [{"scheme": "shelf", "value": "A-12"}],
            "extra_data": {"dosage_form": "TABLET", "labeler": "A rather long name of a company Inc."},
        },
        "orders": {"order_reference": "WEB-1", "items": [line, line], "extra_data": {}},
    }
    with httpx.Client(base_url=hub.url, headers={"X-API-KEY": key, "Prefer": "wait=20"}, timeout=30) as web:
        for path, body in bodies.items():
            answer = web.post(f"/api/{path}/", json=body)
            assert answer.status_code == 201, answer.text
            made[path] = str(answer.json()["id"])
    return made


def test_no_table_is_cut_off_on_a_phone(browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str]) -> None:
    suffix = f"?pharmacy={shop['pharmacies']}"
    paths = ["", f"orders/new/{suffix}", f"sales/new/{suffix}", f"inventory/new/{suffix}", f"live/{suffix}", "audit/"]
    paths += [f"{name}/{row}/" for name, row in shop.items()]
    paths += [f"{name}/{shop[name]}/edit/" for name in ("inventory", "orders")]
    cut = {}
    with a_sight(browser, hub, admin, viewport=PHONE) as sight:
        for path in paths:
            sight.open(f"/admin/{path}")
            if found := sight.page.evaluate(_SCROLLING):
                cut[path] = found
            if sight.overflow() > 0:
                cut[path] = "the page"
    assert cut == {}


def test_the_fields_of_a_line_say_on_a_phone_what_they_are(
    browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str]
) -> None:
    label = "cell => getComputedStyle(cell, '::before').content"
    with a_sight(browser, hub, admin, viewport=PHONE) as sight:
        sight.open(f"/admin/orders/new/?pharmacy={shop['pharmacies']}")
        seen = [cell.evaluate(label) for cell in sight.page.locator(".lines tbody tr").first.locator("td").all()]
    assert seen == ['"SKU *"', '"Name"', '"Quantity *"', '"Unit price *"']


def test_an_event_on_a_phone_is_a_card_of_three_lines_that_begin_left(
    browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str]
) -> None:
    with a_sight(browser, hub, admin, viewport=PHONE) as sight:
        sight.open(f"/admin/live/?pharmacy={shop['pharmacies']}")
        sight.page.wait_for_selector("#link.good")
        sequence, time, type_, subject, copy = sight.page.evaluate(_CELLS)
    assert abs(sequence["bottom"] - time["bottom"]) < 3
    assert abs(sequence["bottom"] - copy["bottom"]) < 8
    assert sequence["left"] == type_["left"] == subject["left"] < time["left"] < copy["left"]
    assert sequence["bottom"] <= type_["top"] < type_["bottom"] <= subject["top"]


def test_no_button_of_a_filter_stands_alone(browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str]) -> None:
    dropped = []
    with a_sight(browser, hub, admin, viewport=DESK) as sight:
        for name in MODELS:
            sight.open(f"/admin/{name}/?limit=25&pharmacy={shop['pharmacies']}")
            assert sight.page.locator(".filter-buttons a").inner_text() == "Clear"
            if sight.page.evaluate(_DROPPED):
                dropped.append(name)
    assert dropped == []


def test_folded_filters_leave_the_list_calm_and_fit_a_phone_when_opened(
    browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str]
) -> None:
    cut = []
    with a_sight(browser, hub, admin, viewport=PHONE) as sight:
        fold = sight.page.locator(".fold")
        for name, model in MODELS.items():
            sight.open(f"/admin/{name}/?pharmacy={shop['pharmacies']}")
            if not model.folded:
                continue
            assert not sight.page.locator(f"[name={model.folded[0]}]").is_visible()
            fold.locator("summary").click()
            assert sight.page.locator(f"[name={model.folded[0]}]").is_visible()
            if sight.overflow() > 0:
                cut.append(name)
        assert cut == []
        assert sight.axe() == []


def test_a_folded_filter_narrows_as_it_is_chosen_and_shows_itself_on_a_page_that_it_narrows(
    browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str]
) -> None:
    with a_sight(browser, hub, admin, viewport=DESK) as sight:
        page = sight.page
        sight.open(f"/admin/inventory/?pharmacy={shop['pharmacies']}")
        page.click(".fold summary")
        page.fill("[name=price_gte]", "22.50")
        page.press("[name=price_gte]", "Tab")
        page.wait_for_selector("#rows :text('Nothing matches')")
        page.fill("[name=price_gte]", "22.49")
        page.press("[name=price_gte]", "Tab")
        page.wait_for_selector("#rows a.title")
        page.select_option("[name=sort]", "created_at")
        page.wait_for_url("**sort=created_at**")
        page.reload()
        assert page.input_value("[name=price_gte]") == "22.49"
        assert page.locator("[name=price_gte]").is_visible()
        assert page.input_value("[name=sort]") == "created_at"


def test_the_audit_log_breaks_no_word_and_fits(
    browser: "Browser", hub: Hub, admin: Person, shop: dict[str, str]
) -> None:
    admin.get("/admin/webhook-endpoints/new/")
    made = {
        "url": "https://example.org/hook",
        "event_types": "*",
        "enabled": "on",
        "signing": "v1",
        "timeout_seconds": "20",
    }
    done = admin.post("/admin/webhook-endpoints/new/", {**made, "pharmacy": shop["pharmacies"]})
    assert done.status_code == 200
    with a_sight(browser, hub, admin, viewport=DESK) as sight:
        sight.open("/admin/audit/")
        assert sight.page.locator("[data-label=Action]:has-text('webhook_endpoint.create')").count() >= 1
        assert sight.page.evaluate(_BROKEN) == []
        assert sight.page.evaluate(_SCROLLING) == []
