"""The console in a real browser when something goes wrong behind a part of a page: it is said, and said in its place."""

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from gateway.bulk import MAX_FILE_BYTES
from hub import clock
from tests.kit.browsing import Sight, a_sight
from tests.kit.console import Person, signed_in
from tests.kit.in_process import Hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_PROBLEM = "<!doctype html><html><body><nav>Menu</nav><main><div class='blank page bad'><h1>Broken</h1><p>PostgreSQL is away.</p><p><a href='/'>Back</a></p></div></main></body></html>"


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


@pytest.fixture(scope="module")
def pharmacy(hub: Hub) -> str:
    """A pharmacy with an item."""
    pharmacy_id, key = hub.open_pharmacy("Failing")
    hub.make(key, "inventory", {"sku": "A", "name": "A", "price": "1.00", "quantity": 9})
    return str(pharmacy_id)


def forgive(sight: Sight) -> None:
    """Let the browser's and htmx's own notes of requests that were made to fail be no fault of the page."""
    sight.faults[:] = [
        one for one in sight.faults if not re.search("htmx:|status of 5|ERR_|Response Status Error|JSHandle", one)
    ]


def broken(route: Any) -> None:
    """Answer as the hub does while its database is away."""
    route.fulfill(status=503, body=_PROBLEM, content_type="text/html")


def away(route: Any) -> None:
    """Answer nothing."""
    route.abort()


def a_file(place: Path) -> Path:
    """Write a file that is right."""
    file = place / "stock.csv"
    file.write_text("sku,name,price\nFAILED,Name,1.00\n")
    return file


@pytest.mark.parametrize(("answer", "said"), [(broken, "PostgreSQL is away."), (away, "The hub does not answer.")])
def test_a_search_that_fails_says_so_in_the_place_of_its_rows(
    browser: "Browser", hub: Hub, admin: Person, pharmacy: str, answer: Any, said: str
) -> None:
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/inventory/?pharmacy={pharmacy}")
        page.route("**/admin/inventory/?*q=*", answer)
        page.fill("#q", "A")
        page.wait_for_selector(f"#rows [role=alert]:has-text('{said}')")
        assert page.locator("#rows table, #rows nav").count() == 0
        page.unroute("**/admin/inventory/?*q=*")
        page.fill("#q", "a")
        page.wait_for_selector("#rows a.title")
        assert page.locator("[role=alert]").count() == 0
        forgive(sight)


def test_a_filter_that_cannot_be_says_so_in_the_place_of_its_rows(
    browser: "Browser", hub: Hub, admin: Person, pharmacy: str
) -> None:
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/sales/?pharmacy={pharmacy}")
        page.click("summary:has-text('More filters')")
        page.fill("[name=inventory_item]", "abc")
        page.press("[name=inventory_item]", "Enter")
        page.wait_for_selector("#rows [role=alert]")
        assert page.locator("#rows a.title").count() == 0


def test_an_import_whose_session_has_ended_leads_to_the_sign_in(
    browser: "Browser", hub: Hub, pharmacy: str, tmp_path: Path
) -> None:
    person = signed_in(hub)
    with a_sight(browser, hub, person) as sight:
        page = sight.page
        sight.open(f"/admin/import/?pharmacy={pharmacy}")
        person.get("/admin/")
        person.post("/admin/sign-out/", {})
        page.set_input_files("#file", a_file(tmp_path))
        page.click("form.form button[name=check]")
        page.wait_for_url(re.compile("/admin/sign-in/"))
        page.wait_for_selector(".alert:has-text('You are signed out, and nothing was done.')")
        forgive(sight)


def test_an_import_that_is_not_answered_says_that_it_may_be_repeated(
    browser: "Browser", hub: Hub, admin: Person, pharmacy: str, tmp_path: Path
) -> None:
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/import/?pharmacy={pharmacy}")
        page.set_input_files("#file", a_file(tmp_path))
        page.route("**/admin/import/", lambda route: route.abort() if route.request.method == "POST" else None)
        page.click("form.form .btn-primary")
        page.wait_for_selector("#look [role=alert]:has-text('the same file counts once')")
        page.unroute("**/admin/import/")
        page.click("form.form .btn-primary")
        page.wait_for_url(re.compile("/admin/uploads/"))
        forgive(sight)


def test_a_file_that_is_too_large_is_named_before_it_is_sent(
    browser: "Browser", hub: Hub, admin: Person, pharmacy: str, tmp_path: Path
) -> None:
    file = tmp_path / "large.csv"
    with file.open("wb") as large:
        large.truncate(MAX_FILE_BYTES + 1)
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/import/?pharmacy={pharmacy}")
        page.set_input_files("#file", file)
        page.click("form.form .btn-primary")
        fault = page.locator("#file").evaluate("one => one.validationMessage")
        assert fault == "A file has at most 64 MiB; send it in parts."
        page.set_input_files("#file", a_file(tmp_path))
        assert page.locator("#file").evaluate("one => one.validationMessage") == ""


def test_a_part_that_fails_says_so_above_the_page_and_takes_no_page_in(
    browser: "Browser", hub: Hub, admin: Person, pharmacy: str
) -> None:
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/inventory/?pharmacy={pharmacy}&queued={uuid4()}&accepted=zzz")
        page.wait_for_selector("main > [role=alert]")
        assert page.locator("#queued nav").count() == 0
        assert page.locator("nav[aria-label=Console]").count() == 1
        forgive(sight)


@pytest.mark.parametrize(("answer", "said"), [(broken, "PostgreSQL is away."), (away, "The hub does not answer.")])
def test_the_overview_says_of_when_its_figures_are_until_they_are_renewed(
    browser: "Browser", hub: Hub, admin: Person, answer: Any, said: str
) -> None:
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        page.route("**/overview/figures", answer)
        sight.open("/admin/")
        page.wait_for_selector("main > [role=alert]")
        shown = page.inner_text("main > [role=alert]").strip()
        moment = re.fullmatch(rf"These figures are old: they are of ([0-9: -]+) UTC. {said}.*", shown)
        assert moment is not None, shown
        assert abs((clock.now() - datetime.fromisoformat(f"{moment[1]}+00:00")).total_seconds()) < 60
        page.unroute("**/overview/figures")
        page.wait_for_selector("main > [role=alert]", state="detached")
        forgive(sight)


def test_a_part_whose_hub_is_away_for_a_moment_goes_on_by_itself(
    browser: "Browser", hub: Hub, admin: Person, pharmacy: str
) -> None:
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        page.route("**/admin/status/**", broken)
        sight.open(f"/admin/inventory/?pharmacy={pharmacy}&queued={uuid4()}&accepted=zzz")
        page.wait_for_selector("main > [role=alert]:has-text('PostgreSQL is away.')")
        page.unroute("**/admin/status/**")
        page.route(
            "**/admin/status/**",
            lambda route: route.fulfill(body="<div id='queued'>applied</div>", content_type="text/html"),
        )
        page.wait_for_selector("#queued:text-is('applied')")
        assert page.locator("main > [role=alert]").count() == 0
        forgive(sight)
