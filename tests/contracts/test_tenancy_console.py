"""Walls at the console: every address under `/admin/`, tried with another pharmacy's session and with A's ids in it.

The addresses are those that the gateway serves, so that a new screen is tried from its first day.
"""

import re
from collections.abc import Iterator
from itertools import product

import httpx
import pytest
from litestar import Litestar

from gateway.app import create_app
from tests.conftest import Servers
from tests.kit.console import Person, portal
from tests.kit.document import a_whole_hub
from tests.kit.tenancy import MARKER, Client, Watch, fill, open_client, rows_from_outside

_PART = re.compile(r"\{\w+:\w+\}")
_OWN = tuple(f"/admin/{own}" for own in ("sign-in", "sign-out", "account", "theme", "static"))
_NAMES = {
    "inventory": "item_id", "sales": "sale_id", "orders": "order_id", "webhook-events": "event_id", "sources": "source_id",
    "webhook-endpoints": "endpoint_id", "keys": "key_id", "pharmacies": "pharmacy_id", "uploads": "upload_id",
    "deliveries": "delivery_id", "parked": "parked_id", "movements": "item_id", "operators": "operator_id",
}  # fmt: skip
"""The console's name of each kind of thing, and the name of A's id of it."""

_VERBS = (
    "delete", "adjust", "transition", "void", "resend", "rotate-secret", "test", "revoke", "cancel-pending", "discard", "replay",
    "reprocess", "deactivate",
)  # fmt: skip
_QUERIES = ("", "?pharmacy_id={pharmacy_id}", "?pharmacy={pharmacy_id}", "?q=" + MARKER, "?operation_id={operation_id}")


@pytest.fixture(scope="module")
def owner(servers: Servers, template_database: str) -> Iterator[Client]:
    """Run a whole hub with pharmacy A in it."""
    with (
        a_whole_hub(servers, template_database) as hub,
        httpx.Client(base_url=hub.url, timeout=30, trust_env=False) as web,
    ):
        yield open_client(hub, Watch(web), MARKER, is_owner=True)


@pytest.fixture(scope="module")
def ids(owner: Client, servers: Servers) -> dict[str, str]:
    """One of everything of A's."""
    found = fill(owner)
    servers.sql(rows_from_outside(found), owner.hub.settings.database_url.get_secret_value().rpartition("/")[2])
    return found


def _paths(app: Litestar, method: str) -> list[str]:
    """List what the console serves, but what is the visitor's own."""
    served = [route.path for route in app.routes if method in getattr(route, "methods", ())]
    return [path for path in served if path.startswith("/admin") and not path.startswith(_OWN)]


def _filled(path: str, ids: dict[str, str]) -> Iterator[str]:
    """Put A's ids into an address, of every kind, and every verb."""
    for (name, of), verb in product(_NAMES.items(), _VERBS if "{verb" in path else ("",)):
        address = path.replace("{name:str}", name).replace("{verb:str}", verb)
        yield _PART.sub(ids[of], address) + "/"


def _read(person: Person, address: str, **headers: str) -> str:
    """Read a page, or the beginning of what has no end."""
    text = ""
    try:
        with person.web.stream("GET", address, headers=headers, timeout=2, follow_redirects=True) as answer:
            for piece in answer.iter_text():
                text += piece
    except httpx.ReadTimeout:
        pass
    return text


def test_a_strangers_session_reads_nothing_of_as_at_any_address(owner: Client, ids: dict[str, str]) -> None:
    stranger = open_client(owner.hub, owner.watch, "Stranger")
    person = portal(owner.hub, stranger.key)
    addresses = dict.fromkeys(
        address + query.format(**ids)
        for path in _paths(create_app(owner.hub.settings), "GET")
        for address in _filled(path, ids)
        for query in (_QUERIES if "{" not in path or path == "/admin/{name:str}" else _QUERIES[:1])
    )
    assert len(addresses) > 100
    for address in addresses:
        headers = {"X-Pharmacy-Id": owner.pharmacy_id, "X-API-KEY": owner.key}
        owner.watch.search(_read(person, address, **headers), address + person.hub.url, address)


def test_a_strangers_forms_change_nothing_of_as(owner: Client, ids: dict[str, str]) -> None:
    stranger = open_client(owner.hub, owner.watch, "Stranger")
    person = portal(owner.hub, stranger.key)
    before = owner.ask("GET", "/api/events/?limit=500").json()
    form = {
        "name": "Stolen", "status": "confirmed", "delta": "5", "reason": "found", "reference": "Stolen", "extra_data": "{}",
        "description": "Stolen", "pharmacy_id": ids["pharmacy_id"], "ids": list(ids.values()), "version": "1",
    }  # fmt: skip
    sent = 0
    for path in _paths(create_app(owner.hub.settings), "POST"):
        for address in dict.fromkeys(_filled(path, ids)):
            person.get("/admin/")
            answer = person.post(address, form, follow=False, X_Pharmacy_Id=owner.pharmacy_id)
            assert answer.status_code < 500, (address, answer.text)
            owner.watch.search(answer.text, address, address)
            sent += 1
    assert sent > 100
    assert owner.ask("GET", "/api/events/?limit=500").json() == before
