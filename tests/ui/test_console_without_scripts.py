"""Every list of the console in a real browser that runs no scripts: what one needs is there, in sight, and works."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from gateway.admin import listing
from gateway.admin.entries import MODELS
from tests.conftest import Servers
from tests.kit.browsing import Sight, a_sight
from tests.kit.console import Person, signed_in
from tests.kit.flows import a_shop
from tests.kit.in_process import Hub
from tests.kit.pairs import Pairs, two_of_each

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


@pytest.fixture(scope="module")
def stage(hub: Hub, servers: Servers) -> tuple[str, Pairs]:
    """A pharmacy, and two rows of every model."""
    pharmacy, key = a_shop(hub, "No scripts")
    return pharmacy, two_of_each(hub, servers, pharmacy, key)


@pytest.fixture(scope="module")
def sight(browser: "Browser", hub: Hub, admin: Person) -> Iterator[Sight]:
    """One window for all lists: what they share is loaded once."""
    with a_sight(browser, hub, admin, java_script_enabled=False) as opened:
        yield opened


# In every run one list of each kind; what all of them send and show without scripts is tried without a browser as well.
_SHORT = {"inventory", "orders", "movements", "operators"}


@pytest.mark.parametrize(
    "name", [name if name in _SHORT else pytest.param(name, marks=pytest.mark.long) for name in MODELS]
)
def test_a_list_goes_without_scripts(
    sight: Sight, stage: tuple[str, Pairs], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LIMITS", ("1",))
    model, (pharmacy, pairs) = MODELS[name], stage
    page, rows = sight.page, sight.page.locator("table.rows tbody tr")
    page.goto(f"/admin/{name}/?limit=1" + ("" if model.is_hubs else f"&pharmacy={pharmacy}"))
    if model.api.is_sortable:
        page.locator("th a.sort").first.click()
        assert page.locator("th[aria-sort]").count() == 1
    first = rows.first.inner_html()
    page.click("a[rel=next]")
    assert (rows.count(), rows.first.inner_html() == first) == (1, False)
    one = "q" if model.has_search else model.filters[0]
    value, stays, goes = pairs[name][one]
    field = page.locator(f".filters [name={one}]")
    if field.evaluate("one => one.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)
    page.click(".filters button:has-text('Show')")
    shown = page.locator("table.rows tbody").inner_html()
    assert (stays in shown, goes in shown) == (True, False)
    if model.one:
        rows.first.locator("a.title").click()
        assert page.locator("dl.facts").first.is_visible()


def test_the_menu_of_a_phone_opens_without_scripts(browser: "Browser", hub: Hub, admin: Person) -> None:
    with a_sight(browser, hub, admin, java_script_enabled=False, viewport=_PHONE) as sight:
        sight.page.goto("/admin/")
        link = sight.page.locator(".side-nav a[href='/admin/orders/']")
        assert not link.is_visible()
        sight.page.click("#menu summary")
        link.click()
        assert sight.page.locator("h1").inner_text() == "Orders"
