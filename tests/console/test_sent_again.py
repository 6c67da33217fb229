"""A form that is sent twice, as by loading its answer again: it counts once, and shows the same secret."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway import accept
from gateway.admin import inside
from gateway.admin.entries import MODELS
from gateway.problems import unavailable
from hub.faults import Unavailable
from tests.kit.console import Person, signed_in
from tests.kit.flows import FLOWS, a_shop, fill, make, part_of
from tests.kit.in_process import Hub
from tests.kit.plain_forms import Page, look

_SECRET = re.compile(r'id="s-(\w+)" readonly value="([^"]+)"')


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


@pytest.fixture(scope="module")
def shop(hub: Hub) -> tuple[str, str]:
    """A pharmacy; its id and its key."""
    return a_shop(hub, "Twice")


def secrets_of(page: Page) -> dict[str, str]:
    """Read what a page shows this once."""
    found = dict(_SECRET.findall(page.answer.text))
    assert found, page.answer.text
    return found


def form_of(admin: Person, name: str, pharmacy: str) -> tuple[Page, Mapping[str, str]]:
    """Open the form of a new row, and think of what to type."""
    text = f"x-{uuid4().hex[:8]}"
    values = fill(FLOWS[name].made, text) | ({"webhook_url": "https://hook.invalid/x"} if name == "pharmacies" else {})
    return look(admin, f"/admin/{name}/new/?pharmacy={pharmacy}"), values


@pytest.mark.parametrize("name", ["keys", "operator-keys", "integrators", "pharmacies", "webhook-endpoints", "sources"])
def test_a_page_that_shows_a_secret_shows_the_same_one_when_it_is_loaded_again(
    admin: Person, shop: tuple[str, str], name: str
) -> None:
    page, values = form_of(admin, name, shop[0])
    first, again = (page.send(page.form, values) for _ in range(2))
    assert secrets_of(first) == secrets_of(again)
    text = next(value for value in values.values() if "x-" in value)
    place = f"/admin/{name}/" if MODELS[name].is_hubs else f"/admin/{name}/?pharmacy={shop[0]}&limit=100"
    assert admin.get(place).text.count(f">{text}</a>") == 1
    anew, _ = form_of(admin, name, shop[0])
    other = anew.send(anew.form, values)
    assert secrets_of(other) != secrets_of(first), "another page's form is another row"
    retyped = page.send(page.form, {**values, "name" if "name" in values else "description": "Retyped"})
    assert secrets_of(retyped) not in (secrets_of(first), secrets_of(other)), (
        "and so is another text from the same page"
    )


@pytest.mark.parametrize(
    ("name", "verb", "values"),
    [("integrators", "new-key", {"name": "second"}), ("webhook-endpoints", "rotate", {}), ("sources", "rotate", {})],
)
def test_a_secret_that_was_renewed_stays_the_same_when_its_page_is_loaded_again(
    admin: Person, shop: tuple[str, str], name: str, verb: str, values: Mapping[str, str]
) -> None:
    address = make(admin, name, shop[0], f"x-{uuid4().hex[:8]}")
    page = look(admin, part_of(address, f"do/{verb}/"))
    first, again = (page.send(page.form, values) for _ in range(2))
    assert secrets_of(first) == secrets_of(again)
    renewed = look(admin, part_of(address, f"do/{verb}/"))
    assert secrets_of(renewed.send(renewed.form, values)) != secrets_of(first)


def test_a_change_that_makes_a_secret_shows_the_same_one_when_its_page_is_loaded_again(
    admin: Person, shop: tuple[str, str]
) -> None:
    address = make(admin, "pharmacies", shop[0], f"x-{uuid4().hex[:8]}")
    page = look(admin, part_of(address, "edit/"))
    first, again = (page.send(page.form, {"webhook_url": "https://hook.invalid/y"}) for _ in range(2))
    assert secrets_of(first) == secrets_of(again)


def test_what_many_rows_were_asked_for_is_done_once(
    admin: Person, hub: Hub, shop: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = make(admin, "inventory", shop[0], f"x-{uuid4().hex[:8]}").split("/")[3]
    admin.get("/admin/inventory/")
    asked = admin.post("/admin/inventory/bulk/", {"action": "delete", "id": [row]})
    keys: list[str] = []

    async def note(
        _request: object, _caller: object, _method: str, _path: str, **sent: Mapping[str, str]
    ) -> inside.Said:
        keys.append(sent["headers"]["idempotency-key"])
        return inside.Said(204, {}, b"")

    monkeypatch.setattr("gateway.admin.form_page.ask", note)
    form = {"action": "delete", "id": [row], "sure": "yes", "key": admin.hidden(asked, "key")}
    for _ in range(2):
        assert "done" in admin.post("/admin/inventory/bulk/", form).text
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_the_answer_about_many_rows_loaded_again_says_that_they_are_done(admin: Person, shop: tuple[str, str]) -> None:
    rows = [make(admin, "inventory", shop[0], f"x-{uuid4().hex[:8]}").split("/")[3] for _ in range(2)]
    admin.get("/admin/inventory/")
    asked = admin.post("/admin/inventory/bulk/", {"action": "delete", "id": rows})
    form = {"action": "delete", "id": rows, "sure": "yes", "key": admin.hidden(asked, "key")}
    done = admin.post("/admin/inventory/bulk/?q=x", form)
    assert (done.url.path, done.url.query, done.history[0].status_code) == ("/admin/inventory/", b"q=x", 303)
    assert "Delete: 2 items, done." in done.text
    again = admin.post("/admin/inventory/bulk/", form).text
    assert "2 of the selected cannot, or it is done already." in again
    assert "<table" not in again


def test_a_late_outcome_keeps_no_secret_back(
    admin: Person, shop: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = make(admin, "sources", shop[0], f"x-{uuid4().hex[:8]}")
    page = look(admin, part_of(address, "do/rotate/"))
    monkeypatch.setattr(inside, "WAIT_SECONDS", 0)
    assert secrets_of(page.send(page.form, {}))


def test_a_form_that_was_refused_is_another_attempt_and_one_that_was_not_answered_the_same(
    admin: Person, hub: Hub, shop: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = f"x-{uuid4().hex[:8]}"
    values = fill(FLOWS["inventory"].made, sku, pharmacy=shop[0])
    row = make(admin, "inventory", shop[0], sku).split("/")[3]
    page = look(admin, "/admin/inventory/new/")
    refused = page.send(page.form, values)
    assert refused.answer.status_code == 409
    headers = {"X-API-KEY": shop[1], "Prefer": "wait=20"}
    assert httpx.delete(f"{hub.url}/api/inventory/{row}/", headers=headers, timeout=30).status_code == 204
    with monkeypatch.context() as broken:
        real = accept.send

        async def mute(*wish: Any) -> None:
            await real(*wish)
            raise unavailable(Unavailable("rabbitmq"))

        broken.setattr(accept, "send", mute)
        unknown = refused.send(refused.form, {})
        assert unknown.answer.status_code == 503
    assert key_of(page) != key_of(refused) == key_of(unknown)
    made = unknown.send(unknown.form, {}).answer
    assert (made.status_code, made.url.path.count("/")) == (200, 4), "it had been made, and no second one is refused"


def key_of(page: Page) -> str:
    """Read the key that a page's form carries."""
    return page.find("input", lambda one: one.attributes.get("name") == "key", page.form).attributes["value"]
