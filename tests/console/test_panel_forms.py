"""The forms that stand on a row's page, which count before they do: what was typed stays, and is done once."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from hub.storage import webhook_recovery
from hub.storage.database import Connection
from tests.console.test_screens import a_pharmacy
from tests.kit.console import Person, link_for, signed_in
from tests.kit.in_process import Hub
from tests.kit.plain_forms import Element, Page, look

MADE: Mapping[str, dict[str, Any]] = {
    "webhook-endpoints": {"url": "https://hook.invalid/x", "event_types": ["sale.*"]},
    "sources": {"name": "shop", "scheme": "api_key"},
}
TYPED = {
    "webhook-endpoints": {
        "way": "replay",
        "since": "2020-01-01T00:00",
        "event_type": "sale.recorded",
        "filter": '{"attempts": {"$gte": 1}}',
    },
    "sources": {"received_since": "2020-01-01T00:00", "event_type": "shop.order"},
}


@pytest.fixture
def clerk(hub: Hub) -> Person:
    """An operator, whose browser says where a form comes from."""
    person = signed_in(hub, "operator")
    person.web.headers["sec-fetch-site"] = "same-origin"
    return person


@pytest.fixture(params=[*MADE])
def page(request: pytest.FixtureRequest, hub: Hub, clerk: Person) -> Page:
    """The page of an endpoint or a source."""
    return a_page(hub, clerk, request.param)


def a_page(hub: Hub, clerk: Person, name: str) -> Page:
    """Make one in a pharmacy of its own, and look at it."""
    _, key = a_pharmacy(hub)
    return look(clerk, f"/admin/{name}/{hub.make(key, name, MADE[name])['id']}/")


def form_of(page: Page) -> Element:
    """The form of the panel."""
    return page.find("form", lambda one: one.attributes.get("action", "").startswith(("/admin/mend/", "/admin/reproc")))


def typed_for(page: Page) -> dict[str, str]:
    """What is typed into it."""
    return TYPED["sources" if "received_since" in held(page) else "webhook-endpoints"]


def held(page: Page) -> dict[str, str]:
    """What its fields hold."""
    found = {}
    for one in form_of(page).all("input", "select", "textarea"):
        chosen = [option.attributes["value"] for option in one.all("option") if "selected" in option.attributes]
        texts = [text for text in one.children if isinstance(text, str)]
        found[one.attributes["name"]] = one.attributes.get("value", "".join(chosen or texts))
    return found


def writes_about(page: Page) -> int:
    """Count the writes of which the row's page tells."""
    text = look(page.person, str(page.answer.url)).answer.text
    return len(set(re.findall("/admin/operations/([0-9a-f-]{36})/", text.partition(">History<")[2])))


def test_what_was_counted_is_still_typed_when_it_is_to_be_sent(page: Page) -> None:
    typed = typed_for(page)
    for _ in range(2):
        page = page.send(form_of(page), typed)
        assert "match" in form_of(page).text
        assert {name: held(page)[name] for name in typed} == typed


def test_what_was_refused_is_still_typed_and_the_form_says_why(page: Page) -> None:
    name, typed = ("filter", "{") if "filter" in held(page) else ("received_since", "tomorrow")
    refused = page.send(form_of(page), typed_for(page) | {name: typed}, "send")
    assert (refused.answer.status_code, held(refused)[name]) == (422, typed)
    alert = refused.find("div", lambda one: one.attributes.get("role") == "alert", form_of(refused))
    assert alert.text


def test_what_takes_too_long_to_count_is_to_be_narrowed(
    hub: Hub, clerk: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(connection: Connection, _mending: object) -> int:
        return int(await connection.fetchval("SELECT 1 FROM pg_sleep(20)"))

    monkeypatch.setattr(webhook_recovery, "_count", slow)
    monkeypatch.setattr(webhook_recovery, "MENDING_SECONDS", 0.1)
    page = a_page(hub, clerk, "webhook-endpoints")
    refused = page.send(form_of(page), {"way": "recover", "since": "2020-01-01T00:00"})
    assert "narrow it with" in form_of(refused).text
    assert refused.answer.status_code == 422


def test_a_filter_is_not_passed_over_where_it_does_not_count(hub: Hub, clerk: Person) -> None:
    page = a_page(hub, clerk, "webhook-endpoints")
    for way in ("recover", "replay-missing"):
        refused = page.send(form_of(page), TYPED["webhook-endpoints"] | {"way": way}, "send")
        assert (refused.answer.status_code, "delivered or not” only" in form_of(refused).text) == (422, True)
    assert writes_about(page) == 1, "the one that made it"


def test_what_was_typed_outlives_the_session(hub: Hub, clerk: Person, page: Page) -> None:
    typed = typed_for(page)
    clerk.web.cookies.delete("hub_console")
    out = page.send(form_of(page), typed, "send")
    assert (out.answer.status_code, "You are signed out" in out.answer.text) == (401, True)
    door = look(clerk, link_for(hub, clerk.username))
    door.send(next(door.root.all("form")), {})
    form = out.send(out.find("form", lambda _: True), {})
    assert "nothing was saved yet" in form_of(form).text
    assert {name: held(form)[name] for name in typed} == typed
    assert writes_about(page) == 1, "the one that made it"


def test_a_form_that_is_sent_twice_sends_again_once(hub: Hub, clerk: Person) -> None:
    page = a_page(hub, clerk, "webhook-endpoints")
    for _ in range(2):
        assert page.send(form_of(page), TYPED["webhook-endpoints"], "send").answer.status_code == 200
    assert writes_about(page) == 2, "the one that made it, and the one that sent again"
