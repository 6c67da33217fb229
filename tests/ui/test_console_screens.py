"""The screens in a real browser: what moves, opens, copies and is chosen does so."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from hub import clock
from tests.kit.browsing import a_sight
from tests.kit.console import Person, signed_in
from tests.kit.in_process import Hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_SHOWN = "() => [...document.querySelectorAll('#events tbody tr[data-body]')].filter(row => !row.hidden).map(row => row.cells[2].textContent)"


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


def an_item(hub: Hub, key: str, sku: str) -> str:
    """Make an item; its id."""
    return str(hub.make(key, "inventory", {"sku": sku, "name": sku, "price": "1.00", "quantity": 9})["id"])


def test_live_events_are_narrowed_opened_and_held(browser: "Browser", hub: Hub, admin: Person) -> None:
    pharmacy, key = hub.open_pharmacy("Live")
    an_item(hub, key, "A")
    hub.make(key, "sales", {"sku": "A", "quantity": 1, "total_price": "1.00"})
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/live/?pharmacy={pharmacy}")
        page.wait_for_selector("#link.good")
        assert {"sale.recorded", "inventory.created"} <= set(page.evaluate(_SHOWN))
        page.fill("#narrow", "sale.*")
        assert page.evaluate(_SHOWN) == ["sale.recorded"]
        row = page.locator("#events tbody tr:has-text('sale.recorded')").first
        row.click()
        assert '"specversion": "1.0"' in page.locator("#events tr.inside pre").inner_text()
        row.click()
        assert page.locator("#events tr.inside").count() == 0
        row.locator("button.opener").focus()
        page.keyboard.press("Enter")
        assert row.locator("button.opener").get_attribute("aria-expanded") == "true"
        assert page.locator("#events tr.inside").count() == 1
        page.keyboard.press("Enter")
        page.fill("#narrow", "")
        before = page.evaluate(_SHOWN)
        page.click("#pause")
        for number in (1, 2):
            an_item(hub, key, f"HELD-{number}")
            page.wait_for_selector(f"#pause:has-text('Go on ({number})')")
        assert page.evaluate(_SHOWN) == before, "the second has come, and the first is not shown yet"
        page.click("#pause")
        assert page.evaluate(_SHOWN) == ["inventory.created", "inventory.created", *before]
        an_item(hub, key, "LATER")
        page.wait_for_function(f"most => ({_SHOWN})().length > most", arg=len(before) + 2)


def test_an_event_is_copied_as_a_command_that_fetches_it(browser: "Browser", hub: Hub, admin: Person) -> None:
    pharmacy, key = hub.open_pharmacy("Copied")
    item = an_item(hub, key, "A")
    with a_sight(browser, hub, admin, permissions=["clipboard-read", "clipboard-write"]) as sight:
        page = sight.page
        sight.open(f"/admin/live/?pharmacy={pharmacy}")
        page.locator("#events tr:has-text('inventory.created') button.copy").click()
        page.wait_for_selector("#events button.copied")
        copied = page.evaluate("navigator.clipboard.readText()")
    program, silent, address, *headers = shlex.split(copied)
    assert (program, silent, headers[0::2]) == ("curl", "-s", ["-H"] * (len(headers) // 2))
    named = dict(one.replace("$API_KEY", hub.operator_key).split(": ", 1) for one in headers[1::2])
    assert address.startswith(
        f"{hub.settings.url}/api/events/"
    )  # which port the hub of a test took is not in its settings
    answer = httpx.get(address.replace(hub.settings.url, hub.url), headers=named)
    assert answer.status_code == 200, answer.text
    (event,) = answer.json()["items"]
    assert event["subject"] == f"inventory/{item}"


def test_control_k_leads_to_a_page_by_its_name_and_to_a_row_by_its_id(
    browser: "Browser", hub: Hub, admin: Person
) -> None:
    _, key = hub.open_pharmacy("Jump")
    item = an_item(hub, key, "JUMP-1")
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open("/admin/")
        page.keyboard.press("Control+k")
        assert page.locator("#jump").evaluate("box => box.open")
        page.keyboard.type("movem")
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/movements/")
        page.keyboard.press("Control+k")
        page.keyboard.type(item)
        page.keyboard.press("Enter")
        page.wait_for_selector("h1:has-text('JUMP-1')")
        page.keyboard.press("Control+k")
        page.keyboard.press("Escape")
        assert not page.locator("#jump").evaluate("box => box.open")


def test_on_a_phone_a_button_opens_the_jump_box_and_escape_closes_the_menu(
    browser: "Browser", hub: Hub, admin: Person
) -> None:
    with a_sight(browser, hub, admin, viewport={"width": 390, "height": 844}, has_touch=True) as sight:
        page = sight.page
        sight.open("/admin/account/")
        page.tap("a[aria-label='Jump to']")
        assert page.locator("#jump").evaluate("box => box.open")
        page.fill("#jump-to", "movem")
        with page.expect_navigation(url="**/admin/movements/"):
            page.keyboard.press("Enter")
        page.tap("#menu summary")
        assert page.locator(".side-nav").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator(".side-nav").is_visible()
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Menu"
        assert sight.overflow() <= 0
    with a_sight(browser, hub, admin, java_script_enabled=False) as sight:
        sight.open("/admin/account/")
        with sight.page.expect_navigation(url="**/admin/jump/"):
            sight.page.click("a[aria-label='Jump to']")


def test_the_overviews_charts_are_drawn_and_follow_what_is_written(browser: "Browser", hub: Hub, admin: Person) -> None:
    _, key = hub.open_pharmacy("Charts")
    total = (
        "() => JSON.parse(document.querySelector('[data-series]').dataset.series)[1].reduce((sum, one) => sum + one, 0)"
    )
    drawn = "() => [...document.querySelectorAll('[data-chart] canvas')].map(one => one.toDataURL())"
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open("/admin/")
        page.wait_for_function(f"() => ({drawn})().length === 2")
        before, pictures = page.evaluate(total), page.evaluate(drawn)
        for number in range(5):
            an_item(hub, key, f"C{number}")
        page.wait_for_function(f"before => ({total})() > before", arg=before)
        page.wait_for_function(f"before => ({drawn})()[0] !== before", arg=pictures[0])
        text = page.inner_text("main")
    for figure in ("Failing endpoints", "Parked", "Queues", "PostgreSQL", "RabbitMQ"):
        assert figure in text, figure


def test_times_are_in_utc_wherever_the_browser_is(browser: "Browser", hub: Hub, admin: Person) -> None:
    pharmacy, key = hub.open_pharmacy("Clocks")
    an_item(hub, key, "CLOCK-1")
    events = httpx.get(f"{hub.url}/api/events/", headers={"X-API-KEY": key}).json()["items"]
    with a_sight(browser, hub, admin, timezone_id="Asia/Tokyo") as sight:
        page = sight.page
        sight.open(f"/admin/live/?pharmacy={pharmacy}")
        page.wait_for_selector("#link.good")
        shown = (
            "() => [...document.querySelectorAll('#events tbody tr[data-body]')].map(row => row.cells[1].textContent)"
        )
        assert page.evaluate(shown) == [event["time"][11:19] for event in events[::-1]]
        sight.open("/admin/")
        page.hover("[data-chart] .u-over")
        page.wait_for_selector("[data-at]:has-text(' UTC')")
        said = re.search(r"at (\d\d):\d\d:\d\d UTC", page.inner_text("main"))
    assert said is not None
    assert 0 <= (clock.now().hour - int(said[1])) % 24 <= 1


def test_the_console_is_light_dark_or_as_the_system_is(browser: "Browser", hub: Hub, admin: Person) -> None:
    with a_sight(browser, hub, admin, color_scheme="dark") as sight:
        page = sight.page

        def seen() -> tuple[str, str]:
            scheme = page.locator("html").get_attribute("data-bs-theme")
            return scheme, page.evaluate("getComputedStyle(document.body).backgroundColor")

        sight.open("/admin/")
        scheme, dark = seen()
        assert scheme == "dark"
        with page.expect_navigation():
            page.click("button[aria-label=Light]")
        sight.open("/admin/orders/")
        scheme, light = seen()
        assert (scheme, light != dark) == ("light", True)
        with page.expect_navigation():
            page.click("button[aria-label=Auto]")
        assert seen() == ("dark", dark)
        page.emulate_media(color_scheme="light")
        page.wait_for_selector("html[data-bs-theme=light]")
        assert seen() == ("light", light)


def test_a_file_is_checked_imported_and_its_progress_followed(
    browser: "Browser", hub: Hub, admin: Person, tmp_path: Path
) -> None:
    pharmacy, key = hub.open_pharmacy("Files")
    file = tmp_path / "stock.csv"
    good = "".join(f"F{number},Name {number},1.00\n" for number in range(3_000))
    file.write_text(f"sku,name,price\nA1,<img src=x onerror=alert(1)>,3.90\nA2,b,wrong\n{good}")
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/import/?pharmacy={pharmacy}")
        page.set_input_files("#file", file)
        page.click("form.form button[name=check]")
        page.wait_for_selector("#look:has-text('3,002 rows, 1 of them wrong')")
        assert "<img src=x onerror=alert(1)>" in page.locator("section[aria-labelledby=preview]").inner_text()
        assert "#/price" in page.locator("section[aria-labelledby=faults]").inner_text()
        stock = httpx.get(f"{hub.url}/api/inventory/", headers={"X-API-KEY": key}).json()["items"]
        assert stock == []
        page.click("form.form button.btn-primary")
        page.wait_for_url(re.compile("/admin/uploads/"))
        page.evaluate("window.same = true")
        page.wait_for_selector("#progress:has-text('3,002 of 3,002 rows')", timeout=60_000)
        assert page.evaluate("window.same") is True, "the page follows by itself"
        assert page.locator("#progress progress").evaluate("one => one.value") == 3002
        assert "#/price" in page.inner_text("main")


def test_a_form_of_another_site_changes_nothing(browser: "Browser", hub: Hub, admin: Person) -> None:
    admin.get("/admin/")
    name = "Forged"
    form = (
        f"<form id=f method=post action='{hub.url}/admin/pharmacies/new/'><input name=csrf value='{admin.token}'>"
        f"<input name=name value='{name}'><input name=settings value='{{}}'></form>"
    )
    # Another site, which is sent no cookie; another port of the same host, which is the same site: its origin tells.
    for site in ("http://evil.example/", "http://127.0.0.1:9/"):
        with a_sight(browser, hub, admin) as sight:
            page = sight.page
            page.route(f"{site}**", lambda route: route.fulfill(body=form, content_type="text/html"))
            page.goto(site)
            with page.expect_navigation():
                page.evaluate("document.getElementById('f').submit()")
            sight.faults[:] = [one for one in sight.faults if site not in one]
    assert f">{name}<" not in admin.get(f"/admin/pharmacies/?q={name}").text


def test_a_pharmacys_pages_are_tabs_that_follow_the_chosen_one(browser: "Browser", hub: Hub, admin: Person) -> None:
    first, key = hub.open_pharmacy("Tabs one")
    second, _ = hub.open_pharmacy("Tabs two")
    an_item(hub, key, "OF-ONE")
    here = ".tabs [aria-current=page]"
    with a_sight(browser, hub, admin, viewport={"width": 1265, "height": 860}) as sight:
        page = sight.page
        sight.open(f"/admin/pharmacies/{first}/")
        labels = page.locator(".tabs a").all_inner_texts()
        assert page.inner_text(here) == "About"
        assert page.locator(".tabs").evaluate("one => one.scrollWidth - one.clientWidth") <= 0, "all are in sight"
        assert sight.axe() == []
        for label in labels[1:]:
            with page.expect_navigation():
                page.click(f".tabs a:text-is('{label}')")
            assert page.inner_text(here) == label
            assert str(first) in page.url
            assert page.locator(".tabs a").all_inner_texts() == labels
        assert {"Live events", "Inventory", "Orders", "Sales", "Keys", "Endpoints", "Deliveries"} <= set(labels)
        with page.expect_navigation():
            page.click(".tabs a:text-is('Inventory')")
        page.wait_for_selector("#rows a:has-text('OF-ONE')")
        page.select_option("select[name=pharmacy]", str(second))
        page.wait_for_selector(f".tabs[aria-label='Tabs two'] a[href='/admin/pharmacies/{second}/']")
        page.set_viewport_size({"width": 390, "height": 844})
        sight.open(f"/admin/deliveries/?pharmacy={second}")
        assert sight.overflow() <= 0
        box = page.locator(here).bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= 390 - box["width"], "the tab that is open is in sight"


@pytest.mark.parametrize(
    ("place", "typed", "marked"),
    [
        pytest.param("inventory/new/", {"quantity": "abc"}, "quantity", id="the console cannot read it"),
        pytest.param("inventory/new/", {"extra_data": "{", "price": "1.00"}, "extra_data", id="no JSON"),
        pytest.param("inventory/new/", {"quantity": "1", "price": "wrong"}, "price", id="the API refuses it"),
        pytest.param("orders/new/", {"items.0.sku": "A", "items.0.quantity": "x"}, "items.0.quantity", id="a line"),
        pytest.param("event-queue/", {"max_length": "abc"}, "max_length", id="an event queue"),
    ],
)
def test_what_is_wrong_in_a_form_is_said_above_it_and_the_first_such_field_has_the_focus(
    browser: "Browser", hub: Hub, admin: Person, place: str, typed: dict[str, str], marked: str
) -> None:
    pharmacy, _ = hub.open_pharmacy("Marked")
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/{place}?pharmacy={pharmacy}")
        if place.startswith("inventory"):
            typed = {"sku": "A", "name": "A", "price": "1.00", **typed}
        for name, text in typed.items():
            page.fill(f"[name='{name}']", text)
        with page.expect_navigation():
            page.click("form.form .buttons button")
        page.wait_for_selector("form.form [role=alert]:has-text('Look at the marked fields.')")
        assert page.evaluate("document.activeElement.name") == marked
        assert page.input_value(f"[name='{marked}']") == typed[marked]


def test_a_click_on_a_row_that_was_searched_for_does_not_search_again(
    browser: "Browser", hub: Hub, admin: Person
) -> None:
    pharmacy, key = hub.open_pharmacy("Search")
    an_item(hub, key, "SOUGHT")
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/inventory/?pharmacy={pharmacy}")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "q=SOUGHT" in request.url else None)
        with page.expect_navigation(url=re.compile("[?&]q=SOUGHT")):
            page.locator("#q").press_sequentially("SOUGHT")
        link = "#rows a.title:has-text('SOUGHT')"
        there = page.locator(link).evaluate("link => link.href")
        with page.expect_navigation(url=there):  # a press takes the focus from what was typed, which is a change of it
            page.click(link, delay=200)
    assert len(asked) == 1, "rows that are replaced under a click lose it"


def test_what_stands_around_a_list_follows_its_search(browser: "Browser", hub: Hub, admin: Person) -> None:
    first, key = hub.open_pharmacy("Around one")
    second, _ = hub.open_pharmacy("Around two")
    for sku in ("ONE", "TWO"):
        an_item(hub, key, sku)
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open("/admin/keys/")
        assert page.locator("a[download]").count() == 0, "there is no list yet"
        page.select_option("select[name=pharmacy]", str(first))
        page.wait_for_selector(f"a[download][href='/admin/keys/export.csv?pharmacy={first}']")
        sight.open(f"/admin/inventory/?pharmacy={first}")
        page.fill("#q", "TWO")
        page.wait_for_selector("#announce:text-is('1 shown')", state="attached")
        with page.expect_download() as saved:
            page.click("a[download]")
        assert [line.split(",")[0] for line in Path(saved.value.path()).read_text().splitlines()[1:]] == ["TWO"]
        page.select_option("select[name=pharmacy]", str(second))
        page.wait_for_selector(f".head-actions a[href='/admin/inventory/new/?pharmacy={second}']")
        sight.open("/admin/inventory/")
        assert page.locator(".filter-buttons a").count() == 0
        page.fill("#q", "TWO")
        with page.expect_navigation(url=re.compile("/admin/inventory/$")):
            page.click(".filter-buttons a")
        assert page.input_value("#q") == ""


def test_back_from_a_search_is_the_whole_list_with_everything_that_works_on_it(
    browser: "Browser", hub: Hub, admin: Person
) -> None:
    pharmacy, key = hub.open_pharmacy("Back")
    for sku in ("ONE", "TWO"):
        an_item(hub, key, sku)
    with a_sight(browser, hub, admin) as sight:
        page = sight.page
        sight.open(f"/admin/inventory/?pharmacy={pharmacy}")
        whole = page.url
        page.fill("#q", "TWO")
        page.wait_for_selector("#announce:text-is('1 shown')", state="attached")
        page.go_back()
        page.wait_for_selector("#rows a.title:text-is('ONE')")
        assert (page.url, page.input_value("#q")) == (whole, "")
        page.keyboard.press("Control+k")
        page.fill("#jump-to", "Parked")
        with page.expect_navigation(url="**/admin/parked/"):
            page.keyboard.press("Enter")
