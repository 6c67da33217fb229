"""The live page in a real browser: its filter, its Clear and its Pause say what they do to the rows."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.kit.browsing import a_sight
from tests.kit.console import Person, signed_in
from tests.kit.in_process import Hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


def sell(hub: Hub, key: str) -> None:
    """Let something happen."""
    hub.make(key, "sales", {"sku": "A", "quantity": 1, "total_price": "1.00"})


@pytest.fixture
def shop(hub: Hub) -> tuple[str, str]:
    """A pharmacy with an item and a sale; its id and its key."""
    pharmacy, key = hub.open_pharmacy("Live rows")
    hub.make(key, "inventory", {"sku": "A", "name": "A", "price": "1.00", "quantity": 90})
    sell(hub, key)
    return str(pharmacy), key


def said(page: Any) -> str:
    """Read what stands where no row is."""
    none = page.locator("#none")
    return str(none.inner_text()).strip() if none.is_visible() else ""


def test_a_filter_hides_what_was_opened_and_says_that_nothing_matches(
    browser: "Browser", hub: Hub, admin: Person, shop: tuple[str, str]
) -> None:
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/live/?pharmacy={shop[0]}")
        page.wait_for_selector("#link.good")
        page.click("#events tr:has-text('sale.recorded') button.opener")
        assert page.locator("#events tr.inside").is_visible()
        page.fill("#narrow", "inventory.*")
        assert not page.locator("#events tr.inside").is_visible()
        assert said(page) == ""
        page.fill("#narrow", "nothing has this")
        assert said(page) == "No event here matches the filter."
        page.press("#narrow", "Enter")
        sell(hub, shop[1])  # a page that was loaded anew would show it
        page.wait_for_function("() => document.querySelectorAll('#events tr[data-body]').length > 3")
        assert page.input_value("#narrow") == "nothing has this"
        assert said(page) == "No event here matches the filter."
        page.fill("#narrow", "")
        assert said(page) == ""
        assert page.locator("#events tr.inside").is_visible()


def test_clear_says_so_and_lets_go_what_was_held(
    browser: "Browser", hub: Hub, admin: Person, shop: tuple[str, str]
) -> None:
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/live/?pharmacy={shop[0]}")
        page.wait_for_selector("#link.good")
        page.click("#pause")
        sell(hub, shop[1])
        page.wait_for_selector("#pause:has-text('Go on (')")
        page.click("#clear")
        assert said(page) == "Cleared. What happens from now on stands here."
        assert page.inner_text("#pause").strip() == "Go on"
        page.click("#pause")
        sell(hub, shop[1])
        page.wait_for_selector("#events tr:has-text('sale.recorded')")
        assert said(page) == ""


def test_without_scripts_the_newest_events_have_their_time_and_subject(
    browser: "Browser", hub: Hub, admin: Person, shop: tuple[str, str]
) -> None:
    with a_sight(browser, hub, admin, java_script_enabled=False) as plain, a_sight(browser, hub, admin) as sight:
        for one in (plain, sight):
            one.open(f"/admin/live/?pharmacy={shop[0]}")
        sight.page.wait_for_selector("#link.good")
        cells = "#events tbody tr td:nth-child(-n+4)"
        shown = plain.page.locator(cells).all_inner_texts()
        assert shown == sight.page.locator(cells).all_inner_texts()
        assert all(shown)
