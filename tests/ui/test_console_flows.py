"""Every model in a real browser, from its form to its end, with hostile text in every field that takes text."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from gateway.admin import inside
from gateway.admin.entries import MODELS
from tests.kit.browsing import Sight, a_sight
from tests.kit.console import Person, signed_in
from tests.kit.flows import FLOWS, fill
from tests.kit.in_process import Hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>"""
PLAIN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "operators": {"name": HOSTILE},
        "webhook-endpoints": {"description": HOSTILE},
    }
)
"""Models whose first field takes no such text, and the field that does."""


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


@pytest.fixture(scope="module")
def pharmacy(hub: Hub) -> str:
    """A pharmacy with something to sell."""
    pharmacy_id, key = hub.open_pharmacy("Flows")
    hub.make(key, "inventory", {"sku": "SHELF", "name": "Shelf", "price": "3.00", "quantity": 100})
    return str(pharmacy_id)


def type_in(page: Any, values: Mapping[str, str]) -> None:
    """Fill the form of a page as a person does; a switch that is not named is off."""
    boxes = page.locator("form.form input[type=checkbox]")
    for box in boxes.all():
        name, value = box.get_attribute("name"), box.get_attribute("value")
        box.set_checked(values.get(name) == value)
    for name, value in values.items():
        field = page.locator(f"form.form [name='{name}']").first
        if field.get_attribute("type") == "checkbox":
            continue
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def press(page: Any) -> None:
    """Send the form, and wait for the page that comes."""
    with page.expect_navigation():
        page.click("form.form .buttons button")


def go(page: Any, link: str) -> None:
    """Follow a link of the page, to where it leads."""
    there = page.locator(link).first.evaluate("link => link.href")
    with page.expect_navigation(url=there):
        page.click(link)


def until_processed(sight: Sight, address: str) -> None:
    """Wait until the hub has processed a webhook by itself, which is a change of its own."""
    for _ in range(200):
        sight.open(address)
        if sight.page.locator("dt:text-is('Processed') + dd .dot.good").count():
            return
    pytest.fail("the hub did not process the webhook")


# In every run one of a pharmacy's stock, of its trade, of its webhooks and of the hub's own; each without scripts besides.
_SHORT = {"inventory", "orders", "webhook-endpoints", "operators"}


@pytest.mark.parametrize(
    "name", [name if name in _SHORT else pytest.param(name, marks=pytest.mark.long) for name in sorted(FLOWS)]
)
def test_a_row_is_made_found_changed_and_ended_in_a_browser(
    browser: "Browser", hub: Hub, admin: Person, pharmacy: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "WAIT_SECONDS", 20)
    flow, model = FLOWS[name], MODELS[name]
    text = f"x-{uuid4().hex[:8]}" if name in PLAIN else f"{HOSTILE}{uuid4().hex[:8]}"
    query = "" if model.is_hubs else f"?pharmacy={pharmacy}"
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/{name}/{query}")
        go(page, f"a[href^='/admin/{name}/new/']")
        type_in(page, fill(flow.made, text, **PLAIN.get(name, {})))
        press(page)
        row = re.search(rf"/admin/{name}/([0-9a-f-]{{36}})/", page.url + page.content())
        assert row is not None, page.inner_text("main")
        sight.open(f"/admin/{name}/{query}")
        if model.has_search:
            with page.expect_navigation(url=re.compile("[?&]q=")):  # or the rows are replaced under the click
                page.fill("#q", text)
        go(page, f"#rows a[href^='{row[0]}']")
        address = page.url
        shown = page.inner_text("main")
        for wanted in (text, *PLAIN.get(name, {}).values()):
            assert wanted in shown
        if model.edit is not None:
            if name == "webhook-events":
                until_processed(sight, address)
            go(page, ".head-actions a[href*='/edit/']")
            type_in(page, fill(flow.changed, text, **PLAIN.get(name, {})))
            press(page)
            assert "was changed" in page.inner_text("main")
            sight.open(address)
        verb, said = flow.end
        go(page, f".head-actions a[href*='/do/{verb}/']")
        press(page)
        after = page.goto(address)
        if name == "integrators":
            assert page.locator("dt:text-is('Active') + dd .dot.none").count() == 1
        elif said:
            assert said in page.inner_text("main")
        else:
            assert after.status == 404
