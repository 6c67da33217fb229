"""Forms in a browser: loaded again, overtaken by somebody else, and outliving a session."""

from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from tests.kit.browsing import a_sight
from tests.kit.console import Person, link_for, signed_in
from tests.kit.in_process import Hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


def test_a_page_that_shows_a_key_is_loaded_again_and_shows_the_same(
    browser: "Browser", hub: Hub, admin: Person
) -> None:
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open("/admin/operator-keys/new/")
        name = f"Reload {uuid4().hex[:8]}"
        page.fill("#f-name", name)
        page.click(".buttons .btn-primary")
        key = page.input_value("#s-api_key")
        page.reload()
        assert page.input_value("#s-api_key") == key
        page.click("text=I have it")
        sight.open("/admin/operator-keys/")
        assert page.locator("#rows a.title", has_text=name).count() == 1


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE], ids=["screen", "phone"])
def test_what_was_typed_outlives_the_session_and_somebody_elses_change(
    browser: "Browser", hub: Hub, admin: Person, viewport: dict[str, int]
) -> None:
    _, key = hub.open_pharmacy("Forms")
    item = hub.make(key, "inventory", {"sku": f"F-{uuid4().hex[:8]}", "name": "First", "price": "1.00", "quantity": 1})
    headers = {"X-API-KEY": key, "Prefer": "wait=20"}
    with a_sight(browser, hub, admin, viewport=viewport) as sight:
        page = sight.page
        sight.open(f"/admin/inventory/{item['id']}/edit/")
        page.fill("#f-name", "Mine")
        page.fill("#f-extra_data", '{\n  "shelf": "A"\n}')
        httpx.patch(f"{hub.url}/api/inventory/{item['id']}/", json={"name": "Theirs"}, headers=headers, timeout=30)
        page.context.clear_cookies()
        page.click(".buttons .btn-primary")
        assert page.inner_text("h1") == "You are signed out"
        assert (sight.axe(), sight.overflow()) == ([], 0)
        with page.expect_popup() as opened:
            page.click("a:has-text('another tab')")
        door = opened.value
        door.goto(link_for(hub, admin.username))
        with door.expect_navigation():
            door.click("button.btn-primary")
        door.close()
        page.click("button:has-text('Back to the form')")
        assert "nothing was saved yet" in page.inner_text("main")
        assert page.input_value("#f-name") == "Mine"
        page.click(".buttons .btn-primary")
        assert "Somebody changed it meanwhile" in page.inner_text("main")
        assert page.inner_text("[data-meanwhile=name]") == "Now it is: Theirs"
        assert [page.input_value(f"#f-{name}") for name in ("name", "extra_data")] == ["Mine", '{\n  "shelf": "A"\n}']
        assert (sight.axe(), sight.overflow()) == ([], 0)
        page.click(".buttons .btn-primary")
        page.wait_for_url(f"**/admin/inventory/{item['id']}/")
        row = httpx.get(f"{hub.url}/api/inventory/{item['id']}/", headers=headers).json()
        assert (row["name"], row["extra_data"]) == ("Mine", {"shelf": "A"})
