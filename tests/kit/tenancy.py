"""Two pharmacies for the walk over all routes: what a stranger must be answered on each, and every byte that it was sent."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal
from uuid import uuid4

import httpx
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.kit.in_process import Hub
from tests.kit.wait import until

MARKER = "Xyzzy-of-A"
WAIT = "wait=15"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|ph[koi]_[0-9A-Za-z]+")
_NONE: Mapping[str, str] = MappingProxyType({})
_NIL = "00000000-0000-0000-0000-000000000000"

Answered = Literal["unknown", "empty", "operator", "own", "public", "signed"]


@dataclass(frozen=True, slots=True)
class Row:
    """How a route must answer a key of another pharmacy.

    Args:
        answered: `unknown`: the 404 of an id that nobody has; `empty`: a list without items; `operator`: 403; `own`: what is the
            caller's own; `public`: the same to everybody, no key needed; `signed`: the same 401 to whoever cannot sign.
        scope: what a key needs; `` on routes without keys.
        body: that the route takes.
    """

    answered: Answered
    scope: str
    body: Any = None


_ITEM = {"sku": "S-1", "name": "Stranger", "price": "1.00"}
_SALE = {"sku": "S-1", "quantity": 1, "total_price": "1.00"}
_ORDER = {"order_reference": "S-1", "items": [{"sku": "S-1", "quantity": 1, "unit_price": "1.00"}]}
_SOURCE = {"name": "Stranger", "scheme": "github"}
_RECEIVED = {"event_type": "stranger.came", "payload": {}}
_INVENTORY, _SALES, _ORDERS = "/api/inventory/{item_id}/", "/api/sales/{sale_id}/", "/api/orders/{order_id}/"
_OPERATOR, _OPERATORS_KEY = "/api/operators/{operator_id}/", "/api/operator-keys/{key_id}/"
_PHARMACY, _PARKED, _VENDOR = (
    "/api/pharmacies/{pharmacy_id}/",
    "/api/parked/{parked_id}/",
    "/api/integrators/{integrator_id}/",
)
_SOURCE_OF = "/api/sources/{source_id}/"
_EVENT, _DELIVERY = "/api/webhook-events/{event_id}/", "/api/webhook-deliveries/{delivery_id}/"
_ENDPOINT, _CALLED = "/api/webhook-endpoints/{endpoint_id}/", {"url": "https://stranger.example/"}

MATRIX: Mapping[tuple[str, str], Row] = MappingProxyType({
    ("GET", "/api/audit/"): Row("operator", "read"),
    ("GET", "/api/event-queue/"): Row("own", "read"), ("DELETE", "/api/event-queue/"): Row("own", "webhooks"),
    ("POST", "/api/event-queue/"): Row("own", "webhooks", {"types": ["sale.*"]}),
    ("GET", "/api/integrators/"): Row("operator", "read"), ("POST", "/api/integrators/"): Row("operator", "write", {"name": "Stranger"}),
    ("GET", _VENDOR): Row("operator", "read"), ("PATCH", _VENDOR): Row("operator", "write", {"name": "Stranger"}),
    ("DELETE", _VENDOR): Row("operator", "write"), ("GET", _VENDOR + "keys/"): Row("operator", "read"),
    ("POST", _VENDOR + "keys/"): Row("operator", "write", {"name": "Stranger"}), ("DELETE", _VENDOR + "keys/{key_id}/"): Row("operator", "write"),
    ("GET", "/api/events/"): Row("own", "read"),
    ("GET", "/api/events/stream"): Row("own", "read"),
    ("POST", "/api/events/ticket/"): Row("own", "read"),
    ("GET", "/api/inventory/"): Row("empty", "read"),
    ("POST", "/api/inventory/"): Row("own", "write", _ITEM),
    ("POST", "/api/inventory/bulk"): Row("own", "write", {**_ITEM, "sku": "S-2"}),
    ("GET", _INVENTORY): Row("unknown", "read"),
    ("PUT", _INVENTORY): Row("unknown", "write", _ITEM),
    ("PATCH", _INVENTORY): Row("unknown", "write", {"name": "Stranger"}),
    ("DELETE", _INVENTORY): Row("unknown", "write"),
    ("POST", _INVENTORY + "adjustments/"): Row("unknown", "write", {"delta": 1, "reason": "received"}),
    ("GET", _INVENTORY + "movements/"): Row("unknown", "read"),
    ("GET", "/api/movements/"): Row("empty", "read"),
    ("GET", "/api/operations/{operation_id}"): Row("unknown", "read"),
    ("GET", "/api/orders/"): Row("empty", "read"),
    ("POST", "/api/orders/"): Row("own", "write", _ORDER),
    ("GET", _ORDERS): Row("unknown", "read"),
    ("PUT", _ORDERS): Row("unknown", "write", _ORDER),
    ("PATCH", _ORDERS): Row("unknown", "write", {"extra_data": {"by": "Stranger"}}),
    ("DELETE", _ORDERS): Row("unknown", "write"),
    ("POST", _ORDERS + "transitions/"): Row("unknown", "write", {"status": "confirmed"}),
    ("GET", "/api/operator-keys/"): Row("operator", "read"),
    ("POST", "/api/operator-keys/"): Row("operator", "write", {"name": "Stranger"}),
    ("GET", _OPERATORS_KEY): Row("operator", "read"),
    ("DELETE", _OPERATORS_KEY): Row("operator", "write"),
    ("GET", "/api/operators/"): Row("operator", "read"),
    ("POST", "/api/operators/"): Row("operator", "write", {"username": "stranger"}),
    ("GET", _OPERATOR): Row("operator", "read"),
    ("PATCH", _OPERATOR): Row("operator", "write", {"name": "Stranger"}),
    ("DELETE", _OPERATOR): Row("operator", "write"),
    ("GET", "/api/parked/"): Row("operator", "read"),
    ("GET", _PARKED): Row("operator", "read"),
    ("DELETE", _PARKED): Row("operator", "write"),
    ("POST", _PARKED + "discard/"): Row("operator", "write", {}),
    ("POST", _PARKED + "replay/"): Row("operator", "write", {}),
    ("GET", "/api/pharmacies/"): Row("operator", "read"),
    ("POST", "/api/pharmacies/"): Row("operator", "write", {"name": "Stranger"}),
    ("GET", _PHARMACY): Row("unknown", "read"),
    ("PUT", _PHARMACY): Row("unknown", "write", {"name": "Stranger"}),
    ("PATCH", _PHARMACY): Row("unknown", "write", {"name": "Stranger"}),
    ("DELETE", _PHARMACY): Row("operator", "write"),
    ("GET", _PHARMACY + "keys/"): Row("unknown", "read"),
    ("POST", _PHARMACY + "keys/"): Row("unknown", "write", {"name": "Stranger", "scopes": ["write"]}),
    ("GET", _PHARMACY + "keys/{key_id}/"): Row("unknown", "read"),
    ("DELETE", _PHARMACY + "keys/{key_id}/"): Row("unknown", "write"),
    ("GET", "/api/reconciliation/"): Row("own", "read"),
    ("GET", "/api/sales/"): Row("empty", "read"),
    ("POST", "/api/sales/"): Row("own", "write", _SALE),
    ("POST", "/api/sales/bulk"): Row("own", "write", _SALE),
    ("GET", _SALES): Row("unknown", "read"),
    ("PUT", _SALES): Row("unknown", "write", _SALE),
    ("PATCH", _SALES): Row("unknown", "write", {"reference": "Stranger"}),
    ("DELETE", _SALES): Row("unknown", "write"),
    ("GET", "/api/sources/"): Row("empty", "webhooks"),
    ("POST", "/api/sources/"): Row("own", "webhooks", _SOURCE),
    ("GET", _SOURCE_OF): Row("unknown", "webhooks"),
    ("PUT", _SOURCE_OF): Row("unknown", "webhooks", _SOURCE),
    ("PATCH", _SOURCE_OF): Row("unknown", "webhooks", {"name": "Stranger"}),
    ("DELETE", _SOURCE_OF): Row("unknown", "webhooks"),
    ("POST", _SOURCE_OF + "rotate-secret/"): Row("unknown", "webhooks", {}),
    ("GET", "/api/uploads/"): Row("empty", "read"),
    ("GET", "/api/uploads/{upload_id}"): Row("unknown", "read"),
    ("GET", "/api/uploads/{upload_id}/errors"): Row("unknown", "read"),
    ("GET", "/api/webhook-deliveries/"): Row("empty", "webhooks"),
    ("GET", _DELIVERY): Row("unknown", "webhooks"),
    ("GET", _DELIVERY + "attempts/"): Row("unknown", "webhooks"),
    ("POST", _DELIVERY + "resend/"): Row("unknown", "webhooks", {}),
    ("GET", "/api/webhook-endpoints/"): Row("empty", "webhooks"),
    ("POST", "/api/webhook-endpoints/"): Row("own", "webhooks", _CALLED),
    ("GET", _ENDPOINT): Row("unknown", "webhooks"),
    ("PUT", _ENDPOINT): Row("unknown", "webhooks", _CALLED),
    ("PATCH", _ENDPOINT): Row("unknown", "webhooks", {"description": "Stranger"}),
    ("DELETE", _ENDPOINT): Row("unknown", "webhooks"),
    ("POST", _ENDPOINT + "cancel-pending/"): Row("unknown", "webhooks", {}),
    ("GET", _ENDPOINT + "public-key/"): Row("unknown", "webhooks"),
    ("POST", _ENDPOINT + "recover/"): Row("unknown", "webhooks", {"since": "2026-01-01T00:00:00Z"}),
    ("POST", _ENDPOINT + "replay/"): Row("unknown", "webhooks", {}),
    ("POST", _ENDPOINT + "replay-missing/"): Row("unknown", "webhooks", {}),
    ("POST", _ENDPOINT + "rotate-secret/"): Row("unknown", "webhooks", {"signing": "v1a"}),
    ("GET", _ENDPOINT + "statistics/"): Row("unknown", "webhooks"),
    ("POST", _ENDPOINT + "test/"): Row("unknown", "webhooks", {}),
    ("GET", "/api/webhook-events/"): Row("empty", "read"),
    ("POST", "/api/webhook-events/"): Row("own", "write", _RECEIVED),
    ("POST", "/api/webhook-events/reprocess/"): Row("own", "write", {"filter": {}}),
    ("POST", _EVENT + "reprocess/"): Row("unknown", "write", {}),
    ("GET", _EVENT): Row("unknown", "read"),
    ("PUT", _EVENT): Row("unknown", "write", _RECEIVED),
    ("PATCH", _EVENT): Row("unknown", "write", {"processed": True}),
    ("DELETE", _EVENT): Row("unknown", "write"),
    ("GET", "/health/live"): Row("public", ""),
    ("GET", "/health/ready"): Row("public", ""),
    ("GET", "/hooks/{source}"): Row("signed", ""),
    ("POST", "/hooks/{source}"): Row("signed", "", {"type": "stranger.came"}),
    ("GET", "/schema/openapi.json"): Row("public", ""),
    ("GET", "/schemas/{name}"): Row("public", ""),
})  # fmt: skip
"""(method, path of the OpenAPI document) to what a stranger gets. A new route needs a row of its own."""


@dataclass(slots=True)
class Watch:
    """The one way to the hub, and what nobody but A may be sent: its marker and every id and key that it was ever shown.

    Args:
        searched: characters looked through.
    """

    web: httpx.Client
    ids: set[str] = field(default_factory=set)
    searched: int = 0

    def learn(self, text: str) -> None:
        """Note the ids and keys that A was shown."""
        self.ids |= set(_ID.findall(text)) - {_NIL}

    def search(self, received: str, sent: str, what: object) -> None:
        """See that nothing of A's is in what a stranger received, but what it has sent itself in this very request."""
        self.searched += len(received)
        found = {one for one in set(_ID.findall(received)) & self.ids if one not in sent}
        if MARKER in received and MARKER not in sent:
            found.add(MARKER)
        assert not found, f"{what}: a stranger was sent {sorted(found)}: {received[:500]}"


@dataclass(slots=True)
class Client:
    """A key and the hub; whatever comes back is searched for what is A's, or teaches it."""

    hub: Hub
    pharmacy_id: str
    key: str
    watch: Watch
    is_owner: bool = False

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        wait: bool = True,
        is_anonymous: bool = False,
        headers: Mapping[str, str] = _NONE,
    ) -> httpx.Response:
        """Send a request, a waited one unless told otherwise; bulk files are NDJSON of one row."""
        sent = {} if is_anonymous else {"X-API-KEY": self.key}
        sent |= headers
        content = None
        if method != "GET":
            is_bulk = path.endswith("/bulk")
            if wait and not is_bulk:
                sent["Prefer"] = WAIT
            if body is not None:
                content = json.dumps(body).encode()
                sent["Content-Type"] = "application/x-ndjson" if is_bulk else "application/json"
        answer = self.watch.web.request(method, path, content=content, headers=sent)
        self.see(
            f"{answer.status_code} {dict(answer.headers)} {answer.text}", f"{path} {sent} {content!r}", (method, path)
        )
        return answer

    def see(self, received: str, sent: str, what: object) -> None:
        """Take in what came, by whatever way."""
        if self.is_owner:
            self.watch.learn(received)
        else:
            self.watch.search(received, sent, what)

    def make(self, path: str, body: object, headers: Mapping[str, str] = _NONE) -> dict[str, Any]:
        """Make something of one's own."""
        answer = self.ask("POST", path, body, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def with_scopes(self, *scopes: str) -> "Client":
        """Make a narrower key of the same pharmacy."""
        made = self.make(f"/api/pharmacies/{self.pharmacy_id}/keys/", {"name": "narrow", "scopes": list(scopes)})
        return Client(self.hub, self.pharmacy_id, made["api_key"], self.watch, self.is_owner)

    def follow(self, query: str = "", headers: Mapping[str, str] = _NONE) -> ClientConnection:
        """Open a WebSocket."""
        named = {"X-API-KEY": self.key, **headers}
        address = f"{self.hub.url.replace('http', 'ws', 1)}/ws/events{query}"
        try:
            return connect(address, additional_headers=named, proxy=None, open_timeout=15)
        except InvalidStatus as error:
            self.see(f"{error.response.headers} {error.response.body!r}", str(named), "/ws/events")
            raise

    def frame(self, socket: ClientConnection) -> dict[str, Any]:
        """Read the next frame."""
        text = str(socket.recv(15))
        self.see(text, "", "/ws/events")
        found: dict[str, Any] = json.loads(text)
        return found


def open_client(hub: Hub, watch: Watch, name: str, *, is_owner: bool = False) -> Client:
    """Make a pharmacy and the client that holds its first key."""
    pharmacy_id, key = hub.open_pharmacy(name)
    if is_owner:
        watch.ids |= {str(pharmacy_id), key}
    return Client(hub, str(pharmacy_id), key, watch, is_owner)


def fill(owner: Client) -> dict[str, str]:
    """Make one of everything for A, each with the marker in its texts; the ids by the names that paths give them."""
    item = owner.make(
        "/api/inventory/",
        {"sku": MARKER, "name": MARKER, "price": "1.00", "quantity": 9, "extra_data": {"note": MARKER}},
        headers={"Idempotency-Key": "till-1-1"},
    )
    adjusted = owner.ask(
        "POST", f"/api/inventory/{item['id']}/adjustments/", {"delta": 1, "reason": "found", "note": MARKER}
    )
    sale = owner.make("/api/sales/", {"sku": MARKER, "quantity": 1, "total_price": "1.00", "reference": MARKER})
    line = {"sku": MARKER, "name": MARKER, "quantity": 1, "unit_price": "1.00"}
    order = owner.make("/api/orders/", {"order_reference": MARKER, "items": [line]})
    event = owner.make("/api/webhook-events/", {"event_type": MARKER, "payload": {"note": MARKER}})
    source = owner.make("/api/sources/", {"name": MARKER, "scheme": "github", "mapping": {"reference_prefix": MARKER}})
    key = owner.make(f"/api/pharmacies/{owner.pharmacy_id}/keys/", {"name": MARKER})
    endpoint = owner.make(
        "/api/webhook-endpoints/",
        {"url": f"https://{MARKER}.example/", "description": MARKER, "headers": {"X-A": MARKER}, "signing": "v1a"},
    )
    upload = owner.ask("POST", "/api/inventory/bulk", {"sku": "A-2", "name": MARKER, "price": "1.00", MARKER: 1}).json()
    delivery, parked, integrator = str(uuid4()), str(uuid4()), str(uuid4())
    owner.watch.ids |= {delivery, parked}
    until(lambda: owner.ask("GET", upload["upload_url"]).status_code, lambda status: status == 200, within=15)
    until(lambda: owner.ask("GET", upload["upload_url"].rstrip("/") + "/errors").json()["items"], within=15)
    until(lambda: owner.ask("GET", f"/api/webhook-events/{event['id']}/").json()["processed"], within=15)
    return {
        "pharmacy_id": owner.pharmacy_id, "item_id": item["id"], "sale_id": sale["id"], "order_id": order["id"], "event_id": event["id"],
        "source_id": source["id"], "source": source["id"], "endpoint_id": endpoint["id"],
        "key_id": key["id"], "upload_id": upload["upload_id"], "delivery_id": delivery, "parked_id": parked, "operator_id": str(uuid4()), "integrator_id": integrator,
        "operation_id": adjusted.headers["operation-id"], "name": "sale.recorded.json",
    }  # fmt: skip


def rows_from_outside(ids: Mapping[str, str]) -> str:
    """Write the SQL of a delivery with an attempt, and of a parked message, all A's."""
    pharmacy, delivery = ids["pharmacy_id"], ids["delivery_id"]
    return (
        "INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, attempts, "
        f"last_status_code, created_at, updated_at) VALUES ('{delivery}', '{pharmacy}', gen_random_uuid(), gen_random_uuid(), 1, "
        f"'{MARKER}', 'delivered', 1, 200, now(), now());"
        "INSERT INTO webhook_attempts (id, pharmacy_id, delivery_id, number, at, status_code, error, duration_ms, response_body) "
        f"VALUES (gen_random_uuid(), '{pharmacy}', '{delivery}', 1, now(), 200, '{MARKER}', 5, '{MARKER}');"
        "INSERT INTO parked_messages (id, pharmacy_id, operation_id, origin, reason, payload, parked_at) "
        f"VALUES ('{ids['parked_id']}', '{pharmacy}', gen_random_uuid(), 'commands.0', '{MARKER}', '{MARKER}', now());"
    )


# Members and headers that tell one request from another.
_OF_THE_REQUEST = {"instance", "operation_id"}
_HEADERS_OF_THE_REQUEST = {"date", "operation-id", "content-length", "ratelimit", "ratelimit-policy", "x-request-id"}


def assert_same(
    one: httpx.Response, one_ids: Mapping[str, str], other: httpx.Response, other_ids: Mapping[str, str]
) -> None:
    """See that two answers are the same but for the ids that were asked for."""

    def plain(answer: httpx.Response, ids: Mapping[str, str]) -> tuple[int, dict[str, str], Any]:
        body = answer.text
        for name, value in ids.items():
            body = body.replace(value, f"<{name}>")
        headers = {name: value for name, value in answer.headers.items() if name not in _HEADERS_OF_THE_REQUEST}
        members = {name: value for name, value in json.loads(body).items() if name not in _OF_THE_REQUEST}
        return answer.status_code, headers, members

    assert plain(one, one_ids) == plain(other, other_ids)


def unknown_ids() -> dict[str, str]:
    """Make ids that nobody has, by the names that paths give them."""
    named = (re.findall(r"{(\w+_id)}", path) for _, path in MATRIX)
    return {name: str(uuid4()) for name in (*(one for names in named for one in names), "source")}
