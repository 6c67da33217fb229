"""Bad requests, as a table: what is sent, and the status that refuses it. `tests/doors/test_bad_http.py` sends them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Table = tuple[str, str, Sequence[Mapping[str, Any]]]
"""A method, a path, and bodies that each are a 422 there."""
UNKNOWN = "00000000-0000-4000-8000-00000000beef"
INVENTORY, SALES, ORDERS, EVENTS, KEYS = (
    "/api/inventory/", "/api/sales/", "/api/orders/", "/api/webhook-events/", "/api/pharmacies/{pharmacy_id}/keys/",
)  # fmt: skip
PHARMACY = "/api/pharmacies/{pharmacy_id}/"
ITEM, SALE, ORDER, EVENT = (f"{place}{UNKNOWN}/" for place in (INVENTORY, SALES, ORDERS, EVENTS))
ADJUST, MOVE = f"{ITEM}adjustments/", f"{ORDER}transitions/"
JSON = "application/json"
NUL = "a\0b"
BIG = 10_001
LONG = {f"{number}": "x" * 9_000 for number in range(8)}


class Bad(NamedTuple):
    """A bad request.

    Args:
        body: bytes as they are, anything else as JSON.
        by_server: the HTTP server itself may refuse it, in plain text.
    """

    status: int
    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = {}
    by_server: bool = False

    def content(self) -> bytes | None:
        """Write the body."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()


GOOD_ITEM = {"sku": "A", "name": "N", "price": "1.00"}
GOOD_LINE = {"sku": "A", "quantity": 1, "total_price": "1.00"}
GOOD_SALE = {"lines": [GOOD_LINE]}
GOOD_ORDER_LINE = {"sku": "A", "name": "N", "quantity": 1, "unit_price": "1.00"}
GOOD_ORDER = {"order_reference": "R", "items": [GOOD_ORDER_LINE]}
GOOD_EVENT = {"event_type": "order.created", "payload": {"id": 1}}
GOODS: Mapping[str, Mapping[str, Any]] = {
    INVENTORY: GOOD_ITEM,
    SALES: GOOD_SALE,
    ORDERS: GOOD_ORDER,
    EVENTS: GOOD_EVENT,
    KEYS: {"name": "till"},
}

MONEY: tuple[Any, ...] = ("NaN", "Infinity", "-Infinity", "1E+999999", "1e2", "1_000", "١٢", "１２", " 1", "1 ", "+1", "1.005", "1,00", "-1", "0x1", "", ".5", "5.",
         "12345678901", "1.0.0", 1, 1.5, True, None, [], {})  # fmt: skip
WHOLE: tuple[Any, ...] = (1.0, 1.5, True, "1", None, [], {}, 2**31, 2**63, 10**22, -(2**31), -1)
TIMES: tuple[Any, ...] = ("2026-02-30T00:00:00Z", "2026-11-24T24:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "294277-01-01T00:00:00Z",
         "1899-12-31T23:59:59Z", "2026-11-24T12:00:00", "2026-11-24", "2026-11-24T12:00:00+25:00", "2026-11-24T23:59:60Z", "2026-11-24 12:00:00Z",
         "24.11.2026", "now", "", "２０２６-11-24T12:00:00Z", 1_764_000_000, 1.5, True, [], {})  # fmt: skip
REFERENCES: tuple[Any, ...] = ("", " ", "\t", "\u200b", "a\u202eb", "a\u200db", "a\u2028b", "\ufeffa", "a\nb", "\x1b[31m", "x" * 129, "e\u0301" * 129, NUL, 1, True, None,
              [], {})  # fmt: skip
TEXTS: tuple[Any, ...] = ("x" * BIG, NUL, 1, True, [], {})


def _each(good: Mapping[str, Any], field: str, values: Iterable[Any]) -> list[dict[str, Any]]:
    return [{**good, field: value} for value in values]


def _lines(place: str, good: Mapping[str, Any], line: Mapping[str, Any], field: str, values: Iterable[Any]) -> Table:
    name = "lines" if place == SALES else "items"
    return "POST", place, [{**good, name: [{**line, field: value}]} for value in values]


def _but_null(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None]


_URLS: tuple[Any, ...] = ("http://localhost/", "https://10.0.0.1/", "https://169.254.169.254/", "https://[::1]/", "https://2130706433/", "ftp://x.example/", "https://0x7f.1/",
         "https://u:p@x.example/", "//x.example", "https://x.example/#a", "https://x.example/" + "a" * 2048, "https://x.example/\n", "", 1)  # fmt: skip
_CODES: tuple[Any, ...] = ({}, "x", [1], [{}], [{"scheme": "gtin", "value": "123"}], [{"scheme": "gtin", "value": "96385075"}], [{"scheme": "pzn", "value": "12345679"}],
          [{"scheme": "ndc", "value": "1"}], [{"scheme": "gtin", "value": "96385074"}] * 51, [{"scheme": "gtin", "value": "９６３８５０７４"}])  # fmt: skip
TABLES: tuple[Table, ...] = (
    ("POST", INVENTORY, _each(GOOD_ITEM, "price", MONEY)), ("POST", INVENTORY, _each(GOOD_ITEM, "quantity", WHOLE)),
    ("POST", INVENTORY, _each(GOOD_ITEM, "sku", REFERENCES)), ("POST", INVENTORY, _each(GOOD_ITEM, "name", ("", *TEXTS, None))),
    ("POST", INVENTORY, _each(GOOD_ITEM, "low_stock_threshold", _but_null(WHOLE))),
    ("POST", INVENTORY, _each(GOOD_ITEM, "extra_data", ([], "x", 1, None, {"a": NUL}, {NUL: 1}, LONG))), ("POST", INVENTORY, _each(GOOD_ITEM, "identifiers", _CODES)),
    ("POST", SALES, _each(GOOD_SALE, "lines", ([], {}, "x", [1], [None], [{}], [GOOD_LINE] * 501))), ("POST", SALES, _each(GOOD_SALE, "sale_time", TIMES)),
    ("POST", SALES, _each(GOOD_SALE, "reference", _but_null(REFERENCES))), ("POST", SALES, _each(GOOD_SALE, "quantity", (1, "1"))),
    *(("POST", place, _each(good, "extra_data", (LONG,))) for place, good in ((SALES, GOOD_SALE), (ORDERS, GOOD_ORDER))),
    ("POST", SALES, _each(GOOD_SALE, "sku", ("A",))), ("POST", ORDERS, _each(GOOD_ORDER, "order_reference", REFERENCES)),
    ("POST", ORDERS, _each(GOOD_ORDER, "items", ([], {}, None, [1], [GOOD_ORDER_LINE] * 501))),
    ("POST", ORDERS, _each(GOOD_ORDER, "total_amount", ("2.00", *MONEY[:-3], []))),
    ("POST", ORDERS, _each(GOOD_ORDER, "status", ("confirmed", "ready", "PENDING", "", 1, None))),
    ("POST", ORDERS, _each(GOOD_ORDER, "source", ("", NUL, "x" * 129))), ("POST", EVENTS, _each(GOOD_EVENT, "event_type", REFERENCES)),
    ("POST", KEYS, _each(GOODS[KEYS], "name", ("", *TEXTS, None))), ("POST", KEYS, _each(GOODS[KEYS], "expires_at", filter(None, TIMES))),
    ("POST", KEYS, _each(GOODS[KEYS], "scopes", ([], ["admin"], ["read"] * 4, "read", None, [1], ["READ"]))),
    _lines(SALES, GOOD_SALE, GOOD_LINE, "quantity", (0, *WHOLE)), _lines(SALES, GOOD_SALE, GOOD_LINE, "total_price", MONEY),
    _lines(SALES, GOOD_SALE, GOOD_LINE, "sku", REFERENCES), _lines(SALES, GOOD_SALE, GOOD_LINE, "inventory_item", ("x", 1, UNKNOWN, "{}")),
    _lines(ORDERS, GOOD_ORDER, GOOD_ORDER_LINE, "quantity", (0, *WHOLE)), _lines(ORDERS, GOOD_ORDER, GOOD_ORDER_LINE, "unit_price", MONEY),
    _lines(ORDERS, GOOD_ORDER, GOOD_ORDER_LINE, "sku", REFERENCES), _lines(ORDERS, GOOD_ORDER, GOOD_ORDER_LINE, "name", TEXTS),
    ("POST", ADJUST, _each({"delta": 1, "reason": "received"}, "delta", (0, 2**31, 1.0, True, "1", None))),
    ("POST", ADJUST, _each({"delta": 1, "reason": "received"}, "reason", ("magic", "", None, 1, "RECEIVED"))),
    ("POST", ADJUST, _each({"delta": 1, "reason": "received"}, "note", (*TEXTS, None))), ("POST", ADJUST, [{"reason": "received"}, {"delta": 1}, {}]),
    ("POST", ADJUST, _each({"delta": 1, "reason": "received"}, "reference_uri", ("x" * 2049, 1, []))),
    ("POST", ADJUST, _each({"delta": 1, "reason": "received"}, "occurred_at", TIMES)), ("POST", ADJUST, [{"delta": 1, "reason": "received", "more": 1}]),
    ("POST", ADJUST, [{"delta": 1, "reason": "count", "quantity": 1}, {"quantity": 1, "reason": "received"}, {"quantity": -1, "reason": "count"}]),
    ("POST", MOVE, [{}, {"status": "x"}, {"status": None}, {"status": "confirmed", "reason": "x" * BIG}, {"status": "confirmed", "more": 1}]),
    ("PATCH", ORDER, [{"reason": "r"}, {"extra_data": {}, "reason": "r"}, *({name: None} for name in ("items", "source", "status", "total_amount"))]),
    ("PATCH", ITEM, [{"reserved": 1}, {"id": UNKNOWN}, {"version": 2}, {"pharmacy_id": UNKNOWN}, *({name: None} for name in ("sku", "name", "price", "quantity"))]),
    ("PATCH", EVENT, [{"processed": None}, {"processed": "yes"}, {"processed": 1}, {"event_type": None}]),
    ("PATCH", PHARMACY, [{"name": None}, {"name": ""}, {"settings": []}, *_each({}, "webhook_url", _URLS)]),
)  # fmt: skip


def _fields() -> Iterator[Bad]:
    """Each field of each resource with each value that it must not have, one that is unknown, and one that is missing."""
    for method, path, bodies in TABLES:
        yield from (Bad(422, method, path, body) for body in bodies)
    for place, good in GOODS.items():
        yield from (
            Bad(422, "POST", place, {**good, name: {}}) for name in ("unknown", "__proto__", "constructor", "id")
        )
        needed = set(good) - {"payload"}
        yield from (
            Bad(422, "POST", place, {name: good[name] for name in good if name != gone}) for gone in sorted(needed)
        )


def _shapes() -> Iterator[Bad]:
    """Bodies that are no JSON object, on every route that takes one."""
    places = [("POST", place) for place in (*GOODS, ADJUST, MOVE)]
    places += [(method, place) for method in ("PUT", "PATCH") for place in (ITEM, SALE, ORDER, EVENT, PHARMACY)]
    for method, place in places:
        for body in (
            b"", b" ", b"{", b"}", b"{}{}", b'{"a":1,}', b"{'a':1}", b"{a:1}", b"/**/{}", b"\xef\xbb\xbf{}", b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}',
            b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1e400}', b'{"a":01}', b'{"a":+1}', b'{"a":0x1}', b'{"a":1.}', b'{"a":"\t"}', b'{"a":"\\x41"}',
            b'{"a":1,"a":2}', b'{"a":{"b":1,"b":2}}', b"[" * 1000, b'{"a":' * 1000, b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}", b"undefined",
            '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-32"), b"\x1f\x8b\x08\x00", b"a=1&b=2", b"<x/>", b"---\na: 1\n",
        ):  # fmt: skip
            yield Bad(400, method, place, body)
        for text in (
            b"null",
            b"true",
            b"1",
            b'"x"',
            b"[]",
            b"[{}]",
            b'{"a\\u0000":1}',
            b'{"a":"\\ud800"}',
            b'{"a":"\\udc00\\ud800"}',
        ):
            yield Bad(422, method, place, text)
    for method, place in (("POST", INVENTORY), ("PUT", ORDER), ("PATCH", EVENT)):
        yield Bad(413, method, place, b'{"a":"' + b"x" * 1_048_576 + b'"}')
        yield Bad(400, method, place, b'{"a":[' + b"0," * 300_000 + b"0]}")
        yield Bad(422, method, place, json.dumps({f"k{n}": n for n in range(10_000)}).encode())
        yield Bad(422, method, place, b'{"a":"' + b"x" * 1_000_000 + b'"}')
    for method, place in places:
        for media in ("text/plain", "", "application/json5", "application/json; charset=latin1", "application/xml", "multipart/form-data; boundary=x",
                      "application/x-www-form-urlencoded", "application/json, text/plain", "application/msgpack", "\u00a0"):  # fmt: skip
            yield Bad(415, method, place, {}, {"Content-Type": media})
        for coding in ("gzip", "br", "deflate", "identity, gzip", "x"):
            yield Bad(415, method, place, {}, {"Content-Encoding": coding})


def _headers() -> Iterator[Bad]:
    """Headers that steer a write, or who is meant."""
    for key in ("", "x" * 256, "a b", "ä", "a\tb", "\x7f"):
        yield Bad(400, "POST", INVENTORY, GOOD_ITEM, {"Idempotency-Key": key}, by_server="\x7f" in key)
    for tags in ("1", '"1', '1"', "", '"1" "2"', "W/1", 'w/"1"', "**", '"a"b', "x" * 8000, '"\x7f"'):
        yield Bad(400, "PATCH", ITEM, {"name": "x"}, {"If-Match": tags}, by_server="\x7f" in tags)
    for named in ("x", "", UNKNOWN[:-1], UNKNOWN + "0", "00000000-0000-0000-0000-000000000000", "*"):
        yield Bad(400, "POST", INVENTORY, GOOD_ITEM, {"X-Pharmacy-Id": named})
    yield Bad(404, "POST", INVENTORY, GOOD_ITEM, {"X-Pharmacy-Id": UNKNOWN})
    for body, headers in (
        ({"quantity": 1}, {}),
        ({"quantity": 1}, {"If-Match": "*"}),
        ({"quantity": 1, "name": "x"}, {}),
    ):
        yield Bad(428, "PATCH", ITEM, body, headers)
        yield Bad(428, "PUT", ITEM, {**GOOD_ITEM, **body}, headers)
    yield Bad(431, "GET", INVENTORY, None, {"X-Long": "x" * 60_000})
    yield Bad(431, "GET", INVENTORY, None, {f"X-{number}": "1" for number in range(120)})
    for key in ("", "x", "phk_", "phk_" + "0" * 39, "Bearer x", "x" * 10_000, "' OR 1=1--", "null"):
        yield Bad(401, "GET", INVENTORY, None, {"X-API-KEY": key})


def _targets() -> Iterator[Bad]:
    """Paths, methods and queries."""
    for path in ("/api", "/api/", "/api/inventory/x", "/api/inventory/1", f"/api/inventory/{UNKNOWN}x/", f"/api/inventory/{UNKNOWN}/x", "/api/Inventory/",
                 "/api/inventory;a=1", "/api/inventory/%00", "/api/inventory/..%2fsales", "/api/..%2f..%2fetc/passwd", "/api/inventory/%252e", "/admin/../api",
                 "/.env", "/api/inventory/%F0%9F%92%8A", "/api/inventory/'%20OR%201=1--", "/api/v2/inventory/"):  # fmt: skip
        yield Bad(404, "GET", path)
    for path in (ITEM, SALE, ORDER, EVENT, f"{ITEM}movements/", f"/api/uploads/{UNKNOWN}", f"/api/uploads/{UNKNOWN}/errors", f"/api/operations/{UNKNOWN}",
                 f"/api/pharmacies/{UNKNOWN}/", f"/api/pharmacies/{UNKNOWN}/keys/", f"/api/webhook-deliveries/{UNKNOWN}/",
                 f"/api/webhook-deliveries/{UNKNOWN}/attempts/"):  # fmt: skip
        yield Bad(404, "GET", path)
    for method, path in (("PUT", INVENTORY), ("DELETE", SALES), ("PATCH", ORDERS), ("TRACE", EVENTS), ("POST", ITEM), ("GET", ADJUST), ("POST", f"{ITEM}movements/"),
                         ("PUT", "/api/events/"), ("DELETE", f"/api/operations/{UNKNOWN}"), ("GET", "/api/inventory/bulk/x"), ("PROPFIND", INVENTORY),
                         ("POST", "/health/live"), ("DELETE", "/schema/openapi.json")):  # fmt: skip
        yield Bad(404 if path.endswith("bulk/x") else 405, method, path)
    for query in ("limit=0", "limit=-1", "limit=501", "limit=1e9", "limit=abc", "limit=", "limit=１", "limit=1&limit=1", "cursor=x", "cursor=", "cursor=" + "A" * 5000,
                  "sort=password", "sort=", "sort=--name", "sort=created_at;drop", "q=", "q=%00", "q=" + "x" * 10_000, "q=%ff", "q=%", "colour=red",
                  "quantity_lt=1.5", "quantity_lt=９", "price_gte=NaN", "is_low=maybe", "updated_since=now", "updated_since=2026-11-24", "count=1",
                  "&".join(f"a{n}=1" for n in range(500)), "__proto__=1", "limit[]=1", "include=secret"):  # fmt: skip
        yield Bad(400, "GET", f"{INVENTORY}?{query}")
    for query in (
        "after=-1",
        "after=x",
        "after=",
        "after=1.0",
        "after=１",
        "after=99999999999999999999",
        "after=7",
        "limit=0",
        "type=",
        "types=sale.*",
        "after=1&after=1",
    ):
        yield Bad(400, "GET", f"/api/events/?{query}")
    for query in ("day=", "day=today", "day=2026-13-01", "day=2026-02-30", "day=2026-11-24T00:00:00Z", "x=1"):
        yield Bad(400, "GET", f"/api/reconciliation/?{query}")
    for method, path in (
        ("POST", INVENTORY),
        ("PATCH", ITEM),
        ("DELETE", ITEM),
        ("GET", ITEM),
        ("GET", "/health/ready"),
        ("GET", "/schema/openapi.json"),
    ):
        yield Bad(
            400,
            method,
            f"{path}?dry_run=1",
            GOOD_ITEM if method == "POST" else {"name": "x"} if method == "PATCH" else None,
        )
    for token in ("x", "1.x", "1." + "A" * 44, ""):
        yield Bad(400, "GET", f"/api/operations/{UNKNOWN}?accepted={token}")


GROUPS: Mapping[str, tuple[Bad, ...]] = {
    "fields": tuple(_fields()),
    "shapes": tuple(_shapes()),
    "headers": tuple(_headers()),
    "targets": tuple(_targets()),
}
