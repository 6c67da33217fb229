"""Two rows of every model of the console, which differ in all that the model's list is narrowed by."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx

from hub import clock
from tests.conftest import Servers
from tests.kit.in_process import Hub
from tests.kit.wait import until

Pairs = Mapping[str, Mapping[str, tuple[str, str, str]]]
"""By model and filter: a value, what tells the row that it keeps, and what tells the row that it drops."""

_SINCE = ("created_since", "updated_since")
_FIRST, _SECOND = "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"


def two_of_each(hub: Hub, servers: Servers, pharmacy: str, key: str) -> Pairs:
    """Make them; those of pharmacies are this one's."""
    sql = hub.settings.database_url.get_secret_value().rpartition("/")[2]
    found: dict[str, dict[str, tuple[str, str, str]]]
    found = _stock(hub, key) | _trade(hub, key) | _people(hub, pharmacy)
    _, a, b = found["inventory"]["sku"]
    found["inventory"] |= _times(hub, key, "inventory", a, b)  # after the sales, which change their items
    for made, statement in (_outside(hub, pharmacy, key), _written(pharmacy)):
        servers.sql(statement, sql)
        found |= made
    return found


def _send(hub: Hub, key: str, method: str, path: str, body: object = None) -> str:
    """Write over the API, and wait for it; the row's id."""
    headers = {"X-API-KEY": key, "Prefer": "wait=20"}
    answer = httpx.request(method, f"{hub.url}/api/{path}/", json=body, headers=headers, timeout=30)
    assert answer.status_code in {200, 201, 204}, answer.text
    return str(answer.json()["id"]) if answer.content else ""


def _read(hub: Hub, key: str, path: str) -> Any:
    return httpx.get(f"{hub.url}/api/{path}", headers={"X-API-KEY": key}, timeout=30).json()


def _times(hub: Hub, key: str, path: str, first: str, second: str) -> dict[str, tuple[str, str, str]]:
    """The filters by time of two rows, of which the second was made and changed last."""
    late = _read(hub, key, f"{path}/{second}/")
    return {name: (late[name.replace("since", "at")], second, first) for name in _SINCE}


def _stock(hub: Hub, key: str) -> dict[str, Any]:
    low = {"low_stock_threshold": 5, "identifiers": [{"scheme": "shelf", "value": "A1"}]}
    a = _send(hub, key, "POST", "inventory", {"sku": "FILT-A", "name": "n-A", "price": "1.00", "quantity": 1, **low})
    b = _send(hub, key, "POST", "inventory", {"sku": "FILT-B", "name": "n-B", "price": "9.00", "quantity": 50})
    for item, moved in (
        (a, {"reason": "received", "delta": 1, "note": "note-A", "occurred_at": _FIRST}),
        (b, {"reason": "damaged", "delta": -1, "note": "note-B", "occurred_at": _SECOND}),
    ):
        _send(hub, key, "POST", f"inventory/{item}/adjustments", moved)
    moved_last, moved_first = _read(hub, key, "movements/?limit=2")["items"]
    last = moved_last["recorded_at"]
    ranges = {f"{name}_gte": ("5", b, a) for name in ("quantity", "available", "price")}
    ranges |= {f"{name}_lte": ("5", a, b) for name in ("quantity", "available", "price")}
    return {
        "inventory": {
            "sku": ("FILT-A", a, b), "is_low": ("true", a, b), "identifier": ("A1", a, b), "q": ("ilt-a", a, b),
            "name": ("n-A", a, b), **ranges,
        },
        "movements": {
            "sku": ("FILT-A", "note-A", "note-B"), "reason": ("received", "note-A", "note-B"),
            "recorded_since": (last, "note-B", "note-A"), "recorded_before": (last, "note-A", "note-B"),
            "item_id": (a, "note-A", "note-B"), "operation_id": (moved_first["operation_id"], "note-A", "note-B"),
            "occurred_since": ("2020-01-02T00:00", "note-B", "note-A"),
        },
    }  # fmt: skip


def _trade(hub: Hub, key: str) -> dict[str, Any]:
    sold = {"quantity": 1, "total_price": "1.00"}
    a = _send(hub, key, "POST", "sales", {**sold, "sku": "FILT-A", "reference": "sale-A", "sale_time": _SECOND})
    b = _send(hub, key, "POST", "sales", {**sold, "sku": "FILT-B", "reference": "sale-B", "sale_time": _FIRST})
    _send(hub, key, "DELETE", f"sales/{b}")
    item = _read(hub, key, f"sales/{a}/")["inventory_item"]
    line = {"quantity": 1, "unit_price": "1.00"}
    c = _send(hub, key, "POST", "orders", {"order_reference": "order-A", "items": [{"sku": "UNKNOWN-A", **line}]})
    mirrored = {"source": "external", "status": "completed", "items": [{"sku": "UNKNOWN-B", **line}]}
    d = _send(hub, key, "POST", "orders", {"order_reference": "order-B", **mirrored})
    return {
        "sales": {
            "status": ("recorded", a, b), "sale_time_gte": ("2020-01-02T00:00", a, b), "sale_time_lt": ("2020-01-02T00:00", b, a), "q": ("LE-a", a, b),
            "reference": ("sale-A", a, b), "sku": ("FILT-A", a, b), "inventory_item": (item, a, b), **_times(hub, key, "sales", a, b),
        },
        "orders": {
            "status": ("pending", c, d), "source": ("external", d, c), "q": ("ER-a", c, d),
            "order_reference": ("order-A", c, d), "sku": ("UNKNOWN-A", c, d), **_times(hub, key, "orders", c, d),
        },
    }  # fmt: skip


def _outside(hub: Hub, pharmacy: str, key: str) -> tuple[dict[str, Any], str]:
    """Two rows of each list of what is outside, and the SQL that completes them."""
    keys = f"pharmacies/{pharmacy}/keys"
    a, b = (_send(hub, hub.operator_key, "POST", keys, {"name": name}) for name in ("key-A", "key-B"))
    _send(hub, hub.operator_key, "DELETE", f"{keys}/{b}")
    c, d = (_send(hub, key, "POST", "webhook-events", {"event_type": f"shop.{one}", "payload": {}}) for one in "ab")
    # The hub marks each by itself, once; what is marked after that stays so.
    until(lambda: all(_read(hub, key, f"webhook-events/{one}/")["processed"] for one in (c, d)), within=20)
    _send(hub, key, "PATCH", f"webhook-events/{d}", {"processed": False})
    e = _send(hub, key, "POST", "sources", {"name": "source-A", "scheme": "github"})
    f = _send(hub, key, "POST", "sources", {"name": "source-B", "scheme": "api_key", "enabled": False})
    # It wants what does not happen here: nothing is sent.
    rare = {"event_types": ["source.deleted"]}
    g = _send(hub, key, "POST", "webhook-endpoints", {"url": "https://hook.invalid/a", **rare})
    h = _send(hub, key, "POST", "webhook-endpoints", {"url": "https://hook.invalid/b", "enabled": False, **rare})
    # What only a vendor's message and the pharmacy's `webhook_url` would bring about.
    statement = f"""
        UPDATE webhook_events SET source_id = '{e}', message_id = 'message-A' WHERE id = '{c}';
        UPDATE webhook_endpoints SET is_default = true WHERE id = '{g}';
    """
    return {
        "keys": {"is_revoked": ("false", a, b), "name": ("key-A", a, b), **_times(hub, hub.operator_key, keys, a, b)},
        "webhook-events": {
            "processed": ("true", c, d), "event_type": ("shop.a", c, d), "q": ("OP.A", c, d), "source_id": (e, c, d),
            "message_id": ("message-A", c, d), "received_since": (_read(hub, key, f"webhook-events/{d}/")["received_at"], d, c),
            **_times(hub, key, "webhook-events", c, d),
        },
        "sources": {
            "scheme": ("github", e, f), "enabled": ("true", e, f), "q": ("CE-a", e, f), "name": ("source-A", e, f),
            **_times(hub, key, "sources", e, f),
        },
        "webhook-endpoints": {
            "enabled": ("true", g, h), "q": ("INVALID/A", g, h), "url": ("https://hook.invalid/a", g, h), "is_default": ("true", g, h),
            **_times(hub, key, "webhook-endpoints", g, h),
        },
    }, statement  # fmt: skip


def _people(hub: Hub, pharmacy: str) -> dict[str, Any]:
    key, text = hub.operator_key, uuid4().hex[:8]
    a = _send(hub, key, "POST", "operators", {"username": f"u-{text}-a", "role": "viewer"})
    b = _send(hub, key, "POST", "operators", {"username": f"u-{text}-b", "role": "operator"})
    _send(hub, key, "PATCH", f"operators/{b}", {"is_active": False})
    c, d = (_send(hub, key, "POST", "operator-keys", {"name": f"{text} {one}"}) for one in "ab")
    e = _send(hub, key, "POST", "integrators", {"name": f"{text} a", "pharmacy_ids": [pharmacy]})
    f = _send(hub, key, "POST", "integrators", {"name": f"{text} b"})
    g, h = (_send(hub, key, "POST", "pharmacies", {"name": f"{text} {one}"}) for one in "ab")
    for gone in (f"operator-keys/{d}", f"integrators/{f}", f"pharmacies/{h}"):
        _send(hub, key, "DELETE", gone)
    return {
        "operators": {
            "role": ("viewer", a, b), "is_active": ("true", a, b), "q": (f"U-{text}-A", a, b), "username": (f"u-{text}-a", a, b),
            **_times(hub, key, "operators", a, b),
        },
        "operator-keys": {
            "is_revoked": ("false", c, d), "q": (f"{text} A", c, d), "name": (f"{text} a", c, d), **_times(hub, key, "operator-keys", c, d),
        },
        "integrators": {
            "is_active": ("true", e, f), "pharmacy": (pharmacy, e, f), "name": (f"{text} a", e, f), **_times(hub, key, "integrators", e, f),
        },
        "pharmacies": {
            "is_active": ("true", g, h), "q": (f"{text} A", g, h), "name": (f"{text} a", g, h), **_times(hub, key, "pharmacies", g, h),
        },
    }  # fmt: skip


def _written(pharmacy: str) -> tuple[dict[str, Any], str]:
    """Two rows of each list that nobody writes by hand, and the SQL that writes them."""
    a, b, c, d, e, f, g, h, other = (str(uuid4()) for _ in range(9))
    # Later than all that the tests themselves cause, so on the first page.
    at = "now() + interval '{} hours'"
    statement = f"""
        INSERT INTO uploads (id, created_at, updated_at, version, pharmacy_id, kind, digest, rows, applied, rejected) VALUES
            ('{a}', now(), now(), 1, '{pharmacy}', 'inventory', '{a}', 2, 1, 1),
            ('{b}', {at.format(2)}, {at.format(2)}, 1, '{pharmacy}', 'sales', '{b}', 2, 1, 0);
        INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, attempts, last_status_code, created_at, updated_at)
            VALUES ('{c}', '{pharmacy}', '{a}', '{a}', 1, 'sale.recorded', 'delivered', 1, 200, now(), now()),
            ('{d}', '{pharmacy}', '{b}', '{b}', 2, 'order.placed', 'exhausted', 10, 500, {at.format(2)}, {at.format(2)});
        INSERT INTO parked_messages (id, pharmacy_id, operation_id, origin, reason, payload, parked_at, discarded_at) VALUES
            ('{e}', '{pharmacy}', '{e}', 'hub.commands.0', 'a', '1', now(), NULL),
            ('{f}', '{other}', '{f}', 'hub.commands.1', 'b', '1', {at.format(2)}, now());
        INSERT INTO audit_log (id, pharmacy_id, actor, action, subject, at, origin, outcome) VALUES
            ('{g}', '{pharmacy}', 'key:{g}', 'sale.record', 'sales/{g}', {at.format(1)}, 'test', 'applied'),
            ('{h}', '{other}', 'key:{h}', 'order.place', 'orders/{h}', {at.format(2)}, 'test', 'rejected');
    """
    # A time between the two, as a person types it.
    between = (clock.now() + timedelta(minutes=90)).strftime("%Y-%m-%dT%H:%M:%S")
    first, second = f"sales/{g}", f"orders/{h}"
    return {
        "uploads": {"kind": ("inventory", a, b), "status": ("done", a, b), **dict.fromkeys(_SINCE, (between, b, a))},
        "deliveries": {
            "status": ("delivered", c, d), "event_type": ("sale.recorded", c, d), "endpoint_id": (a, c, d), "event_id": (a, c, d),
            "status_code": ("200", c, d), "attempts": ("1", c, d), "created_until": (between, c, d), **dict.fromkeys(_SINCE, (between, d, c)),
        },
        "parked": {
            "status": ("parked", e, f), "pharmacy": (pharmacy, e, f), "operation_id": (e, e, f), "origin": ("hub.commands.0", e, f),
            "parked_since": (between, f, e),
        },
        "audit": {
            "actor": (f"key:{g}", first, second), "action": ("sale.record", first, second), "subject": (first, first, second),
            "outcome": ("applied", first, second), "at_since": (between, second, first), "at_before": (between, first, second),
            "pharmacy": (pharmacy, first, second),
        },
    }, statement  # fmt: skip
