"""Forms in a browser: what they answer may be loaded again."""

from typing import TYPE_CHECKING
from uuid import uuid4

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
