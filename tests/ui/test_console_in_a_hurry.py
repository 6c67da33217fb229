"""The console in a real browser under hasty hands: what is pressed twice is done once, and what renews itself loses nothing."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
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


def a_file_of_sales(hub: Hub, place: Path, count: int, name: str = "Hasty") -> tuple[str, str, Path]:
    """Make a pharmacy with an item, and a file with sales of it; its id, its key, and the file."""
    pharmacy, key = hub.open_pharmacy(name)
    hub.make(key, "inventory", {"sku": "A", "name": "A", "price": "1.00", "quantity": 100_000})
    file = place / "sales.csv"
    file.write_text("sku,quantity,total_price\n" + "A,1,1.00\n" * count)
    return str(pharmacy), key, file


def test_a_double_click_on_import_sends_the_file_once(
    browser: "Browser", hub: Hub, admin: Person, tmp_path: Path
) -> None:
    pharmacy, key, file = a_file_of_sales(hub, tmp_path, 3)
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        sight.open(f"/admin/import/?pharmacy={pharmacy}")
        page.select_option("#kind", "sales")
        page.set_input_files("#file", file)
        page.dblclick("form.form .btn-primary")
        page.wait_for_url(re.compile("/admin/uploads/"))
        page.wait_for_selector("#progress:has-text('3 of 3 rows')")
    assert len(sent) == 1
    uploads = httpx.get(f"{hub.url}/api/uploads/", headers={"X-API-KEY": key}).json()["items"]
    assert [one["rows"] for one in uploads] == [3]


_TOTAL = (
    "() => JSON.parse(document.querySelector('[data-series]').dataset.series)[1].reduce((sum, one) => sum + one, 0)"
)


def test_the_overview_renews_itself_under_a_finger_and_the_focus(browser: "Browser", hub: Hub, admin: Person) -> None:
    _, key = hub.open_pharmacy("Pressed")
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open("/admin/")
        link = page.locator("#figures a[href='/admin/deliveries/']")
        box = link.bounding_box()
        assert box is not None
        link.focus()
        page.evaluate("document.activeElement.isMine = true")
        page.mouse.move(box["x"] + 20, box["y"] + 20)
        for pressed in (False, True):
            if pressed:
                page.mouse.down()
            before = page.evaluate(_TOTAL)
            hub.make(key, "inventory", {"sku": f"P{pressed}", "name": "P", "price": "1.00"})
            page.wait_for_function(f"before => ({_TOTAL})() > before", arg=before)
            assert page.evaluate("document.activeElement.isMine") is True
        with page.expect_navigation(url="**/admin/deliveries/"):
            page.mouse.up()


def test_an_uploads_page_renews_itself_under_the_focus(
    browser: "Browser", hub: Hub, admin: Person, tmp_path: Path
) -> None:
    pharmacy, _, file = a_file_of_sales(hub, tmp_path, 10_000, "Followed")
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/import/?pharmacy={pharmacy}")
        page.select_option("#kind", "sales")
        page.set_input_files("#file", file)
        page.click("form.form .btn-primary")
        page.wait_for_selector("#progress a:has-text('Look again')")
        page.locator("dl.facts a").first.focus()
        page.evaluate("document.activeElement.isMine = true")
        page.wait_for_selector("#progress:has-text('10,000 of 10,000 rows')", timeout=60_000)
        assert page.evaluate("document.activeElement.isMine") is True
        assert page.locator(".alert-success:has-text('10,000 rows are on their way')").count() == 1
        assert page.locator("#progress a").count() == 0
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(2500)  # it asked every second
        assert asked == [], "what is done is not asked for any more"
