"""Walls between tenants: every route of the OpenAPI document, and every other way in, tried with a stranger's key.

Pharmacy A has one of everything, with a marker in every text. Whatever any other key is ever sent is searched for the
marker and for A's ids (`tests.kit.tenancy`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from uuid import uuid4

import httpx
import pytest
from litestar.routes import WebSocketRoute
from websockets.exceptions import InvalidStatus

from tests.conftest import Servers
from tests.kit.document import APP, DOCUMENT, a_whole_hub
from tests.kit.tenancy import (
    MARKER,
    MATRIX,
    Client,
    Watch,
    assert_same,
    fill,
    open_client,
    rows_from_outside,
    unknown_ids,
)

_PRIVATE = {route: row for route, row in MATRIX.items() if row.answered not in {"public", "signed"}}


@dataclass(frozen=True, slots=True)
class Walls:
    """Pharmacy A, the ids of its things, and what nobody else may be sent."""

    owner: Client
    ids: dict[str, str]
    watch: Watch

    def stranger(self) -> Client:
        """Open another pharmacy."""
        return open_client(self.owner.hub, self.watch, "Stranger")


def answered(answered_how: str) -> list[tuple[str, str]]:
    return [route for route, row in MATRIX.items() if row.answered == answered_how]


@pytest.fixture(scope="module")
def walls(servers: Servers, template_database: str) -> Iterator[Walls]:
    """Run a whole hub with pharmacy A in it."""
    with (
        a_whole_hub(servers, template_database) as hub,
        httpx.Client(base_url=hub.url, timeout=30, trust_env=False) as web,
    ):
        watch = Watch(web)
        owner = open_client(hub, watch, MARKER, is_owner=True)
        ids = fill(owner)
        servers.sql(rows_from_outside(ids), hub.settings.database_url.get_secret_value().rpartition("/")[2])
        for method, path in MATRIX:  # A sees all its ids once, so that they are known
            if method == "GET" and path.startswith("/api/") and not path.endswith("/stream"):
                owner.ask("GET", path.format(**ids))
        yield Walls(owner, ids, watch)


def test_every_route_of_the_document_has_a_row_and_every_row_a_route() -> None:
    documented = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert documented == set(MATRIX), "a new route needs a row: what must a stranger get?"
    # Sockets stand in no document: each is tried by name below.
    assert {route.path for route in APP.routes if isinstance(route, WebSocketRoute)} == {"/ws/events"}


def test_a_itself_is_shown_what_the_walk_hides(walls: Walls) -> None:
    hub = walls.owner.hub
    for method, path in chain(answered("unknown"), answered("empty")):
        if method == "GET":
            answer = walls.owner.ask("GET", path.format(**walls.ids))
            assert answer.status_code == 200, (path, answer.text)
            assert answer.json().get("items") != [], path
            blind = Client(hub, "", walls.owner.key, walls.watch)  # searched as if it were a stranger's
            with pytest.raises(AssertionError, match="a stranger was sent"):
                blind.see(answer.text, "", path)
    operator = {"X-API-KEY": hub.operator_key}
    assert MARKER in httpx.get(f"{hub.url}/api/parked/{walls.ids['parked_id']}/", headers=operator).text


@pytest.mark.parametrize(("method", "path"), answered("unknown"))
def test_what_is_as_and_what_nobody_has_get_the_same_404(walls: Walls, method: str, path: str) -> None:
    stranger, row, unknown = walls.stranger(), MATRIX[method, path], unknown_ids()
    conditions: list[dict[str, str]] = [{}, {"If-None-Match": '"1"'}, {"If-None-Match": "*"}]
    if method != "GET":
        conditions = [{}, {"If-Match": '"1"'}, {"If-Match": '"99"'}, {"If-Match": "*"}]
    for headers in conditions:
        theirs = stranger.ask(method, path.format(**walls.ids), row.body, headers=headers)
        nobodys = stranger.ask(method, path.format(**unknown), row.body, headers=headers)
        assert theirs.status_code == 404, (headers, theirs.text)
        assert_same(theirs, walls.ids, nobodys, unknown)
    if method != "GET" and not path.startswith("/api/pharmacies/"):
        blind = stranger.ask(method, path.format(**walls.ids), row.body, wait=False)
        assert blind.status_code == 202
        found = stranger.ask(method, path.format(**walls.ids), row.body, headers={"Idempotency-Key": "k"})
        assert found.status_code == 404


def test_a_strangers_own_key_route_does_not_end_as_key(walls: Walls) -> None:
    stranger = walls.stranger()
    keys = f"/api/pharmacies/{stranger.pharmacy_id}/keys/"
    theirs = stranger.ask("DELETE", f"{keys}{walls.ids['key_id']}/")
    unknown = str(uuid4())
    assert theirs.status_code == 404
    assert_same(theirs, {"key": walls.ids["key_id"]}, stranger.ask("DELETE", f"{keys}{unknown}/"), {"key": unknown})


@pytest.mark.parametrize(("method", "path"), answered("empty"))
def test_lists_of_a_stranger_are_empty_whatever_they_are_narrowed_by(walls: Walls, method: str, path: str) -> None:
    stranger = walls.stranger()
    named = {parameter.get("name"): parameter for parameter in DOCUMENT["paths"][path]["get"]["parameters"]}
    filters = dict.fromkeys(("q", "sku", "name", "order_reference"), MARKER) | {"inventory_item": walls.ids["item_id"]}
    for query in ({}, *({name: value} for name, value in filters.items() if name in named)):
        asked = f"{path}?{httpx.QueryParams({'count': 'true', **query})}"
        assert walls.owner.ask("GET", asked).json()["count"] > 0, asked
        answer = stranger.ask(method, asked)
        assert answer.status_code == 200
        assert answer.json() == {"items": [], "next": None, "count": 0, "count_capped": False}


@pytest.mark.parametrize(("method", "path"), answered("operator"))
def test_what_is_for_operators_is_403_whether_it_is_there_or_not(walls: Walls, method: str, path: str) -> None:
    stranger, unknown = walls.stranger(), unknown_ids()
    theirs = stranger.ask(method, path.format(**walls.ids), MATRIX[method, path].body)
    assert theirs.status_code == 403
    assert_same(theirs, walls.ids, stranger.ask(method, path.format(**unknown), MATRIX[method, path].body), unknown)
    assert stranger.ask(method, path.format(**(walls.ids | {"pharmacy_id": stranger.pharmacy_id}))).status_code == 403


@pytest.mark.parametrize(("method", "path"), answered("public"))
def test_what_is_public_is_the_same_to_everybody(walls: Walls, method: str, path: str) -> None:
    stranger = walls.stranger()
    assert stranger.ask(method, path.format(**walls.ids), is_anonymous=True).status_code == 200


@pytest.mark.parametrize(("method", "path"), answered("signed"))
def test_what_is_signed_is_the_same_401_to_whoever_cannot_sign(walls: Walls, method: str, path: str) -> None:
    stranger, body = walls.stranger(), MATRIX[method, path].body
    for is_anonymous in (True, False):
        theirs = stranger.ask(method, path.format(**walls.ids), body, is_anonymous=is_anonymous)
        nobodys = stranger.ask(method, path.format(**unknown_ids()), body, is_anonymous=is_anonymous)
        assert (theirs.status_code, theirs.content) == (401, nobodys.content)


def test_what_a_stranger_makes_and_reads_is_its_own(walls: Walls) -> None:
    stranger = walls.stranger()
    figures = stranger.ask("GET", "/api/reconciliation/").json()
    assert (figures["pharmacy_id"], figures["accepted"], figures["events"]) == (stranger.pharmacy_id, 1, 1)
    log = stranger.ask("GET", "/api/events/").json()
    assert (len(log["items"]), log["last_sequence"]) == (1, 1)  # that it was made
    for method, path in answered("own"):
        if method == "POST":
            answer = stranger.ask(method, path, MATRIX[method, path].body)
            assert answer.status_code in {201, 202}, (path, answer.text)
            assert answer.json().get("pharmacy_id", stranger.pharmacy_id) == stranger.pharmacy_id
    page = stranger.ask("GET", "/api/events/?after=0&limit=500").json()
    assert page["items"]
    assert {event["pharmacyid"] for event in page["items"]} == {stranger.pharmacy_id}


def test_as_item_cannot_be_named_in_a_strangers_sale(walls: Walls) -> None:
    stranger, unknown = walls.stranger(), str(uuid4())
    answers = [
        stranger.ask("POST", "/api/sales/", {"inventory_item": item_id, "quantity": 1, "total_price": "1.00"})
        for item_id in (walls.ids["item_id"], unknown)
    ]
    assert 400 <= answers[0].status_code < 500, answers[0].text
    assert_same(answers[0], {"item": walls.ids["item_id"]}, answers[1], {"item": unknown})


def test_the_same_idempotency_key_is_another_operation_and_another_thing(walls: Walls) -> None:
    stranger = walls.stranger()
    body = {"sku": "S-9", "name": "Stranger", "price": "2.00"}
    made = stranger.ask("POST", "/api/inventory/", body, headers={"Idempotency-Key": "till-1-1"})
    again = stranger.ask("POST", "/api/inventory/", body, headers={"Idempotency-Key": "till-1-1"})
    assert (made.status_code, again.status_code) == (201, 201), made.text
    assert made.headers["operation-id"] == again.headers["operation-id"]
    assert made.headers["operation-id"] not in walls.watch.ids
    assert made.json()["id"] == again.json()["id"] != walls.ids["item_id"]
    assert made.json()["pharmacy_id"] == stranger.pharmacy_id


def test_as_cursor_is_400_to_a_stranger(walls: Walls) -> None:
    for number in range(2):
        walls.owner.make("/api/inventory/", {"sku": f"{MARKER}-{number}", "name": MARKER, "price": "1.00"})
    url = walls.owner.ask("GET", "/api/inventory/?limit=1").json()["next"]
    assert walls.owner.ask("GET", url).status_code == 200
    assert walls.stranger().ask("GET", url).status_code == 400
    url = walls.owner.ask("GET", f"/api/inventory/{walls.ids['item_id']}/movements/?limit=1").json()["next"]
    assert walls.stranger().ask("GET", url).status_code in {400, 404}


def test_as_operation_is_404_to_a_stranger_even_with_its_token(walls: Walls) -> None:
    body = {"sku": f"{MARKER}-token", "name": MARKER, "price": "1.00"}
    taken = walls.owner.ask("POST", "/api/inventory/", body, wait=False, headers={"Idempotency-Key": "till-1-2"})
    assert walls.owner.ask("POST", "/api/inventory/", body, headers={"Idempotency-Key": "till-1-2"}).status_code == 201
    url, operation_id = taken.headers["location"], taken.headers["operation-id"]
    assert walls.owner.ask("GET", url).json()["status"] == "applied"
    stranger, unknown = walls.stranger(), str(uuid4())
    nobodys = stranger.ask("GET", f"/api/operations/{unknown}")
    for asked in (url, f"/api/operations/{operation_id}"):
        theirs = stranger.ask("GET", asked)
        assert theirs.status_code == 404
        assert_same(theirs, {"id": operation_id}, nobodys, {"id": unknown})


@pytest.mark.parametrize(("method", "path"), _PRIVATE)
def test_naming_a_in_a_header_is_the_404_of_an_unknown_pharmacy(walls: Walls, method: str, path: str) -> None:
    stranger, unknown, body = walls.stranger(), str(uuid4()), MATRIX[method, path].body
    # A stream has no end: a place beyond the log's would be refused, but only behind the wall.
    asked = path.format(**walls.ids) + ("?after=99999" if path.endswith("/stream") else "")
    theirs = stranger.ask(method, asked, body, headers={"X-Pharmacy-Id": walls.ids["pharmacy_id"]})
    nobodys = stranger.ask(method, asked, body, headers={"X-Pharmacy-Id": unknown})
    assert theirs.status_code == 404
    assert_same(theirs, {"id": walls.ids["pharmacy_id"]}, nobodys, {"id": unknown})
    keyless = stranger.ask(method, asked, body, is_anonymous=True)
    assert keyless.status_code == 401
    assert keyless.content == stranger.ask("GET", "/api/nowhere/", is_anonymous=True).content


def test_sockets_and_streams_carry_nothing_of_a_while_a_writes(walls: Walls) -> None:
    stranger = walls.stranger()
    # As young as the stranger: its next event has the number that the stranger waits for.
    owner = open_client(walls.owner.hub, walls.watch, MARKER, is_owner=True)
    with pytest.raises(InvalidStatus, match="404"):
        stranger.follow(headers={"X-Pharmacy-Id": owner.pharmacy_id})
    key = {"X-API-KEY": stranger.key}
    with (
        stranger.follow("?after=1") as theirs,
        owner.follow() as ours,
        walls.watch.web.stream("GET", "/api/events/stream?after=1", headers=key) as stream,
    ):
        assert stranger.frame(theirs) == {"type": "ready", "sequence": 1}
        assert owner.frame(ours)["type"] == "ready"
        for number in range(5):
            body = {"sku": f"{MARKER}-live-{number}", "name": MARKER, "price": "1.00"}
            made = owner.make("/api/inventory/", body)
            while made["id"] not in str(owner.frame(ours)):  # published, so that a leak would be on its way
                pass
        mine = stranger.make("/api/inventory/", {"sku": "S-1", "name": "Stranger", "price": "1.00"})
        frame = stranger.frame(theirs)
        assert (frame["event"]["sequence"], frame["event"]["subject"]) == (2, f"inventory/{mine['id']}")
        seen = ""
        for chunk in stream.iter_text():
            seen += chunk
            if mine["id"] in seen:
                break
        stranger.see(seen, "", "/api/events/stream")
        assert seen.count("data: ") == 1
    log = stranger.ask("GET", "/api/events/?after=1").json()
    assert [event["subject"] for event in log["items"]] == [f"inventory/{mine['id']}"]


@pytest.mark.parametrize("scope", ["read", "write", "webhooks"])
def test_a_key_of_one_scope_is_403_on_every_route_of_another(walls: Walls, scope: str) -> None:
    stranger = walls.stranger()
    narrow = stranger.with_scopes(scope)
    ids = unknown_ids() | {"pharmacy_id": stranger.pharmacy_id}
    for (method, path), row in _PRIVATE.items():
        # A stream has no end: a place beyond the log's is refused, but only behind the scope.
        asked = path.format(**ids) + ("?after=99999" if path.endswith("/stream") else "")
        answer = narrow.ask(method, asked, row.body, wait=False)
        # Replacing a pharmacy replaces its endpoint as well, which is the scope `webhooks` on top.
        is_refused = (
            row.scope != scope
            or row.answered == "operator"
            or (method, path) == ("PUT", "/api/pharmacies/{pharmacy_id}/")
        )
        assert (answer.status_code == 403) == is_refused, (method, path, answer.text)
    if scope == "write":
        more = narrow.ask("POST", f"/api/pharmacies/{stranger.pharmacy_id}/keys/", {"name": "more", "scopes": ["read"]})
        assert more.status_code == 403


def test_after_all_this_a_is_as_it_was_and_no_byte_of_it_was_sent_to_a_stranger(walls: Walls) -> None:
    versions = {"inventory/{item_id}": 3, "orders/{order_id}": 1, "sales/{sale_id}": 1, "webhook-events/{event_id}": 2}
    for path, version in versions.items():
        answer = walls.owner.ask("GET", f"/api/{path.format(**walls.ids)}/")
        assert (answer.status_code, answer.json()["version"]) == (200, version), answer.text
    keys = walls.owner.ask("GET", f"/api/pharmacies/{walls.owner.pharmacy_id}/keys/").json()["items"]
    assert [key["revoked_at"] for key in keys] == [None, None]
    assert "Stranger" not in walls.owner.ask("GET", "/api/events/?limit=500").text
    assert len(walls.watch.ids) > 20
