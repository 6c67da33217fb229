"""What was typed into a form outlives somebody else's change, and the end of the session."""

from uuid import uuid4

import httpx
import pytest

from gateway.admin.routes import HANDLERS
from tests.kit.console import Person, a_person, link_for, portal, signed_in
from tests.kit.flows import a_shop, make, part_of
from tests.kit.in_process import Hub
from tests.kit.plain_forms import Element, Page, look


@pytest.fixture(scope="module")
def shop(hub: Hub) -> tuple[str, str]:
    """A pharmacy with something to sell; its id and its key."""
    return a_shop(hub, "Typed")


@pytest.fixture
def clerk(hub: Hub) -> Person:
    """An operator whose browser says where a form comes from, as every browser does."""
    person = signed_in(hub, "admin")
    person.web.headers["origin"] = hub.url
    return person


def shown(page: Page, name: str) -> str:
    """Read what a field of the form holds."""
    return page.find("input", lambda one: one.attributes.get("name") == name, page.form).attributes["value"]


def meanwhile(page: Page) -> dict[str, str]:
    """Read what the form says that fields are now."""
    notes = [one for one in page.root.all("div") if "data-meanwhile" in one.attributes]
    return {one.attributes["data-meanwhile"]: one.text for one in notes}


def test_a_change_over_somebody_elses_keeps_what_was_typed_and_can_be_saved_knowingly(
    clerk: Person, hub: Hub, shop: tuple[str, str]
) -> None:
    address = make(clerk, "inventory", shop[0], f"x-{uuid4().hex[:8]}")
    page = look(clerk, part_of(address, "edit/"))
    theirs = {"name": "Theirs", "price": "9.99"}
    api, headers = f"{hub.url}/api/inventory/{address.split('/')[3]}/", {"X-API-KEY": shop[1], "Prefer": "wait=20"}
    assert httpx.patch(api, json=theirs, headers=headers, timeout=30).status_code == 200
    late = page.send(page.form, {"name": "Mine", "low_stock_threshold": "3"})
    assert late.answer.status_code == 412
    assert [shown(late, name) for name in ("name", "low_stock_threshold", "price")] == ["Mine", "3", "9.99"]
    assert meanwhile(late) == {"name": "Now it is: Theirs"}
    assert httpx.get(api, headers=headers).json()["name"] == "Theirs"
    saved = late.send(late.form, {})
    assert "was changed" in saved.answer.text
    row = httpx.get(api, headers=headers).json()
    assert [row[name] for name in ("name", "low_stock_threshold", "price")] == ["Mine", 3, "9.99"]


def end_session(person: Person) -> None:
    """Let the browser's session be over."""
    person.web.cookies.delete("hub_console")


def sign_in_again(person: Person, hub: Hub) -> None:
    """Sign in in another tab."""
    door = look(person, link_for(hub, person.username))
    door.send(next(door.root.all("form")), {})


def back(page: Page) -> Page:
    """Press the button of the page that keeps what was typed."""
    form: Element = page.find("form", lambda _: True)
    return page.send(form, {})


@pytest.mark.parametrize("kind", ["new", "edit"])
def test_what_was_typed_outlives_the_session(clerk: Person, hub: Hub, shop: tuple[str, str], kind: str) -> None:
    sku = f"x-{uuid4().hex[:8]}"
    place = part_of(make(clerk, "inventory", shop[0], sku), "edit/") if kind == "edit" else "/admin/inventory/new/"
    page = look(clerk, place)
    typed = {"name": 'Kept & "yours"', "price": "3.00", "extra_data": '{\n"a": 1}'}
    typed |= {} if kind == "edit" else {"pharmacy": shop[0], "sku": sku}
    end_session(clerk)
    out = page.send(page.form, typed)
    assert out.answer.status_code == 401
    assert "You are signed out" in out.answer.text
    out = back(out)
    assert out.answer.status_code == 401, "it is kept until somebody signs in"
    sign_in_again(clerk, hub)
    form = back(out)
    assert form.answer.status_code == 200
    assert "nothing was saved yet" in form.answer.text
    assert (shown(form, "name"), shown(form, "price")) == (typed["name"], "3.00")
    assert "Kept" not in clerk.get("/admin/inventory/?pharmacy=" + shop[0]).text
    saved = form.send(form.form, {})
    assert saved.answer.status_code == 200
    assert "Kept &amp; &#34;yours&#34;" in clerk.get(f"/admin/inventory/?pharmacy={shop[0]}").text
    httpx.delete(
        f"{hub.url}/api/inventory/{saved.answer.url.path.split('/')[3]}/",
        headers={"X-API-KEY": shop[1], "Prefer": "wait=20"},
    )


def test_somebody_who_signed_in_anew_in_another_tab_is_shown_the_form_first(
    clerk: Person, hub: Hub, shop: tuple[str, str]
) -> None:
    address = make(clerk, "inventory", shop[0], f"x-{uuid4().hex[:8]}")
    page = look(clerk, part_of(address, "edit/"))
    sign_in_again(clerk, hub)
    form = page.send(page.form, {"name": "Renewed"})
    assert "nothing was saved yet" in form.answer.text
    assert "Renewed" not in clerk.get(address).text
    assert "was changed" in form.send(form.form, {}).answer.text


def test_the_end_of_a_session_is_nobody_elses_way_in(hub: Hub, clerk: Person, shop: tuple[str, str]) -> None:
    address = make(clerk, "inventory", shop[0], f"x-{uuid4().hex[:8]}")
    page = look(clerk, part_of(address, "edit/"))
    stranger = portal(hub, a_shop(hub, "Stranger")[1])
    stranger.web.headers["origin"] = hub.url
    assert Page(stranger, page.answer, page.root).send(page.form, {"name": "x"}).answer.status_code == 404
    nobody = a_person(hub)
    kept = Page(nobody, page.answer, page.root).send(page.form, {"name": "x"})
    assert "You are signed out, and nothing was done." in kept.answer.text
    assert kept.answer.url.path == "/admin/sign-in/", (
        "a browser that does not say where the form comes from gets nothing back"
    )
    nobody.web.headers["origin"] = "https://evil.example"
    assert Page(nobody, page.answer, page.root).send(page.form, {"name": "x"}).answer.status_code == 403


def test_no_form_of_an_ended_session_is_done(hub: Hub, clerk: Person, shop: tuple[str, str]) -> None:
    """Whatever keeps what was typed shows it, and does nothing, under the token of another session."""
    keeping = sorted(path for handler in HANDLERS if handler.opt.get("keeps") for path in handler.paths)
    assert keeping == ["/event-queue", "/mend/{endpoint_id:uuid}", "/reprocess/{source_id:uuid}", "/{name:str}/bulk", "/{name:str}/new", "/{name:str}/{row_id:uuid}/do/{verb:str}", "/{name:str}/{row_id:uuid}/edit"]  # fmt: skip
    sku = f"x-{uuid4().hex[:8]}"
    address = make(clerk, "inventory", shop[0], sku)
    row = address.split("/")[3]
    endpoint = hub.make(shop[1], "webhook-endpoints", {"url": "https://hook.invalid/x"})["id"]
    source = hub.make(shop[1], "sources", {"name": sku, "scheme": "github"})["id"]
    stale = {"csrf": signed_in(hub).token, "pharmacy": shop[0]}
    for path, form in (
        (f"mend/{endpoint}/", {"way": "replay"}),
        (f"reprocess/{source}/", {}),
        ("event-queue/", {"types": "*", "max_length": "10"}),
        ("inventory/bulk/", {"action": "delete", "id": row, "sure": "yes"}),
        ("inventory/new/", {"sku": f"{sku}-2", "name": "n", "quantity": "1", "price": "1.00"}),
        (f"inventory/{row}/do/delete/", {}),
        (f"inventory/{row}/edit/", {"sku": sku, "name": "Forged", "quantity": "5", "price": "1.50"}),
    ):
        answer = clerk.post(f"/admin/{path}", {**form, **stale})
        assert (answer.status_code, "nothing was saved yet" in answer.text) == (200, True), path
    headers = {"X-API-KEY": shop[1]}
    items = httpx.get(f"{hub.url}/api/inventory/?q={sku}", headers=headers).json()["items"]
    assert [(one["sku"], one["name"]) for one in items] == [(sku, "Aspirin")]
    assert httpx.get(f"{hub.url}/api/event-queue/", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("account/password/", {"password": "correct horse battery"}),
        ("event-queue/close/", {}),
        ("sign-out/", {}),
        ("import/", {}),
    ],
)
def test_a_form_that_keeps_nothing_leads_to_the_sign_in_when_the_session_is_over(
    clerk: Person, path: str, form: dict[str, str]
) -> None:
    page = clerk.get("/admin/")
    end_session(clerk)
    answer = clerk.post(f"/admin/{path}", {**form, "csrf": clerk.hidden(page, "csrf")})
    assert (answer.url.path, answer.status_code) == ("/admin/sign-in/", 200)
    assert "You are signed out, and nothing was done." in answer.text
